import numpy as np
import pytest
import torch

from credit_contract.errors import SchemaError
from credit_contract.schema import FeatureSchema, Field
from credit_training.feature_graph import FeatureGraph, fit_features, quantile_edges
from credit_training.feature_steps import STEPS, StepSpec, usable_steps
from credit_training.features import plan_features

NAN = float("nan")


def number(name: str, low: float = 0, high: float = 100, **more: object) -> Field:
    return Field.model_validate(
        {"name": name, "kind": "number", "meaning": name, "reason": name, "minimum": low, "maximum": high, **more}
    )


SCHEMA = FeatureSchema(
    dataset="cards",
    version="v1",
    fields=(
        number("limit", monotone="decreasing"),
        number("bill", -50),
        number("paid", monotone="decreasing"),
        number("late_1", -2, 9, monotone="increasing", monotone_from=0),
        number("late_2", -2, 9, monotone="increasing", monotone_from=0),
        number("age", 18, 99, role="protected"),
        Field(name="job", kind="category", meaning="job", reason="job", categories=("a", "b")),
    ),
)
ROWS = np.array([[10, 4, 2, 2, -1], [20, -6, 0, 0, 3], [NAN, 8, 5, -2, 0], [40, 30, 1, 1, 2]], dtype=np.float32)


def steps(*specs: dict[str, object]) -> tuple[StepSpec, ...]:
    return STEPS.validate_python(specs)


def graph(*specs: dict[str, object], bins: int = 4) -> FeatureGraph:
    plan = plan_features(SCHEMA, steps(*specs))
    return fit_features(plan, [field.name for field in SCHEMA.number_fields], ROWS, bins)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"step": "ratio", "numerator": "bill", "denominator": "limit", "numerator_floor": 0}, [0.4, 0, 0.4, 0.75]),
        (
            {"step": "ratio", "numerator": "paid", "denominator": "bill", "denominator_floor": 2},
            [0.5, 0, 0.625, 1 / 30],
        ),
        ({"step": "sum", "fields": ["bill", "paid"]}, [6, -6, 13, 31]),
        ({"step": "mean", "fields": ["late_1", "late_2"]}, [0.5, 1.5, -1, 1.5]),
        ({"step": "difference", "fields": ["late_1", "bill"]}, [-2, 6, -10, -29]),
        ({"step": "max", "fields": ["late_1", "late_2"]}, [2, 3, 0, 2]),
        ({"step": "min", "fields": ["late_1", "late_2"]}, [-1, 0, -2, 1]),
        ({"step": "count_above", "fields": ["late_1", "late_2"], "threshold": 0}, [1, 1, 0, 2]),
        ({"step": "months_since", "fields": ["late_1", "late_2"], "threshold": 0}, [0, 1, 2, 0]),
        ({"step": "signed_log", "field": "bill", "scale": 2}, list(np.arcsinh([2, -3, 4, 15]))),
        ({"step": "product", "left": "paid", "right": "limit"}, [20, 0, 100, 40]),
        ({"step": "power", "field": "paid"}, [4, 0, 25, 1]),
        ({"step": "power", "field": "bill", "exponent": 3}, [64, -216, 512, 27000]),
        ({"step": "missing", "field": "limit"}, [0, 0, 1, 0]),
    ],
)
def test_a_step_computes_what_its_name_says(spec: dict[str, object], expected: list[float]) -> None:
    fitted = graph({"name": "new", **spec})
    column = [feature.name for feature in fitted.features].index("new")
    np.testing.assert_allclose(fitted.values(torch.from_numpy(ROWS)).numpy()[:, column], expected, rtol=1e-6)


def test_every_scored_number_is_a_feature_of_its_own() -> None:
    names = [feature.name for feature in plan_features(SCHEMA, ())]
    assert names == ["limit", "bill", "paid", "late_1.below", "late_1.above", "late_2.below", "late_2.above"]


def test_a_missing_number_counts_as_the_median_of_those_present() -> None:
    values = graph().values(torch.from_numpy(ROWS)).numpy()
    np.testing.assert_array_equal(values[:, 0], [10, 20, 20, 40])


