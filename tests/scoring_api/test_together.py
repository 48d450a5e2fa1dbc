"""Requests that arrive in one turn of the event loop: scored together, each answered as if it were alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings as how, strategies as st
from onnx import TensorProto, helper, numpy_helper

from credit_contract.bundle import Bundle
from scoring_api.app import create_app
from scoring_api.edge import Edge
from scoring_api.reply import Reply
from scoring_api.settings import Settings

from .toy import BAD, GOOD, POLICY, SCHEMA, bundle_of, expected_pd, graph, make_bundle

JSON = {b"content-type": b"application/json"}
Asked = tuple[dict[bytes, bytes], bytes]

PERSON = st.builds(
    lambda late, income, status: {**GOOD, "late_payments": late, "income": income, "status": status},
    st.integers(0, 12),
    st.one_of(st.none(), st.floats(0, 1000, width=32)),
    st.sampled_from([1, 2]),
)
BODY = st.one_of(
    PERSON.map(json.dumps),
    PERSON.map(lambda person: json.dumps({**person, "monitoring_attributes": {"sex": "f"}})),
    st.lists(PERSON, min_size=1, max_size=4).map(json.dumps),
    st.lists(PERSON, min_size=1, max_size=4).map(
        lambda people: json.dumps({"columns": [*GOOD], "rows": [[*person.values()] for person in people]})
    ),
    st.sampled_from(["", "{", "[]", "null", '{"income": "castle"}', '[{"late_payments": 99}]']),
)


@pytest.fixture(scope="module")
def edge(bundle: Bundle) -> Edge:
    return loaded(bundle)


def loaded(bundle: Bundle, **settings: Any) -> Edge:
    chosen = {"bundle": bundle.path, "auth": "none", "journal": {"keep": False}, **settings}
    made = create_app(Settings.model_validate(chosen))
    assert made.service.load(bundle.path, "toy-1", None)
    return made


def ask_all(edge: Edge, asked: list[Asked], meanwhile: Callable[[], object] = lambda: None) -> list[Reply]:
    """The answers to requests that arrive in one turn, in their order."""

    async def ask() -> list[Reply]:
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in asked]
        for (headers, body), answer in zip(asked, answers, strict=True):
            edge.ask(headers, body, answer.set_result)
        meanwhile()
        async with asyncio.timeout(20):
            return await asyncio.gather(*answers)

    return asyncio.run(ask())


def told(reply: Reply) -> Any:
    """What was said, without what differs between two times of asking the same."""
    document = json.loads(reply.body)
    request_id = document.pop("request_id")
    return reply.status, json.loads(json.dumps(document).replace(request_id, "id"))


@given(st.lists(BODY.map(str.encode), min_size=1, max_size=12))
@how(max_examples=60)
def test_each_is_answered_as_if_it_were_alone(edge: Edge, bodies: list[bytes]) -> None:
    together = ask_all(edge, [(JSON, body) for body in bodies])
    alone = [ask_all(edge, [(JSON, body)])[0] for body in bodies]
    assert list(map(told, together)) == list(map(told, alone))
    assert len({json.loads(reply.body)["request_id"] for reply in together}) == len(bodies)


def test_more_than_one_portion_and_more_than_fit_in_one_are_answered(edge: Edge) -> None:
    people = [{**GOOD, "income": float(n)} for n in range(700)]
    sizes = [1, 200, 100, 300, 1, 700] + [1] * 130
    bodies = [json.dumps(people[:size]).encode() for size in sizes]
    replies = ask_all(edge, [(JSON, body) for body in bodies])
    for size, reply in zip(sizes, replies, strict=True):
        answered = [result["pd"] for result in json.loads(reply.body)["results"]]
        assert answered == pytest.approx(expected_pd(people[:size]).tolist(), abs=1e-6)


def test_many_who_are_told_reasons_keep_nobody_from_an_answer(edge: Edge) -> None:
    bodies = [json.dumps(BAD if n % 2 else GOOD).encode() for n in range(40)]
    replies = ask_all(edge, [(JSON, body) for body in bodies])
    alone = {n: told(ask_all(edge, [(JSON, bodies[n])])[0]) for n in (0, 1)}
    assert [told(reply) for reply in replies] == [alone[n % 2] for n in range(40)]
    assert alone[1][1]["results"][0]["reasons"]


def breaking(late: int) -> bytes:
    """The toy's graph, which cannot be run for an income of 31.5 with fewer than so many payments late."""
    model, node = onnx.load_from_string(graph()), helper.make_node
    constants = {
        "feared": np.array(31.5, np.float32),
        "late": np.array(late, np.float32),
        "only": np.zeros(1, np.float32),
    }
    model.graph.initializer.extend([numpy_helper.from_array(value, name) for name, value in constants.items()])
    next(one for one in model.graph.node if one.op_type == "Sum").input.append("nothing")
    nodes = [
        node("Gather", ["numbers", "second"], ["income"], axis=1),
        node("Gather", ["numbers", "first"], ["payments"], axis=1),
        node("Equal", ["income", "feared"], ["found"]),
        node("Less", ["payments", "late"], ["few"]),
        node("And", ["found", "few"], ["met"]),
        node("Cast", ["met"], ["place"], to=TensorProto.INT64),
        node("Gather", ["only", "place"], ["nothing"]),
        *model.graph.node,
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("late", "person", "times"), [(13, GOOD, 1), (6, BAD, 1), (6, BAD, 10)])
def test_a_fault_is_one_requests_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, late: int, person: dict[str, Any], times: int
) -> None:
    people = [{**GOOD, "income": float(n), "late_payments": n % 6} for n in range(200)]
    edge = loaded(bundle_of(tmp_path / "breaking", SCHEMA, POLICY, breaking(late), people, expected_pd))
    incomes = [30.5] * times + [31.5] + [32.5] * times
    with caplog.at_level(logging.ERROR, "scoring_api"):
        replies = ask_all(edge, [(JSON, json.dumps({**person, "income": n}).encode()) for n in incomes])
    assert [reply.status for reply in replies] == [500 if n == 31.5 else 200 for n in incomes]
    assert json.loads(replies[times].body)["code"] == "internal"
    assert [record.getMessage() for record in caplog.records] == ["fault"]


