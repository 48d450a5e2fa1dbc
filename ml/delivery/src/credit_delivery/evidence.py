"""The evidence of a promotion: champion against challenger on the hold-out, computed anew each time it is asked for.

Scores with the very code that serves, so that PDs and reasons are those an applicant would get. Does not know git,
and does not decide: gates and people do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract import fairness, metrics
from credit_contract.applicant import Encoded
from credit_contract.bundle import Bundle
from credit_contract.gates import Gate, GateResult, evaluate
from credit_contract.policy import DECISIONS
from credit_delivery.errors import EvidenceError
from credit_delivery.holdout import Holdout, Mask
from credit_delivery.intervals import estimates
from credit_delivery.swap_set import Decided, swap_set
from scoring_api.model import ServedModel
from scoring_api.reasons import Explainer

DECLINED = DECISIONS.index("decline")
DECIMALS = 6
TOLERANCE = 2e-6
"""What another processor may make of the last decimal."""

Array = npt.NDArray[np.float64]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """One model on the compared applicants: its PDs, decisions, and reasons of those whom it declines (by row)."""

    model: ServedModel
    decided: Decided
    reasons: dict[int, list[str]]


def evidence(
    challenger: ServedModel, champion: ServedModel | str, holdout: Holdout, gates: tuple[Gate, ...]
) -> Document:
    """Everything that an approver needs, as plain numbers to six decimals; `champion` may be why there is none.

    Keys: challenger, champion (None without one), no_comparison (why not, or None), dataset, rows, rows_left_out,
    metrics (by side and `difference`, each with interval), decisions, swap_set, approval, reasons, gates.
    docs/promotion.md says how to read them.

    Raises:
        EvidenceError: the challenger does not take every applicant of the hold-out that it was made for.
    """
    applicants, taken = holdout.encode(challenger.bundle.schema)
    if not taken.all():
        raise EvidenceError(f"{challenger.tag} refuses {int((~taken).sum())} applicants of its own hold-out")
    other, compared, why_not = _champions_view(champion, holdout)
    sides = {}
    if isinstance(champion, ServedModel) and other is not None:
        sides["champion"] = _side(champion, other[compared])
    sides["challenger"] = _side(challenger, applicants[compared])
    target = holdout.target[compared].astype(np.float64)
    weight = holdout.weight[compared]
    groups = {name: group[compared] for name, group in sorted(holdout.groups.items())}
    measured = estimates(target, {name: side.decided.pd for name, side in sides.items()}, weight)
    document: Document = {
        "challenger": named(challenger),
        "champion": named(champion) if isinstance(champion, ServedModel) else None,
        "no_comparison": why_not,
        "dataset": {**holdout.dataset.model_dump(), "bad_rate": float(np.average(target, weights=weight))},
        "rows": int(compared.sum()),
        "rows_left_out": int((~compared).sum()),
        "metrics": {name: {k: e.model_dump() for k, e in figures.items()} for name, figures in measured.items()},
        "decisions": {name: _shares(side, weight) for name, side in sides.items()},
        "approval": {name: _approval(sides, group, target, weight) for name, group in groups.items()},
        "swap_set": [],
        "reasons": None,
        "gates": [result.model_dump() for result in judged(sides, target, weight, groups, gates)],
    }
    if "champion" in sides:
        loss = _loss(challenger.bundle, holdout)[compared]
        before, after = sides["champion"].decided, sides["challenger"].decided
        document["swap_set"] = swap_set(before, after, holdout.target[compared], loss, weight)
        document["reasons"] = _reason_changes(sides["champion"], sides["challenger"])
    rounded: Document = _rounded(document)
    return rounded


def differences(promised: Any, found: Any, path: str = "") -> list[str]:
    """Where a recomputed document is not the one that was handed in: dotted paths, empty when they agree."""
    if isinstance(promised, Mapping) and isinstance(found, Mapping):
        keys = sorted(promised.keys() | found.keys())
        return [p for k in keys for p in differences(promised.get(k), found.get(k), f"{path}.{k}".lstrip("."))]
    if isinstance(promised, list) and isinstance(found, list) and len(promised) == len(found):
        pairs = enumerate(zip(promised, found, strict=True))
        return [p for i, (a, b) in pairs for p in differences(a, b, f"{path}[{i}]")]
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (promised, found))
    same = math.isclose(promised, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if numbers else promised == found
    return [] if same else [path]


def named(model: ServedModel) -> Document:
    """A model by everything that names it."""
    bundle = model.bundle
    return {"tag": model.tag, "model_digest": bundle.digest, "policy_digest": bundle.policy_digest}


def judged(
    sides: Mapping[str, Side],
    target: Array,
    weight: Array,
    groups: Mapping[str, npt.NDArray[np.str_]],
    gates: tuple[Gate, ...],
) -> list[GateResult]:
    """The gates again: figures of the hold-out computed here, the rest (parity, sizes …) from the verified bundle."""
    bundle = sides["challenger"].model.bundle
    size = sum(path.stat().st_size for path in bundle.path.iterdir())
    figures = {**bundle.evaluation, "sizes": {**bundle.evaluation.get("sizes", {}), "bundle_bytes": size}}
    figures["network"] = _figures(sides["challenger"], target, weight, groups)
    if "champion" in sides:
        figures["champion"] = _figures(sides["champion"], target, weight, groups)
    return evaluate(gates, figures)


def _champions_view(champion: ServedModel | str, holdout: Holdout) -> tuple[Encoded | None, Mask, str | None]:
    """The applicants as the champion reads them, whom to compare on, and why there is nothing to compare."""
    everybody = np.ones(len(holdout), dtype=np.bool_)
    if isinstance(champion, str):
        return None, everybody, champion
    try:
        encoded, taken = holdout.encode(champion.bundle.schema)
    except EvidenceError as error:
        return None, everybody, f"champion {champion.tag} cannot read these applicants: {error}"
    if not taken.any():
        return None, everybody, f"champion {champion.tag} takes none of these applicants"
    return encoded, taken, None


def _side(model: ServedModel, applicants: Encoded) -> Side:
    decided = Decided.by(model.bundle.policy, model.pd(applicants).astype(np.float64))
    declined = np.flatnonzero(decided.decision == DECLINED)
    told = Explainer(model).reasons(applicants[declined])
    reasons = {int(row): [reason.field for reason in why] for row, why in zip(declined, told, strict=True)}
    return Side(model, decided, reasons)


def _figures(side: Side, target: Array, weight: Array, groups: Mapping[str, npt.NDArray[np.str_]]) -> Document:
    pd, policy = side.decided.pd, side.model.bundle.policy
    slope, intercept = metrics.calibration_line(target, pd, weight)
    attributes = {
        name: fairness.by_group(group, target, pd, policy.approve_below, weight) for name, group in groups.items()
    }
    return {
        **side.model.bundle.evaluation.get("network", {}),
        "rows": len(pd),
        **metrics.summary(target, pd, weight),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "fairness": fairness.over_attributes(attributes),
    }


def _shares(side: Side, weight: Array) -> dict[str, float]:
    counts = np.bincount(side.decided.decision, weight, len(DECISIONS))
    return dict(zip(DECISIONS, (counts / counts.sum()).tolist(), strict=True))


def _approval(sides: Mapping[str, Side], group: npt.NDArray[np.str_], target: Array, weight: Array) -> Document:
    """Approval rate by group of one protected attribute, and the adverse-impact ratio, for each side."""
    found = {
        name: fairness.by_group(group, target, side.decided.pd, side.model.bundle.policy.approve_below, weight)
        for name, side in sides.items()
    }
    groups = {
        member: {"count": figures["count"], **{name: f["groups"][member]["approval_rate"] for name, f in found.items()}}
        for member, figures in found["challenger"]["groups"].items()
    }
    return {"groups": groups, "adverse_impact_ratio": {name: f["adverse_impact_ratio"] for name, f in found.items()}}


def _reason_changes(champion: Side, challenger: Side) -> Document:
    """Among those whom both decline, whether they would be told the same; by field, how many are told it."""
    both = sorted(champion.reasons.keys() & challenger.reasons.keys())
    pairs = [(champion.reasons[row], challenger.reasons[row]) for row in both]
    told = {
        name: Counter(field for reasons in side.reasons.values() for field in reasons)
        for name, side in (("champion", champion), ("challenger", challenger))
    }
    fields = sorted(told["champion"] | told["challenger"])
    return {
        "declined_by_both": len(both),
        "same_principal_reason": sum(a[:1] == b[:1] for a, b in pairs) / len(pairs) if pairs else None,
        "same_reasons": sum(set(a) == set(b) for a, b in pairs) / len(pairs) if pairs else None,
        "fields": {field: {name: counts[field] for name, counts in told.items()} for field in fields},
    }


def _loss(bundle: Bundle, holdout: Holdout) -> Array:
    """Exposure times loss given default; without an exposure field each applicant counts as one, unknown ones as 0."""
    field = bundle.policy.exposure_field
    exposure = np.ones(len(holdout)) if field is None else np.nan_to_num(holdout.numbers[field])
    return exposure * bundle.policy.loss_given_default


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    # Adding 0 turns -0.0, which another machine may round to 0.0, into it.
    return round(value, DECIMALS) + 0.0 if isinstance(value, float) else value
