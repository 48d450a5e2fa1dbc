"""The pictures of an exploration, each as a data URI of an SVG, so that the page is one file.

Draws what it is given; measures nothing.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from credit_training.profile import MISSING, Bin, Drift, FieldProfile, GroupRate

BAR, LINE, INK, GRID = "#b9cbe0", "#b3261e", "#2b3440", "#e3e7ec"
MOST_BINS = 12
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: smaller, sharper, and can be found on the page
    "svg.hashsalt": "explore",  # the same numbers give the same bytes
    "font.family": "sans-serif",
    "font.size": 8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa5b1",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@mpl.rc_context(STYLE)
def field_plot(field: FieldProfile, bad_rate: float) -> str:
    """Share of the applicants by bin (bars) and their bad rate (line); dotted is the bad rate of all."""
    bins = _shown(field.bins)
    positions = np.arange(len(bins))
    figure, axes = _canvas(3.6, 2.3)
    axes.bar(positions, [100 * each.share for each in bins], color=BAR, width=0.85)
    axes.set_ylabel("share, %")
    axes.set_xticks(positions, [_cut(each.label) for each in bins], rotation=45, ha="right", fontsize=6.5)
    rates = _rates(axes)
    rates.axhline(100 * bad_rate, color=LINE, linewidth=0.7, linestyle=":")
    bad = [100 * each.bad_rate for each in bins]
    rates.plot(positions, bad, "o", color=LINE, markersize=3)
    if field.column.kind != "category":  # categories and the missing have no neighbours
        ordered = len(bins) - (bins[-1].label == MISSING)
        rates.plot(positions[:ordered], bad[:ordered], color=LINE, linewidth=1)
    rates.set_ylim(bottom=0)
    return _uri(figure)


@mpl.rc_context(STYLE)
def strength_plot(fields: list[FieldProfile]) -> str:
    """Information value of fields, strongest on top; borders of weak and suspicious are dotted."""
    figure, axes = _canvas(7.6, 0.5 + 0.19 * len(fields))
    values = [field.information_value for field in reversed(fields)]
    axes.barh([field.column.name for field in reversed(fields)], values, color=BAR)
    for border in (0.02, 0.1, 0.3, 0.5):
        if border < max(values):
            axes.axvline(border, color="#8793a0", linewidth=0.6, linestyle=":")
    for position, value in enumerate(values):
        axes.text(value, position, f" {value:.2f}", va="center", fontsize=7)
    axes.set_xlabel("information value")
    axes.margins(y=0.01)
    return _uri(figure)


@mpl.rc_context(STYLE)
def time_plot(drift: Drift) -> str:
    """Applicants and bad rate by period; the hold-out is shaded."""
    positions = np.arange(len(drift.periods))
    figure, axes = _canvas(7.6, 2.4)
    axes.bar(positions, drift.rows, color=BAR)
    axes.set_ylabel("applicants")
    axes.set_xticks(positions, list(drift.periods), rotation=60, ha="right", fontsize=7)
    if drift.first_held_out is not None:
        axes.axvspan(drift.first_held_out - 0.5, len(positions) - 0.5, color="#f3e9d2", zorder=0)
        axes.text(drift.first_held_out - 0.4, axes.get_ylim()[1], "held out", va="bottom", fontsize=7)
    rates = _rates(axes)
    rates.plot(positions, [100 * rate for rate in drift.bad_rate], color=LINE, marker="o", markersize=3, linewidth=1)
    rates.set_ylim(bottom=0)
    return _uri(figure)


@mpl.rc_context(STYLE)
def drift_plot(drift: Drift) -> str:
    """PSI of each field in each period against the development sample; darkest from 0.5 on."""
    figure, axes = _canvas(7.6, 0.7 + 0.19 * len(drift.fields))
    image = axes.imshow(drift.psi, aspect="auto", cmap="YlOrRd", vmin=0, vmax=0.5, interpolation="nearest")
    axes.set_xticks(range(len(drift.periods)), list(drift.periods), rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(drift.fields)), list(drift.fields), fontsize=7)
    if drift.first_held_out is not None:
        axes.axvline(drift.first_held_out - 0.5, color=INK, linewidth=1)
    figure.colorbar(image, ax=axes, label="PSI", extend="max", fraction=0.03, pad=0.02)
    return _uri(figure)


@mpl.rc_context(STYLE)
def correlation_plot(correlations: pd.DataFrame) -> str:
    """Rank correlations as a matrix, numbers written where they fit."""
    names = list(correlations.columns)
    size = 1.8 + 0.24 * len(names)
    figure, axes = _canvas(min(size, 7.6), min(size, 7.6) * 0.86)
    image = axes.imshow(correlations.to_numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=6.5)
    axes.set_yticks(range(len(names)), names, fontsize=6.5)
    if len(names) <= 16:
        for (row, column), value in np.ndenumerate(correlations.to_numpy()):
            ink = "white" if abs(value) > 0.6 else INK
            axes.text(column, row, f"{value:.2f}".replace("0.", "."), ha="center", va="center", fontsize=5.5, color=ink)
    figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    return _uri(figure)


@mpl.rc_context(STYLE)
def groups_plot(groups: list[GroupRate], bad_rate: float) -> str:
    """Bad rate of each protected group with its 95 % interval; dotted is the bad rate of all."""
    shown = list(reversed(groups))
    figure, axes = _canvas(7.6, 0.6 + 0.2 * len(shown))
    labels = [f"{group.attribute}: {_cut(group.group, 44)} ({group.share:.0%})" for group in shown]
    axes.errorbar(
        [100 * group.bad_rate for group in shown],
        labels,
        xerr=[100 * group.half_width for group in shown],
        fmt="o",
        color=LINE,
        markersize=4,
        elinewidth=1,
    )
    axes.axvline(100 * bad_rate, color=LINE, linewidth=0.7, linestyle=":")
    axes.grid(axis="y", color=GRID)
    axes.set_xlabel("bad, %")
    return _uri(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _rates(axes: Axes) -> Axes:
    """A second axis on the right for bad rates."""
    rates = axes.twinx()
    rates.spines["right"].set(visible=True, color=LINE)
    rates.tick_params(colors=LINE)
    rates.set_ylabel("bad, %", color=LINE)
    return rates


def _shown(bins: tuple[Bin, ...]) -> list[Bin]:
    """The bins that hold somebody; of many categories the most frequent, the rest as one."""
    there = [each for each in bins if each.share > 0]
    if len(there) <= MOST_BINS:
        return there
    by_share = sorted(there, key=lambda each: -each.share)
    kept, rest = by_share[: MOST_BINS - 1], by_share[MOST_BINS - 1 :]
    share = sum(each.share for each in rest)
    rate = sum(each.share * each.bad_rate for each in rest) / share
    return [*(each for each in there if each in kept), Bin(f"{len(rest)} others", share, rate)]


def _cut(text: str, longest: int = 16) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _uri(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
