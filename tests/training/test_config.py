import pytest

from credit_training.config import run_config, train_config
from credit_training.errors import ConfigError, DatasetError


def test_every_kind_of_key_can_be_changed_on_the_command_line():
    config = train_config(
        ["dataset=taiwan", "model.hidden=[128,64]", "versions=[v2]", "proof.quantise=false", "seed=5"]
    )
    assert config.dataset == "taiwan"
    assert config.model.hidden == (128, 64)
    assert config.versions == ("v2",)
    assert config.proof.quantise is False
    assert config.seed == 5


@pytest.mark.parametrize(
    ("override", "nearest"),
    [("model.hiden=[1]", "model.hidden"), ("sed=1", "seed"), ("proof.quantize=true", "proof.quantise")],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(override, nearest):
    with pytest.raises(ConfigError, match=f"the nearest is '{nearest}'"):
        train_config([override])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=soon", "seed: Input should be a valid integer"),
        ("model.dropout=2", r"model\.dropout: Input should be less than 1"),
        ("model=3", "model"),
        ("proof.parity_rows=10", "greater than or equal to 5000"),
        ("algorithms=[forest]", "algorithms"),
        ("seed", "is not key=value"),
        ("versions=[", "versions"),
        ("seed=${oc.env:CREDIT_NOBODY}", "CREDIT_NOBODY' not found.* full_key: seed"),
        ("dataset=${nobody}", "'nobody' not found full_key: dataset"),
        ("dataset=???", r"dataset: '\?\?\?' stands for no value; give one"),
        ("versions=???", "versions: .* no value"),
        ("model.epochs=???", r"model\.epochs: .* no value"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_by_its_key(override, said):
    with pytest.raises(ConfigError, match=said) as caught:
        train_config([override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "verb"),
    [("cross_validation.folds=5", "evaluate"), ("search.trials=3", "search"), ("search.space={bins: [4]}", "search")],
)
def test_a_run_refuses_keys_that_it_does_not_read(override, verb):
    train_config([override])
    with pytest.raises(ConfigError, match=f"only `credit-train {verb}` reads it; leave it out"):
        run_config(["seed=3", override])


def test_an_unknown_dataset_is_refused_with_a_near_one():
    with pytest.raises(DatasetError, match="did you mean taiwan"):
        train_config(["dataset=taiwann"])


def test_the_command_line_beats_the_datasets_own_training_keys():
    of_german = train_config(["dataset=german"])
    assert train_config(["dataset=german", "cross_validation.repeats=2"]).cross_validation.repeats == 2
    assert of_german.dataset == "german"


def test_what_keeps_leaks_or_protected_attributes_is_a_study_and_registers_nothing():
    assert train_config([]).registers
    for study in ("protected_used=true", "keep_leaks=[months_on_book]", "register_candidate=false"):
        assert not train_config([study]).registers
