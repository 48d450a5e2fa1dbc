import io

import pytest

from credit_delivery import record
from credit_delivery.cli import main

from .world import World

VERBS = ["build", "promote", "check", "evidence", "confirm", "rollback", "history", "bump", "freeze"]


class Interrupted(io.StringIO):
    """A terminal where Ctrl-C is pressed at the question."""

    def readline(self, _: int | None = -1, /) -> str:
        raise KeyboardInterrupt


def run(*arguments: str) -> None:
    main(list(arguments))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(verb, "--help")
    assert ended.value.code == 0
    assert f"credit-release {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "d"],
        ["promote", "z", "--to", "staging"],
        ["evidence", "z", "--to", "staging"],
        ["check", "no-such-commit"],
        ["confirm"],
        ["rollback", "--env", "staging", "--reason", "bad"],
        ["history", "--env", "staging", "--at", "1999-01-01"],
        ["bump", "scoring-api"],
        ["bump", "scoring-api", "--tag", "latest", "--digest", "sha256:1"],
    ],
)
def test_failures_are_said_in_one_place_without_a_traceback(
    world: World, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    commits = world.commits()
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"credit-release {arguments[0]}: ")
    assert "Traceback" not in said
    assert world.commits() == commits


def test_from_a_bundle_to_production_and_back(
    empty: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holdout = ["--holdout", str(empty.holdout)]
    for tag, intercept in (("one", 0.0), ("two", 0.2)):
        run("build", tag, "--bundle", str(empty.bundle(tag, intercept)), *holdout)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{tag}\n"))
        run("promote", tag, "--to", "staging", *holdout, "--merge")
    run("rollback", "--env", "staging", "--reason", "declined everybody", "--push")
    run("rollback", "--env", "staging", "--reason", "declined everybody", "--push")
    assert "nothing to do: two does not run" in capsys.readouterr().out
    run("history", "--env", "staging")
    lines = capsys.readouterr().out.splitlines()
    assert "rollback by Eng Ineer <eng@bank.example>" in lines[0]
    assert "one " in lines[0]
    assert "promotion by Eng Ineer <eng@bank.example>" in lines[1]
    assert empty.git("ls-remote", "origin", "refs/heads/main").startswith(empty.git("rev-parse", "HEAD"))


def test_without_the_tag_typed_nothing_is_merged(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commits = world.commits()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(SystemExit):
        run("promote", "a", "--to", "staging", "--holdout", str(world.holdout), "--merge")
    assert "not approved" in capsys.readouterr().err
    assert world.commits() == commits


@pytest.mark.parametrize(
    ("terminal", "code", "said"), [(io.StringIO(), 1, "nobody is there to answer"), (Interrupted(), 130, "interrupted")]
)
def test_who_cannot_answer_or_leaves_is_told_so_in_a_line(
    terminal: io.StringIO,
    code: int,
    said: str,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commits = world.commits()
    monkeypatch.setattr("sys.stdin", terminal)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        run("promote", "a", "--to", "staging", "--holdout", str(world.holdout), "--merge")
    assert ended.value.args == (code,)
    assert capsys.readouterr().err.startswith(f"credit-release promote: {said}")
    assert world.commits() == commits


def test_a_plain_remote_gets_the_branch_and_the_person_the_evidence(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run("promote", "a", "--to", "staging", "--holdout", str(world.holdout))
    said = capsys.readouterr().out
    assert "## Gates" in said
    assert "Branch promote/staging/a holds it" in said
    assert "promote/staging/a" in world.git("ls-remote", "--heads", "origin")


def test_a_bump_is_pushed_when_asked(world: World) -> None:
    digest = f"sha256:{'1' * 64}"
    run("bump", "scoring-api", "--tag", "v1", "--digest", digest, "--push")
    assert world.git("ls-remote", "origin", "refs/heads/main").startswith(world.git("rev-parse", "HEAD"))
    assert digest in world.read("environments/staging/scoring-api.image.yaml")


def test_a_remote_that_went_on_is_not_overwritten(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run("freeze", "--env", "staging", "--push")
    there = world.git("rev-parse", "HEAD")
    world.git("reset", "--quiet", "--hard", "HEAD^")
    with pytest.raises(SystemExit):
        run("freeze", "--env", "production", "--push")
    assert "origin does not take main: ! [rejected]" in capsys.readouterr().err
    assert world.git("ls-remote", "origin", "refs/heads/main").startswith(there)


def test_options_left_empty_by_a_form_are_as_if_not_given(staged: World) -> None:
    run("rollback", "--env", "staging", "--reason", "bad", "--file", "", "--bad", "")
    assert "tag: a " in staged.read("environments/staging/model.yaml")


def test_freeze_and_off(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run("freeze", "--env", "production")
    run("freeze", "--env", "production")
    assert "nothing to do" in capsys.readouterr().out
    run("freeze", "--env", "production", "--off")
    assert "frozen: false" in world.read("environments/production/environment.yaml")


def test_evidence_is_printed_and_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    branches = world.git("branch", "--all")
    run("evidence", "a", "--to", "production", "--holdout", str(world.holdout))
    assert record.read(world.repository, "a").model_digest[:12] in capsys.readouterr().out
    assert world.git("branch", "--all") == branches
