from credit_delivery import bundles
from credit_delivery.cluster.models import provide
from credit_delivery.environments import model_file, read_model

from .world import World


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
