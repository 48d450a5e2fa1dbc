import json

import numpy as np
import pytest

from credit_contract import metrics
from credit_contract.gates import Gate
from credit_contract.policy import Policy
from credit_contract.schema import FeatureSchema, Field
from credit_delivery.errors import EvidenceError
from credit_delivery.evidence import differences, evidence
from credit_delivery.holdout import Holdout
from credit_delivery.swap_set import Decided, swap_set
from scoring_api.model import ServedModel, load

from .world import World


@pytest.fixture(scope="module")
def holdout(released: World) -> Holdout:
    return released.rebuild(released.dataset)


@pytest.fixture(scope="module")
def models(released: World) -> dict[str, ServedModel]:
    found = {name: load(released.root / "var/releases" / name, name) for name in ("a", "b", "c")}
    schema = found["a"].bundle.schema
    amount = schema["amount"].model_dump()
    tenure = Field.model_validate(amount | {"name": "tenure"})
    found["strange"] = load(released.bundle("strange", schema=schema_of([*schema.fields, tenure])), "strange")
    small = Field.model_validate(amount | {"maximum": 500})
    narrow = [small if field.name == "amount" else field for field in schema.fields]
    found["narrow"] = load(released.bundle("narrow", schema=schema_of(narrow)), "n")
    return found


def schema_of(fields: list[Field]) -> FeatureSchema:
    return FeatureSchema(dataset="lender", version="v1", fields=tuple(fields))


def pd_of(model: ServedModel, holdout: Holdout) -> np.ndarray:
    applicants, taken = holdout.encode(model.bundle.schema)
    assert taken.all()
    return model.pd(applicants).astype(np.float64)


def policy(approve_below: float = 0.2, decline_from: float = 0.5) -> Policy:
    return Policy.model_validate(
        {
            "version": "1",
            "base_score": 600,
            "base_odds": 20,
            "points_to_double": 40,
            "approve_below": approve_below,
            "decline_from": decline_from,
            "bands": [{"name": "A", "pd_below": 1}],
            "loss_given_default": 0.5,
            "reasons": {},
        }
    )


def test_the_swap_set_of_a_case_made_by_hand_is_exact() -> None:
    before = Decided.by(policy(), np.array([0.1, 0.1, 0.6, 0.3, 0.1, 0.7]))
    after = Decided.by(policy(), np.array([0.6, 0.1, 0.1, 0.1, 0.8, 0.9]))
    target = np.array([1, 0, 0, 1, 0, 1])
    loss = np.array([100.0, 1, 10, 20, 200, 1])
    weight = np.array([1.0, 1, 2, 1, 1, 4])
    rows = swap_set(before, after, target, loss, weight)
    assert [(row["from"], row["to"], row["count"]) for row in rows] == [
        ("approve", "decline", 2),
        ("refer", "approve", 1),
        ("decline", "approve", 1),
    ]
    declined, _, approved = rows
    assert declined["share"] == pytest.approx(2 / 10)
    assert declined["bad_rate"] == pytest.approx(1 / 2)
    assert declined["expected_loss_champion"] == pytest.approx(0.1 * 100 + 0.1 * 200)
    assert declined["expected_loss_challenger"] == pytest.approx(0.6 * 100 + 0.8 * 200)
    assert declined["realised_loss"] == pytest.approx(100)
    assert approved["share"] == pytest.approx(2 / 10)
    assert approved["expected_loss_champion"] == pytest.approx(2 * 10 * 0.6)
    assert approved["realised_loss"] == 0


def test_a_cut_off_that_moves_by_one_point_swaps_those_between() -> None:
    pd = np.array([0.19, 0.195, 0.2, 0.205, 0.21, 0.5])
    rows = swap_set(Decided.by(policy(), pd), Decided.by(policy(0.21), pd), np.zeros(6, int), np.ones(6), np.ones(6))
    assert [(row["from"], row["to"], row["count"]) for row in rows] == [("refer", "approve", 2)]


def test_the_same_model_swaps_nobody(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["a"], models["a"], holdout, ())
    assert found["swap_set"] == []
    assert found["reasons"]["same_reasons"] == found["reasons"]["same_principal_reason"] == 1
    assert {value for estimate in found["metrics"]["difference"].values() for value in estimate.values()} == {0}
    for groups in (attribute["groups"] for attribute in found["approval"].values()):
        assert all(group["champion"] == group["challenger"] for group in groups.values())


