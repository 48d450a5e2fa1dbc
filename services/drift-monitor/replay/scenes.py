"""The simulated portfolio under one scripted change at a time: which signal tells of it, when, and which one is blind.

A lender who never retrains lives through each scene. Aggregates only. Does not know how the others lived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import stream
from history import Lived, Plan, replay
from lender import REDUCED
from matplotlib import pyplot as plt
from matplotlib.dates import MonthLocator
from page import first

from credit_simulator import Event

BEGINS, MONTH = "2022-09", 32
SCENES = {
    "no shift": (),
    "macro-economic shock": (Event(kind="macro_shock", start=MONTH),),
    "new channel for a quarter": (Event(kind="new_channel", start=MONTH, strength=0.25),),
    "a field arrives in cents": (Event(kind="broken_field", start=MONTH, field="net_income", fault="scaled"),),
    "concept shift, no field changes": (Event(kind="concept_shift", start=MONTH),),
}
COLOURS = {"ok": "tab:green", "watch": "gold", "retrain": "tab:orange", "stop": "tab:red"}
INTRODUCTION = f"""## One change at a time

What the simulator scripts from {BEGINS} on, for a lender who never retrains, with the small network of `--reduced`.
Figures are means of the months before, and from then on.

![Gini and default rate of each scene](replay-simulated-scenes.png)
"""
NOTE = """CBPE's figures follow from the PDs alone. Where applicants change, they move. In the concept shift the same
people turn bad more often, and they stay: CBPE is blind, and only matured outcomes tell, in the first window whose
vintage was decided after it began (decisions of 2022-09 mature in 2023-09). The shock is told sooner, because it also
hits loans that were running when it came. A field in cents is stopped at once; CBPE takes it for better applicants.
"""


def live(seed: int, plan: Plan, folder: Path) -> dict[str, list[Lived]]:
    """Every scene, one after the other."""
    return {
        scene: replay(stream.simulated(seed, events), replace(plan, recipe=REDUCED), "never", folder / f"scene-{place}")
        for place, (scene, events) in enumerate(SCENES.items())
    }


def write_section(scenes: Mapping[str, Sequence[Lived]], folder: Path) -> str:
    """The page's section; its picture goes into the folder."""
    _picture(scenes, folder / "replay-simulated-scenes.png")
    named = [
        "scene",
        "first watch",
        "first retrain",
        "first stop",
        "Gini estimated",
        "in hindsight",
        "defaults expected",
    ]
    head = f"| {' | '.join([*named, 'in hindsight'])} |"
    rows = [_row(scene, lived) for scene, lived in scenes.items()]
    return "\n".join([INTRODUCTION, head, "|---|---|---|---|---|---|---|---|", *rows, "", NOTE])


def _row(scene: str, lived: Sequence[Lived]) -> str:
    promised = [one.verdict.promised for one in lived]
    cells = [
        scene,
        *(first(lived, verdict) for verdict in ("watch", "retrain", "stop")),
        _before_and_after(lived, [one.gini.value if one else None for one in promised], "{:.3f}"),
        _before_and_after(lived, [None if one.auc is None else 2 * one.auc - 1 for one in lived], "{:.3f}"),
        _before_and_after(lived, [one.expected_default_rate for one in lived], "{:.1%}"),
        _before_and_after(lived, [one.default_rate for one in lived], "{:.1%}"),
    ]
    return f"| {' | '.join(cells)} |"


def _before_and_after(lived: Sequence[Lived], values: Sequence[float | None], form: str) -> str:
    sides: dict[bool, list[float]] = {False: [], True: []}
    for one, value in zip(lived, values, strict=True):
        if value is not None:
            sides[f"{one.verdict.start:%Y-%m}" >= BEGINS].append(value)
    return " → ".join(form.format(np.mean(side)) for side in sides.values())


def _picture(scenes: Mapping[str, Sequence[Lived]], path: Path) -> None:
    figure, axes = plt.subplots(len(scenes), 2, figsize=(9, 2 * len(scenes)), sharex=True, layout="constrained")
    for (scene, lived), (ranks, rates) in zip(scenes.items(), axes, strict=True):
        ends = [one.verdict.end for one in lived]
        ranks.plot(ends, [one.verdict.promised.gini.value if one.verdict.promised else None for one in lived])
        ranks.plot(ends, [None if one.auc is None else 2 * one.auc - 1 for one in lived])
        rates.plot(ends, [one.expected_default_rate for one in lived], label="estimated (CBPE)")
        rates.plot(ends, [one.default_rate for one in lived], label="in hindsight")
        for axis, kind in ((ranks, "Gini"), (rates, "default rate")):
            axis.set_title(f"{scene}: {kind}", fontsize=9)
            axis.grid(visible=True, alpha=0.3)
            axis.xaxis.set_major_locator(MonthLocator(bymonth=(1, 7)))
            low = axis.get_ylim()[0]
            axis.scatter(ends, [low] * len(ends), c=[COLOURS[one.verdict.verdict] for one in lived], s=14, zorder=3)
    axes[0][1].legend(fontsize=8)
    figure.suptitle("Dots: the verdict (green ok, yellow watch, orange retrain, red stop)")
    figure.savefig(path, dpi=70)
    plt.close(figure)
