from __future__ import annotations

from typing import Any

import pytest

from credit_simulator import Scenario
from credit_simulator.errors import ScenarioError


def event(**keys: Any) -> dict[str, Any]:
    return {"events": [{"kind": "broken_field", "start": 3, **keys}]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"month": 3}, ["month", "Extra inputs"]),
        ({"months": 0}, ["months", "greater than or equal to 1"]),
        ({"start": "2021-13"}, ["start"]),
        ({"events": [{"kind": "earthquake", "start": 1}]}, ["events.0.kind", "macro_shock"]),
        ({"events": [{"kind": "new_channel", "start": 1, "strength": 1.5}]}, ["events.0", "at most 1"]),
        ({"events": [{"kind": "macro_shock", "start": 1, "field": "net_income"}]}, ["events.0", "only broken_field"]),
        (event(fault="missing"), ["events.0", "needs a field", "net_income"]),
        (event(field="months_on_book", fault="missing"), ["needs a field"]),
        (event(field="net_income"), ["needs a fault", "missing, constant, scaled"]),
        (event(field="housing", fault="scaled"), ["housing is a category"]),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line_that_names_the_key(
    document: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(document)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_an_event_is_on_from_its_start_for_its_length() -> None:
    events = [{"kind": "new_channel", "start": 2, "length": 3, "strength": 0.25}]
    scenario = Scenario.parse({"events": events})
    assert [scenario.strength("new_channel", month) for month in range(7)] == [0, 0, 0.25, 0.25, 0.25, 0, 0]


def test_a_scenario_survives_its_own_json() -> None:
    scenario = Scenario.parse(event(field="housing", fault="constant", strength=0.5))
    assert Scenario.parse(scenario.model_dump(mode="json")) == scenario
