import pytest

from credit_delivery.bump import bump, freeze
from credit_delivery.environments import ImagePin
from credit_delivery.errors import RefusedError, RepositoryError

from .world import World

ONE = ImagePin(tag="v1", digest=f"sha256:{'1' * 64}")
TWO = ImagePin(tag="v2", digest=f"sha256:{'2' * 64}")


def test_a_bump_is_one_commit_of_one_file(empty: World) -> None:
    before = empty.read("environments/staging/scoring-api.image.yaml")
    assert bump(empty.repository, "staging", "scoring-api", ONE) == empty.git("rev-parse", "HEAD")
    shown = empty.git("show", "--name-only", "--format=%s").splitlines()
    assert shown == ["Run scoring-api v1 in staging", "", "environments/staging/scoring-api.image.yaml"]
    expected = before.replace("unreleased", "v1").replace("0" * 64, "1" * 64)
    assert empty.read("environments/staging/scoring-api.image.yaml") == expected


def test_the_same_bump_again_makes_no_commit(empty: World) -> None:
    bump(empty.repository, "staging", "scoring-api", ONE)
    commits = empty.commits()
    assert bump(empty.repository, "staging", "scoring-api", ONE) is None
    assert empty.commits() == commits


def test_production_gets_what_staging_runs_and_nothing_else(empty: World) -> None:
    bump(empty.repository, "staging", "scoring-api", ONE)
    with pytest.raises(RefusedError, match="staging runs v1, not v2"):
        bump(empty.repository, "production", "scoring-api", TWO)
    assert bump(empty.repository, "production", "scoring-api")
    assert "tag: v1" in empty.read("environments/production/scoring-api.image.yaml")


def test_production_gets_nothing_while_staging_has_nothing(empty: World) -> None:
    assert bump(empty.repository, "production", "scoring-api") is None


def test_a_frozen_environment_takes_no_image(empty: World) -> None:
    freeze(empty.repository, "staging")
    with pytest.raises(RefusedError, match="staging is frozen"):
        bump(empty.repository, "staging", "scoring-api", ONE)


def test_an_unknown_application_is_named(empty: World) -> None:
    with pytest.raises(RepositoryError, match=r"environments/staging/scorign-api.image.yaml is not committed"):
        bump(empty.repository, "staging", "scorign-api", ONE)


def test_freezing_is_one_commit_that_keeps_the_file(empty: World) -> None:
    path = "environments/production/environment.yaml"
    before = empty.read(path)
    assert freeze(empty.repository, "production")
    assert empty.read(path) == before.replace("frozen: false", "frozen: true")
    commits = empty.commits()
    assert freeze(empty.repository, "production") is None
    assert empty.commits() == commits
    assert freeze(empty.repository, "production", on=False)
    assert empty.read(path) == before
