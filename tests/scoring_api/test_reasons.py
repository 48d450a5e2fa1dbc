"""Adverse-action reasons: additive, of the right sign, the same alone and among others, only for scored fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from credit_contract.applicant import encode
from credit_contract.bundle import Bundle
from scoring_api import model
from scoring_api.model import ServedModel
from scoring_api.reasons import MOST, Explainer

from .toy import BAD, GOOD, POLICY, SCHEMA

PERSON = st.fixed_dictionaries(
    {
        "late_payments": st.integers(0, 12),
        "income": st.one_of(st.none(), st.floats(0, 1000, width=32)),
        "utilisation": st.floats(-1, 5, width=32),
        "housing": st.sampled_from(["rent", "own", "free", None]),
        "status": st.sampled_from([1, 2]),
    }
)


@pytest.fixture(scope="module")
def served(bundle: Bundle) -> ServedModel:
    return model.load(bundle.path, "toy")


@pytest.fixture(scope="module")
def explainer(served: ServedModel) -> Explainer:
    return Explainer(served)


def pd_of(served: ServedModel, people: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return served.pd(encode(SCHEMA, people)).astype(np.float64)


@given(people=st.lists(PERSON, min_size=1, max_size=40))
def test_contributions_sum_to_the_difference_from_the_reference(
    served: ServedModel, explainer: Explainer, people: list[dict[str, Any]]
) -> None:
    reference = pd_of(served, [served.bundle.baseline.reference_applicant])
    shares = explainer.contributions(encode(SCHEMA, people)).shares
    np.testing.assert_allclose(shares.sum(axis=1), pd_of(served, people) - reference, atol=1e-6)


@given(person=PERSON)
def test_each_reason_would_lower_the_pd_if_it_alone_were_as_the_reference(
    served: ServedModel, explainer: Explainer, person: dict[str, Any]
) -> None:
    reference = served.bundle.baseline.reference_applicant
    (reasons,) = explainer.reasons(encode(SCHEMA, [person]))
    assert len(reasons) <= MOST
    assert [r.contribution for r in reasons] == sorted((r.contribution for r in reasons), reverse=True)
    for reason in reasons:
        moved = {**person, reason.field: reference[reason.field]}
        assert pd_of(served, [moved])[0] < pd_of(served, [person])[0]
        assert reason.text == served.bundle.policy.reasons[reason.field]


@given(people=st.lists(PERSON, min_size=2, max_size=40), at=st.integers(0, 39))
def test_reasons_are_the_same_alone_and_among_others(
    explainer: Explainer, people: list[dict[str, Any]], at: int
) -> None:
    person = people[at % len(people)]
    assert explainer.reasons(encode(SCHEMA, people))[at % len(people)] == explainer.reasons(encode(SCHEMA, [person]))[0]


def test_reasons_are_the_same_in_a_crowd_of_any_size(served: ServedModel, explainer: Explainer) -> None:
    people = [{**one, "income": float(n)} for n, one in enumerate([*served.bundle.golden.applicants] * 4)]
    alone = [explainer.reasons(encode(SCHEMA, [person]))[0] for person in people]
    assert explainer.reasons(encode(SCHEMA, people)) == alone


def test_reasons_are_those_that_were_told_before(explainer: Explainer) -> None:
    (reasons,) = explainer.reasons(encode(SCHEMA, [BAD]))
    told = {"late_payments": 0.450432, "income": 0.208327, "utilisation": 0.14619, "housing": 0.111003}
    assert {reason.field: reason.contribution for reason in reasons} == pytest.approx(told, abs=2e-6)
    assert [reason.field for reason in reasons] == list(told)


def test_the_reference_applicant_has_no_reasons(served: ServedModel, explainer: Explainer) -> None:
    assert explainer.reasons(encode(SCHEMA, [served.bundle.baseline.reference_applicant])) == [[]]


def test_reasons_are_those_of_the_exact_shapley_values(served: ServedModel, explainer: Explainer) -> None:
    people = [dict(one) for one in served.bundle.golden.applicants]
    declined = [one for one, pd in zip(people, pd_of(served, people), strict=True) if pd >= POLICY.approve_below]
    names = [field.name for field in SCHEMA.scored_fields]
    best = told = first = 0.0
    for person, reasons in zip(declined, explainer.reasons(encode(SCHEMA, declined)), strict=True):
        exact = dict(zip(names, exact_shapley(served, person), strict=True))
        fields = [reason.field for reason in reasons]
        first += exact[fields[0]] >= 0.95 * max(exact.values())
        told += sum(exact[field] for field in fields)
        best += sum(sorted(exact.values(), reverse=True)[: len(fields)])
    assert len(declined) >= 10
    assert first / len(declined) >= 0.9
    assert told / best >= 0.99


def test_what_is_good_about_an_applicant_is_no_reason(explainer: Explainer) -> None:
    (reasons,) = explainer.reasons(encode(SCHEMA, [{**GOOD, "late_payments": 9}]))
    assert [reason.field for reason in reasons] == ["late_payments"]


def exact_shapley(served: ServedModel, person: dict[str, Any]) -> list[float]:
    """By the definition, over all coalitions."""
    names = [field.name for field in SCHEMA.scored_fields]
    reference = served.bundle.baseline.reference_applicant
    coalitions = [{n for i, n in enumerate(names) if bits >> i & 1} for bits in range(2 ** len(names))]
    mixed = [{n: person[n] if n in kept else reference[n] for n in names} for kept in coalitions]
    worth = {frozenset(kept): pd for kept, pd in zip(coalitions, pd_of(served, mixed).tolist(), strict=True)}
    count = len(names)
    return [
        sum(
            (worth[frozenset(kept | {name})] - worth[frozenset(kept)])
            / (count * np.prod([(count - 1 - i) / (i + 1) for i in range(len(kept))]))
            for kept in coalitions
            if name not in kept
        )
        for name in names
    ]
