"""Evidence as a page of Markdown for the person who approves. Says what was measured; docs/promotion.md how to read it.

Only layout: every number comes from the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from credit_delivery.environments import Name
from credit_delivery.intervals import HIGHER_IS_BETTER, LOWER_IS_BETTER

Document = Mapping[str, Any]
MOST_FIELDS = 12
SHOWN = {
    "auc": "AUC",
    "gini": "Gini",
    "ks": "KS",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "ece": "Calibration error (ECE)",
    "mean_pd": "Mean PD",
}


def page(evidence: Document, environment: Name) -> str:
    """The body of the pull request."""
    challenger, champion = evidence["challenger"], evidence["champion"]
    running = f"`{champion['tag']}` (`{champion['model_digest'][:12]}`)" if champion else "nothing"
    dataset = evidence["dataset"]
    opening = [
        f"Let {environment} run the model **{challenger['tag']}** (`{challenger['model_digest'][:12]}`) instead of "
        f"{running}.",
        "",
        f"Both were scored just now on the hold-out of {dataset['name']} {dataset['version']}: {evidence['rows']:,} "
        f"applicants that neither was fitted on, {dataset['bad_rate']:.2%} of them bad, rebuilt from their source and "
        f"checked by hash (`{dataset['holdout_sha256'][:12]}`).",
    ]
    if evidence["rows_left_out"]:
        opening.append(f"{evidence['rows_left_out']:,} more were left out because the champion refuses them.")
    if evidence["no_comparison"]:
        opening += ["", f"**No comparison:** {evidence['no_comparison']}."]
    parts = [opening, _gates(evidence), _metrics(evidence), _swap_set(evidence), _approval(evidence)]
    parts += [_reasons(evidence), ["How to read this: `docs/promotion.md`. Merging it is the approval, and names you."]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _gates(evidence: Document) -> list[str]:
    gates = evidence["gates"]
    losers = [gate for gate in gates if gate["verdict"] == "fail"]
    said = f"{len(losers)} FAILED" if losers else f"all {len(gates)} passed or not applicable"
    rows = [(gate["verdict"], gate["name"], _number(gate["measured"]), gate["wanted"]) for gate in gates]
    return [f"## Gates: {said}", "", *table(("verdict", "gate", "measured", "wanted"), rows)]


def _metrics(evidence: Document) -> list[str]:
    measured = evidence["metrics"]
    rows = []
    for figure, title in SHOWN.items():
        row = [title, *(_interval(measured[side][figure]) for side in ("champion", "challenger") if side in measured)]
        if "difference" in measured:
            row += [
                _interval(measured["difference"][figure], sign="+"),
                _better(figure, measured["difference"][figure]),
            ]
        rows.append(row)
    heads = ["figure", *(side for side in ("champion", "challenger") if side in measured)]
    heads += ["difference", "better"] if "difference" in measured else []
    return ["## How well they rank and calibrate (95 % intervals)", "", *table(heads, rows)]


def _swap_set(evidence: Document) -> list[str]:
    if evidence["no_comparison"]:
        return []
    decided = evidence["decisions"]
    rates = [(side, *(f"{decided[side][name]:.2%}" for name in decided[side])) for side in ("champion", "challenger")]
    shares = table(("", *decided["challenger"]), rates)
    if not evidence["swap_set"]:
        return ["## Who would be decided otherwise", "", "Nobody.", "", *shares]
    rows = [
        (
            f"{move['from']} → {move['to']}",
            f"{move['count']:,}",
            f"{move['share']:.2%}",
            f"{move['bad_rate']:.2%}",
            f"{move['expected_loss_champion']:,.0f}",
            f"{move['expected_loss_challenger']:,.0f}",
            f"{move['realised_loss']:,.0f}",
        )
        for move in evidence["swap_set"]
    ]
    heads = ("change", "applicants", "share", "turned bad", "expected loss, champion", "expected loss, challenger",
             "realised loss")  # fmt: skip
    return ["## Who would be decided otherwise", "", *table(heads, rows), "", *shares]


def _approval(evidence: Document) -> list[str]:
    lines = []
    for attribute, found in evidence["approval"].items():
        sides = [side for side in ("champion", "challenger") if side in found["adverse_impact_ratio"]]
        rows = [
            (member, f"{figures['count']:,}", *(f"{figures[side]:.2%}" for side in sides))
            for member, figures in found["groups"].items()
        ]
        ratios = [_number(found["adverse_impact_ratio"][side]) for side in sides]
        rows.append(("lowest : highest", "", *ratios))
        lines += ["", *table((attribute, "applicants", *sides), rows)]
    return ["## Approval rate by group of each protected attribute", *lines] if lines else []


def _reasons(evidence: Document) -> list[str]:
    reasons = evidence["reasons"]
    if not reasons or not reasons["fields"]:
        return []
    said = "Nobody is declined by both."
    if reasons["declined_by_both"]:
        said = (
            f"Of {reasons['declined_by_both']:,} declined by both, {reasons['same_principal_reason']:.1%} are told the "
            f"same first reason and {reasons['same_reasons']:.1%} the same reasons."
        )
    often = sorted(reasons["fields"].items(), key=lambda item: -max(item[1].values()))[:MOST_FIELDS]
    rows = [(field, f"{told['champion']:,}", f"{told['challenger']:,}") for field, told in often]
    return ["## What the declined are told", "", said, "", *table(("reason", "champion", "challenger"), rows)]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar or a line break in a cell stays in its cell."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |" for line in lines]


def _interval(estimate: Mapping[str, float], sign: str = "") -> str:
    value, low, high = (f"{estimate[key]:{sign}z.4f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _better(figure: str, difference: Mapping[str, float]) -> str:
    """Who is better beyond chance: the interval of the difference leaves 0 out."""
    if figure not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
        return ""
    if difference["low"] <= 0 <= difference["high"]:
        return "no clear difference"
    return "challenger" if (difference["value"] > 0) == (figure in HIGHER_IS_BETTER) else "champion"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)
