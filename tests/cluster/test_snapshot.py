import subprocess
from pathlib import Path

import pytest

from credit_delivery.bump import freeze
from credit_delivery.cluster import checkout
from credit_delivery.cluster.snapshot import bring, commit_tree
from credit_delivery.errors import RefusedError
from credit_delivery.repository import Repository

FACTS = "environments/production/environment.yaml"


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
    write(FACTS, "name: production\ncluster: here\nnamespace: production\n# the stop switch\nfrozen: false\n")
    write("environments/staging/drift-monitor.yaml", "reports: {}\n")
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
    commit = commit_tree()
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
    commit_tree()
    assert (git("status", "--porcelain"), git("rev-parse", "HEAD")) == before


@pytest.mark.usefixtures("repository")
def test_nothing_changed_makes_no_commit() -> None:
    head = git("rev-parse", "HEAD")
    assert commit_tree() == head
    assert commit_tree(head) == head


def sent(clone: Repository) -> str:
    """What the clone has checked out, known here too as it is once it was fetched from the cluster."""
    git("fetch", "--quiet", str(clone.root), "main")
    return clone.head()


def pushed(main: str) -> str:
    """What `push` makes of the cluster's main."""
    here = commit_tree(main)
    repository = checkout.at(main)
    bring(repository, here, print)
    return sent(repository)


def committed(main: str, files: dict[str, str]) -> str:
    """Main after a commit in the clone of the cluster's git."""
    clone = checkout.at(main)
    clone.commit("Promote", files)
    return sent(clone)


def frozen(main: str) -> str:
    """The same after `freeze`."""
    clone = checkout.at(main)
    freeze(clone, "production")
    return sent(clone)


@pytest.fixture
def main(repository: Path) -> str:
    """The cluster's main after its first start, of a tree with changes."""
    (repository / "code.py").write_text("at the start\n")
    return commit_tree()


def test_a_push_keeps_what_machines_wrote_in_the_cluster(main: str) -> None:
    written = {
        "environments/staging/model.yaml": "model: {tag: promoted}",
        "environments/staging/evidence/promoted.json": "{}",
        "environments/staging/confirmed/promoted.json": "{}",
        "ml/releases/promoted.json": "{}",
    }
    cluster = committed(main, written)
    write("code.py", "second\n")
    write("environments/staging/model.yaml", "model: {tag: typed-over}\n")
    write("environments/production/model.yaml", "model: {tag: typed-by-hand}\n")
    write("ml/releases/here.json", "{}")
    commit = pushed(cluster)
    assert content(commit, "code.py") == "second"
    for path, text in written.items():
        assert content(commit, path) == text
    assert content(commit, "ml/releases/here.json") == "{}"
    assert "environments/production/model.yaml" not in git("ls-tree", "-r", "--name-only", commit)
    assert git("rev-parse", f"{commit}^") == cluster


def test_what_machines_write_and_a_person_changed_is_named_until_both_sides_have_it(
    main: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {"environments/staging/model.yaml": "model: {tag: promoted}\n", "ml/releases/promoted.json": "{}"}
    cluster = committed(main, written)
    cluster = pushed(cluster)
    assert capsys.readouterr().out == ""
    write("environments/staging/model.yaml", "model: {tag: typed-over}\n")
    write("environments/production/model.yaml", "model: {tag: typed-by-hand}\n")
    write("ml/releases/promoted.json", "{forged}")
    for _ in range(2):
        assert pushed(cluster) == cluster
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == [
            "environments/production/model.yaml",
            "environments/staging/model.yaml",
            "ml/releases/promoted.json",
        ]
        assert all("is not sent: the cluster's stays" in line for line in lines)
    Path("environments/production/model.yaml").unlink()
    for path, text in written.items():
        write(path, text)
    assert pushed(cluster) == cluster
    assert capsys.readouterr().out == ""


def test_no_push_undoes_a_freeze_nor_the_monitor_s_settings(main: str) -> None:
    monitor = "environments/staging/drift-monitor.yaml"
    cluster = committed(main, {monitor: "reports: {}\nconfig: {interval_minutes: 1}\n"})
    cluster = frozen(cluster)
    for turn in ("second", "third"):
        write("code.py", f"{turn}\n")
        cluster = pushed(cluster)
        assert content(cluster, "code.py") == turn
        assert "frozen: true" in content(cluster, FACTS)
        assert "interval_minutes: 1" in content(cluster, monitor)
    write(FACTS, Path(FACTS).read_text().replace("cluster: here", "cluster: there"))
    cluster = pushed(cluster)
    assert "cluster: there" in content(cluster, FACTS)
    assert "frozen: true" in content(cluster, FACTS)


def test_a_push_of_nothing_new_makes_no_commit_whatever_the_cluster_did(main: str) -> None:
    cluster = committed(main, {"environments/staging/model.yaml": "model: {tag: promoted}\n"})
    assert pushed(cluster) == cluster
    write("code.py", "second\n")
    cluster = pushed(cluster)
    assert pushed(cluster) == cluster


def test_lines_that_were_changed_here_and_in_the_cluster_are_refused_until_taken_over(main: str) -> None:
    cluster = frozen(main)
    write(FACTS, Path(FACTS).read_text().replace("frozen: false", "frozen: false  # never"))
    with pytest.raises(RefusedError, match=f"{FACTS} was changed here and in the cluster"):
        pushed(cluster)
    write(FACTS, subprocess.run(["git", "show", f"{cluster}:{FACTS}"], capture_output=True, text=True).stdout)
    cluster = pushed(cluster)
    write(FACTS, Path(FACTS).read_text().replace("frozen: true", "frozen: false"))
    assert "frozen: false" in content(pushed(cluster), FACTS)


@pytest.mark.usefixtures("repository")
def test_a_removed_file_is_gone_from_the_snapshot() -> None:
    Path("code.py").unlink()
    assert "code.py" not in git("ls-tree", "-r", "--name-only", commit_tree()).split()
