import shutil
from pathlib import Path

import pytest

from credit_contract.bundle import read_bundle
from credit_delivery import bundles, quarantine, record
from credit_delivery.bump import freeze
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.models import provide
from credit_delivery.cluster.pins import pins
from credit_delivery.environments import ImagePin, image_file, model_file, read_image, read_model, with_pin
from credit_delivery.errors import RefusedError
from credit_delivery.quarantine import Entry

from .world import World

TRAIN = """\
#!/bin/sh
# credit-train, as far as it is asked here: a hold-out that was written before, and for each seed a bundle of its own.
for last; do :; done
case "$1" in
  holdout) cp "$HOLDOUT" "$last" ;;
  run) mkdir -p "$CREDIT_HOME/bundles/lender"
       cp -r "$TRAINED/${3#seed=}" "$CREDIT_HOME/bundles/lender/candidate-new"
       rm -rf "$CREDIT_HOME/bundles/lender/candidate"
       mv "$CREDIT_HOME/bundles/lender/candidate-new" "$CREDIT_HOME/bundles/lender/candidate" ;;
esac
"""
BUILT = Image("scoring-api", "local-222222222222", "sha256:" + "2" * 64)


def named(world: World) -> list[str]:
    paths = [model_file(environment) for environment in ("staging", "production")]
    return [read_model(world.read(path), path).tag for path in paths]


def test_environments_without_a_model_start_with_different_releases(world: World) -> None:
    provided = provide(world.repository, print)
    assert named(world) == [release.tag for release in provided] == ["a", "b"]
    assert provided[0].model_digest != provided[1].model_digest
    assert world.git("status", "--porcelain") == ""


def test_a_model_that_was_promoted_stays(staged: World) -> None:
    provide(staged.repository, print)
    assert named(staged) == ["b", "a"]


def test_a_second_start_changes_nothing(world: World) -> None:
    provide(world.repository, print)
    before = world.commits()
    provide(world.repository, print)
    assert world.commits() == before


def test_a_release_whose_bundle_is_damaged_is_passed_over_and_named(world: World) -> None:
    (bundles.kept(world.root, "a") / "model.onnx").write_bytes(b"not a graph")
    said: list[str] = []
    provide(world.repository, said.append)
    assert named(world) == ["b", "c"]
    assert "model.onnx" in said[0]


def put_away(world: World, what: str, tag: str, digest: str) -> None:
    entry = Entry(what=what, tag=tag, digest=digest, environment="staging", reason="declined everybody")
    world.commit(quarantine.FILE, quarantine.read(world.repository).adding(entry).text())


def test_a_release_that_is_quarantined_is_passed_over_and_named(world: World) -> None:
    put_away(world, "model", "a", record.read(world.repository, "a").model_digest)
    said: list[str] = []
    provide(world.repository, said.append)
    assert named(world) == ["b", "c"]
    assert said[0] == "not used: model a is quarantined since it failed in staging: declined everybody"


@pytest.fixture
def trainer(empty: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing is released or trained yet; a program that stands in for credit-train trains models 1, 2 and 3."""
    for seed in (1, 2, 3):
        shutil.copytree(empty.bundle(f"seed-{seed}", intercept=seed / 10), tmp_path / "trained" / str(seed))
    program = tmp_path / "bin/credit-train"
    program.parent.mkdir()
    program.write_text(TRAIN)
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program.with_name("python")))
    monkeypatch.setenv("HOLDOUT", str(empty.holdout))
    monkeypatch.setenv("TRAINED", str(tmp_path / "trained"))
    monkeypatch.setenv("DATASET", "lender")
    return empty


def test_where_no_model_is_two_are_trained_and_that_is_said(trainer: World) -> None:
    said: list[str] = []
    provided = provide(trainer.repository, said.append)
    assert named(trainer) == [release.tag for release in provided] == ["lender-1", "lender-2"]
    assert provided[0].model_digest != provided[1].model_digest
    wanted = "there is no model {} yet: training it takes some minutes"
    assert said == [wanted.format("lender-1"), wanted.format("lender-2")]
    assert not (trainer.root / "var/bundles").exists()


@pytest.mark.parametrize("quarantined", [False, True])
def test_what_a_person_trained_is_used_first_unless_it_is_quarantined(trainer: World, quarantined: bool) -> None:
    candidate = trainer.bundle("candidate", intercept=0.4)
    digest = read_bundle(candidate).digest
    shutil.copytree(candidate, trainer.root / "var/bundles/lender/candidate")
    if quarantined:
        put_away(trainer, "model", "by-another-name", digest)
    said: list[str] = []
    provided = provide(trainer.repository, said.append)
    assert (provided[0].model_digest == digest) is not quarantined
    trained = [line for line in said if "training it" in line]
    assert len(trained) == (2 if quarantined else 1)
    assert ("declined everybody" in said[0]) is quarantined


def images(world: World) -> list[str]:
    paths = [image_file(environment, "scoring-api") for environment in ("staging", "production")]
    return [read_image(world.read(path), path).tag for path in paths]


def ran(world: World, environment, tag: str) -> None:
    path = image_file(environment, "scoring-api")
    world.commit(path, with_pin(world.read(path), ImagePin(tag=tag, digest="sha256:" + "1" * 64), path))


def start(world: World, running: bool = True) -> list[str]:
    said: list[str] = []
    world.repository.commit("Name the images", pins(world.repository, [BUILT], said.append, running=running))
    return said


def test_what_was_built_runs_in_both_environments(world: World) -> None:
    ran(world, "staging", "before")
    assert start(world) == []
    assert images(world) == [BUILT.tag, BUILT.tag]


def test_an_image_that_was_rolled_back_does_not_come_again_by_itself(world: World) -> None:
    for environment in ("staging", "production"):
        ran(world, environment, "before")
    put_away(world, "scoring-api", BUILT.tag, BUILT.digest)
    said = start(world)
    assert images(world) == ["before", "before"]
    assert said[0].startswith("staging keeps scoring-api before: scoring-api local-222222222222 is quarantined since")


def test_a_quarantined_image_is_refused_where_there_is_no_other(world: World) -> None:
    put_away(world, "scoring-api", "another-name", BUILT.digest)
    with pytest.raises(RefusedError, match="declined everybody"):
        start(world, running=False)
    assert images(world) == ["unreleased", "unreleased"]


def test_a_frozen_environment_keeps_its_image_once_it_runs(world: World) -> None:
    ran(world, "production", "before")
    freeze(world.repository, "production")
    said = start(world)
    assert images(world) == [BUILT.tag, "before"]
    assert "production keeps scoring-api before: production is frozen" in said[0]
    start(world, running=False)
    assert images(world) == [BUILT.tag, BUILT.tag]
