"""A replay as a page: what each signal said and when, and what each way of retraining would have saved.

Aggregates only. Does not know how the lenders lived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from history import STALE_HOURS, Lived, Plan, Strategy
from matplotlib import pyplot as plt

from drift_monitor.document import WindowVerdict
from drift_monitor.limits import Limits
from drift_monitor.maturity import Maturity
from drift_monitor.settings import Retraining

mpl.use("Agg")
Lives = Mapping[Strategy, Sequence[Lived]]
WRITTEN_WHEN_SEEN = {"constant", "new_category", "vanished"}
"""Looked for in every window, and among its findings only where there is one."""
NO_RANKING = 0.05
"""A Gini from which down a model ranks hardly anybody."""
NAMES: Mapping[Strategy, str] = {
    "never": "never",
    "yearly": "every year",
    "verdict": "on `retrain`, as the monitor does",
    "verdict or stop": "also on a `stop` for calibration, by a person",
}


def write_page(name: str, story: str, plan: Plan, lives: Lives, folder: Path, *sections: str) -> Path:
    """`replay-<name>.md` with its picture beside it; `sections` come last."""
    folder.mkdir(parents=True, exist_ok=True)
    _picture(lives, folder / f"replay-{name}.png")
    parts = [
        f"# Replay: {name}\n\n{story}\n\n{_rules(plan)}\n\nMade by `{_command(name)}`.\n",
        f"![PSI, Gini and default rate over time](replay-{name}.png)\n",
        "## When each signal fired, without any retraining\n",
        _signals(lives["never"]),
        "## When each verdict came, without any retraining\n",
        _verdicts(lives["never"]),
        "## What retraining would have saved\n",
        _savings(lives),
        "## Every window of the lender who retrains on `retrain`\n",
        _windows(lives["verdict"]),
        *sections,
    ]
    path = folder / f"replay-{name}.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _command(name: str) -> str:
    """What makes the page anew, from the repository's root."""
    return f"{'' if name == 'simulated' else 'CREDIT_DATA_DIR=path/to/data '}make replay DATASET={name}"


def _rules(plan: Plan) -> str:
    """Where the replay's settings differ from those that the monitor comes with."""
    days, hours = Retraining().cool_down_hours / 24, Limits().stale_hours
    rules = (
        f"Not as shipped: a retraining waits {plan.cool_down_days} days after the one before ({days:g} as shipped),"
        f" and {STALE_HOURS:,.0f} hours without a decision are no failure ({hours:g} as shipped)."
    )
    if plan.ended:
        names = ", ".join(f"`{name}`" for name in plan.ended)
        rules += f" After the first `stop` that names {names}, a person excuses it (`limits.constant_fields`)."
    return rules


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
    """The first window in which each check fired, and in how many of those it was made in; what never fired last."""
    first: dict[tuple[str, str], str] = {}
    fired: Counter[tuple[str, str]] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    for one in lived:
        findings = one.verdict.findings
        made.update({(finding.evidence, finding.check) for finding in findings})
        found = {(finding.evidence, finding.check) for finding in findings if finding.fired}
        fired.update(found)
        first |= dict.fromkeys(found - first.keys(), f"{one.verdict.end:%Y-%m-%d}")
    made |= {key: len(lived) for key in made if key[1] in WRITTEN_WHEN_SEEN}
    order = sorted(made, key=lambda key: (first.get(key, "never"), key))
    rows = [f"| {e} | {c} | {first.get((e, c), 'never')} | {fired[e, c]} of {made[e, c]} |" for e, c in order]
    return "\n".join(["| evidence | check | first fired | windows |", "|---|---|---|--:|", *rows, "", _matured(lived)])


