"""The cards: prose by hand, figures between `<!-- figures:DATASET.BLOCK -->` and `<!-- /figures -->` by this module.

Reads the committed aggregates and the datasets' YAML, never data. A card that differs from them is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from credit_training.card_figures import ALGORITHMS, read_figures
from credit_training.dataset import DatasetSpec, load_dataset
from credit_training.errors import CardError
from credit_training.files import write_whole

CARDS = ("MODEL_CARD.md", "DATASET_CARD.md", "README.md")
MARKED = re.compile(r"<!-- figures:(\w+)\.(\w+) -->\n.*?<!-- /figures -->", re.DOTALL)
Document = dict[str, Any]


def refresh(check: bool, root: Path = Path()) -> int:
    """Renew the figures of both cards and of README.md; with `check`, change nothing and give 1 when one is stale.

    Raises:
        CardError: no card at `root`, a marker that nobody knows, or figures that nobody kept.
    """
    stale = []
    for name in CARDS:
        path = root / name
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise CardError(f"{path}: {error.strerror}; run this in the repository's root") from None
        renewed = _renewed(name, text, root)
        if renewed == text:
            continue
        stale.append(name)
        if not check:
            write_whole(path, renewed.encode(), "make it writable")
    if check and stale:
        print(f"stale: {', '.join(stale)}; run credit-train cards", file=sys.stderr)
        return 1
    return 0


def _renewed(card: str, text: str, root: Path) -> str:
    if text.count("<!-- figures:") != len(MARKED.findall(text)) or text.count("<!-- /figures") != text.count(
        "<!-- figures:"
    ):
        raise CardError(f"{card}: a marker is not of the form <!-- figures:DATASET.BLOCK --> … <!-- /figures -->")

    def block(found: re.Match[str]) -> str:
        dataset, name = found.groups()
        if name not in BLOCKS:
            raise CardError(f"{card}: figures:{dataset}.{name}: no such block; there are {', '.join(BLOCKS)}")
        try:
            content = BLOCKS[name](load_dataset(dataset), read_figures(dataset, root))
        except KeyError as error:
            raise CardError(f"{card}: figures:{dataset}.{name}: {error} was not kept for {dataset}") from None
        return f"<!-- figures:{dataset}.{name} -->\n{content}\n<!-- /figures -->"

    return MARKED.sub(block, text)


def _table(head: list[str], rows: list[list[str]]) -> str:
    ruler = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in [head, ruler, *rows])


def _cell(text: str) -> str:
    """Text that stays inside its cell and is no markup."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _ordered(by_algorithm: Document) -> list[tuple[str, Any]]:
    return [(name, by_algorithm[name]) for name in ALGORITHMS if name in by_algorithm]


def _origin(part: Document) -> str:
    """The model and the commit of these figures; nothing of figures that were kept before both were."""
    named = {"model": part.get("model_digest", "")[:16], "commit": part.get("commit")}
    said = [f"{what} `{name}`" for what, name in named.items() if name]
    return f" From {', '.join(said)}." if said else ""


def _quality(_: DatasetSpec, document: Document) -> str:
    model = document["model"]
    rows = [
        [
            name,
            f"{found['auc']:.4f} ({found['auc_low']:.3f} to {found['auc_high']:.3f})",
            *(f"{found[figure]:.4f}" for figure in ("gini", "ks", "brier", "log_loss", "ece")),
            _number(found["calibration_slope"]),
        ]
        for name, found in _ordered(model["quality"])
    ]
    head = ["algorithm", "AUC (95 %)", "Gini", "KS", "Brier", "log-loss", "ECE", "slope"]
    intro = f"Hold-out of {model['version']}: {model['rows']:,} applicants, {_percent(model['bad_rate'])} bad."
    return f"{intro}{_origin(model)}\n\n{_table(head, rows)}"


def _cross_validation(_: DatasetSpec, document: Document) -> str:
    if "cross_validation" not in document:
        return "Not cross-validated."
    kept = document["cross_validation"]
    rows = [
        [
            name,
            f"{found['mean']['auc']:.4f} ± {found['deviation']['auc']:.4f}",
            *(f"{found['mean'][figure]:.4f}" for figure in ("ks", "brier", "log_loss", "ece")),
            f"{found['pooled']['ece']:.4f}",
        ]
        for name, found in _ordered(kept["algorithms"])
    ]
    folds = next(iter(kept["algorithms"].values()))
    times = f"{folds['repeats']} × {folds['folds']} folds"
    intro = (
        f"Cross-validation on all rows of {kept['version']}, {times}; ± is the deviation between folds. The ECE of one "
        "fold is larger by chance than that of all rows pooled."
    )
    head = ["algorithm", "AUC", "KS", "Brier", "log-loss", "ECE, mean of folds", "ECE, pooled"]
    return f"{intro}{_origin(kept)}\n\n{_table(head, rows)}"


