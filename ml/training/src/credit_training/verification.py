"""Verbs on a bundle that is already there: repeat its proof, judge it again.

Reads files only; trains nothing.
"""

from __future__ import annotations

from pathlib import Path

from credit_contract.applicant import encode
from credit_contract.bundle import Bundle, read_bundle
from credit_contract.gates import GateResult, evaluate as judge
from credit_contract.golden import synthesise
from credit_training.champion import champion_of
from credit_training.dataset import conf_folder
from credit_training.evaluation import gate_figures
from credit_training.files import folder_bytes, home
from credit_training.gate_file import load_gates
from credit_training.parity import Parity, parity
from credit_training.registry import Registry
from credit_training.scorer import load_scorer

SEED = 1


def verify(bundle: Path, state: Path, rows: int) -> Parity:
    """Torch from `model.pt` against the bundle's graph, on synthetic applicants drawn from its baseline.

    Raises:
        BundleError: the bundle is damaged.
        StateError: the file is no state of this bundle's network.
    """
    opened = read_bundle(bundle)
    scorer = load_scorer(state, opened.schema)
    people = synthesise(opened.schema, opened.baseline, rows, SEED)
    return parity(scorer, opened.model, encode(opened.schema, people))


def judge_bundle(bundle: Path, champion: Path | None = None) -> list[GateResult]:
    """The gates of the bundle's dataset on its evaluation, against `champion`, a bundle, or the registry's if any.

    Raises:
        BundleError: one of the bundles is damaged.
        ConfigError: the champion was measured on another hold-out.
        GateError: the gate file is wrong.
    """
    opened: Bundle = read_bundle(bundle)
    dataset = opened.manifest.dataset
    measured = champion_of(champion, dataset) if champion else Registry(home()).champion(dataset.name)
    figures = gate_figures(opened.evaluation, folder_bytes(bundle), measured)
    return judge(load_gates(conf_folder() / "gates.yaml", dataset.name, dataset.version), figures)
