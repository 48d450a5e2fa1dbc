import json

import pytest

from credit_delivery import bundles, record
from credit_delivery.environments import ENVIRONMENTS
from credit_delivery.errors import RefusedError, ReleaseError
from credit_delivery.release import build

from .world import GATES, World


def test_a_release_is_a_commit_of_its_record_alone(empty: World) -> None:
    made = empty.release("first")
    assert empty.git("show", "--name-only", "--format=%s") == "Release first\n\nml/releases/first.json"
    written = json.loads(empty.read("ml/releases/first.json"))
    assert written["model_digest"] == made.model_digest == bundles.released(empty.root, made).bundle.digest
    assert written["dataset"] == empty.dataset.model_dump()
    assert written["metrics"]["auc"]["low"] < written["metrics"]["auc"]["value"] < written["metrics"]["auc"]["high"]
    assert {gate["verdict"] for gate in written["gates"]} == {"pass", "not applicable"}
    assert 0 < written["latency"]["p50_us"] <= written["latency"]["p99_us"]
    assert written["parent"] is None


def test_metrics_are_measured_and_not_taken_from_the_bundle(empty: World) -> None:
    made = empty.release("first")
    assert made.metrics["auc"].value < 0.95
    assert bundles.released(empty.root, made).bundle.evaluation["network"]["auc"] == 0.99


def test_the_parent_is_the_champion_that_it_was_measured_against(world: World) -> None:
    world.promote("staging", "a")
    assert world.release("d", intercept=0.1).parent == "a"


def test_building_twice_makes_one_commit(empty: World) -> None:
    first, commits = empty.release("first"), empty.commits()
    assert empty.release("first") == first
    assert empty.commits() == commits


def test_a_tag_is_a_name_for_one_digest(world: World) -> None:
    with pytest.raises(ReleaseError, match=r"a stands for .* choose another tag"):
        build(world.repository, "a", world.bundle("other", intercept=0.4), world.rebuild)


def test_a_candidate_that_fails_a_gate_is_not_released(empty: World) -> None:
    empty.commit("ml/training/conf/gates.yaml", GATES.replace("0.6,", "0.97,"))
    commits = empty.commits()
    with pytest.raises(RefusedError, match=r"gate failed: auc: 0\.\d+, wanted network.auc >= 0.97"):
        empty.release("first")
    assert empty.commits() == commits
    assert not bundles.kept(empty.root, "first").exists()


def test_latest_is_no_tag(empty: World) -> None:
    with pytest.raises(ReleaseError, match="latest"):
        empty.release("latest")


def test_the_image_carries_the_bundle_where_this_machine_lost_it(world: World) -> None:
    release = record.read(world.repository, "b")
    kept = bundles.kept(world.root, "b")
    for path in kept.iterdir():
        path.unlink()
    kept.rmdir()
    assert bundles.released(world.root, release).bundle.digest == release.model_digest


def test_a_pushed_image_is_named_by_the_registrys_digest(empty: World) -> None:
    made = build(empty.repository, "first", empty.bundle("first"), empty.rebuild, "registry.example/team")
    assert made.image == "registry.example/team/credit-model"
    assert made.image_digest.removeprefix("sha256:") != made.model_digest


def test_an_unknown_release_names_those_that_there_are(world: World) -> None:
    with pytest.raises(ReleaseError, match=r"no release z: .* there are a, b, c"):
        record.read(world.repository, "z")


def test_nothing_runs_by_a_release(world: World) -> None:
    for environment in ENVIRONMENTS:
        assert "unreleased" in world.read(f"environments/{environment}/model.yaml")
