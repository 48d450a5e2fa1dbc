import numpy as np
import pytest

from credit_contract.applicant import Encoded, check
from credit_contract.baseline import build
from credit_contract.golden import golden_applicants
from credit_simulator import SCHEMA
from credit_training.config import train_config
from credit_training.dataset import dataset_names, load_dataset
from credit_training.errors import DatasetError


def made_up(schema):
    """A baseline of a hundred applicants drawn from all that the schema allows."""
    rng, rows = np.random.default_rng(2), 100
    numbers = [rng.uniform(*field.bounds, rows) for field in schema.number_fields]
    codes = [rng.integers(1, len(field.categories) + 1, rows) for field in schema.category_fields]
    encoded = Encoded(np.column_stack(numbers).astype(np.float32), np.column_stack(codes).astype(np.int64))
    pd, even = rng.random(rows), np.ones(rows)
    return build(schema, encoded, (pd > 0.5).astype(int), pd, (pd > 0.5).astype(int), even)


def roles(schema):
    return {field.name: field.role for field in schema.fields}


def test_five_datasets_are_shipped():
    assert dataset_names() == ["bank", "german", "sba", "simulated", "taiwan"]


@pytest.mark.parametrize("name", dataset_names())
def test_no_shipped_model_scores_protected_fields_or_leaks(name):
    spec = load_dataset(name)
    for version in spec.versions:
        scored = {field.name for field in spec.feature_schema(version).scored_fields}
        assert scored
        assert not scored & {column.name for column in spec.fields if column.role in ("protected", "leak")}


@pytest.mark.parametrize("name", dataset_names())
def test_every_shipped_dataset_names_its_origin_and_two_versions(name):
    spec = load_dataset(name)
    assert spec.licence
    assert spec.citation
    assert list(spec.versions) == ["v1", "v2"]


@pytest.mark.parametrize("name", ["taiwan", "bank", "german", "sba"])
def test_published_tables_and_hold_outs_are_pinned(name):
    spec = load_dataset(name)
    assert spec.source.sha256
    assert all(version.holdout_sha256 for version in spec.versions.values())


@pytest.mark.parametrize("name", dataset_names())
def test_golden_applicants_of_every_shipped_schema_reach_each_category_and_many_mix_their_fields(name):
    schema = load_dataset(name).feature_schema("v2")
    people = golden_applicants(schema, made_up(schema), train_config([]).proof.golden_applicants, seed=1)
    check(schema, people)
    for field in schema.category_fields:
        assert {person[field.name] for person in people} - {None} == set(field.categories)
    for field in schema.scored_fields:
        assert (None in {person[field.name] for person in people}) == field.optional
    reference = people[0]
    mixed = [person for person in people if sum(person[name] != reference[name] for name in person) > 1]
    assert 64 <= len(mixed) < len(people)


@pytest.mark.parametrize(
    ("name", "field"), [("taiwan", "sex"), ("taiwan", "age"), ("taiwan", "marriage"), ("bank", "age"),
                        ("bank", "marital"), ("german", "foreign_worker"), ("german", "personal_status_sex")]
)  # fmt: skip
def test_prohibited_bases_are_protected(name, field):
    assert roles(load_dataset(name).feature_schema("v2"))[field] == "protected"


@pytest.mark.parametrize(("name", "field"), [("sba", "term"), ("sba", "chg_off_prin_gr"), ("bank", "duration")])
def test_what_is_known_only_afterwards_is_a_leak(name, field):
    assert roles(load_dataset(name).feature_schema("v2"))[field] == "leak"


def test_the_simulated_dataset_describes_what_the_simulator_makes():
    described = load_dataset("simulated").feature_schema("v2")
    without_reasons = [field.model_dump(exclude={"reason"}) for field in described.fields]
    assert without_reasons == [field.model_dump(exclude={"reason"}) for field in SCHEMA.fields]
    for field in SCHEMA.scored_fields:
        assert described[field.name].reason == field.reason


def test_protected_fields_and_leaks_are_scored_only_on_request(lender):
    schema = lender.spec.feature_schema("v1", protected_used=True, kept_leaks=["months_run"])
    assert set(roles(schema).values()) == {"used"}


