"""A fitted network becomes a bundle: exported, proved to be the same model, given baseline and golden applicants.

Does not fit, does not judge and does not register. No clock enters the bundle.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from credit_contract.applicant import encode
from credit_contract.baseline import build
from credit_contract.bundle import Bundle, Draft, write_bundle
from credit_contract.golden import GoldenSet, golden_applicants, synthesise
from credit_training import origin
from credit_training.config import TrainConfig
from credit_training.dataset import conf_folder
from credit_training.errors import OutputError
from credit_training.evaluation import Figures, rounded
from credit_training.export import export_onnx
from credit_training.fit import FittedNetwork
from credit_training.gate_file import load_gates
from credit_training.parity import graph_pd
from credit_training.portfolio import Portfolio
from credit_training.prepare import Prepared
from credit_training.proof import Witnesses, proved, quantisation_table
from credit_training.quantise import CALIBRATION_ROWS, WAYS, Way, quantised

POINTER = "candidate"
SHORT = 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bundle, the `model.pt` that it was exported from, and the INT8 graphs that were tried, which are not in it."""

    bundle: Bundle
    state: Path
    int8: Mapping[Way, bytes]


def make_candidate(
    data: Prepared,
    portfolio: Portfolio,
    network: FittedNetwork,
    config: TrainConfig,
    compared: Mapping[str, Figures],
    folder: Path,
) -> Candidate:
    """Write `<folder>/<digest>`, a bundle, and `<folder>/<digest>.pt`, its state.

    `compared` holds the figures of every algorithm of this run on this dataset version.

    Raises:
        OutputError: the folder cannot be written; nothing half-written stays.
    """
    with _aside(folder) as aside:
        graph = aside / "model.onnx"
        export_onnx(network.module, portfolio.schema, graph)
        learned = portfolio.development().encoded
        # From all over: rows in order of time begin with applicants as they no longer are.
        people = learned[:: max(1, len(learned) // CALIBRATION_ROWS)]
        int8 = {way: quantised(graph, people, way) for way in WAYS} if config.proof.quantise else {}
        draft = _draft(data, portfolio, network, config, compared, graph.read_bytes(), int8)
        state = network.save(aside / "model.pt")
        target = folder / write_bundle(draft, aside / "bundle").digest[:SHORT]
        state = state.replace(target.with_suffix(".pt"))
        return Candidate(write_bundle(draft, target), state, int8)


def point(candidate: Candidate) -> Path:
    """Let the link `candidate` beside the bundle lead to it, in one step."""
    link = candidate.bundle.path.with_name(POINTER)
    aside = link.with_name(f".{POINTER}-{os.getpid()}")
    try:
        aside.unlink(missing_ok=True)
        aside.symlink_to(candidate.bundle.path.name)
        return aside.replace(link)
    except OSError as error:
        raise OutputError(link, error) from error


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    except OSError as error:
        raise OutputError(folder, error) from error
    try:
        yield aside
    except OSError as error:
        raise OutputError(folder, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _draft(
    data: Prepared,
    portfolio: Portfolio,
    network: FittedNetwork,
    config: TrainConfig,
    compared: Mapping[str, Figures],
    graph: bytes,
    int8: Mapping[Way, bytes],
) -> Draft:
    schema, development = portfolio.schema, portfolio.development()
    policy = data.spec.policy_for(schema)
    pd = network.predict(development.encoded)
    baseline = build(schema, development.encoded, development.target, pd, policy.decisions(pd), development.weight)
    people = golden_applicants(schema, baseline, config.proof.golden_applicants, config.seed)
    golden = GoldenSet(applicants=tuple(people), pd=tuple(graph_pd(graph, encode(schema, people)).tolist()))
    strangers = encode(schema, synthesise(schema, baseline, config.proof.parity_rows, config.seed + 1))
    said = network.predict(strangers)
    witnesses = Witnesses(portfolio, policy, strangers, said, config.proof.monotone_pairs, config.seed)
    gates = load_gates(conf_folder() / "gates.yaml", data.spec.name, data.version)
    proof = proved(graph, witnesses)
    tried = quantisation_table(graph, proof, int8, witnesses, compared, gates) if int8 else ()
    return Draft(
        dataset=data.dataset,
        commit=origin.commit(),
        config_sha256=config.sha256,
        seeds={"training": config.seed},
        libraries=origin.libraries(),
        model=graph,
        schema=schema,
        policy=policy,
        baseline=baseline,
        golden=golden,
        evaluation=rounded(
            {
                **compared,
                **proof,
                "quantisation": {row.way: row.model_dump(exclude={"way"}) for row in tried},
                "dataset": data.dataset.model_dump(),
            }
        ),
    )
