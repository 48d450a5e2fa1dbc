import subprocess
from pathlib import Path

import pytest

from credit_delivery.cluster import checkout


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "trunk")
    git("config", "user.name", "A Person")
    git("config", "user.email", "person@example.com")
    Path(".gitignore").write_text("var/\n")
    Path("what-runs").write_text("first\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin")
    return git("rev-parse", "HEAD")


def test_the_clone_has_the_commit_on_main_and_the_person_s_name_and_generated_files(commit: str) -> None:
    Path("var").mkdir()
    Path("var/trained").write_text("a model\n")
    repository = checkout.at(commit)
    assert (repository.branch(), repository.head()) == ("main", commit)
    assert repository.person() == "A Person <person@example.com>"
    assert (repository.root / "var/trained").read_text() == "a model\n"
    assert repository.uncommitted() == []


def test_what_is_committed_in_the_clone_stays_out_of_the_person_s_branches(commit: str) -> None:
    checkout.at(commit).commit("Promote", {"what-runs": "second\n"})
    assert git("rev-parse", "HEAD") == commit
    assert git("status", "--porcelain") == ""
    assert git("branch", "--format", "%(refname:short)") == "trunk"


def test_the_next_step_begins_at_its_commit_whatever_an_interrupted_one_left(commit: str) -> None:
    repository = checkout.at(commit)
    (repository.root / "what-runs").write_text("half-written\n")
    (repository.root / "new").write_text("half-written\n")
    again = checkout.at(commit)
    assert again.uncommitted() == []
    assert (again.root / "what-runs").read_text() == "first\n"


def test_removing_the_clone_leaves_what_the_person_generated(commit: str) -> None:
    Path("var").mkdir()
    Path("var/trained").write_text("a model\n")
    root = checkout.at(commit).root
    checkout.remove()
    assert not root.exists()
    assert Path("var/trained").exists()