def test_metrics_are_those_of_the_hold_out(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["b"], models["a"], holdout, ())
    for side, name in (("champion", "a"), ("challenger", "b")):
        pd = pd_of(models[name], holdout)
        for figure, measured in metrics.summary(holdout.target, pd, holdout.weight).items():
            if figure in found["metrics"][side]:
                estimate = found["metrics"][side][figure]
                assert estimate["value"] == pytest.approx(measured, abs=1e-6)
                assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_the_swap_set_counts_the_decisions_that_differ(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["c"], models["a"], holdout, ())
    decided = [models[name].bundle.policy.decisions(pd_of(models[name], holdout)) for name in ("a", "c")]
    assert sum(row["count"] for row in found["swap_set"]) == int((decided[0] != decided[1]).sum()) > 0
    assert found["rows"] == len(holdout)
    assert found["rows_left_out"] == 0


def test_expected_loss_is_pd_times_exposure_times_loss_given_default(
    models: dict[str, ServedModel], holdout: Holdout
) -> None:
    found = evidence(models["c"], models["a"], holdout, ())
    before, after = (models[name].bundle.policy.decisions(pd_of(models[name], holdout)) for name in ("a", "c"))
    move = next(row for row in found["swap_set"] if (row["from"], row["to"]) == ("refer", "approve"))
    rows = (before == 1) & (after == 0)
    expected = (pd_of(models["c"], holdout) * holdout.numbers["amount"] * 0.5)[rows].sum()
    assert move["expected_loss_challenger"] == pytest.approx(expected, rel=1e-6)


def test_approval_by_group_is_of_the_protected_attribute(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["a"], "nothing yet", holdout, ())["approval"]["sex"]["groups"]
    pd = pd_of(models["a"], holdout)
    for name in ("female", "male"):
        members = holdout.groups["sex"] == name
        assert found[name]["count"] == members.sum()
        assert found[name]["challenger"] == pytest.approx((pd[members] < 0.3).mean(), abs=1e-6)


def test_gates_see_the_worst_of_the_groups_as_they_are_found_on_the_hold_out(
    models: dict[str, ServedModel], holdout: Holdout
) -> None:
    worst = "network.fairness.adverse_impact_ratio"
    found = evidence(models["a"], "nothing yet", holdout, (Gate(name="worst", figure=worst, minimum=0.99, why="w"),))
    (gate,) = found["gates"]
    assert gate["measured"] == found["approval"]["sex"]["adverse_impact_ratio"]["challenger"]
    assert gate["measured"] is not None


def test_reasons_are_counted_over_the_declined(models: dict[str, ServedModel], holdout: Holdout) -> None:
    reasons = evidence(models["c"], models["a"], holdout, ())["reasons"]
    declined = [pd_of(models[name], holdout) >= 0.6 for name in ("a", "c")]
    assert reasons["declined_by_both"] == (declined[0] & declined[1]).sum() > 0
    assert set(reasons["fields"]) <= {"income", "job"}
    assert reasons["fields"]["income"]["challenger"] <= declined[1].sum()


def test_computing_it_again_gives_the_same(models: dict[str, ServedModel], holdout: Holdout) -> None:
    first, again = (evidence(models["b"], models["a"], holdout, ()) for _ in range(2))
    assert first == again
    assert differences(json.loads(json.dumps(first)), again) == []


def test_without_a_champion_the_challenger_stands_alone(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["a"], "nothing is released in staging yet", holdout, ())
    assert found["champion"] is None
    assert found["no_comparison"] == "nothing is released in staging yet"
    assert list(found["metrics"]) == ["challenger"]


def test_a_champion_of_other_fields_is_named_and_not_compared(models: dict[str, ServedModel], holdout: Holdout) -> None:
    found = evidence(models["a"], models["strange"], holdout, ())
    assert "champion strange cannot read these applicants" in found["no_comparison"]
    assert "has no number tenure" in found["no_comparison"]
    assert found["champion"]["tag"] == "strange"
    assert found["swap_set"] == []


def test_applicants_whom_the_champion_refuses_are_left_out_and_counted(
    models: dict[str, ServedModel], holdout: Holdout
) -> None:
    refused = int((holdout.numbers["amount"] > 500).sum())
    found = evidence(models["a"], models["narrow"], holdout, ())
    assert found["rows_left_out"] == refused > 0
    assert found["rows"] == len(holdout) - refused
    with pytest.raises(EvidenceError, match=f"n refuses {refused} applicants of its own hold-out"):
        evidence(models["narrow"], models["a"], holdout, ())


def test_every_changed_number_is_named() -> None:
    promised = {"metrics": {"auc": 0.75, "ks": 0.4}, "swap_set": [{"count": 3}], "champion": None}
    assert differences(promised, promised) == []
    found = {"metrics": {"auc": 0.75 + 1e-7, "ks": 0.41}, "swap_set": [{"count": 4}], "champion": None}
    assert differences(promised, found) == ["metrics.ks", "swap_set[0].count"]
    assert differences(promised, {**promised, "swap_set": []}) == ["swap_set"]
    assert differences({**promised, "more": 1}, promised) == ["more"]
