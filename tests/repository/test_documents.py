import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("ml/*/README.md"))
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_make_target_that_a_document_names_exists(document):
    named = set(re.findall(r"^\s+(?:[A-Z_]+=\S+ )*make ([a-z][a-z0-9-]*)", document.read_text(), re.MULTILINE))
    named |= set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z][a-z0-9-]*)", document.read_text()))
    assert named <= TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_file_that_a_document_links_exists(document):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_readmes_tree_names_only_what_is_there():
    tree = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tree
    entries = [line.split()[0] for line in tree[1].splitlines() if line.strip()]
    assert entries
    assert [entry for entry in entries if not (ROOT / entry).exists()] == []


def test_make_alone_lists_every_target_with_its_purpose():
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    shown = {line.split()[0] for line in listed.splitlines()}
    assert shown == TARGETS


def test_locks_hold_exact_versions_and_no_address():
    locks = [path for path in tracked() if path.name == "requirements.lock"]
    assert locks
    for lock in locks:
        lines = [line.strip() for line in lock.read_text().splitlines()]
        loose = [line for line in lines if line and not re.match(r"(-e |#|--hash=|[\w.\[\]-]+==)", line)]
        assert loose == [], lock
        assert "://" not in lock.read_text(), lock


def test_no_picture_in_the_repository_is_larger_than_300_kilobytes():
    assert [path.name for path in tracked() if path.suffix == ".png" and path.stat().st_size > 300_000] == []


def test_python_modules_keep_the_budget_of_300_lines():
    long = {str(p.relative_to(ROOT)): n for p in tracked() if p.suffix == ".py" and (n := lines_of(p)) > 300}
    assert long == {}


def lines_of(path):
    return len(path.read_text().splitlines())
