import json
import re
from pathlib import Path

import pytest

from credit_training.card_figures import FOLDER, keep_cross_validation, read_figures
from credit_training.cards import BLOCKS, CARDS, MARKED, refresh
from credit_training.cli import main
from credit_training.dataset import dataset_names
from credit_training.errors import CardError

REPOSITORY = Path(__file__).parents[2]
SCORED = {"auc": 0.7, "ks": 0.3, "brier": 0.1, "log_loss": 0.4, "ece": 0.01}


@pytest.fixture
def root(tmp_path):
    """A repository with two short cards and the figures of one cross-validation."""
    (tmp_path / FOLDER).mkdir(parents=True)
    found = {"folds": 5, "repeats": 1, "mean": SCORED, "deviation": SCORED, "pooled": SCORED}
    keep_cross_validation("german", "v2", {"network": found}, tmp_path)
    block = "<!-- figures:german.cross_validation -->\n<!-- /figures -->"
    for name in CARDS:
        (tmp_path / name).write_text(f"# By hand\n\n{block}\n\nBy hand, too.\n")
    return tmp_path


def test_the_cards_of_this_repository_are_fresh():
    assert refresh(check=True, root=REPOSITORY) == 0


def test_the_cards_show_every_dataset_and_every_block():
    shown = {found for name in CARDS for found in MARKED.findall((REPOSITORY / name).read_text(encoding="utf-8"))}
    assert {name for _, name in shown} == set(BLOCKS)
    assert {(dataset, "fields") for dataset in dataset_names()} <= shown
    assert {(dataset, "quality") for dataset in dataset_names()} <= shown


def test_the_cards_promise_no_compliance():
    for name in CARDS:
        assert not re.search(r"\bcompli(ant|es)\b", (REPOSITORY / name).read_text(encoding="utf-8"), re.IGNORECASE)


def test_committed_figures_are_aggregates_without_paths():
    for path in (REPOSITORY / FOLDER).glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert len(text) < 60_000
        assert not re.search(r'"/|[A-Z]:\\\\', text)
        assert set(json.loads(text)) <= {"data", "model", "cross_validation", "leak"}


@pytest.mark.parametrize("dataset", dataset_names())
def test_committed_figures_name_the_model_the_commit_and_the_data_that_they_come_from(dataset):
    kept = read_figures(dataset, REPOSITORY)
    digests = [kept["model"]["model_digest"], *(one["sha256"] for one in kept["data"].values())]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    commits = {part: found["commit"] for part, found in kept.items() if part != "data"}
    assert [part for part, commit in commits.items() if not re.fullmatch("[0-9a-f]{40}", commit)] == []


def test_figures_are_renewed_and_prose_is_left(root):
    assert refresh(check=True, root=root) == 1
    assert refresh(check=False, root=root) == 0
    card = (root / "MODEL_CARD.md").read_text()
    assert "| network | 0.7000 ± 0.7000 |" in card
    assert card.startswith("# By hand\n")
    assert card.endswith("By hand, too.\n")
    assert refresh(check=True, root=root) == 0


def test_the_card_names_the_model_and_its_commit_once_they_are_kept(root):
    card = root / "MODEL_CARD.md"
    card.write_text("<!-- figures:german.quality -->\n<!-- /figures -->\n")
    document = read_figures("german", REPOSITORY)
    document["model"] |= {"model_digest": "d" * 64, "commit": "cccc-dirty"}
    (root / FOLDER / "german.json").write_text(json.dumps(document))
    refresh(check=False, root=root)
    assert " bad. From model `dddddddddddddddd`, commit `cccc-dirty`.\n" in card.read_text()


def test_checking_changes_nothing_and_names_the_stale_card(root, capsys):
    refresh(check=False, root=root)
    card = root / "DATASET_CARD.md"
    edited = card.read_text().replace("0.7000", "0.9000")
    card.write_text(edited)
    assert refresh(check=True, root=root) == 1
    assert card.read_text() == edited
    assert capsys.readouterr().err == "stale: DATASET_CARD.md; run credit-train cards\n"


def test_one_part_is_kept_when_another_is_replaced(root, monkeypatch):
    path = root / FOLDER / "german.json"
    path.write_text(json.dumps({**read_figures("german", root), "data": {"v1": {"rows": 7}}}))
    monkeypatch.setenv("CREDIT_COMMIT", "c" * 40)
    keep_cross_validation("german", "v1", {}, root)
    assert read_figures("german", root) == {
        "cross_validation": {"commit": "c" * 40, "version": "v1", "algorithms": {}},
        "data": {"v1": {"rows": 7}},
    }


def test_figures_with_a_leak_are_kept_apart_and_named(root):
    with_leak = {name: 2 * value for name, value in SCORED.items()} | {"recall": 0.5, "precision": 0.6, "f1": 0.55}
    keep_cross_validation("german", "v2", {"network": {"mean": with_leak}}, root, ["duration"])
    assert read_figures("german", root)["cross_validation"]["algorithms"]["network"]["mean"] == SCORED
    card = root / "MODEL_CARD.md"
    card.write_text("<!-- figures:german.leak -->\n<!-- /figures -->\n")
    refresh(check=False, root=root)
    assert "**With the leak `duration`**" in card.read_text()
    assert "| network | 1.400 | 0.500 | 0.600 | 0.550 |" in card.read_text()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("<!-- figures:german.qualty -->\n<!-- /figures -->", "no such block"),
        ("<!-- figures:german.quality -->\n<!-- /figures -->", "'model' was not kept for german"),
        ("<!-- figures:taiwan.quality -->\n<!-- /figures -->", r"taiwan\.json: No such file"),
        ("<!-- figures:german.quality -->", "not of the form"),
        ("<!-- figures: german -->\n<!-- /figures -->", "not of the form"),
    ],
)
def test_a_marker_that_cannot_be_filled_is_named(root, marker, message):
    (root / "MODEL_CARD.md").write_text(f"{marker}\n")
    with pytest.raises(CardError, match=message):
        refresh(check=False, root=root)


def test_a_missing_card_says_where_to_run(tmp_path):
    with pytest.raises(CardError, match=r"MODEL_CARD\.md: No such file.*repository's root"):
        refresh(check=True, root=tmp_path)


def test_figures_are_kept_in_the_repository_only(tmp_path, monkeypatch, capsys):
    with pytest.raises(CardError, match="has no docs/figures; run this in the repository's root"):
        keep_cross_validation("german", "v2", {}, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "cross_validation.folds=5", "--keep"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("run this in the repository's root"), "before anything is fitted"
    assert not list(tmp_path.iterdir())


def test_figures_of_a_portfolio_of_ones_own_are_kept_under_its_name(root, lender, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    mine = lender.yaml.rename(lender.folder / "mine.yaml")
    folds = ["algorithms=[logistic]", "versions=[v1]", "cross_validation.folds=2"]
    assert main(["evaluate", f"dataset={mine}", *folds, "--keep"]) == 0
    assert read_figures("lender", root)["cross_validation"]["version"] == "v1"
    assert [path.name for path in lender.folder.glob("*.json")] == []
