"""A downturn that staging lives through: its people come by the service's own routes, and so does what became of them.

The monitor is set, by a commit, to judge every few thousand decisions and to count an outcome at once. Does not know
what it says of them.
"""

from __future__ import annotations

import http
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from credit_delivery import bundles, downturn
from credit_delivery.cluster import applications, checkout, retraining
from credit_delivery.cluster.retraining import ENVIRONMENT
from credit_delivery.cluster.traffic import ADDRESSES, client_key
from credit_delivery.environments import model_file, read_model
from credit_delivery.errors import EnvironmentFileError, LoadError
from credit_delivery.repository import Repository
from scoring_api.model import load

SETTINGS = f"environments/{ENVIRONMENT}/drift-monitor.yaml"
WINDOW = 5000
FIRST = 2 * WINDOW
"""People before the monitor looks: its first look has then a whole window of them, whatever came before."""

AT_ONCE = 50
PATIENCE_S = 30.0
ATTEMPTS, PAUSE_S = 10, 1.0
Person = tuple[Mapping[str, Any], bool]
"""An applicant, and whether the loan defaults."""


def live_through(rate: float, seconds: float | None, say: Callable[[str], None]) -> None:
    """The first people at once, the monitor's settings, then `rate` people a second until interrupted.

    Raises:
        ClusterError: there is no cluster.
        LoadError: the service refused somebody.
        DeliveryError: the hold-out that people are drawn from cannot be rebuilt.
    """
    dataset, coming = people(checkout.current())
    service = Service(ADDRESSES[ENVIRONMENT], client_key(ENVIRONMENT))
    for sent in range(AT_ONCE, FIRST + 1, AT_ONCE):
        service.decide(list(itertools.islice(coming, AT_ONCE)))
        if sent % WINDOW == 0:
            say(f"{sent:,} people of a downturn came to {ENVIRONMENT}, and what became of them is told")
    say(watch(checkout.current(), dataset))
    began = time.monotonic()
    for turn in itertools.count(1):
        if seconds is not None and time.monotonic() - began > seconds:
            return
        service.decide(list(itertools.islice(coming, AT_ONCE)))
        if turn * AT_ONCE % WINDOW == 0:
            say(f"{FIRST + turn * AT_ONCE:,} people")
        time.sleep(max(0.0, began + turn * AT_ONCE / rate - time.monotonic()))


def people(repository: Repository) -> tuple[str, Iterator[Person]]:
    """The portfolio that staging's model is for, and its people in a downturn, without end."""
    path = model_file(ENVIRONMENT)
    tag = read_model(repository.text(path), path).tag
    model = load(bundles.kept(repository.root, tag), tag)
    stream = downturn.lived(model, retraining.source(Path()))
    begins = downturn.MONTHS[1]
    worse = [
        (person, bool(bad))
        for person, bad, at in zip(stream.people, stream.bad, stream.at, strict=True)
        if at >= begins
    ]
    return model.bundle.schema.dataset, itertools.cycle(worse)


def watch(repository: Repository, dataset: str) -> str:
    """Commit the settings by which the monitor looks at once, unless they are there; gives what came of it."""
    text = repository.text(SETTINGS)
    changed = watched(text, dataset)
    if changed == text:
        return f"{SETTINGS} has the monitor look at every {WINDOW:,} decisions already"
    commit = repository.commit(f"Judge every {WINDOW:,} decisions in {ENVIRONMENT}", {SETTINGS: changed})
    repository.push("main")
    applications.refresh()
    return f"committed {commit[:12]}: the monitor looks at every {WINDOW:,} decisions, and an outcome counts at once"


def watched(text: str, dataset: str) -> str:
    """The monitor's file in an environment: what people wrote there, then these settings instead of earlier ones."""
    for earlier in ("", *downturn.ENDED):
        text = text.removesuffix(_section(earlier))
    if "config" in yaml.safe_load(text):
        raise EnvironmentFileError(f"{SETTINGS}: has a key config of its own; take it out, `make push`, and try again")
    return text + _section(dataset)


def _section(dataset: str) -> str:
    return yaml.safe_dump({"config": watching(dataset)}, sort_keys=False)


def watching(dataset: str) -> dict[str, Any]:
    """The monitor's settings."""
    config: dict[str, Any] = {
        "interval_minutes": 1,
        "windows": {"decisions": WINDOW},
        "performance": {"days": 0},
        "reports": {"sample": 1000},
    }
    if dataset in downturn.ENDED:
        config["limits"] = {"constant_fields": [downturn.ENDED[dataset]]}
    return config


class Service:
    """The scoring API as a lender's own programs use it."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Content-Type": "application/json", "X-API-Key": key}

    def decide(self, asked: Sequence[Person]) -> None:
        """Have people decided, and tell what becomes of them.

        Raises:
            LoadError: the service refuses, or does not answer.
        """
        answer = self._post("/v1/score", [person for person, _ in asked])
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        outcomes = [
            {"decision_id": result["id"], "outcome": "defaulted" if bad else "paid", "date": today}
            for result, (_, bad) in zip(answer["results"], asked, strict=True)
        ]
        self._post("/outcomes", outcomes)

    def _post(self, route: str, document: Any) -> dict[str, Any]:
        body, refusal = json.dumps(document).encode(), ""
        request = urllib.request.Request(self._address + route, body, self._headers)  # noqa: S310 - an address of ours
        for _ in range(ATTEMPTS):
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
                    answered: dict[str, Any] = json.load(response)
                    return answered
            except urllib.error.HTTPError as error:
                refusal = f"{error.code} {error.read().decode()[:200]}"
                if error.code != http.HTTPStatus.SERVICE_UNAVAILABLE:
                    break
            except OSError as error:
                refusal = str(error)
            time.sleep(PAUSE_S)
        raise LoadError(f"{self._address}{route}: {refusal}")
