"""A replay as a page: what each signal said and when, and what each way of retraining would have saved.

Aggregates only. Does not know how the lenders lived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from history import Lived, Strategy
from matplotlib import pyplot as plt

mpl.use("Agg")
Lives = Mapping[Strategy, Sequence[Lived]]


def write_page(name: str, story: str, lives: Lives, folder: Path, *sections: str) -> Path:
    """`replay-<name>.md` with its picture beside it; `sections` come last."""
    folder.mkdir(parents=True, exist_ok=True)
    _picture(lives, folder / f"replay-{name}.png")
    parts = [
        f"# Replay: {name}\n\n{story}\n\nMade by `make replay DATASET={name}`.\n",
        f"![PSI, Gini and default rate over time](replay-{name}.png)\n",
        "## When each signal fired, without any retraining\n",
        _signals(lives["never"]),
        "## What retraining would have saved\n",
        _savings(lives),
        "## Every window of the lender who follows the verdict\n",
        _windows(lives["verdict"]),
        *sections,
    ]
    path = folder / f"replay-{name}.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def first(lived: Sequence[Lived], verdict: str) -> str:
    """The month in which the first window of this verdict began."""
    return next((f"{one.verdict.start:%Y-%m}" for one in lived if one.verdict.verdict == verdict), "never")


def means(lived: Sequence[Lived]) -> dict[str, float]:
    """Figures of hindsight over all decisions of the windows whose outcomes are complete, the same for every lender."""
    judged = [one for one in lived if one.auc is not None]
    weights = [one.verdict.decisions for one in judged]
    return {
        key: float(np.average([getattr(one, key) for one in judged], weights=weights))
        for key in ("auc", "expected_default_rate", "default_rate", "default_rate_of_approved")
    }


def _signals(lived: Sequence[Lived]) -> str:
    """The first window in which each check fired, and in how many it did; those that never did last."""
    first: dict[tuple[str, str], str] = {}
    counted: dict[tuple[str, str], int] = {}
    for one in lived:
        findings = one.verdict.findings
        for key in {(finding.evidence, finding.check) for finding in findings}:
            counted.setdefault(key, 0)
        for key in {(finding.evidence, finding.check) for finding in findings if finding.fired}:
            first.setdefault(key, f"{one.verdict.end:%Y-%m-%d}")
            counted[key] += 1
    order = sorted(counted, key=lambda key: (first.get(key, "never"), key))
    rows = [f"| {e} | {c} | {first.get((e, c), 'never')} | {counted[e, c]} of {len(lived)} |" for e, c in order]
    return "\n".join(["| evidence | check | first fired | windows |", "|---|---|---|--:|", *rows, ""])


def _savings(lives: Lives) -> str:
    rows = []
    for strategy, lived in lives.items():
        auc, *rates = means(lived).values()
        trained = ", ".join(f"{one.verdict.end:%Y-%m}" for one in lived if one.retrained) or "–"
        rows.append(f"| {strategy} | {trained} | {auc:.3f} | {' | '.join(f'{rate:.1%}' for rate in rates)} |")
    head = "| retraining | when | AUC | expected default rate | actual | actual among the approved |"
    note = "Means over decisions of all windows with complete outcomes; every lender approves the same share of each.\n"
    return "\n".join([head, "|---|---|--:|--:|--:|--:|", *rows, "", note])


def _windows(lived: Sequence[Lived]) -> str:
    rows = []
    for one in lived:
        verdict = one.verdict
        told = verdict.because.split("; ")[0].removeprefix(f"{verdict.verdict}: ").rstrip(".")
        auc = "" if one.auc is None else f"{one.auc:.3f}"
        mark = " (retrained)" if one.retrained else ""
        rows.append(f"| {verdict.start:%Y-%m-%d} | {verdict.decisions:,} | {verdict.verdict}{mark} | {auc} | {told} |")
    head = "| from | decisions | verdict | AUC in hindsight | first reason |"
    return "\n".join([head, "|---|--:|---|--:|---|", *rows, ""])


def _picture(lives: Lives, path: Path) -> None:
    figure, axes = plt.subplots(3, 1, figsize=(9, 8), sharex=True, layout="constrained")
    never = lives["never"]
    ends = [one.verdict.end for one in never]
    axes[0].plot(ends, [one.verdict.shifts[-1].psi for one in never], label="PSI of the score")
    axes[0].axhline(0.1, color="grey", linestyle="--", linewidth=1)
    axes[1].plot(ends, [one.verdict.promised.gini.value if one.verdict.promised else None for one in never],
                 label="Gini estimated before outcomes (CBPE)")  # fmt: skip
    axes[1].plot(ends, [None if one.auc is None else 2 * one.auc - 1 for one in never], label="Gini in hindsight")
    axes[2].plot(ends, [one.expected_default_rate for one in never], label="default rate expected (CBPE)")
    axes[2].plot(ends, [one.default_rate for one in never], label="default rate in hindsight")
    for one in lives["verdict"]:
        if one.retrained:
            for axis in axes:
                axis.axvline(one.verdict.end, color="tab:red", linewidth=1)
    for axis in axes:
        axis.legend(fontsize=8)
        axis.grid(visible=True, alpha=0.3)
    figure.suptitle("The lender who never retrains; red lines: when the verdict would have retrained")
    figure.savefig(path, dpi=80)
    plt.close(figure)
