from datetime import UTC, datetime
from pathlib import Path

import pytest

from credit_delivery import record
from credit_delivery.bump import freeze
from credit_delivery.confirmation import Observation, confirm
from credit_delivery.errors import RepositoryError
from credit_delivery.history import at, desired, history
from credit_delivery.repository import Repository
from credit_delivery.rollback import roll_back

from .world import World, moved

MODEL = "environments/staging/model.yaml"


@pytest.fixture(scope="module")
def year(released: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """a from March, b from May, back to a in June, c typed by hand in August; and nothing before. To be read only."""
    world = moved(released, tmp_path_factory.mktemp("year"))
    with pytest.MonkeyPatch.context() as patch:

        def date(day: str) -> None:
            patch.setenv("GIT_AUTHOR_DATE", f"{day}T12:00:00Z")
            patch.setenv("GIT_COMMITTER_DATE", f"{day}T12:00:00Z")

        patch.chdir(world.root)
        date("2027-03-01")
        world.promote("staging", "a", "Ria Sk <ria@bank.example>")
        date("2027-05-01")
        world.promote("staging", "b", "Otto Fficer <otto@bank.example>")
        date("2027-06-01")
        roll_back(world.repository, "staging", "declined everybody")
        date("2027-08-01")
        pins = [record.read(world.repository, tag) for tag in ("a", "c")]
        text = world.read(MODEL).replace("tag: a ", "tag: c ").replace(pins[0].model_digest, pins[1].model_digest)
        world.commit(MODEL, text)
    return world


def test_every_change_says_how_by_whom_and_on_what_evidence(year: World) -> None:
    changes = history(year.repository, "staging")
    assert [(change.pin.tag, change.how, change.approver) for change in changes if change.pin][:4] == [
        ("c", "by hand", "Eng Ineer <eng@bank.example>"),
        ("a", "rollback", "Eng Ineer <eng@bank.example>"),
        ("b", "promotion", "Otto Fficer <otto@bank.example>"),
        ("a", "promotion", "Ria Sk <ria@bank.example>"),
    ]
    assert changes[2].evidence == "environments/staging/evidence/b.json"
    assert changes[0].evidence is None
    assert changes[1].reason == "declined everybody"


@pytest.mark.parametrize(
    ("day", "tag", "approver"),
    [
        ("2027-03-01T12:00:00", "a", "Ria Sk <ria@bank.example>"),
        ("2027-04-30T00:00:00", "a", "Ria Sk <ria@bank.example>"),
        ("2027-05-01T11:59:59", "a", "Ria Sk <ria@bank.example>"),
        ("2027-05-01T14:00:00+02:00", "b", "Otto Fficer <otto@bank.example>"),
        ("2027-06-15T00:00:00", "a", "Eng Ineer <eng@bank.example>"),
        ("2030-01-01T00:00:00", "c", "Eng Ineer <eng@bank.example>"),
    ],
)
def test_a_moment_has_its_model_and_approver(year: World, day: str, tag: str, approver: str) -> None:
    found = at(history(year.repository, "staging"), datetime.fromisoformat(day))
    assert found.pin is not None
    assert (found.pin.tag, found.approver) == (tag, approver)


def test_a_fresh_clone_answers_the_same(year: World, tmp_path: Path) -> None:
    year.git("clone", "--quiet", str(year.root), str(tmp_path / "clone"))
    assert history(Repository(tmp_path / "clone"), "staging") == history(year.repository, "staging")


def test_before_the_beginning_there_is_no_answer(year: World) -> None:
    with pytest.raises(RepositoryError, match="git names no model at 1999-01-01"):
        at(history(year.repository, "staging"), datetime(1999, 1, 1, tzinfo=UTC))


def test_a_merge_on_the_forge_is_approved_by_whoever_merged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.promote("staging", "a")
    world.git("reset", "--quiet", "--hard", "HEAD^")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Otto Fficer")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "otto@bank.example")
    world.git("merge", "--quiet", "--no-ff", "--message", "Merge pull request #7", "promote/staging/a")
    (newest, *_) = history(world.repository, "staging")
    assert (newest.how, newest.approver) == ("promotion", "Otto Fficer <otto@bank.example>")


def test_a_broken_file_is_history_too(world: World) -> None:
    world.promote("staging", "a")
    world.commit(MODEL, "model: {}\n")
    (broken, good, *_) = history(world.repository, "staging")
    assert broken.pin is None
    assert "a broken file" in broken.line()
    assert good.pin is not None


def test_what_git_wants_now_comes_with_remarks(world: World) -> None:
    model, image = desired(world.repository, "staging")
    assert (model.what, model.tag, image.what) == ("model", "unreleased", "scoring-api")
    assert model.remarks == ("nothing is released here yet",)
    world.promote("staging", "a")
    digest = record.read(world.repository, "a").model_digest
    confirm(world.repository, [Observation(where="a pod", ready=True, model_digest=digest)])
    freeze(world.repository, "staging")
    assert desired(world.repository, "staging")[0].remarks == ("confirmed healthy", "frozen")


def test_a_quarantined_or_invented_model_that_runs_is_remarked(staged: World) -> None:
    bad = staged.read(MODEL)
    roll_back(staged.repository, "staging", "declined everybody")
    staged.commit(MODEL, bad.replace("tag: b ", "tag: invented "))
    remarks = desired(staged.repository, "staging")[0].remarks
    assert remarks == (
        "model invented is quarantined since it failed in staging: declined everybody",
        "is no release: digests are not the ones of its record",
    )
