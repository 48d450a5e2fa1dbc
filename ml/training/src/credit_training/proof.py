"""What the gates ask of a graph, FP32 or INT8: that it is the model that was measured, for everybody, in any company.

Measures on graphs alone. Does not know bundles, nor where a graph came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded
from credit_contract.gates import Gate, evaluate as judge, failed
from credit_contract.policy import Policy
from credit_contract.schema import Frozen
from credit_training.evaluation import Figures, evaluate, gate_figures
from credit_training.monotonicity import monotone_violations
from credit_training.parity import agreement, batch_invariant, graph_pd
from credit_training.portfolio import Portfolio
from credit_training.quantise import Way

CHECKED_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Witnesses:
    """On whom a graph is proved: the portfolio, synthetic `strangers` and what the fitted module says of them [n]."""

    portfolio: Portfolio
    policy: Policy
    strangers: Encoded
    said: npt.NDArray[np.float64]
    monotone_pairs: int
    seed: int


class Quantised(Frozen):
    """One graph of the table. Flips count applicants whose decision differs from FP32's at any of the cut-offs.

    `failed_gates`: of all gates but those against a champion, whom a bundle does not know.
    """

    way: Literal["fp32", "dynamic", "static"]
    bytes: int
    max_abs_delta: float
    flipped: int
    rows: int
    batch_invariant: bool
    auc: float
    log_loss: float
    failed_gates: tuple[str, ...]


def proved(graph: bytes, witnesses: Witnesses) -> Figures:
    """Keys: parity, batch_invariant, monotone, sizes."""
    portfolio = witnesses.portfolio
    test = portfolio.test().encoded
    monotone = monotone_violations(
        lambda encoded: graph_pd(graph, encoded), portfolio.schema, test, witnesses.monotone_pairs, witnesses.seed
    )
    return {
        "parity": agreement(witnesses.said, graph_pd(graph, witnesses.strangers)).model_dump(),
        "batch_invariant": batch_invariant(graph, portfolio.schema, test[:CHECKED_ROWS]),
        "monotone": monotone.model_dump(),
        "sizes": {"model_bytes": len(graph)},
    }


def quantisation_table(
    plain: bytes,
    proof: Figures,
    int8: Mapping[Way, bytes],
    witnesses: Witnesses,
    compared: Mapping[str, Figures],
    gates: Sequence[Gate],
) -> tuple[Quantised, ...]:
    """The FP32 graph, then its INT8 ones, each as if it were shipped: measured, proved and judged by all gates.

    `proof` is the FP32 graph's, as `proved` gave it. `compared` has the figures of every algorithm. A bundle's size is
    not known yet, so its graph's is judged instead.
    """
    graphs: list[tuple[Literal["fp32", "dynamic", "static"], bytes, Figures]] = [
        ("fp32", plain, proof),
        *((way, graph, proved(graph, witnesses)) for way, graph in int8.items()),
    ]
    development, test, policy = witnesses.portfolio.development(), witnesses.portfolio.test(), witnesses.policy
    reference = graph_pd(plain, test.encoded)
    rows = []
    for way, graph, shown in graphs:
        pd = graph_pd(graph, test.encoded)
        network = evaluate(test, pd, policy, development, graph_pd(graph, development.encoded))
        figures = gate_figures({**compared, **shown, "network": network}, len(graph))
        rows.append(
            Quantised(
                way=way,
                bytes=len(graph),
                max_abs_delta=float(np.abs(pd - reference).max()),
                flipped=int((policy.decisions(pd) != policy.decisions(reference)).sum()),
                rows=len(test),
                batch_invariant=shown["batch_invariant"],
                auc=network["auc"],
                log_loss=network["log_loss"],
                failed_gates=tuple(failed(judge(gates, figures))),
            )
        )
    return tuple(rows)
