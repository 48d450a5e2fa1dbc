"""The ways to start a training run: a Kubernetes Job, a process, or an event to GitHub.

Does not know whether a run is due.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import urllib3

from credit_contract.schema import Frozen
from drift_monitor.errors import RetrainingError, SettingsError
from drift_monitor.settings import Retraining

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
LABEL = "drift-monitor/cause"
TIMEOUT_S = 20.0
GRACE_S = 10.0
"""For a training that is ended to clean up."""


class Order(Frozen):
    """What to train for. `cut_off`: only outcomes recorded before it may be learned from, and of decisions that were
    then `performance_days` old. `dataset`: the portfolio whose fields, features and policy the model has.
    """

    cause: str
    model_digest: str
    dataset: str
    performance_days: int
    window: str
    because: str
    cut_off: datetime

    def environment(self) -> dict[str, str]:
        """The order as environment variables of the training run."""
        return {
            "RETRAIN_CAUSE": self.cause,
            "RETRAIN_MODEL_DIGEST": self.model_digest,
            "RETRAIN_DATASET": self.dataset,
            "RETRAIN_PERFORMANCE_DAYS": str(self.performance_days),
            "RETRAIN_CUT_OFF": self.cut_off.isoformat(),
        }

    @property
    def key(self) -> str:
        """A short name that is the same for the same cause."""
        return hashlib.sha256(self.cause.encode()).hexdigest()[:12]


class Trainer(Protocol):
    """Starts training runs."""

    def start(self, order: Order) -> str | None:
        """Start a run, and say where; None when one for this cause, or any other, is under way already.

        Raises:
            RetrainingError: it could not be started.
        """


def trainer(settings: Retraining) -> Trainer | None:
    """The trainer that the settings name; None for `nothing` and `dry_run`.

    Raises:
        SettingsError: its secret is missing.
    """
    if settings.by == "kubernetes":
        return KubernetesJob(settings.cron_job)
    if settings.by == "process":
        return Process(settings.command)
    if settings.by == "github":
        token = os.environ.get("GITHUB_TOKEN")
        if not token:
            raise SettingsError("setting retraining.by: github sends an event, which needs a token: set GITHUB_TOKEN")
        return GitHubDispatch(settings.github_api, settings.repository, token)
    return None


class KubernetesJob:
    """A Job from a suspended CronJob's template; its name is its cause, so the cluster itself refuses a second one."""

    def __init__(self, cron_job: str) -> None:
        self._cron_job = cron_job

    def start(self, order: Order) -> str | None:
        """See Trainer."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException

        try:
            return self._start(order)
        except ApiException as error:
            if error.status == 409:
                return None
            raise RetrainingError(
                f"Kubernetes refused to start {self._cron_job}: {error.status} {error.reason}"
            ) from None
        except (ConfigException, urllib3.exceptions.HTTPError) as error:
            raise RetrainingError(f"Kubernetes cannot be reached: {_first_line(error)}") from None

    def _start(self, order: Order) -> str | None:
        from kubernetes import client, config

        config.load_config()  # type: ignore[no-untyped-call]
        batch, namespace = client.BatchV1Api(), _namespace()
        known = batch.list_namespaced_job(namespace, label_selector=LABEL, _request_timeout=TIMEOUT_S)
        jobs = batch.api_client.sanitize_for_serialization(known)["items"]
        if any(job["metadata"]["labels"][LABEL] == order.key or not _ended(job) for job in jobs):
            return None
        cron_job = batch.read_namespaced_cron_job(self._cron_job, namespace, _request_timeout=TIMEOUT_S)
        spec = batch.api_client.sanitize_for_serialization(cron_job)["spec"]["jobTemplate"]["spec"]
        for container in spec["template"]["spec"]["containers"]:
            told = [{"name": name, "value": value} for name, value in order.environment().items()]
            container["env"] = [*container.get("env", []), *told]
        name = f"{self._cron_job}-{order.key}"
        metadata = {"name": name, "labels": {LABEL: order.key}}
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
        batch.create_namespaced_job(namespace, body, _request_timeout=TIMEOUT_S)  # type: ignore[arg-type]
        return f"job {name}"


class Process:
    """A process on this machine, for a checkout without a cluster; it is waited for, so there is never a second one.

    It ends with the monitor: what ran on would run without the monitor's lock, and without a line in the ledger.
    """

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command

    def start(self, order: Order) -> str | None:
        """See Trainer."""
        environment: Mapping[str, str] = {**os.environ, **order.environment()}
        try:
            with _raising_when_ended():
                code = _run(self._command, environment)
        except OSError as error:
            raise RetrainingError(f"{self._command[0]}: {error.strerror}") from None
        return f"{' '.join(self._command)}, which ended with exit code {code}"


class GitHubDispatch:
    """A `repository_dispatch` event, which starts the workflow that retrains and opens the pull request."""

    def __init__(self, api: str, repository: str, token: str) -> None:
        self._url = f"{api}/repos/{repository}/dispatches"
        self._token = token

    def start(self, order: Order) -> str | None:
        """See Trainer."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/vnd.github+json"}
        # As text: an expression of a workflow takes the number 0 for nothing.
        payload = order.model_dump(mode="json") | {"performance_days": str(order.performance_days)}
        body = {"event_type": "retrain", "client_payload": payload}
        try:
            answer = urllib3.request(
                "POST", self._url, headers=headers, body=json.dumps(body), timeout=TIMEOUT_S, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise RetrainingError(f"GitHub cannot be reached: {_first_line(error)}") from None
        if answer.status != 204:
            raise RetrainingError(f"GitHub refused the event: {answer.status}")
        return "repository_dispatch"


def _run(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """The exit code of a process, which with all that it starts ends before this is left."""
    with subprocess.Popen(command, env=environment, process_group=0) as training:  # noqa: S603, the settings' own
        try:
            return training.wait()
        except BaseException:
            _end(training)
            raise


@contextmanager
def _raising_when_ended() -> Iterator[None]:
    """A signal that would end the monitor at once leaves as SystemExit instead, as SIGINT does as KeyboardInterrupt."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    ending = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]
    for one in ending:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one in ending:
            signal.signal(one, signal.SIG_DFL)


def _end(training: subprocess.Popen[bytes]) -> None:
    """End a training and whatever it started, which is a process group."""
    try:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(training.pid, signal.SIGTERM)
            training.wait(GRACE_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(training.pid, signal.SIGKILL)


def _namespace() -> str:
    if NAMESPACE_FILE.is_file():
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    from kubernetes import config

    return str(config.list_kube_config_contexts()[1]["context"].get("namespace", "default"))  # type: ignore[no-untyped-call]


def _ended(job: Mapping[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
