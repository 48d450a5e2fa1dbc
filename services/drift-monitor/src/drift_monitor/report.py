"""The Evidently report of one window, HTML and JSON, for people who want to look at distributions.

Evidently is imported here only, when a report is written: that takes seconds. Fields are shown by the baseline's bins,
so both sides are what the verdict compared, and no applicant's value is in a report. Does not know verdicts.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.baseline import Baseline, CategoryHistogram, NumberHistogram
from credit_contract.bundle import Bundle
from credit_contract.policy import DECISIONS
from credit_contract.schema import FeatureSchema, Field
from drift_monitor.drift import SCORE
from drift_monitor.history import History, literal, quoted
from drift_monitor.windows import Window

MISSING = "missing"
STRATUM = f"CASE WHEN decision IN ({', '.join(map(literal, DECISIONS))}) THEN decision ELSE 'unknown' END"
SLACK = 30
"""Decisions of a stratum that are looked at beyond one and a half times what is drawn: chance rarely leaves too few."""
Labels = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report's files, and how many of the window's decisions it shows."""

    html: bytes
    json: bytes
    rows: int


def render(
    history: History, window: Window, bundle: Bundle, size: int, seed: int, psi_limit: float, because: str
) -> Rendered:
    """Compare a seeded sample of the window, stratified by decision, with a reference drawn from the baseline.

    `because` is the verdict's sentence, which stands above the report.
    """
    current = sample(history, window, bundle.schema, bundle.baseline, size, seed)
    rows = len(next(iter(current.values())))
    reference = {name: _drawn(bundle, name, rows) for name in current}
    page, document = _evidently(current, reference, psi_limit)
    note = (
        f"Window {window.name}: a seeded sample of {rows:,} of {window.decisions:,} decisions, by the bins of the"
        f" baseline of model {window.digest[:12]}. The verdict is on all of them: {because}"
    )
    return Rendered(_with_note(page, note).encode(), document.encode(), rows)


def load() -> None:
    """Import Evidently ahead of `render`, while something else is waited for."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import evidently.presets  # noqa: F401


def _evidently(current: dict[str, Labels], reference: dict[str, Labels], psi_limit: float) -> tuple[str, str]:
    load()
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(categorical_columns=list(current))
    now, before = (Dataset.from_pandas(pd.DataFrame(side), data_definition=definition) for side in (current, reference))
    # One column that drifted is drift: Evidently's own half of all columns would contradict the verdict.
    preset = DataDriftPreset(cat_method="psi", cat_threshold=psi_limit, drift_share=1 / len(current))
    report = Report([preset])
    snapshot = report.run(now, before)
    return snapshot.get_html_str(as_iframe=False), snapshot.json()


def _with_note(page: str, note: str) -> str:
    style = "font:14px sans-serif;padding:12px 24px;background:#fff6d6"
    return page.replace("<body>", f'<body><p id="sample" style="{style}">{html.escape(note)}</p>', 1)


def sample(
    history: History, window: Window, schema: FeatureSchema, baseline: Baseline, size: int, seed: int
) -> dict[str, Labels]:
    """Labels [n] by field and of the score, of n decisions of the window: `size` where there are as many.

    Each decision has its share of the window, and a seed draws the same ones every time.
    """
    fields = [field for field in schema.scored_fields if field.name in history.columns]
    names = ", ".join(["pd", *(f"{quoted(field.name)}::VARCHAR" for field in fields)])
    strata = _strata(history, window, size)
    likely = " OR ".join(f"stratum = {literal(one)} AND ticket <= {ceiling}::UBIGINT" for one, _, ceiling in strata)
    chosen = " OR ".join(f"stratum = {literal(one)} AND place <= {quota}" for one, quota, _ in strata)
    # Hashes of ids are the random numbers: a sample without sorting the window.
    every = (
        f"SELECT *, {STRATUM} AS stratum, hash(id, {seed}) AS ticket FROM decisions"
        f" WHERE {window.condition} AND NOT erased"
    )
    ranked = (
        "SELECT *, row_number() OVER (PARTITION BY stratum ORDER BY ticket) AS place"
        f" FROM ({every}) WHERE {likely or 'false'}"
    )
    rows = history.rows(f"SELECT {names} FROM ({ranked}) WHERE {chosen or 'false'} ORDER BY ticket")
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [() for _ in range(len(fields) + 1)]
    labels = {SCORE: _number_labels(baseline.pd, columns[0])}
    for field, values in zip(fields, columns[1:], strict=True):
        labels[field.name] = (
            _category_labels(field, values)
            if field.kind == "category"
            else _number_labels(baseline.numbers[field.name], values)
        )
    return labels


def _strata(history: History, window: Window, size: int) -> list[tuple[str, int, int]]:
    """By decision: how many of it to draw, `size` together, and a hash that surely so many lie below."""
    counted = history.rows(
        f"SELECT {STRATUM}, count(*) FROM decisions WHERE {window.condition} AND NOT erased GROUP BY 1 ORDER BY 2, 1"
    )
    total = sum(count for _, count in counted)
    strata, left = [], min(size, total)
    for name, count in counted:  # the largest comes last, and takes what rounding left
        quota = left if name == counted[-1][0] else min(left, math.ceil(min(size, total) * count / total))
        left -= quota
        strata.append((name, quota, min(2**64 - 1, int(2**64 * (1.5 * quota + SLACK) / count))))
    return strata


def _number_labels(histogram: NumberHistogram, texts: Sequence[Any]) -> Labels:
    values = np.array([_number(text) for text in texts], dtype=np.float32)
    bins = np.searchsorted(np.asarray(histogram.edges, dtype=np.float32), values, side="right")
    names = np.array([*_bin_names(histogram), MISSING], dtype=object)
    labels: Labels = names[np.where(np.isnan(values), len(names) - 1, bins)]
    return labels


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def _bin_names(histogram: NumberHistogram) -> list[str]:
    """Names that sort in the order of the bins."""
    ends = [f"{edge:g}" for edge in histogram.edges]
    if not ends:
        return ["any"]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return [f"{place:02}: {name}" for place, name in enumerate([f"below {ends[0]}", *between, f"from {ends[-1]}"])]


def _category_labels(field: Field, texts: Sequence[Any]) -> Labels:
    known = {text: str(field.categories[code - 1]) for text, code in field.codes_by_text.items()}
    # Evidently puts names into a <script> unescaped: `</script>` in a category would end it.
    return np.array([MISSING if text is None else html.escape(known.get(text, text)) for text in texts], dtype=object)


def _drawn(bundle: Bundle, name: str, rows: int) -> Labels:
    """A column with the baseline's shares, to the nearest row."""
    histogram: NumberHistogram | CategoryHistogram
    if name in bundle.baseline.categories:
        histogram = bundle.baseline.categories[name]
        names = [html.escape(str(category)) for category in bundle.schema[name].categories]
    else:
        histogram = bundle.baseline.pd if name == SCORE else bundle.baseline.numbers[name]
        names = _bin_names(histogram)
    reference = histogram.reference()
    places = np.searchsorted(np.cumsum(reference) / reference.sum(), (np.arange(rows) + 0.5) / rows)
    return np.array([*names, MISSING], dtype=object)[places]
