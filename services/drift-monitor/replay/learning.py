"""What a lender may learn from on the first day, three ways: a section of the page, for lenders who never retrain.

Aggregates only. Does not know how models are fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from history import Lived, Plan, replay
from lender import Learns, known
from page import first, means
from stream import Stream

NAMES: Mapping[Learns, str] = {
    "complete": "complete vintages only",
    "as known": "every outcome known, as it is",
    "weighted": "the same, weighted for what is not known yet",
}
INTRODUCTION = """## What was known on the first day

Of younger vintages a lender knows charge-offs, and not yet one repayment. Who learns from every outcome dated before
the first day, as it is, takes the share of defaults among what is known for the default rate. Weights mend that: a loan
whose outcome took a time t to be known counts 1 / (share of loans that were at least that old on the day), the inverse
probability of not being censored, so that an early charge-off of 2002 stands for those of its age that nobody can know
yet. None of the three retrains.
"""
HEAD = (
    *("learned from", "loans", "of them bad", "first retrain", "first stop"),
    *("AUC", "expected default rate", "actual", "actual among the approved"),
)
NOTE = (
    "Loans and bad ones as drawn, by the sample's weights and these."
    " Verdicts by the month in which their window began.\n"
)


def write_section(came: Stream, plan: Plan, complete: Sequence[Lived], folder: Path) -> str:
    """The section; `complete` is how the lender of complete vintages lived, the others live here."""
    others: Sequence[Learns] = ("as known", "weighted")
    lives = {"complete": complete} | {
        learns: replay(came, replace(plan, learns=learns), "never", folder / learns.replace(" ", "-"))
        for learns in others
    }
    rows = [_row(came, plan, learns, lives[learns]) for learns in NAMES]
    return "\n".join(
        [INTRODUCTION, f"| {' | '.join(HEAD)} |", "|---|--:|--:|---|---|--:|--:|--:|--:|", *rows, "", NOTE]
    )


def _row(came: Stream, plan: Plan, learns: Learns, lived: Sequence[Lived]) -> str:
    bad = came.bad[known(came, plan.start, came.applied < plan.start, learns, plan.seed)]
    told = [first(lived, verdict) for verdict in ("retrain", "stop")]
    figures = means(lived)
    rates = [f"{figures[key]:.1%}" for key in ("expected_default_rate", "default_rate", "default_rate_of_approved")]
    cells = [NAMES[learns], f"{len(bad):,}", f"{np.mean(bad):.1%}", *told, f"{figures['auc']:.3f}", *rates]
    return f"| {' | '.join(cells)} |"
