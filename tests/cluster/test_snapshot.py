import subprocess
from pathlib import Path

import pytest

from credit_delivery.cluster.snapshot import commit_tree


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    git("config", "user.name", "A Person")
    git("config", "user.email", "person@example.com")
    write("code.py", "first\n")
    write(".gitignore", "var/\n")
    write("environments/staging/model.yaml", "model: {tag: released}\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin")
    return tmp_path


def write(path: str, content: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)


def content(commit: str, path: str) -> str:
    return git("show", f"{commit}:{path}")


@pytest.mark.usefixtures("repository")
def test_a_snapshot_holds_what_is_not_committed_and_not_what_is_ignored() -> None:
    write("code.py", "second\n")
    write("new.py", "untracked\n")
    write("var/secret", "ignored\n")
    commit = commit_tree(git("rev-parse", "HEAD"), "Snapshot")
    assert content(commit, "code.py") == "second"
    assert content(commit, "new.py") == "untracked"
    assert "var/secret" not in git("ls-tree", "-r", "--name-only", commit)
    assert git("rev-parse", f"{commit}^") == git("rev-parse", "HEAD")


@pytest.mark.usefixtures("repository")
def test_a_snapshot_leaves_index_branch_and_files_alone() -> None:
    write("staged.py", "staged\n")
    git("add", "staged.py")
    write("code.py", "second\n")
    before = git("status", "--porcelain"), git("rev-parse", "HEAD")
    commit_tree(git("rev-parse", "HEAD"), "Snapshot")
    assert (git("status", "--porcelain"), git("rev-parse", "HEAD")) == before


@pytest.mark.usefixtures("repository")
def test_nothing_changed_makes_no_commit() -> None:
    head = git("rev-parse", "HEAD")
    assert commit_tree(head, "Snapshot") == head


@pytest.mark.usefixtures("repository")
def test_a_later_snapshot_keeps_what_machines_wrote_in_the_cluster() -> None:
    written = {
        "environments/staging/model.yaml": "model: {tag: promoted}",
        "environments/staging/evidence/promoted.json": "{}",
        "environments/staging/confirmed/promoted.json": "{}",
        "ml/releases/promoted.json": "{}",
    }
    git("switch", "--quiet", "--create", "cluster")
    for path, text in written.items():
        write(path, text)
    git("add", "--all")
    git("commit", "--quiet", "--message", "Promote")
    cluster = git("rev-parse", "HEAD")
    git("switch", "--quiet", "main")
    write("code.py", "second\n")
    write("environments/production/model.yaml", "model: {tag: typed-by-hand}\n")
    write("ml/releases/here.json", "{}")
    commit = commit_tree(cluster, "Snapshot", kept_from=cluster)
    assert content(commit, "code.py") == "second"
    for path, text in written.items():
        assert content(commit, path) == text
    assert content(commit, "ml/releases/here.json") == "{}"
    assert "environments/production/model.yaml" not in git("ls-tree", "-r", "--name-only", commit)


@pytest.mark.usefixtures("repository")
def test_a_removed_file_is_gone_from_the_snapshot() -> None:
    Path("code.py").unlink()
    commit = commit_tree(git("rev-parse", "HEAD"), "Snapshot")
    assert "code.py" not in git("ls-tree", "-r", "--name-only", commit).split()