def _leak(_: DatasetSpec, document: Document) -> str:
    kept = document["leak"]
    rows = [
        [name, *(f"{found['mean'][figure]:.3f}" for figure in ("auc", "recall", "precision", "f1"))]
        for name, found in _ordered(kept["algorithms"])
    ]
    intro = (
        f"**With the leak `{'`, `'.join(kept['leaks'])}`**, cross-validated on all rows of {kept['version']}; bad is "
        "called from the PD on that had the best F1 on the other folds."
    )
    return f"{intro}{_origin(kept)}\n\n{_table(['algorithm', 'AUC', 'recall', 'precision', 'F1'], rows)}"


def _decisions(_: DatasetSpec, document: Document) -> str:
    model = document["model"]
    found, shares = model["cut_off"], model["decisions"]
    rows = [
        [
            row["band"], f"{_percent(row['pd_from'])} to {_percent(row['pd_to'])}", f"{row['count']:,.0f}",
            _percent(row["mean_pd"]), _percent(row["bad_rate"]), _percent(row["cumulative_bad_share"]),
        ]
        for row in model["gains"]
    ]  # fmt: skip
    return (
        f"Approved {_percent(shares['approve'])}, referred {_percent(shares['refer'])}, declined "
        f"{_percent(shares['decline'])}. Called bad from a PD of {_percent(found['pd'])} on: accuracy "
        f"{_number(found['accuracy'])}, precision {_number(found['precision'])}, recall {_number(found['recall'])}, "
        f"F1 {_number(found['f1'])}. Score PSI train to hold-out: {_number(model['score_psi'])}.\n\n"
        + _table(["band", "PD", "applicants", "mean PD", "bad rate", "of the bad, so far"], rows)
    )


def _fairness(_: DatasetSpec, document: Document) -> str:
    rows = [
        [
            attribute, group if found["judged"] else f"{group} (too few to judge)", f"{found['count']:,}",
            *(_percent(found[name]) for name in ("approval_rate", "approval_rate_good", "bad_rate", "mean_pd")),
            _number(whole["adverse_impact_ratio"]), _number(whole["equal_opportunity_difference"]),
        ]
        for attribute, whole in document["model"]["fairness"]["attributes"].items()
        for group, found in whole["groups"].items()
    ]  # fmt: skip
    head = [
        "attribute", "group", "applicants", "approved", "approved of the good", "bad rate", "mean PD",
        "adverse-impact ratio", "equal-opportunity difference",
    ]  # fmt: skip
    return _table(head, rows) if rows else "This dataset has no protected attribute."


def _proof(_: DatasetSpec, document: Document) -> str:
    model = document["model"]
    proof = model["proof"]
    rows = [
        [
            way, f"{tried['bytes']:,}", _number(tried["max_abs_delta"], 4),
            f"{tried['flipped']:,} of {tried['rows']:,}", f"{tried['auc']:.4f}",
            ", ".join(f"`{gate}`" for gate in tried["failed_gates"]) or "none",
        ]
        for way, tried in sorted(model["quantisation"].items(), key=lambda entry: entry[0] != "fp32")
    ]  # fmt: skip
    return (
        f"Torch and ONNX Runtime were compared on {proof['parity_rows']:,} applicants (the gate allows 1e-6); one "
        f"applicant has one PD in every batch: {'yes' if proof['batch_invariant'] else 'no'}; violations of a monotone "
        f"direction: {proof['monotone_violations']}, beyond steps back of 5e-7, the rounding of float32 sums, which no "
        f"sign of a weight rules out; size of the graph: {proof['model_bytes'] / 1000:.0f} kB.\n\n"
        + _table(["graph", "bytes", "largest PD difference", "decisions flipped", "AUC", "gates failed"], rows)
    )


def _versions(spec: DatasetSpec, document: Document) -> str:
    rows = [
        [
            name, spec.versions[name].summary, f"{found['rows']:,}", _percent(found["bad_rate"]),
            f"{found['holdout_rows']:,}", _percent(found["holdout_bad_rate"]), f"`{found['sha256'][:16]}`",
            f"`{found['holdout_sha256'][:16]}`",
        ]
        for name, found in document["data"].items()
    ]  # fmt: skip
    head = ["version", "what", "rows", "bad", "held out", "bad there", "sha256", "hold-out sha256"]
    return _table(head, rows)


def _fields(spec: DatasetSpec, _: Document) -> str:
    rows = []
    for field in spec.columns(list(spec.versions)[-1]):
        direction = {None: "", "increasing": "PD grows", "decreasing": "PD falls"}[field.monotone]
        since = "" if field.monotone_from is None else f" from {field.monotone_from:g}"
        low, high = (None, None) if field.kind == "category" else field.bounds
        span = f"{len(field.categories)} categories" if low is None else f"{low:,.10g} to {high:,.10g}"
        what = field.meaning + (f" ({field.unit})" if field.unit else "")
        rows.append([f"`{field.name}`", field.role, what, span, direction + since])
    ruled = _table(["field", "role", "meaning", "plausible", "direction"], rows)
    return ruled.replace("---:", "---")


BLOCKS: dict[str, Callable[[DatasetSpec, Document], str]] = {
    "quality": _quality,
    "cross_validation": _cross_validation,
    "leak": _leak,
    "decisions": _decisions,
    "fairness": _fairness,
    "proof": _proof,
    "versions": _versions,
    "fields": _fields,
}
