"""MLflow as the index of runs and model versions: an embedded SQLite store, or the server at MLFLOW_TRACKING_URI.

Writes what a run measured and registers the candidate. What runs in an environment is decided in git, never here.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

# Read while mlflow is imported: no telemetry, and an unreachable server is an error within seconds.
for _name, _value in (
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("DO_NOT_TRACK", "true"),
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
):
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag  # noqa: E402
from mlflow.entities.model_registry import ModelVersion  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from credit_contract.bundle import Bundle, DatasetVersion  # noqa: E402
from credit_contract.gates import GateResult, failed  # noqa: E402
from credit_training.database import complaint  # noqa: E402
from credit_training.errors import ROOM, RegistryError  # noqa: E402
from credit_training.search_plan import Trial  # noqa: E402

CANDIDATE, CHAMPION = "candidate", "champion"
BUNDLE = "bundle"
DETAILS = ("attributes", "fields")
"""Parts of the figures that are tables; they go into figures.json, not among the metrics."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One algorithm on one dataset version.

    parameters and figures may be nested. artefacts: files and directories by the folder of the run where they go, ""
    being its root; the network's bundle goes to "bundle".
    """

    dataset: DatasetVersion
    algorithm: str
    commit: str
    parameters: Mapping[str, Any]
    figures: Mapping[str, Any]
    artefacts: Mapping[str, Sequence[Path]] = field(default_factory=dict)


class Registry:
    """The tracking store under `home`, or wherever MLFLOW_TRACKING_URI points.

    Every method raises RegistryError, in one line, when the store cannot be used.
    """

    def __init__(self, home: Path) -> None:
        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._artefacts: Path | None = None
        self._advice = "see that it answers and has room, or correct MLFLOW_TRACKING_URI"
        self.address = os.environ.get("MLFLOW_TRACKING_URI", "")
        embedded = None if self.address else home.resolve() / "mlflow.db"
        if embedded is not None:
            self.address = f"sqlite:///{embedded}"
            self._artefacts = home.resolve() / "mlartifacts"
            self._advice = ROOM
        with self._reported():
            home.mkdir(parents=True, exist_ok=True)
            if embedded is not None and not embedded.exists():
                _make_store(embedded)
            self._client = MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    @property
    def page(self) -> str | None:
        """Where a tracking server shows its page, without user and password; a database has none."""
        served = urlsplit(self.address).scheme in ("http", "https")
        return self.address.replace(_user(self.address), "") if served else None

    def check(self) -> None:
        """Ask the store for anything, so that one that cannot be used is known before the work that it shall record."""
        with self._reported():
            self._client.search_experiments(max_results=1)

    def record(self, run: TrackedRun) -> str:
        """Write a run and give its id; one that could not be written whole is marked as failed."""
        with self._reported():
            experiment = self._experiment(run.dataset.name)
            created = self._client.create_run(experiment, run_name=f"{run.algorithm} {run.dataset.version}")
            number = str(created.info.run_id)
            try:
                self._write(number, run)
            except BaseException:
                self._client.set_terminated(number, "FAILED")
                raise
            self._client.set_terminated(number, "FINISHED")
            return number

    def register(self, run: str, bundle: Bundle, gates: Sequence[GateResult]) -> str:
        """The model version of a bundle that a run recorded, made if it is new, with the alias `candidate`.

        The same digest is the same version, however often it comes.

        Raises:
            RegistryError: a gate failed, or the run did not record this bundle whole.
        """
        if losers := failed(gates):
            raise RegistryError(f"not registered: these gates failed: {', '.join(losers)}")
        name = registered_name(bundle.manifest.dataset.name)
        with self._reported():
            known = self._version_of(name, bundle.digest)
            version = known or self._create(name, run, bundle, gates)
            try:
                self._client.set_registered_model_alias(name, CANDIDATE, version.version)
            except BaseException:
                if known is None:
                    self._client.delete_model_version(name, version.version)
                raise
            return str(version.version)

    def record_trials(self, dataset: DatasetVersion, study: str, trials: Sequence[Trial]) -> str:
        """A search as one run with a child for each trial, and its id; trials that are already there are left alone."""
        with self._reported():
            experiment = self._experiment(dataset.name)
            version = f"tags.`dataset.sha256` = '{dataset.sha256}'"
            known = self._client.search_runs([experiment], f"tags.`search.study` = '{study}' and {version}")
            tags = {"search.study": study, "dataset.version": dataset.version, "dataset.sha256": dataset.sha256}
            parent = known[0].info.run_id if known else self._run(experiment, f"search {study}", tags)
            children = self._client.search_runs(
                [experiment], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=5000
            )
            there = {child.data.tags["search.trial"] for child in children}
            for trial in sorted(trials, key=lambda trial: trial.number):
                if str(trial.number) not in there:
                    tags = {"mlflow.parentRunId": parent, "search.trial": str(trial.number)}
                    self._run(experiment, f"trial {trial.number + 1}", tags, trial.changes, trial.figures)
            return str(parent)

    def champion(self, dataset: str) -> dict[str, Any] | None:
        """The evaluation of the dataset's champion, or None while there is none."""
        with self._reported():
            number = self._aliases(registered_name(dataset)).get(CHAMPION)
            if number is None:
                return None
            version = self._client.get_model_version(registered_name(dataset), number)
            with tempfile.TemporaryDirectory() as folder:
                path = self._client.download_artifacts(str(version.run_id), f"{BUNDLE}/evaluation.json", folder)
                evaluation: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
                return evaluation

    def _aliases(self, name: str) -> dict[str, str]:
        try:
            return dict(self._client.get_registered_model(name).aliases)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            return {}

    def _experiment(self, dataset: str) -> str:
        name = registered_name(dataset)
        if found := self._client.get_experiment_by_name(name):
            return str(found.experiment_id)
        location = None if self._artefacts is None else (self._artefacts / name).as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))

    def _run(
        self,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any] = MappingProxyType({}),
        figures: Mapping[str, float] = MappingProxyType({}),
    ) -> str:
        """A finished run of parameters and figures only."""
        number = str(self._client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id)
        now = time.time_ns() // 1_000_000
        self._client.log_batch(
            number,
            metrics=[Metric(key, value, now, 0) for key, value in figures.items()],
            params=[Param(key, str(value)) for key, value in parameters.items()],
        )
        self._client.set_terminated(number, "FINISHED")
        return number

    def _write(self, number: str, run: TrackedRun) -> None:
        now = time.time_ns() // 1_000_000
        parameters = {name: str(value) for name, value in _leaves(run.parameters)}
        measured = {name: float(value) for name, value in _leaves(run.figures) if isinstance(value, (int, float))}
        tags = {
            "algorithm": run.algorithm,
            "dataset.version": run.dataset.version,
            "dataset.sha256": run.dataset.sha256,
            "dataset.holdout_sha256": run.dataset.holdout_sha256,
            "mlflow.source.git.commit": run.commit,
        }
        self._client.log_batch(
            number,
            metrics=[Metric(name, value, now, 0) for name, value in measured.items()],
            params=[Param(name, value) for name, value in parameters.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        source = json.dumps({"dataset": run.dataset.name, "version": run.dataset.version})
        # The store takes 36 characters of a digest; the tag above has all of it.
        dataset = Dataset(run.dataset.name, run.dataset.sha256[:36], "credit-train", source)
        self._client.log_inputs(number, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
        self._client.log_dict(number, dict(run.figures), "figures.json")
        for folder, paths in run.artefacts.items():
            for path in paths:
                log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
                log(number, str(path), folder or None)

    def _create(self, name: str, run: str, bundle: Bundle, gates: Sequence[GateResult]) -> ModelVersion:
        found = self._client.get_run(run)
        files = {Path(entry.path).name for entry in self._client.list_artifacts(run, BUNDLE)}
        if found.info.status != "FINISHED" or not {*bundle.manifest.files, "manifest.json"} <= files:
            raise RegistryError(f"not registered: run {run} did not record the bundle {bundle.digest[:12]} whole")
        try:
            self._client.create_registered_model(name, description="Candidates of one dataset; git decides what runs.")
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
        # Tags are given with the version, so that there is never one without them.
        return self._client.create_model_version(
            name,
            source=f"{found.info.artifact_uri}/{BUNDLE}",
            run_id=run,
            tags={
                "digest": bundle.digest,
                "dataset.version": bundle.manifest.dataset.version,
                "dataset.sha256": bundle.manifest.dataset.sha256,
                **{f"gate.{result.name}": result.verdict for result in gates},
            },
        )

    def _version_of(self, name: str, digest: str) -> ModelVersion | None:
        found = self._client.search_model_versions(f"name = '{name}' and tags.digest = '{digest}'")
        return min(found, key=lambda version: int(version.version), default=None)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, OSError, SQLAlchemyError) as error:
            # An address may hold a password, and MLflow repeats it.
            said = f"tracking store {self.address}: {complaint(error)}; {self._advice}"
            raise RegistryError(said.replace(_user(self.address), "")) from error


def registered_name(dataset: str) -> str:
    """The name of a dataset's experiment and of its registered model."""
    return f"credit-{dataset}"


def _user(address: str) -> str:
    """What an address says of who asks, up to and with its @; empty if it says nothing."""
    user, at, _ = urlsplit(address).netloc.rpartition("@")
    return user + at


def _make_store(path: Path) -> None:
    """An empty store at `path`, migrated aside: MLflow cannot go on with one whose migration broke off."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        aside = Path(folder, path.name)
        address = f"sqlite:///{aside}"
        MlflowClient(tracking_uri=address, registry_uri=address)
        if not path.exists():
            aside.replace(path)


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values with their dotted keys; tables are left out."""
    for key, value in document.items():
        if isinstance(value, Mapping):
            if key not in DETAILS:
                yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value
