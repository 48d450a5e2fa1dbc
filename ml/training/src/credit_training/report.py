"""One page about a training run: what was compared, what was proved, what the gates said. A single HTML file.

Shows what others measured. Everything that comes from data or configuration is escaped by the template engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from credit_contract.gates import GateResult
from credit_training.baselines import Scorecard
from credit_training.candidate import Candidate
from credit_training.contender import Contender
from credit_training.evaluation import champion_challenger, comparable
from credit_training.files import folder_bytes, write_whole
from credit_training.latency import Latency
from credit_training.plots import Scored, evaluation_plots, save_pngs, svg_uri
from credit_training.selection import selection_file

COLUMNS = (
    ("auc", "AUC", True),
    ("gini", "Gini", True),
    ("ks", "KS", True),
    ("pr_auc", "PR-AUC", True),
    ("brier", "Brier", False),
    ("log_loss", "log-loss", False),
    ("ece", "ECE", False),
)
"""Figures compared between algorithms: key, heading, whether higher is better."""


def write_report(
    contenders: Sequence[Contender],
    candidate: Candidate,
    gates: Sequence[GateResult],
    latency: Sequence[Latency],
    champion: Mapping[str, Any] | None,
    folder: Path,
) -> Path:
    """Write `<dataset>-run.html`; the last contender is the network that became the candidate.

    champion: the champion's evaluation, if there is one.

    Raises:
        OutputError: the folder cannot be written.
    """
    network = contenders[-1]
    page = _template().render(
        spec=network.data.spec,
        version=network.data.version,
        rows=len(network.portfolio),
        bundle=candidate.bundle,
        bundle_bytes=folder_bytes(candidate.bundle.path),
        proof=candidate.bundle.evaluation,
        figures=network.figures,
        columns=COLUMNS,
        compared=_compared(contenders),
        gates=gates,
        failed=[gate.name for gate in gates if gate.verdict == "fail"],
        latency=_by_runtime(latency),
        batches=sorted({row.batch for row in latency}),
        champion=_against(champion, candidate.bundle.evaluation),
        card=_card(contenders),
        selection=_selection(selection_file(network.dataset, folder)),
        plots=_plots(contenders),
    )
    return write_whole(folder / f"{network.data.spec.name}-run.html", page.encode())


def draw_contender(one: Contender, folder: Path) -> list[Path]:
    """The pictures of one contender on its hold-out, as PNG files in a folder of its own, for its tracked run.

    Raises:
        OutputError: the folder cannot be written.
    """
    test = one.portfolio.test()
    policy = one.data.spec.policy_for(one.portfolio.schema)
    scored = Scored(one.algorithm, test, one.model.predict(test.encoded))
    plots = evaluation_plots([scored], policy, one.figures["stability"])
    return save_pngs(plots, folder / f"{one.data.spec.name}-{one.data.version}-{one.algorithm}")


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("credit_training"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value, digits=1: "–" if value is None else f"{100 * value:.{digits}f} %"
    environment.filters["fixed"] = lambda value, digits=4: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["whole"] = lambda value: f"{value:,.0f}"
    environment.filters["measured"] = _measured
    return environment.get_template("report.html")


def _measured(value: float | bool | str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value).lower()
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _compared(contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """One row per contender; `best` names the figures in which it leads its dataset version."""
    rows = []
    for one in contenders:
        rivals = [other.figures for other in contenders if other.data.version == one.data.version]
        best = {
            key
            for key, _, higher in COLUMNS
            if one.figures[key] == (max if higher else min)(rival[key] for rival in rivals)
        }
        rows.append({"algorithm": one.algorithm, "version": one.data.version, "figures": one.figures, "best": best})
    return rows


def _by_runtime(latency: Sequence[Latency]) -> dict[str, dict[int, Latency]]:
    return {row.runtime: {each.batch: each for each in latency if each.runtime == row.runtime} for row in latency}


def _against(champion: Mapping[str, Any] | None, challenger: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    if champion is None or not comparable(champion, challenger):
        return None
    return champion_challenger(champion["network"], challenger["network"])


def _selection(kept: Path) -> str:
    """What `credit-train select` found of this dataset version, if it was asked."""
    return kept.read_text(encoding="utf-8") if kept.is_file() else ""


def _card(contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """The points of the last scorecard, if one was fitted."""
    for one in reversed(contenders):
        if isinstance(one.model, Scorecard):
            return one.model.points(one.data.spec.policy_for(one.portfolio.schema))
    return []


def _plots(contenders: Sequence[Contender]) -> dict[str, str]:
    """Pictures of the candidate and of its rivals on the same dataset version."""
    network = contenders[-1]
    rivals = [one for one in reversed(contenders) if one.data.version == network.data.version]
    test = network.portfolio.test()
    models = [Scored(one.algorithm, test, one.model.predict(test.encoded)) for one in rivals]
    policy = network.data.spec.policy_for(network.portfolio.schema)
    drawn = evaluation_plots(models, policy, network.figures["stability"])
    return {name: svg_uri(plot) for name, plot in drawn.items()}