@pytest.mark.parametrize(
    ("spec", "direction"),
    [
        ({"step": "sum", "fields": ["late_1", "late_2"]}, 1),
        ({"step": "difference", "fields": ["bill", "paid"]}, 1),
        ({"step": "difference", "fields": ["paid", "late_1"]}, -1),
        ({"step": "ratio", "numerator": "bill", "denominator": "limit", "numerator_floor": 0}, 1),
        ({"step": "count_above", "fields": ["late_1", "late_2"]}, 1),
        ({"step": "months_since", "fields": ["late_1", "late_2"]}, -1),
        ({"step": "product", "left": "bill", "right": "bill"}, 0),
        ({"step": "signed_log", "field": "paid"}, -1),
        ({"step": "missing", "field": "limit"}, 0),
    ],
)
def test_a_feature_inherits_its_direction_from_the_fields_that_move_it(spec: dict[str, object], direction: int) -> None:
    assert plan_features(SCHEMA, steps({"name": "new", **spec}))[-1].direction == direction


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"step": "ratio", "numerator": "bill", "denominator": "limit"}, "step new: it may move either way with limit"),
        ({"step": "ratio", "numerator": "paid", "denominator": "limit"}, "step new: limit asks PD to grow"),
        ({"step": "product", "left": "paid", "right": "bill"}, "step new: it may move either way with paid"),
        (
            {"step": "sum", "fields": ["paid", "late_1"]},
            "step new: late_1 asks PD to grow with it, paid asks PD to fall",
        ),
        ({"step": "sum", "fields": ["bill", "age"]}, "step new: 'age' is not scored \\(role protected\\)"),
        ({"step": "sum", "fields": ["bill", "job"]}, "step new: 'job' is a category"),
        ({"step": "sum", "fields": ["bill", "bil"]}, "step new: 'bil' is neither a field nor an earlier sum"),
        ({"step": "difference", "fields": ["bill", "paid", "limit"]}, "step new: a difference has two fields, not 3"),
        ({"step": "missing", "field": "total"}, "step new: 'total' is a step"),
    ],
)
def test_a_step_that_cannot_be_is_refused_by_name(spec: dict[str, object], message: str) -> None:
    total = {"step": "sum", "name": "total", "fields": ["bill", "paid"]}
    with pytest.raises(SchemaError, match=message):
        plan_features(SCHEMA, steps(total, {"name": "new", **spec}))


def test_two_steps_of_one_name_are_refused() -> None:
    spec = {"step": "signed_log", "name": "bill", "field": "paid"}
    with pytest.raises(SchemaError, match="step bill: the name is taken"):
        plan_features(SCHEMA, steps(spec))


def test_sums_feed_later_steps() -> None:
    total = {"step": "sum", "name": "total", "fields": ["late_1", "late_2"]}
    twice = {"step": "sum", "name": "twice", "fields": ["total", "total"]}
    fitted = graph(total, twice, {"step": "max", "name": "most", "fields": ["twice", "late_1"]})
    column = [feature.name for feature in fitted.features].index("most")
    np.testing.assert_array_equal(fitted.values(torch.from_numpy(ROWS)).numpy()[:, column], [2, 6, -2, 6])


def test_components_lie_between_zero_and_one_and_grow_with_risk() -> None:
    fitted = graph({"step": "count_above", "name": "late", "fields": ["late_1", "late_2"]})
    components = fitted(torch.from_numpy(ROWS))
    assert components.min() >= 0
    assert components.max() <= 1
    risky = ROWS.copy()
    risky[:, [0, 2]] -= 3
    risky[:, 3:] = np.maximum(ROWS[:, 3:], 0) + 1
    safe = ROWS.copy()
    safe[:, 3:] = np.maximum(ROWS[:, 3:], 0)
    moved = (fitted(torch.from_numpy(risky)) - fitted(torch.from_numpy(safe)))[:, -fitted.constrained :]
    assert moved.min() >= 0
    assert moved.max() > 0


def test_below_its_threshold_a_field_moves_free_components_only() -> None:
    fitted = graph()
    low, zero = ROWS.copy(), ROWS.copy()
    low[:, 3], zero[:, 3] = -2, 0
    moved = (fitted(torch.from_numpy(low)) - fitted(torch.from_numpy(zero)))[:, -fitted.constrained :]
    assert not moved.any()


def test_a_field_may_have_its_own_number_of_bins() -> None:
    plain, finer = graph(bins=1), graph({"step": "bins", "field": "bill", "count": 3}, bins=1)
    assert finer.slope.shape[1] == plain.slope.shape[1] + 2


def test_bins_of_an_unknown_field_are_refused() -> None:
    with pytest.raises(SchemaError, match="bins of bil"):
        plan_features(SCHEMA, steps({"step": "bins", "field": "bil", "count": 3}))


def test_a_number_with_one_value_gets_no_bin() -> None:
    assert quantile_edges(np.full(50, 3.0), 8) == [3.0]


def test_few_different_values_are_all_edges() -> None:
    assert quantile_edges(np.array([2.0, 0, 1, 1, 1, 1, 9]), 8) == [0, 1, 2, 9]


def test_one_outlier_does_not_stretch_the_last_bin() -> None:
    assert quantile_edges(np.append(np.arange(10_000.0), 1e9), 4)[-1] < 10_000


def test_steps_whose_fields_are_not_scored_can_be_left_out() -> None:
    given = steps(
        {"step": "sum", "name": "older", "fields": ["age", "bill"]},
        {"step": "signed_log", "name": "log_older", "field": "older"},
        {"step": "signed_log", "name": "log_bill", "field": "bill"},
        {"step": "bins", "field": "older", "count": 3},
    )
    assert [step.name for step in usable_steps(SCHEMA, given) if step.step != "bins"] == ["log_bill"]
