import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from credit_contract.schema import FeatureSchema, Field

NUMBER = {"name": "income", "kind": "number", "meaning": "m", "minimum": 0, "maximum": 10, "reason": "r"}
CATEGORY = {"name": "job", "kind": "category", "meaning": "m", "categories": ["a", "b"], "reason": "r"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"maximum": 0}, "minimum below maximum"),
        ({"minimum": None}, "plausible range"),
        ({"reason": None}, "needs a reason text"),
        ({"categories": ["a", "b"]}, "only a category"),
        ({"monotone_from": 1.0}, "monotone_from without monotone"),
        ({"name": "Income"}, "should match pattern"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_number_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Field.model_validate(NUMBER | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"categories": ["a"]}, "two or more"),
        ({"categories": ["a", 1]}, "all text or all integers"),
        ({"categories": [1, True]}, "valid integer"),
        ({"aliases": {"z": "q"}}, "which are no categories"),
        ({"aliases": {"a": "b"}}, "aliases at once"),
        ({"minimum": 0}, "no range"),
    ],
)
def test_a_category_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Field.model_validate(CATEGORY | changes)


def test_an_alias_has_the_code_of_what_it_counts_as():
    field = Field.model_validate(CATEGORY | {"categories": [1, 2, 4], "aliases": {"0": 4, "6": 4}})
    assert field.codes == {1: 1, 2: 2, 4: 3, 0: 3, 6: 3}
    assert field.codes_by_text["6"] == 3


def test_a_schema_without_a_scored_field_or_with_a_doubled_one_is_refused():
    with pytest.raises(ValidationError, match="role used"):
        FeatureSchema.model_validate({"dataset": "d", "version": "v1", "fields": [NUMBER | {"role": "leak"}]})
    with pytest.raises(ValidationError, match="named twice"):
        FeatureSchema.model_validate({"dataset": "d", "version": "v1", "fields": [NUMBER, NUMBER]})


names = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=6, unique=True)


@st.composite
def schemas(draw):
    fields = []
    for name in draw(names):
        if draw(st.booleans()):
            low = draw(st.floats(-1e6, 1e6))
            fields.append(NUMBER | {"name": name, "minimum": low, "maximum": low + draw(st.floats(1, 1e6))})
        else:
            fields.append(
                CATEGORY | {"name": name, "categories": draw(st.lists(st.integers(), min_size=2, unique=True))}
            )
    return FeatureSchema(dataset="d", version="v1", fields=tuple(Field.model_validate(f) for f in fields))


@given(schemas())
def test_a_schema_survives_its_own_json(schema):
    assert FeatureSchema.model_validate_json(schema.model_dump_json()) == schema
