import re

import pytest

from credit_delivery.dossier import page, table
from credit_delivery.evidence import evidence as compute
from credit_delivery.promotion import GATES, propose
from credit_training.gate_file import load_gates
from scoring_api.model import load

from .world import World


@pytest.fixture(scope="module")
def evidence(released: World) -> dict:
    models = [load(released.root / "var/releases" / name, name) for name in ("c", "a")]
    gates = load_gates(released.root / GATES, "lender")
    return compute(models[0], models[1], released.rebuild(released.dataset), gates)


def test_the_page_says_what_an_approver_asks(evidence: dict) -> None:
    text = page(evidence, "production")
    assert text.startswith("Let production run the model **c**")
    assert "instead of `a`" in text
    for title in ("Gates", "How well", "Who would be decided otherwise", "Approval rate by group", "What the declined"):
        assert re.search(f"^## {title}", text, re.MULTILINE)
    for move in evidence["swap_set"]:
        assert f"| {move['from']} → {move['to']} | {move['count']:,} |" in text


def test_every_table_has_as_many_cells_in_each_line(evidence: dict) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", page(evidence, "staging"), re.MULTILINE)
    assert len(tables) == 6
    for lines in (found.splitlines() for found in tables):
        assert len({line.count("|") for line in lines}) == 1


def test_the_same_model_moves_nobody(evidence: dict) -> None:
    text = page({**evidence, "swap_set": []}, "staging")
    assert "## Who would be decided otherwise\n\nNobody." in text


def test_a_failed_gate_is_in_the_title(evidence: dict) -> None:
    gates = [{**gate, "verdict": "fail"} for gate in evidence["gates"]]
    assert "## Gates: 3 FAILED" in page({**evidence, "gates": gates}, "staging")


def test_a_difference_within_chance_is_not_called_better(evidence: dict) -> None:
    for low, high, said in (
        (-0.01, 0.01, "no clear difference"),
        (0.01, 0.02, "challenger"),
        (-0.02, -0.01, "champion"),
    ):
        difference = {**evidence["metrics"]["difference"], "auc": {"value": low, "low": low, "high": high}}
        text = page({**evidence, "metrics": {**evidence["metrics"], "difference": difference}}, "staging")
        (line,) = [line for line in text.splitlines() if line.startswith("| AUC")]
        assert line.endswith(f"| {said} |")


def test_the_first_promotion_says_that_there_is_no_comparison(world: World) -> None:
    text = propose(world.repository, "staging", "a", world.rebuild).body
    assert "instead of nothing" in text
    assert "**No comparison:** nothing is released in staging yet." in text


def test_text_from_data_stays_in_its_cell() -> None:
    assert table(("a",), [("x | y\nz",)])[-1] == "| x \\| y z |"
