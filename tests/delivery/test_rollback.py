import pytest
import yaml

from credit_delivery import record
from credit_delivery.bump import bump
from credit_delivery.confirmation import Observation, confirm
from credit_delivery.environments import ImagePin
from credit_delivery.errors import RefusedError, RepositoryError
from credit_delivery.rollback import roll_back

from .world import World

MODEL = "environments/staging/model.yaml"
IMAGE = "environments/staging/scoring-api.image.yaml"


def quarantined(world: World) -> list[dict]:
    return yaml.safe_load(world.read("environments/quarantine.yaml"))["quarantined"]


def image(number: int) -> ImagePin:
    return ImagePin(tag=f"v{number}", digest=f"sha256:{str(number) * 64}")


def test_the_file_before_comes_back_byte_for_byte(world: World) -> None:
    world.promote("staging", "a")
    before = (world.root / MODEL).read_bytes()
    world.promote("staging", "b")
    done = roll_back(world.repository, "staging", "declined everybody")
    assert (done.bad, done.restored) == ("b", "a")
    assert (world.root / MODEL).read_bytes() == before


def test_it_is_one_commit_of_the_file_and_the_quarantine(staged: World) -> None:
    commits = staged.commits()
    roll_back(staged.repository, "staging", "declined everybody")
    assert staged.commits() == commits + 1
    shown = staged.git("show", "--name-only", "--format=%B").splitlines()
    assert shown[0] == "Roll back staging's model from b to a"
    assert "declined everybody" in shown
    assert shown[-2:] == ["environments/quarantine.yaml", MODEL]


def test_the_bad_digest_is_quarantined_with_its_reason(staged: World) -> None:
    roll_back(staged.repository, "staging", "declined everybody")
    digest = record.read(staged.repository, "b").model_digest
    assert quarantined(staged) == [
        {
            "what": "model",
            "tag": "b",
            "digest": digest,
            "environment": "staging",
            "reason": "declined everybody",
        }
    ]
    assert staged.read("environments/quarantine.yaml").startswith("# Written by credit-release")


def test_running_it_twice_makes_one_commit(staged: World) -> None:
    first = roll_back(staged.repository, "staging", "declined everybody")
    commits = staged.commits()
    again = roll_back(staged.repository, "staging", "declined everybody")
    assert first.commit is not None
    assert again.commit is None
    assert (again.bad, again.restored) == ("b", "a")
    assert staged.commits() == commits


def test_naming_what_is_bad_goes_further_back_once(world: World) -> None:
    for tag in ("a", "b", "c"):
        world.promote("staging", tag)
    roll_back(world.repository, "staging", "c is bad")
    done = roll_back(world.repository, "staging", "b is bad too", bad="b")
    assert (done.bad, done.restored) == ("b", "a")
    assert roll_back(world.repository, "staging", "b is bad too", bad="b").commit is None
    assert [entry["tag"] for entry in quarantined(world)] == ["c", "b"]


def test_a_quarantined_version_is_stepped_over(staged: World) -> None:
    roll_back(staged.repository, "staging", "b is bad")
    staged.promote("staging", "c")
    assert roll_back(staged.repository, "staging", "c is bad").restored == "a"


def test_with_nothing_released_before_there_is_no_way_back(world: World) -> None:
    world.promote("staging", "a")
    commits = world.commits()
    with pytest.raises(RepositoryError, match="no earlier version may run"):
        roll_back(world.repository, "staging", "bad")
    assert world.commits() == commits
    assert world.git("status", "--porcelain") == ""


def test_an_image_goes_back_and_stays_out(world: World) -> None:
    bump(world.repository, "staging", "scoring-api", image(1))
    bump(world.repository, "staging", "scoring-api", image(2))
    done = roll_back(world.repository, "staging", "crashes")
    assert (done.path, done.bad, done.restored) == (IMAGE, "v2", "v1")
    with pytest.raises(RefusedError, match="scoring-api v2 is quarantined since it failed in staging: crashes"):
        bump(world.repository, "staging", "scoring-api", image(2))
    with pytest.raises(RefusedError, match="scoring-api v3 is quarantined"):
        bump(world.repository, "staging", "scoring-api", ImagePin(tag="v3", digest=image(2).digest))


