"""The same figures by group of a protected attribute, and the ratios that regulators and courts look at.

Approval is the favourable outcome. Groups are text; small groups are named, not judged.
Does not know which attribute it is, nor that a ratio is unlawful: it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract import metrics
from credit_contract.errors import MetricError

SMALLEST_GROUP = 100


def by_group(
    group: npt.ArrayLike,
    target: npt.ArrayLike,
    pd: npt.ArrayLike,
    approve_below: float,
    weight: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Approval and quality by group, for one attribute.

    Returns:
        `groups`: by name count, approval_rate, approval_rate_good (share of the good who are approved), bad_rate,
        mean_pd, auc, quality (what `metrics.summary` gives), confusion where who is not approved is called bad (all
        three None with one class only), judged (at least 100 applicants).
        `adverse_impact_ratio`: lowest approval rate over highest, judged groups only (29 CFR 1607.4(D) compares
        it with 0.8); `equal_opportunity_difference`: highest minus lowest approval_rate_good (Hardt et al. 2016).
        Both are None with fewer than two judged groups.
    """
    bad, scores, weights = metrics.checked(target, pd, weight)
    names = np.asarray(group).astype(str)
    if len(names) != len(bad):
        raise MetricError(f"lengths differ: group {len(names)}, target {len(bad)}")
    groups = {str(name): _one(names == name, bad, scores, weights, approve_below) for name in np.unique(names)}
    judged = [figures for figures in groups.values() if figures["judged"]]
    rates = [figures["approval_rate"] for figures in judged]
    good_rates = [f["approval_rate_good"] for f in judged if f["approval_rate_good"] is not None]
    return {
        "groups": groups,
        "adverse_impact_ratio": min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else None,
        "equal_opportunity_difference": max(good_rates) - min(good_rates) if len(good_rates) > 1 else None,
    }


def over_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What `by_group` found of each attribute, and the worst over them: lowest ratio, largest difference.

    The worst of a kind is None where no attribute has two judged groups.
    """
    ratios = [found["adverse_impact_ratio"] for found in attributes.values()]
    differences = [found["equal_opportunity_difference"] for found in attributes.values()]
    return {
        "adverse_impact_ratio": min((ratio for ratio in ratios if ratio is not None), default=None),
        "equal_opportunity_difference": max((d for d in differences if d is not None), default=None),
        "attributes": dict(attributes),
    }


def _one(
    rows: npt.NDArray[np.bool_],
    bad: metrics.Array,
    scores: metrics.Array,
    weights: metrics.Array,
    approve_below: float,
) -> dict[str, Any]:
    bad, scores, weights = bad[rows], scores[rows], weights[rows]
    approved, good = scores < approve_below, bad == 0
    both = good.any() and not good.all()
    quality = metrics.summary(bad, scores, weights) if both else None
    return {
        "count": len(bad),
        "approval_rate": float(np.average(approved, weights=weights)),
        "approval_rate_good": float(np.average(approved[good], weights=weights[good])) if good.any() else None,
        "bad_rate": float(np.average(bad, weights=weights)),
        "mean_pd": float(np.average(scores, weights=weights)),
        "auc": quality["auc"] if quality else None,
        "quality": quality,
        "confusion": metrics.confusion(bad, scores, approve_below, weights) if both else None,
        "judged": len(bad) >= SMALLEST_GROUP,
    }
