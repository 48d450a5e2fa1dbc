"""The card of one bundle, as Markdown, from the bundle's own files: what a reader must know before relying on it.

Says only what the bundle can prove. The cards of the repository, which tell a dataset's story, are written by people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from credit_contract.bundle import Bundle

MEASURES = {"auc": "AUC", "gini": "Gini", "ks": "KS", "brier": "Brier score", "ece": "calibration error (ECE)"}


def card(bundle: Bundle, tag: str) -> str:
    """Markdown; the sections of a measure that the bundle does not have are left out."""
    manifest, policy = bundle.manifest, bundle.policy
    dataset = manifest.dataset
    fields = ([field.name, field.kind, field.role, field.meaning] for field in bundle.schema.fields)
    parts = [
        f"# {dataset.name} {dataset.version}, {tag}",
        f"Model `{bundle.digest}`, trained from commit `{manifest.commit}` on data `{dataset.sha256}`.",
        "## Use",
        f"Scores applicants of the dataset {dataset.name} by policy {policy.version}: approved below a PD of "
        f"{policy.approve_below:.2%}, declined from {policy.decline_from:.2%}, referred to a person between.",
        *_quality(bundle.evaluation.get("network", {})),
        "## Fields",
        _table(["field", "kind", "role", "meaning"], fields),
        "Only fields of the role `used` are scored; protected ones may come along for monitoring, and stay apart.",
        "## Limits",
        "Values outside a field's plausible range are refused, not scored. The figures above are of the hold-out named "
        "in the manifest; they say nothing of applicants unlike those.",
    ]
    return "\n\n".join(parts) + "\n"


def _quality(measured: dict[str, Any]) -> list[str]:
    rows = [[text, f"{measured[name]:.4f}"] for name, text in MEASURES.items() if name in measured]
    return ["## Quality on the hold-out", _table(["measure", "value"], rows)] if rows else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
