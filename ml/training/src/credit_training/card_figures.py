"""The aggregates that the cards show: one committed JSON per dataset, so that a card can be checked without data.

Taken from a bundle, from a cross-validation and from prepared data; each replaces its own part and says what it comes
from: model digest and commit, commit, or the data's hashes. Never a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from credit_contract.bundle import Bundle
from credit_contract.digest import readable_json
from credit_training.errors import CardError
from credit_training.evaluation import Figures
from credit_training.files import write_whole
from credit_training.origin import commit
from credit_training.prepare import Prepared
from credit_training.typed import HOLDOUT, TARGET

FOLDER = Path("docs/figures")
ALGORITHMS = ("logistic", "boosting", "network")
QUALITY = (
    "auc",
    "auc_low",
    "auc_high",
    "gini",
    "ks",
    "pr_auc",
    "brier",
    "log_loss",
    "ece",
    "calibration_slope",
    "calibration_intercept",
)
DIGITS = 4


def check_root(root: Path) -> None:
    """Raises CardError where figures cannot be kept; to be asked before long work whose figures shall be."""
    if not (root / FOLDER).is_dir():
        raise CardError(f"{root.resolve()} has no {FOLDER}; run this in the repository's root")


def keep_model(bundle: Bundle, root: Path) -> Path:
    """The part `model`: what the bundle's evaluation says about the network and its rivals."""
    evaluation, dataset = bundle.evaluation, bundle.manifest.dataset
    network = evaluation["network"]
    part = {
        "model_digest": bundle.digest,
        "commit": bundle.manifest.commit,
        "version": dataset.version,
        "rows": network["rows"],
        "bad_rate": network["bad_rate"],
        "quality": {
            name: {figure: evaluation[name][figure] for figure in QUALITY} for name in ALGORITHMS if name in evaluation
        },
        "cut_off": network["cut_off"],
        "decisions": network["decisions"],
        "score_psi": network["stability"]["score_psi"],
        "gains": network["gains"],
        "fairness": network["fairness"],
        "quantisation": evaluation["quantisation"],
        "proof": {
            "parity_rows": evaluation["parity"]["rows"],
            "batch_invariant": evaluation["batch_invariant"],
            "monotone_violations": evaluation["monotone"]["violations"],
            "model_bytes": evaluation["sizes"]["model_bytes"],
        },
    }
    return _keep(root, dataset.name, "model", part)


def keep_cross_validation(
    dataset: str, version: str, found: Mapping[str, Figures], root: Path, leaks: Sequence[str] = ()
) -> Path:
    """The part `cross_validation`, as `cross_validate` gave it for each algorithm; with leaks kept, the part `leak`."""
    part = {"commit": commit(), "version": version, "algorithms": dict(found)}
    return (
        _keep(root, dataset, "leak", {**part, "leaks": leaks})
        if leaks
        else _keep(root, dataset, "cross_validation", part)
    )


def keep_data(versions: Iterable[Prepared], root: Path) -> Path:
    """The part `data`: size, bad rate, hold-out and hashes of each version of one dataset."""
    every = list(versions)
    part = {}
    for one in every:
        target, held = one.frame[TARGET], one.frame[HOLDOUT]
        part[one.version] = {
            "rows": len(one.frame),
            "bad_rate": float(target.mean()),
            "holdout_rows": int(held.sum()),
            "holdout_bad_rate": float(target[held].mean()),
            "sha256": one.sha256,
            "holdout_sha256": one.holdout_sha256,
        }
    return _keep(root, every[0].spec.name, "data", part)


def read_figures(dataset: str, root: Path) -> dict[str, Any]:
    """All parts that are kept for a dataset.

    Raises:
        CardError: nothing is kept, or the file is damaged.
    """
    path = root / FOLDER / f"{dataset}.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(
            f"{path}: {error.strerror}; keep a bundle's figures first: credit-train cards --bundle BUNDLE"
        ) from None
    except json.JSONDecodeError as error:
        raise CardError(f"{path}: not JSON: {error}") from None
    return document


def _keep(root: Path, dataset: str, part: str, content: Mapping[str, Any]) -> Path:
    check_root(root)
    path = root / FOLDER / f"{dataset}.json"
    document = read_figures(dataset, root) if path.is_file() else {}
    return write_whole(path, readable_json({**document, part: _short(content)}).encode(), "make it writable")


def _short(value: Any) -> Any:
    """Four decimals: more is noise in a card, and a difference in every regeneration."""
    if isinstance(value, Mapping):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value