def test_a_typed_tag_that_does_not_exist_leaves_the_good_digest_usable(world: World) -> None:
    world.promote("staging", "a")
    world.commit(MODEL, world.read(MODEL).replace("tag: a ", "tag: typo "))
    done = roll_back(world.repository, "staging", "there is no such tag")
    assert (done.bad, done.restored) == ("typo", "a")
    assert [(entry["tag"], entry["digest"]) for entry in quarantined(world)] == [("typo", None)]
    world.promote("staging", "b")
    assert roll_back(world.repository, "staging", "b is bad").restored == "a"


def test_a_broken_file_goes_back_too(world: World) -> None:
    world.promote("staging", "a")
    good = world.read(MODEL)
    world.commit(MODEL, good.replace("modelDigest:", "modelDigets:"))
    assert roll_back(world.repository, "staging", "a typo").restored == "a"
    assert world.read(MODEL) == good
    assert not (world.root / "environments/quarantine.yaml").exists()


def test_settings_of_people_go_back_without_a_quarantine(world: World) -> None:
    path = "environments/staging/scoring-api.yaml"
    good = world.read(path)
    world.commit(path, good.replace("minReplicas", "minReplicsa"))
    assert roll_back(world.repository, "staging", "a typo").path == path
    assert world.read(path) == good
    assert roll_back(world.repository, "staging", "a typo").commit is None
    assert not (world.root / "environments/quarantine.yaml").exists()


def test_two_files_of_one_commit_need_a_choice(staged: World) -> None:
    staged.write("environments/staging/scoring-api.yaml", "autoscaling:\n  minReplicas: 4\n")
    staged.commit(MODEL, staged.read(MODEL) + "# noted\n")
    staged.git("add", "--all")
    staged.git("commit", "--quiet", "--amend", "--no-edit")
    with pytest.raises(RepositoryError, match="say which with --file"):
        roll_back(staged.repository, "staging", "bad")
    assert roll_back(staged.repository, "staging", "bad", MODEL).restored == "b"


def test_uncommitted_changes_of_the_file_are_not_lost(staged: World) -> None:
    staged.write(MODEL, "mine\n")
    with pytest.raises(RepositoryError, match="has uncommitted changes"):
        roll_back(staged.repository, "staging", "bad")
    assert staged.read(MODEL) == "mine\n"


def test_other_work_in_the_tree_neither_stops_it_nor_gets_in(staged: World) -> None:
    staged.write("notes.txt", "half done\n")
    staged.git("add", "notes.txt")
    roll_back(staged.repository, "staging", "bad")
    assert "notes.txt" not in staged.git("show", "--name-only", "--format=")
    assert staged.git("status", "--porcelain") == "A  notes.txt"


def test_production_goes_back_alone(world: World) -> None:
    for tag in ("a", "b"):
        world.promote("staging", tag)
        digest = record.read(world.repository, tag).model_digest
        confirm(world.repository, [Observation(where="a pod", ready=True, model_digest=digest)])
        world.promote("production", tag)
    roll_back(world.repository, "production", "bad")
    assert "tag: a " in world.read("environments/production/model.yaml")
    assert "tag: b " in world.read(MODEL)


def test_a_confirmation_since_is_not_what_goes_back(staged: World) -> None:
    digest = record.read(staged.repository, "b").model_digest
    confirm(staged.repository, [Observation(where="a pod", ready=True, model_digest=digest)])
    done = roll_back(staged.repository, "staging", "bad after all")
    assert (done.path, done.bad, done.restored) == (MODEL, "b", "a")


def test_a_frozen_environment_can_still_go_back(staged: World) -> None:
    path = "environments/staging/environment.yaml"
    staged.commit(path, staged.read(path).replace("frozen: false", "frozen: true"))
    assert roll_back(staged.repository, "staging", "bad").restored == "a"
