"""What happened, as text for a terminal: the tables at the end of a run and of the demo.

Formats only; every figure comes from a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from credit_training.gate_file import gate_table
from credit_training.run import RunResult

Row = Sequence[str]


def run_summary(result: RunResult) -> str:
    """Algorithms compared, proof, what was tried of quantisation and latency, and gates."""
    tried = {"INT8 against FP32": _quantised(result), "Latency, one thread (µs, p50 / p99)": _latency(result)}
    return "\n".join(
        [
            _titled("Compared on the hold-out", table(_compared(result))),
            _titled("The graph is the model", table(_proof(result))),
            *(_titled(title, table(rows)) for title, rows in tried.items() if len(rows) > 1),
            _titled("Gates", gate_table(result.gates)),
        ]
    )


def scored(asked: Sequence[dict[str, Any]], answer: dict[str, Any]) -> str:
    """The applicants that the service was asked about, and what it said."""
    rows: list[Row] = [("", "PD", "score", "decision", "band", "some of what was known")]
    for number, (applicant, one) in enumerate(zip(asked, answer["results"], strict=True), start=1):
        known = ", ".join(f"{name}={value}" for name, value in list(applicant.items())[:3])
        rows.append((f"applicant {number}", f"{one['pd']:.4f}", str(one["score"]), one["decision"], one["band"], known))
    told = f"model {answer['model_tag']}, digest {answer['model_digest']}"
    return _titled("Scored over HTTP", table(rows) + "\n" + told)


def table(rows: Iterable[Row]) -> str:
    """Columns as wide as they need to be: the first to the left, the others to the right."""
    lines = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    )


def _titled(title: str, body: str) -> str:
    return f"\n{title}\n{'-' * len(title)}\n{body}"


def _compared(result: RunResult) -> list[Row]:
    figures = ("auc", "gini", "ks", "brier", "log_loss", "pr_auc", "ece")
    rows: list[Row] = [("", "data", *(name.upper().replace("_", "-") for name in figures))]
    rows += [
        (one.algorithm, one.data.version, *(f"{one.figures[name]:.4f}" for name in figures))
        for one in result.contenders
    ]
    return rows


def _proof(result: RunResult) -> list[Row]:
    seen = result.candidate.bundle.evaluation
    parity, monotone = seen["parity"], seen["monotone"]
    return [
        ("torch and ONNX, max |ΔPD|", f"{parity['max_abs_delta']:.2e}", f"over {parity['rows']:,} applicants"),
        ("the same alone and in a batch", str(seen["batch_invariant"]), "bit for bit"),
        (
            "moves against a direction",
            str(monotone["violations"]),
            f"of {monotone['grid_comparisons'] + monotone['pairs']:,}, {monotone['fields']} fields",
        ),
    ]


def _quantised(result: RunResult) -> list[Row]:
    rows: list[Row] = [("", "kB", "AUC", "max |ΔPD|", "flipped decisions", "gates failed")]
    for way, row in result.candidate.bundle.evaluation["quantisation"].items():
        flipped = f"{row['flipped']} of {row['rows']:,}"
        kilobytes = f"{row['bytes'] / 1000:.0f}"
        losers = ", ".join(row["failed_gates"]) or "none"
        rows.append((way, kilobytes, f"{row['auc']:.4f}", f"{row['max_abs_delta']:.1e}", flipped, losers))
    return rows


def _latency(result: RunResult) -> list[Row]:
    batches = sorted({row.batch for row in result.latency})
    rows: list[Row] = [("", *(f"batch {batch}" for batch in batches), "speed-up")]
    for runtime in dict.fromkeys(row.runtime for row in result.latency):
        mine = [row for row in result.latency if row.runtime == runtime]
        speeds = " / ".join(f"{row.speed_up:.1f}" for row in mine)
        rows.append((runtime, *(f"{row.p50_us:.0f} / {row.p99_us:.0f}" for row in mine), speeds))
    return rows
