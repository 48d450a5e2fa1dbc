import itertools
import sqlite3
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle
from credit_delivery.cluster.shift import Service
from credit_delivery.crowd import crowd
from credit_delivery.errors import LoadError

from .conftest import Serve


def test_people_are_decided_and_what_became_of_them_is_recorded(serve: Serve, bundle: Bundle, tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    service = Service(str(serve(journal={"file": journal}).base_url).rstrip("/"), "")
    people = list(itertools.islice(crowd(bundle, 0, 1), 3))
    service.decide([(person, bad) for person, bad in zip(people, (True, False, True), strict=True)])
    with sqlite3.connect(journal) as reading:
        told = reading.execute(
            "SELECT o.outcome FROM decisions d JOIN outcomes o ON o.decision_id = d.id ORDER BY d.id"
        )
        assert [outcome for (outcome,) in told] == ["defaulted", "paid", "defaulted"]


def test_somebody_whom_the_service_refuses_ends_it_with_the_service_s_words(serve: Serve) -> None:
    service = Service(str(serve().base_url).rstrip("/"), "")
    with pytest.raises(LoadError, match=r"/v1/score: 422 .*no_such_field"):
        service.decide([({"no_such_field": 1}, True)])
