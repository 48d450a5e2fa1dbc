import ast
import re
import subprocess
from pathlib import Path

import pytest

from .command_lines import PARSERS, TARGETS, fault, mentioned

ROOT = Path(__file__).parents[2]


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


DOCUMENTS = [path for path in tracked() if path.suffix == ".md" and path.name != "page.md"]
"""All but templates of pages, which are seen as the pages."""
JOB = (ROOT / "ml/training/conf/journal.yaml").read_text()
"""What the drift monitor starts its job with; it sets the variables that are named here."""

JOBS = {"RETRAIN_DATASET": "simulated", "RETRAIN_CUT_OFF": "2026-01-01T00:00:00Z"}

NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_line_in_a_document_is_one_that_its_program_takes(document, monkeypatch):
    for name in re.findall(r"oc\.env:(\w+)", JOB):
        monkeypatch.setenv(name, JOBS.get(name, "1"))
    commands = sorted(set(mentioned(document.read_text())))
    assert {command: said for command in commands if (said := fault(command))} == {}


def test_readme_has_command_lines_of_all_our_programs():
    named = " ".join(mentioned((ROOT / "README.md").read_text()))
    assert [program for program in ("make", *PARSERS) if program not in named] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("credit-train run datset=taiwan", "datset"),
        (".venv/bin/credit-train gate", "bundle"),
        ("credit-train quick", "quick"),
        ("credit-release promote a --to test", "test"),
        ("scoring-api serve --bundle b prot=1", "prot"),
        ("drift-monitor run limits.ps=1", "limits.ps"),
        ("make serv", "serv"),
        ("make serve MODEL=a", "MODEL"),
        ('make serve ARGS="prot=1"', "prot"),
        ("python -m credit_delivery.supply_chain bill", "bill"),
    ],
)
def test_a_command_line_that_no_program_takes_is_found(command, said):
    assert said in fault(command)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_file_that_a_document_links_exists(document):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_readmes_tree_is_what_is_there_with_one_purpose_each():
    tree = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tree
    entries = dict(line.split(maxsplit=1) for line in tree[1].splitlines())
    assert [entry for entry in entries if not (ROOT / entry).exists()] == []
    assert len(set(entries.values())) == len(entries)
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    assert folders - {entry.split("/")[0] for entry in entries} == set()


def test_make_alone_lists_every_target_with_its_purpose():
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    shown = {line.split()[0] for line in listed.splitlines()}
    assert shown == TARGETS


def test_locks_hold_exact_versions_and_no_address():
    locks = [path for path in tracked() if path.suffix == ".lock"]
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


def test_functions_keep_the_budget_of_50_lines():
    long = {
        f"{path.relative_to(ROOT)}: {found.name}": lines
        for path in tracked()
        if path.suffix == ".py"
        for found in ast.walk(ast.parse(path.read_text()))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (found.end_lineno or found.lineno) - found.lineno + 1) > 50
    }
    assert long == {}


def test_modules_say_what_they_are_in_one_to_five_lines():
    modules = [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] != "tests" and p.read_text()]
    opening = {str(p.relative_to(ROOT)): re.match(r'(?:#.*\n)*"""(?s:(.+?))"""', p.read_text()) for p in modules}
    assert [name for name, said in opening.items() if not said or len(said[1].strip().splitlines()) > 5] == []


def lines_of(path):
    return len(path.read_text().splitlines())
