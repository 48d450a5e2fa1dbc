"""One run: every algorithm on every dataset version, compared; the last version's network proved, judged, registered.

The order of steps and what is handed on; each step's work is in its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from credit_contract.gates import GateResult, evaluate as judge, failed
from credit_training import origin
from credit_training.algorithms import fitting
from credit_training.candidate import Candidate, make_candidate, point
from credit_training.champion import champion_of, champion_of_decisions
from credit_training.config import Algorithm, TrainConfig
from credit_training.contender import Contender
from credit_training.dataset import DatasetSpec, conf_folder
from credit_training.errors import ConfigError
from credit_training.evaluation import Figures, evaluate, gate_figures
from credit_training.feature_steps import STEPS, StepSpec
from credit_training.files import folder_bytes, home
from credit_training.fit import FittedNetwork
from credit_training.gate_file import load_gates
from credit_training.latency import Latency, latency_table
from credit_training.memory import peak_mb
from credit_training.portfolio import Portfolio
from credit_training.prepare import Prepared, prepared
from credit_training.progress import Progress
from credit_training.registry import BUNDLE, Registry, TrackedRun
from credit_training.report import draw_contender, write_report
from credit_training.selection import selection_file
from credit_training.source import Raw, obtain


@dataclass(frozen=True, slots=True)
class RunResult:
    """All that a run made; where no gate failed, the candidate is registered."""

    contenders: tuple[Contender, ...]
    candidate: Candidate
    gates: tuple[GateResult, ...]
    latency: tuple[Latency, ...]
    report: Path

    @property
    def network(self) -> Contender:
        """The contender that became the candidate."""
        return self.contenders[-1]


def steps_of(config: TrainConfig) -> int:
    """How many progress steps `run` takes."""
    return len(config.versions) * (1 + len(config.algorithms)) + 6


def run(config: TrainConfig, progress: Progress, raw: Raw | None = None) -> RunResult:
    """Train, compare, prove, judge; register the candidate where every gate passed.

    All versions are of one answer of the source: `raw`, if it was asked before.

    Raises:
        ConfigError: the network is not among the algorithms, or the champion was measured on another hold-out.
        BundleError: the champion's bundle is damaged, or none.
        TrainingError: one line about the step that failed.
    """
    if "network" not in config.algorithms:
        raise ConfigError("algorithms: the network must be among them, it becomes the candidate")
    spec = config.spec
    versions = _prepare(spec, raw, config, progress)
    # Before anything is fitted: a wrong name, or a store that is off, shall not cost a training.
    registry = Registry(home())
    registry.check()
    chosen = champion_of(config.champion, versions[-1][0].dataset) if config.champion else None
    # The network comes last, so that the last contender of all is the candidate.
    ordered = sorted(config.algorithms, key=lambda name: name == "network")
    contenders = [_contend(name, *version, config, progress) for version in versions for name in ordered]
    network = contenders[-1]
    mine = [one for one in contenders if one.data.version == network.data.version]
    compared: dict[str, Figures] = {one.algorithm: one.figures for one in mine}
    candidate, latency = _prove(network, compared, config, progress)
    with progress.step("judge the gates") as say:
        champion = chosen or champion_of_decisions(network.data) or registry.champion(spec.name)
        figures = gate_figures(candidate.bundle.evaluation, folder_bytes(candidate.bundle.path), champion)
        gates = tuple(judge(load_gates(conf_folder() / "gates.yaml", spec.name, network.data.version), figures))
        say(f"failed: {', '.join(failed(gates))}" if failed(gates) else f"{len(gates)} passed or not applicable")
    with progress.step("write the report") as say:
        report = write_report(contenders, candidate, gates, latency, champion, home() / "reports")
        say(f"{report.stat().st_size // 1000} kB page")
    result = RunResult(tuple(contenders), candidate, gates, latency, report)
    with progress.step(f"record {len(contenders)} runs in MLflow") as say:
        run_id = _record(result, config, registry)
        say(f"experiment credit-{spec.name}; peak memory {peak_mb():,.0f} MB")
    with progress.step("register the candidate") as say:
        say(_register(result, run_id, config, registry))
    return result


def _prepare(
    spec: DatasetSpec, raw: Raw | None, config: TrainConfig, progress: Progress
) -> list[tuple[Prepared, Portfolio]]:
    versions = []
    for version in config.versions:
        with progress.step(f"prepare {spec.name} {version}") as say:
            raw = raw or obtain(spec, home())
            data = prepared(spec, version, home(), raw)
            portfolio = data.portfolio(config.protected_used, config.keep_leaks)
            say(f"{len(portfolio):,} applicants, {int(portfolio.holdout.sum()):,} held out")
            versions.append((data, portfolio))
    return versions


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
        people = network.portfolio.test().encoded
        graphs = {"onnxruntime": candidate.bundle.model}
        graphs |= {f"int8 {way}": graph for way, graph in candidate.int8.items()}
        latency = latency_table(fitted.module, graphs, people, calls) if calls else ()
        say(", ".join(f"{row.runtime} {row.p50_us:.0f} µs" for row in latency if row.batch == 1) or "left out")
    return candidate, latency


def _record(result: RunResult, config: TrainConfig, registry: Registry) -> str:
    """Every contender as a run; gives the id of the candidate's."""
    for one in result.contenders[:-1]:
        registry.record(_tracked(one, config))
    tracked = _tracked(result.network, config)
    bundle = result.candidate.bundle
    latency: Figures = {row.runtime: {} for row in result.latency}
    for row in result.latency:
        latency[row.runtime][f"batch_{row.batch}"] = {"p50_us": row.p50_us, "p99_us": row.p99_us}
    selected = selection_file(result.network.dataset, result.report.parent)
    proof = {name: bundle.evaluation[name] for name in ("parity", "monotone", "quantisation", "sizes")}
    return registry.record(
        replace(
            tracked,
            parameters={**tracked.parameters, "digest": bundle.digest},
            figures={**tracked.figures, **proof, "latency": latency, "peak_memory_mb": peak_mb()},
            artefacts={
                **tracked.artefacts,
                BUNDLE: sorted(bundle.path.iterdir()),
                "": [*tracked.artefacts[""], result.report, *([selected] if selected.is_file() else [])],
            },
        )
    )


def _register(result: RunResult, run_id: str, config: TrainConfig, registry: Registry) -> str:
    if losers := failed(result.gates):
        return f"not registered, failed: {', '.join(losers)}"
    if not config.registers:
        return "a study, or not asked for"
    version = registry.register(run_id, result.candidate.bundle, result.gates)
    point(result.candidate)
    return f"version {version}, alias candidate"


def _tracked(one: Contender, config: TrainConfig) -> TrackedRun:
    recipe = one.data.spec.versions[one.data.version].recipe
    parameters = {
        "seed": config.seed,
        "algorithm": one.algorithm,
        "dataset": {"version": one.data.version, "recipe": [step.model_dump(mode="json") for step in recipe]},
        "features": [feature["name"] if "name" in feature else feature["step"] for feature in one.data.spec.features],
        "model": one.model.parameters,
    }
    name = f"{one.data.spec.name}-{one.data.version}"
    artefacts = {"plots": draw_contender(one, home() / "reports" / "plots"), "": []}
    if isinstance(one.model, FittedNetwork):
        artefacts[""] = [one.model.save(home() / "states" / name / "model.pt")]
    return TrackedRun(one.dataset, one.algorithm, origin.commit(), parameters, one.figures, artefacts)