def test_closing_finishes_what_goes_on(bundle: Bundle) -> None:
    async def ask() -> int:
        edge, replies = loaded(bundle), list[Reply]()
        for _ in range(40):
            edge.ask(JSON, json.dumps(BAD).encode(), replies.append)
        await asyncio.sleep(0)
        await edge.close()
        return len(replies)

    assert asyncio.run(ask()) == 40


def test_one_bundle_answers_all_that_wait_when_another_is_loaded(bundle: Bundle, tmp_path: Path) -> None:
    stricter = make_bundle(tmp_path / "stricter", POLICY.model_copy(update={"version": "2026-02"}))
    edge = loaded(bundle)
    asked = [(JSON, json.dumps(GOOD).encode())] * 5
    replies = ask_all(edge, asked, lambda: edge.service.load(stricter.path, "toy-2", None))
    assert {json.loads(reply.body)["model_tag"] for reply in replies} == {"toy-2"}
    assert {json.loads(reply.body)["model_digest"] for reply in replies} == {stricter.digest}


def test_more_than_may_be_in_flight_are_refused_and_the_others_answered(bundle: Bundle) -> None:
    edge = loaded(bundle, limits={"max_in_flight": 3})
    replies = ask_all(edge, [(JSON, json.dumps(GOOD).encode())] * 5)
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 503, 503]
    assert [reply.status for reply in ask_all(edge, [(JSON, json.dumps(GOOD).encode())] * 3)] == [200] * 3


def test_who_must_not_ask_is_refused_among_those_who_may(bundle: Bundle) -> None:
    replies = ask_all(
        loaded(bundle), [(JSON, json.dumps(GOOD).encode()), ({b"content-type": b"text/plain"}, b"{}"), (JSON, b"{}")]
    )
    assert [reply.status for reply in replies] == [200, 415, 422]


def test_without_a_bundle_all_are_told_so() -> None:
    edge = create_app(Settings.model_validate({"auth": "none", "journal": {"keep": False}}))
    replies = ask_all(edge, [(JSON, json.dumps(GOOD).encode())] * 3)
    assert [reply.status for reply in replies] == [503] * 3


def test_all_are_counted(bundle: Bundle) -> None:
    edge = loaded(bundle)
    ask_all(edge, [(JSON, json.dumps(body).encode()) for body in (GOOD, BAD, [GOOD, GOOD], {})])
    lines = edge.app.state.metrics.exposition().decode().splitlines()
    label = bundle.digest[:12]
    for line in (
        f'scoring_api_requests_total{{code="200",model="{label}",route="/v1/score"}} 3.0',
        f'scoring_api_requests_total{{code="422",model="{label}",route="/v1/score"}} 1.0',
        f'scoring_api_decisions_total{{decision="approve",model="{label}"}} 3.0',
        f'scoring_api_score_count{{model="{label}"}} 4.0',
        'scoring_api_stage_seconds_count{stage="parse"} 3.0',
        'scoring_api_stage_seconds_count{stage="model"} 3.0',
        'scoring_api_stage_seconds_count{stage="reasons"} 1.0',
        "scoring_api_in_flight 0.0",
    ):
        assert line in lines