def test_a_field_that_comes_to_be_scored_needs_a_reason(lender):
    spec = lender.describe(
        fields="{a: {kind: category, categories: [x, y], meaning: a, reason: A}, "
        "b: {kind: category, categories: [x, y], meaning: b, role: protected}}",
        versions="{v1: {summary: s}}",
    )
    with pytest.raises(DatasetError, match="dataset lender v1: field b: a used field needs a reason text"):
        spec.feature_schema("v1", protected_used=True)


def test_a_leak_that_does_not_exist_cannot_be_kept(lender):
    with pytest.raises(DatasetError, match=r"no leak \['income'\]; its leaks are \['months_run'\]"):
        lender.spec.feature_schema("v1", kept_leaks=["income"])


def test_the_policy_has_a_reason_for_each_scored_field(lender):
    schema = lender.spec.feature_schema("v1")
    assert lender.spec.policy_for(schema).reasons == {
        "income": "The income is low",
        "term": "The term",
        "job": "The job",
        "rooms": "Rooms",
    }


def test_more_categories_than_boosting_takes_are_refused_where_they_are_scored(lender):
    many = "{kind: category, categories: [%s], meaning: m, reason: r, role: %s}"
    fields = "{job: {kind: category, categories: [a, b], meaning: m, reason: r}, place: %s}"
    for count, role in ((254, "used"), (400, "protected")):
        listed = ", ".join(f"p{number}" for number in range(count))
        spec = lender.describe(fields=fields % (many % (listed, role)), versions="{v1: {summary: s}}")
        assert roles(spec.feature_schema("v1"))["place"] == role
    with pytest.raises(DatasetError, match="field place has 400 categories, boosting takes 254; join rare ones by its"):
        spec.feature_schema("v1", protected_used=True)


def test_a_version_may_describe_a_field_anew(lender):
    spec = lender.describe(
        versions="{v1: {summary: s, fields: {job: {kind: category, categories: [office, field, retired, pensioner], "
        "meaning: job, reason: The job}}}, v2: {summary: s}}"
    )
    assert spec.feature_schema("v1")["job"].categories == ("office", "field", "retired", "pensioner")
    assert spec.feature_schema("v2")["job"].aliases == {"pensioner": "retired"}


def test_a_file_that_is_no_yaml_is_named(lender):
    lender.yaml.write_text("title: [not closed")
    with pytest.raises(DatasetError, match=r"lender\.yaml: while parsing"):
        load_dataset(str(lender.yaml))


def test_a_key_written_twice_is_refused(lender):
    lender.yaml.write_text("title: one\ntitle: two\n")
    with pytest.raises(DatasetError, match="duplicate key title"):
        load_dataset(str(lender.yaml))


def test_an_unknown_dataset_is_answered_with_the_nearest_name():
    with pytest.raises(DatasetError, match="no dataset 'taiwam'; did you mean taiwan"):
        load_dataset("taiwam")


def test_an_unknown_version_is_answered_with_the_known_ones(lender):
    with pytest.raises(DatasetError, match="dataset lender has no version 'v3'; it has v1, v2"):
        lender.spec.feature_schema("v3")


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        ({"colour": "red"}, "lender.yaml, key colour: "),
        ({"policy": "{version: p}"}, "lender.yaml: policy.base_score: Field required"),
        ({"fields": "{income: {kind: number, meaning: m, reason: r}}"}, "income: a number needs a plausible range"),
        ({"split": "{kind: time, holdout_from: soon}"}, "key split.time.holdout_from: "),
        ({"source": "{kind: file, path: p, url: 'file:///etc/passwd'}"}, "key source.file.url: "),
        ({"versions": "{v1: {summary: s, recipe: [{step: polish}]}}"}, "key versions.v1.recipe.0: "),
        ({"versions": "{v1: {summary: s, recipe: [{step: drop_missing, column: at}]}}"}, "['at'] are no columns"),
        ({"time": "null", "split": "{kind: time, holdout_from: 2020-01-01}"}, "a split by time needs the key time"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_one_line_that_names_the_key(lender, replaced, said):
    with pytest.raises(DatasetError) as caught:
        lender.describe(**replaced)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
