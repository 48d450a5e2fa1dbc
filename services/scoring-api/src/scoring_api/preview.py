"""How a score would move: one applicant now, and the same applicant at other values of one field.

Decides nothing: no record, no count, no reasons. Does not know HTTP or the journal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from credit_contract.applicant import encode
from credit_contract.baseline import Baseline
from credit_contract.bundle import Bundle
from credit_contract.policy import DECISIONS
from credit_contract.schema import Field
from scoring_api import scoring
from scoring_api.model import ServedModel

POINTS = 60
EXAMPLES = 3
TIDY = (1, 2, 5, 10)

Told = dict[str, Any]


def preview(model: ServedModel, applicant: Mapping[str, Any], field: Field | None) -> Told:
    """What the applicant would get, and along `field`, if one is named, at each of its `values`."""
    policy = model.bundle.policy
    told: Told = {
        "recorded": False,
        "model_tag": model.tag,
        "model_digest": model.bundle.digest,
        "policy_version": policy.version,
        "cut_offs": {"approve": policy.score(policy.approve_below), "decline": policy.score(policy.decline_from)},
    }
    if field is None:
        return {**told, **_outlooks(model, [applicant])[0], "curve": None}
    along = values(field, model.bundle.baseline, applicant[field.name])
    now, *moved = _outlooks(model, [applicant, *({**applicant, field.name: value} for value in along)])
    points = [{"value": value, **outlook} for value, outlook in zip(along, moved, strict=True)]
    return {**told, **now, "curve": {"field": field.name, "points": points}}


def values(field: Field, baseline: Baseline, own: float | None) -> list[Any]:
    """The values to try: missing where allowed, then every category, or some sixty tidy numbers where people are.

    A number's plausible range may be a thousand times as wide as what occurs, so the curve goes one spread of the
    baseline beyond its deciles, or as far as the applicant's `own` value.
    """
    missing = [None] if field.optional else []
    if field.kind == "category":
        return [*missing, *field.categories]
    low, high = field.bounds
    edges = baseline.numbers[field.name].edges
    if edges and not (field.kind == "integer" and high - low <= POINTS):
        spread = edges[-1] - edges[0] or abs(edges[0]) or 1.0
        low, high = max(low, edges[0] - spread), min(high, edges[-1] + spread)
    known = [] if own is None else [own]
    return [*missing, *sorted({*_tidy(min([low, *known]), max([high, *known]), field.kind == "integer"), *known})]


def _tidy(low: float, high: float, whole: bool) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most POINTS and one."""
    least = (high - low) / POINTS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in TIDY if power * factor >= least)
    step = max(step, 1.0) if whole else step
    multiples = [float(f"{n * step:.12g}") for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [int(value) for value in multiples] if whole else multiples


def _outlooks(model: ServedModel, applicants: list[Mapping[str, Any]]) -> list[Told]:
    scores = scoring.score(model, encode(model.bundle.schema, applicants))
    told = zip(scores.pd, scores.score, scores.decision, scores.band, strict=True)
    return [{"pd": pd, "score": score, "would_be": decision, "band": band} for pd, score, decision, band in told]


def examples(bundle: Bundle) -> list[Told]:
    """Golden applicants from the lowest PD up, at most EXAMPLES of each decision: mixed ones where there are any."""
    golden, reference = bundle.golden, bundle.baseline.reference_applicant
    people = sorted(zip(golden.pd, golden.applicants, strict=True), key=lambda person: person[0])
    # The others differ from the reference applicant in one field, which stands at an end of its range.
    mixed = [(pd, person) for pd, person in people if sum(person[name] != reference[name] for name in person) > 1]
    shown: list[Told] = []
    for decision in DECISIONS:
        group = [(pd, person) for pd, person in mixed or people if bundle.policy.decide(pd) == decision]
        places = sorted({round(place) for place in np.linspace(0, len(group) - 1, EXAMPLES)}) if group else []
        shown += [_example(bundle, *group[place]) for place in places]
    return shown


def _example(bundle: Bundle, pd: float, applicant: Mapping[str, Any]) -> Told:
    policy = bundle.policy
    return {
        "pd": pd,
        "score": policy.score(pd),
        "would_be": policy.decide(pd),
        "band": policy.band(pd),
        "applicant": in_short(applicant),
    }


def in_short(applicant: Mapping[str, Any]) -> Told:
    """Floats by the fewest digits that the graph, which reads float32, cannot tell from them."""
    return {
        name: float(str(np.float32(value))) if isinstance(value, float) else value for name, value in applicant.items()
    }