def _matured(lived: Sequence[Lived]) -> str:
    """How far signals that need outcomes can see, and what they cannot."""
    told = {one.verdict.maturity for one in lived if any(f.evidence == "matured_loss" for f in one.verdict.findings)}
    judged = sorted((vintage for vintage in told if vintage is not None), key=lambda vintage: vintage.end)
    said = "“Windows” are those in which it fired, of those in which it was looked for."
    if not judged:
        return f"{said} No vintage had its outcomes before the last window ended.\n"
    last = judged[-1].end
    said += (
        f" Outcomes were judged in {len(judged)} of {len(lived)} windows, of decisions from {judged[0].start:%Y-%m-%d}"
        f" to {last:%Y-%m-%d}: what was decided later had no complete outcomes when the last window ended,"
        f" {lived[-1].verdict.end:%Y-%m-%d}, and no signal speaks of it."
    )
    later = [one.default_rate for one in lived if one.default_rate is not None and one.verdict.start >= last]
    if later:
        said += f" In hindsight up to {max(later):.1%} of a window's decisions of that time turned bad."
    return f"{said}{_ranked(judged)}\n"


def _ranked(judged: Sequence[Maturity]) -> str:
    """At what `realised_gini` could have fired, and where so little was promised that it could not."""
    limit = Limits().realised_gini
    both = [
        (vintage.promised.gini.value, vintage.realised.gini)
        for vintage in judged
        if vintage.promised is not None and vintage.realised is not None and vintage.realised.gini is not None
    ]
    if not both:
        return ""
    promised, realised = zip(*both, strict=True)
    least, most = min(promised) - limit, max(promised) - limit
    blind = sum(value - limit <= NO_RANKING for value in promised)
    where = f"; where that is {NO_RANKING:g} or less, as in {blind} of {len(both)}, it is blind" if blind else ""
    return (
        f" PDs promised these vintages a Gini of {min(promised):.2f} to {max(promised):.2f}, and {min(realised):.2f} to"
        f" {max(realised):.2f} came. `realised_gini` fires {limit:g} below the promise, here at {least:.2f} to"
        f" {most:.2f} or less, beyond chance{where}."
    )


def _verdicts(lived: Sequence[Lived]) -> str:
    """The first window of each verdict, which was given when it ended, and in how many windows it was given."""
    rows = []
    for verdict in ("ok", "watch", "retrain", "stop"):
        given = [one.verdict for one in lived if one.verdict.verdict == verdict]
        cells = ["never", "", f"0 of {len(lived)}", ""]
        if given:
            told = given[0]
            cells = [f"{told.end:%Y-%m-%d}", f"{told.start:%Y-%m-%d}", f"{len(given)} of {len(lived)}", _reason(told)]
        rows.append(f"| {verdict} | {' | '.join(cells)} |")
    head = "| verdict | first given on | to the window from | windows | its first reason |"
    return "\n".join([head, "|---|---|---|--:|---|", *rows, ""])


def _reason(verdict: WindowVerdict) -> str:
    return verdict.because.split("; ")[0].removeprefix(f"{verdict.verdict}: ").rstrip(".")


def _savings(lives: Lives) -> str:
    rows = []
    for strategy, lived in lives.items():
        auc, *rates = means(lived).values()
        trained = ", ".join(f"{one.verdict.end:%Y-%m}" for one in lived if one.retrained) or "–"
        rows.append(f"| {NAMES[strategy]} | {trained} | {auc:.3f} | {' | '.join(f'{rate:.1%}' for rate in rates)} |")
    head = "| retraining | when | AUC | expected default rate | actual | actual among the approved |"
    note = "Means over decisions of all windows with complete outcomes; every lender approves the same share of each.\n"
    return "\n".join([head, "|---|---|--:|--:|--:|--:|", *rows, "", note])


def _windows(lived: Sequence[Lived]) -> str:
    rows = []
    for one in lived:
        verdict = one.verdict
        auc = "" if one.auc is None else f"{one.auc:.3f}"
        called = f"{verdict.verdict} (retrained)" if one.retrained else verdict.verdict
        rows.append(f"| {verdict.start:%Y-%m-%d} | {verdict.decisions:,} | {called} | {auc} | {_reason(verdict)} |")
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
    figure.suptitle("The lender who never retrains; red lines: when the one who follows the verdict `retrain` did")
    figure.savefig(path, dpi=80)
    plt.close(figure)
