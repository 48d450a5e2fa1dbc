import math

import pytest

from credit_contract.errors import GateError
from credit_contract.gates import evaluate, failed, find, read_gates

FIGURES = {
    "network": {"auc": 0.79, "name": "net", "broken": math.nan, "list": [1]},
    "boosting": {"auc": 0.80},
    "proved": True,
    "violations": 0,
    "unknown": None,
}


def verdict(**gate):
    (result,) = evaluate(read_gates([{"name": "gate", "why": "w", **gate}]), FIGURES)
    return result.verdict


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ({"figure": "network.auc", "minimum": 0.79}, "pass"),
        ({"figure": "network.auc", "minimum": 0.7901}, "fail"),
        ({"figure": "network.auc", "maximum": 0.79}, "pass"),
        ({"figure": "network.auc", "minimum": 0.7, "maximum": 0.75}, "fail"),
        ({"figure": "network.auc", "against": "boosting.auc", "minimum": -0.02}, "pass"),
        ({"figure": "network.auc", "against": "boosting.auc", "minimum": -0.005}, "fail"),
        ({"figure": "network.auc", "against": "champion.auc", "minimum": -1}, "fail"),
        ({"figure": "network.nobody", "minimum": 0}, "fail"),
        ({"figure": "network.auc.deeper", "minimum": 0}, "fail"),
        ({"figure": "unknown", "minimum": 0}, "fail"),
        ({"figure": "network.broken", "minimum": 0}, "fail"),
        ({"figure": "network.name", "minimum": 0}, "fail"),
        ({"figure": "network.list", "minimum": 0}, "fail"),
        ({"figure": "proved", "minimum": 0}, "fail"),
        ({"figure": "proved", "equals": True}, "pass"),
        ({"figure": "proved", "equals": 1}, "fail"),
        ({"figure": "violations", "equals": 0}, "pass"),
        ({"figure": "violations", "equals": 0.0}, "pass"),
        ({"figure": "violations", "equals": False}, "fail"),
        ({"figure": "network.name", "equals": "net"}, "pass"),
        ({"figure": "champion.auc", "minimum": 0, "unless_missing": "champion"}, "not applicable"),
        ({"figure": "unknown", "minimum": 0, "unless_missing": "unknown"}, "not applicable"),
        ({"figure": "network.nobody", "minimum": 0, "unless_missing": "network"}, "fail"),
    ],
)
def test_verdicts(gate, expected):
    assert verdict(**gate) == expected


def test_results_keep_the_order_and_say_what_was_measured_and_wanted():
    gates = read_gates(
        [
            {"name": "second", "figure": "network.auc", "against": "boosting.auc", "minimum": 0, "why": "w"},
            {"name": "first", "figure": "proved", "equals": True, "why": "w"},
        ]
    )
    results = evaluate(gates, FIGURES)
    assert [result.name for result in results] == ["second", "first"]
    assert results[0].measured == pytest.approx(-0.01)
    assert results[0].wanted == "network.auc - boosting.auc >= 0"
    assert results[1].measured is True
    assert failed(results) == ["second"]


def test_a_gate_without_a_threshold_is_refused():
    with pytest.raises(GateError, match="give minimum, maximum or equals"):
        read_gates([{"name": "auc", "figure": "network.auc", "why": "w"}])


def test_a_gate_without_a_reason_is_refused():
    with pytest.raises(GateError, match="gate auc: why"):
        read_gates([{"name": "auc", "figure": "network.auc", "minimum": 1}])


def test_find_follows_the_path():
    assert find(FIGURES, "network.auc") == 0.79
    assert find(FIGURES, "network") == FIGURES["network"]
    assert find(FIGURES, "network.list.0") is None
