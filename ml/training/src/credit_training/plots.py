"""The pictures of an evaluation: how well models separate, how true their PDs are, and what moved.

Draws what it is given; measures with the contract's metrics only.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from credit_contract import metrics
from credit_contract.policy import Policy
from credit_training.evaluation import Array
from credit_training.files import write_whole
from credit_training.portfolio import Portfolio

COLOURS = {"network": "#1d4ed8", "boosting": "#ea8a1a", "logistic": "#64748b"}
GOOD, BAD, INK, SOFT = "#3b82c4", "#c2413a", "#1f2937", "#cbd5e1"
POINTS = 400  # of a curve; more cannot be seen and make the page heavy
SIZE = (4.6, 3.5)
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evaluation",  # the same numbers give the same bytes
    "font.family": "sans-serif",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#94a3b8",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e2e8f0",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A portfolio scored by one algorithm: pd float64 [n]."""

    algorithm: str
    portfolio: Portfolio
    pd: Array

    @property
    def colour(self) -> str:
        """The algorithm's own in every picture."""
        return COLOURS[self.algorithm]

    def curve(self) -> metrics.Curve:
        """Its cumulative shares, thinned out to what can be seen."""
        curve = metrics.roc_curve(self.portfolio.target, self.pd, self.portfolio.weight)
        kept = np.unique(np.linspace(0, len(curve.pd) - 1, POINTS).astype(int))
        return metrics.Curve(curve.bad_share[kept], curve.good_share[kept], curve.pd[kept])


def evaluation_plots(models: Sequence[Scored], policy: Policy, stability: Mapping[str, Any]) -> dict[str, Figure]:
    """Every picture by its name; curves show all models, the rest shows the first.

    stability: the part of that name in the first model's figures.
    """
    with mpl.rc_context(STYLE):
        return {
            "roc": _roc(models),
            "ks": _ks(models[0]),
            "calibration": _calibration(models),
            "scores": _scores(models[0], policy),
            "gains": _gains(models),
            "psi": _psi(stability),
        }


def save_pngs(plots: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each as `<name>.png`; equal plots give equal bytes."""
    return [write_whole(folder / f"{name}.png", _drawn(plot, "png")) for name, plot in plots.items()]


def svg_uri(plot: Figure) -> str:
    """The picture as a data URI, for pages that are one file."""
    return "data:image/svg+xml;base64," + base64.b64encode(_drawn(plot, "svg")).decode()


def _drawn(plot: Figure, form: str) -> bytes:
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        plot.savefig(stream, format=form, dpi=140, metadata={"Date": None} if form == "svg" else {"Software": None})
    return stream.getvalue()


def _canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _roc(models: Sequence[Scored]) -> Figure:
    figure, axes = _canvas("ROC", "share of the good above the cut-off", "share of the bad above it")
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)
    for model in models:
        curve, portfolio = model.curve(), model.portfolio
        area = metrics.auc(portfolio.target, model.pd, portfolio.weight)
        axes.plot(curve.good_share, curve.bad_share, color=model.colour, label=f"{model.algorithm}  AUC {area:.4f}")
    axes.legend(loc="lower right")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    return figure


def _ks(model: Scored) -> Figure:
    figure, axes = _canvas("", "PD", "cumulative share with a PD this high")
    curve = model.curve()
    axes.plot(curve.pd, curve.bad_share, color=BAD, label="bad")
    axes.plot(curve.pd, curve.good_share, color=GOOD, label="good")
    whole = metrics.roc_curve(model.portfolio.target, model.pd, model.portfolio.weight)
    gap = np.abs(whole.bad_share - whole.good_share)
    at = int(np.argmax(gap))
    axes.vlines(whole.pd[at], whole.good_share[at], whole.bad_share[at], color=INK, linestyle=":", linewidth=1.4)
    axes.set_title(f"KS {gap[at]:.3f} at PD {whole.pd[at]:.3f}, {model.algorithm}")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(loc="upper right")
    return figure


def _calibration(models: Sequence[Scored]) -> Figure:
    figure, axes = _canvas("Calibration, ten equally filled bins", "mean PD", "bad rate")
    largest = 0.05
    for model in models:
        portfolio = model.portfolio
        table = metrics.reliability(portfolio.target, model.pd, portfolio.weight)
        error = metrics.ece(portfolio.target, model.pd, portfolio.weight)
        axes.plot(
            table.pd, table.bad_rate, "o-", color=model.colour, markersize=4, linewidth=1,
            label=f"{model.algorithm}  ECE {error:.4f}",
        )  # fmt: skip
        largest = max(largest, float(table.pd.max()), float(table.bad_rate.max()))
    axes.plot([0, largest], [0, largest], color=SOFT, linewidth=1, zorder=0)
    axes.set(xlim=(0, largest * 1.05), ylim=(0, largest * 1.05))
    axes.legend(loc="upper left")
    return figure


def _scores(model: Scored, policy: Policy) -> Figure:
    figure, axes = _canvas(f"Scores, {model.algorithm}", "score", "share of the class, %")
    scores, portfolio = policy.scores(model.pd), model.portfolio
    edges = [float(edge) for edge in np.histogram_bin_edges(scores, bins=40)]
    for label, colour, rows in (("good", GOOD, portfolio.target == 0), ("bad", BAD, portfolio.target == 1)):
        weight = portfolio.weight[rows]
        axes.hist(
            scores[rows], edges, weights=100 * weight / weight.sum(), color=colour, alpha=0.55, label=label, zorder=2
        )
    for name, cut_off in (("decline", policy.decline_from), ("approve", policy.approve_below)):
        axes.axvline(policy.score(cut_off), color=INK, linewidth=0.9, linestyle=":")
        axes.text(policy.score(cut_off), axes.get_ylim()[1], f" {name}", rotation=90, va="top", fontsize=7)
    axes.legend(loc="upper left")
    return figure


def _gains(models: Sequence[Scored]) -> Figure:
    figure, axes = _canvas("Gains", "share of all applicants, worst first, %", "share of the bad among them, %")
    axes.plot([0, 100], [0, 100], color=SOFT, linewidth=1)
    for model in models:
        curve, portfolio = model.curve(), model.portfolio
        rate = float(np.average(portfolio.target, weights=portfolio.weight))
        share = rate * curve.bad_share + (1 - rate) * curve.good_share
        found = np.interp(0.2, share, curve.bad_share)
        label = f"{model.algorithm}  worst 20 % hold {100 * found:.0f} %"
        axes.plot(100 * share, 100 * curve.bad_share, color=model.colour, label=label)
    axes.legend(loc="lower right")
    axes.set(xlim=(0, 100), ylim=(0, 101))
    return figure


def _psi(stability: Mapping[str, Any], most: int = 12) -> Figure:
    """The score, and the fields that moved most; below 0.1 is stable by custom, above 0.25 it shifted."""
    fields = sorted(stability["fields"].items(), key=lambda entry: entry[1])[-most:]
    names, values = [name for name, _ in fields] + ["score"], [value for _, value in fields] + [stability["score_psi"]]
    figure, axes = _canvas("PSI, train to hold-out", "population stability index", "")
    axes.barh(names, values, color=["#93b4dd"] * len(fields) + [COLOURS["network"]])
    for border in (0.1, 0.25):
        if border < 1.5 * max(*values, 0.07):
            axes.axvline(border, color=BAD, linewidth=0.9, linestyle=":")
    for position, value in enumerate(values):
        axes.text(value, position, f" {value:.3f}", va="center", fontsize=7)
    axes.margins(x=0.12, y=0.02)
    axes.grid(visible=False, axis="y")
    return figure
