"""One run: every algorithm on every dataset version, compared; the last version's network proved, judged, registered.

The order of steps and what is handed on; each step's work is in its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from credit_contract.bundle import DatasetVersion
from credit_contract.gates import GateResult, evaluate as judge, failed
from credit_training import origin
from credit_training.algorithms import Model, fitting
from credit_training.candidate import Candidate, make_candidate, point
from credit_training.config import Algorithm, TrainConfig
from credit_training.dataset import conf_folder, load_dataset
from credit_training.errors import ConfigError
from credit_training.evaluation import Figures, evaluate, gate_figures
from credit_training.feature_steps import STEPS, StepSpec
from credit_training.files import home
from credit_training.fit import FittedNetwork
from credit_training.gate_file import load_gates
from credit_training.latency import Latency, latency_table
from credit_training.portfolio import Portfolio
from credit_training.prepare import Prepared, prepared
from credit_training.progress import Progress
from credit_training.registry import BUNDLE, Registry, TrackedRun


@dataclass(frozen=True, slots=True)
class Contender:
    """One algorithm on one dataset version."""

    algorithm: Algorithm
    data: Prepared
    portfolio: Portfolio
    model: Model
    figures: Figures

    @property
    def dataset(self) -> DatasetVersion:
        """The dataset version that it was fitted on."""
        data = self.data
        return DatasetVersion(
            name=data.spec.name, version=data.version, sha256=data.sha256, holdout_sha256=data.holdout_sha256
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """All that a run made. `registered` is the candidate's version in the registry, None where a gate failed."""

    contenders: tuple[Contender, ...]
    candidate: Candidate
    gates: tuple[GateResult, ...]
    latency: tuple[Latency, ...]
    registered: str | None

    @property
    def network(self) -> Contender:
        """The contender that became the candidate."""
        return self.contenders[-1]


def steps_of(config: TrainConfig) -> int:
    """How many progress steps `run` takes."""
    return len(config.versions) * (1 + len(config.algorithms)) + 5


def run(config: TrainConfig, progress: Progress) -> RunResult:
    """Train, compare, prove, judge; register the candidate where every gate passed.

    Raises:
        ConfigError: the network is not among the algorithms.
        TrainingError: one line about the step that failed.
    """
    if "network" not in config.algorithms:
        raise ConfigError("algorithms: the network must be among them, it becomes the candidate")
    spec = load_dataset(config.dataset)
    contenders: list[Contender] = []
    for version in config.versions:
        with progress.step(f"prepare {spec.name} {version}") as say:
            data = prepared(spec, version, home())
            portfolio = data.portfolio(config.protected_used, config.keep_leaks)
            say(f"{len(portfolio):,} applicants, {int(portfolio.holdout.sum()):,} held out")
        # The network comes last, so that the last contender of all is the candidate.
        ordered = sorted(config.algorithms, key=lambda name: name == "network")
        contenders += [_contend(algorithm, data, portfolio, config, progress) for algorithm in ordered]
    network = contenders[-1]
    mine = [one for one in contenders if one.data.version == network.data.version]
    compared: dict[str, Figures] = {one.algorithm: one.figures for one in mine}
    candidate, latency = _prove(network, compared, config, progress)
    registry = Registry(home())
    with progress.step("judge the gates") as say:
        figures = gate_figures(candidate.bundle.evaluation, _size(candidate), registry.champion(spec.name))
        gates = tuple(judge(load_gates(conf_folder() / "gates.yaml", spec.name), figures))
        say(f"failed: {', '.join(failed(gates))}" if failed(gates) else f"{len(gates)} passed or not applicable")
    registered = _record(contenders, candidate, gates, latency, config, registry, progress)
    return RunResult(tuple(contenders), candidate, gates, latency, registered)


def _contend(
    algorithm: Algorithm, data: Prepared, portfolio: Portfolio, config: TrainConfig, progress: Progress
) -> Contender:
    with progress.step(f"fit {algorithm} on {data.spec.name} {data.version}") as say:
        steps: tuple[StepSpec, ...] = tuple(STEPS.validate_python(data.spec.features))
        development, test = portfolio.development(), portfolio.test()
        model = fitting(algorithm, config, steps, config.seed)(development)
        policy = data.spec.policy_for(portfolio.schema)
        train_pd = model.predict(development.encoded)
        figures = evaluate(test, model.predict(test.encoded), policy, development, train_pd)
        say(f"AUC {figures['auc']:.4f}, KS {figures['ks']:.3f}, ECE {figures['ece']:.4f}")
        return Contender(algorithm, data, portfolio, model, figures)


def _prove(
    network: Contender, compared: Mapping[str, Figures], config: TrainConfig, progress: Progress
) -> tuple[Candidate, tuple[Latency, ...]]:
    fitted = network.model
    assert isinstance(fitted, FittedNetwork)
    with progress.step("export to ONNX and prove that it is the same model") as say:
        folder = home() / "bundles" / network.data.spec.name
        candidate = make_candidate(network.data, network.portfolio, fitted, config, compared, folder)
        proof = candidate.bundle.evaluation["parity"]
        say(f"max |ΔPD| {proof['max_abs_delta']:.1e} over {proof['rows']:,}, digest {candidate.bundle.digest[:12]}")
    with progress.step("time torch, ONNX Runtime and OpenVINO") as say:
        calls = config.proof.latency_calls
        people, graphs = network.portfolio.test().encoded, {"onnxruntime": candidate.bundle.model}
        latency = latency_table(fitted.module, graphs, people, calls) if calls else ()
        say(", ".join(f"{row.runtime} {row.p50_us:.0f} µs" for row in latency if row.batch == 1) or "left out")
    return candidate, latency


def _record(
    contenders: list[Contender],
    candidate: Candidate,
    gates: tuple[GateResult, ...],
    latency: tuple[Latency, ...],
    config: TrainConfig,
    registry: Registry,
    progress: Progress,
) -> str | None:
    with progress.step(f"record {len(contenders)} runs in MLflow"):
        ids = [registry.record(_tracked(one, config)) for one in contenders[:-1]]
        ids.append(registry.record(_tracked(contenders[-1], config, candidate, latency)))
    with progress.step("register the candidate") as say:
        if failed(gates) or not config.register_candidate:
            say("not registered" + (": a gate failed" if failed(gates) else ""))
            return None
        version = registry.register(ids[-1], candidate.bundle, gates)
        point(candidate)
        say(f"{candidate.bundle.schema.dataset} version {version}, alias candidate")
        return version


def _tracked(
    one: Contender, config: TrainConfig, candidate: Candidate | None = None, latency: tuple[Latency, ...] = ()
) -> TrackedRun:
    parameters: dict[str, Any] = {"seed": config.seed, "algorithm": one.algorithm}
    figures: Figures = dict(one.figures)
    artefacts: dict[str, list[Path]] = {}
    if candidate is not None:
        parameters |= {"model": config.model.model_dump(mode="json"), "digest": candidate.bundle.digest}
        figures |= {name: candidate.bundle.evaluation[name] for name in ("parity", "monotone", "quantisation", "sizes")}
        figures["latency"] = {
            row.runtime: {f"batch_{row.batch}_p50_us": row.p50_us, f"batch_{row.batch}_p99_us": row.p99_us}
            for row in latency
        }
        artefacts = {BUNDLE: sorted(candidate.bundle.path.iterdir()), "": [candidate.state]}
    return TrackedRun(one.dataset, one.algorithm, origin.commit(), parameters, figures, artefacts)


def _size(candidate: Candidate) -> int:
    return sum(file.stat().st_size for file in candidate.bundle.path.iterdir())
