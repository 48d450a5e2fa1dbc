"""The platform on kind as a test sees it: what runs, what answers, what fires, and the figures worth publishing.

Acts through the command line and git as a person does, and looks through HTTP and kubectl.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from credit_delivery.cluster import applications, checkout, status
from credit_delivery.cluster.kubectl import kubectl
from credit_delivery.environments import ENVIRONMENTS, ModelPin, Name, model_file, read_model
from credit_delivery.errors import DeliveryError
from credit_delivery.load import Load, Seen

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "var/e2e/figures.json"
PROMETHEUS = "http://127.0.0.1:9090"
RATE = float(os.environ.get("E2E_RATE", "200"))
POLL_S = 1.0
Found = TypeVar("Found")


@dataclass
class Platform:
    """One cluster. `named` is what git named by environment, in order, each with the time from which it did.

    load_s: for how long at least requests come while an environment is promoted.
    """

    load_s: float = 0.0
    figures: dict[str, object] = field(default_factory=dict)
    named: dict[Name, list[tuple[datetime, ModelPin]]] = field(default_factory=dict)

    def note(self, what: str, value: object) -> None:
        """Keep a figure, and show it."""
        self.figures[what] = value
        print(f"  {what}: {value}", flush=True)
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        FIGURES.write_text(json.dumps(self.figures, indent=1))

    def run(self, *arguments: str, given: str = "") -> str:
        """`credit-release` with these arguments; fails with what it said."""
        done = self.ask(*arguments, given=given)
        assert done.returncode == 0, f"credit-release {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def ask(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """The same, whatever comes of it."""
        program = Path(sys.executable).with_name("credit-release")
        return subprocess.run([program, *arguments], cwd=ROOT, input=given, capture_output=True, text=True)

    def push(self, message: str, files: Mapping[str, str]) -> str:
        """A commit straight to git, past every check."""
        repository = checkout.current()
        commit = repository.commit(message, files)
        repository.push("main")
        applications.refresh()
        return commit

    def pin(self, environment: Name) -> ModelPin:
        """The model that git names now."""
        path = model_file(environment)
        return read_model(checkout.current().text(path), path)

    def remember(self) -> None:
        """Write down what git names, for the questions of an auditor."""
        for environment in ENVIRONMENTS:
            seen, pin = self.named.setdefault(environment, []), self.pin(environment)
            if not seen or seen[-1][1] != pin:
                # Git's clock has whole seconds.
                seen.append((datetime.now(UTC) + timedelta(seconds=1), pin))

    def promote(self, environment: Name, tag: str) -> None:
        """The pull request's job: evidence, approval, merge."""
        self.run("promote", tag, "--to", environment, "--kind", given=f"{tag}\n")
        self.remember()

    def roll_back(self, environment: Name, reason: str) -> None:
        """As on call."""
        self.run("rollback", "--env", environment, "--reason", reason, "--kind")
        self.remember()

    def journal(self, environment: Name, question: str) -> str:
        """What PostgreSQL answers."""
        psql = ("psql", "--username", "postgres", "--dbname", "journal", "--tuples-only", "--no-align")
        said = kubectl("exec", "postgres-0", "--namespace", environment, "--", *psql, "--command", question)
        return said.strip()

    def decisions(self, environment: Name) -> int:
        """Decisions for people's clients in the journal."""
        return int(self.journal(environment, "SELECT count(*) FROM decisions WHERE caller = 'client'"))

    def runs(self, environment: Name, digest: str, at_least: int = 2) -> bool:
        """Whether every pod answers with this model, and enough of them are there."""
        pods = status.pods(environment)
        return len(pods) >= at_least and all(pod.digest == digest for pod in pods)

    def well(self, environment: Name) -> bool:
        """Whether all of an environment runs what git says, and runs well."""
        head = checkout.current().head()
        found = [a for a in applications.applications() if a.name.endswith(f"-{environment}")]
        return all(application.well_at(head) for application in found)

    def metric(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        asked = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{PROMETHEUS}/api/v1/query?{asked}", timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
            return found

    def firing(self, environment: str = "") -> set[str]:
        """Names of the alerts that fire, for one environment or all."""
        with urllib.request.urlopen(f"{PROMETHEUS}/api/v1/alerts", timeout=10) as response:
            alerts = json.load(response)["data"]["alerts"]
        return {
            alert["labels"]["alertname"]
            for alert in alerts
            if alert["state"] == "firing" and environment in json.dumps(alert["labels"])
        }


def until(what: str, seconds: float, condition: Callable[[], Found]) -> tuple[Found, float]:
    """Wait until a condition, which may assert, gives something true; gives it, and after how many seconds."""
    began, seen = time.monotonic(), "nothing"
    while (passed := time.monotonic() - began) < seconds:
        try:
            found = condition()
        except (AssertionError, DeliveryError, OSError) as error:
            seen = str(error)
        else:
            if found:
                return found, round(passed, 1)
            seen = repr(found)
        time.sleep(POLL_S)
    raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {seen}\n{status.report()}")


def answering(load: Load) -> set[str]:
    """Digests of the models that answer during one second."""
    before = load.seen().models
    load.wait(1.0)
    return {digest for digest, count in load.seen().models.items() if count > before[digest]}


def steady(seen: Seen, rate: float) -> None:
    """Every request was answered, and they came as often as they should."""
    assert seen.failed == 0, seen.line()
    assert seen.sent >= 0.95 * rate * seen.took_s, seen.line()


def kept(platform: Platform, environment: Name, before: int, seen: Seen) -> None:
    """Every answer is in the journal; one that was lost on its way back, and asked for again, is there twice."""
    answered = seen.answers["200"]
    until("every decision is in the journal", 300, lambda: platform.decisions(environment) - before >= answered)
    assert platform.decisions(environment) - before <= answered + seen.reconnected + seen.failed
