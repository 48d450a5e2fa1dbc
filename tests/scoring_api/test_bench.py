"""The benchmark's own parts: that it sends what it says, notices wrong answers, and writes down what it measured."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import bulk, network, report, wires
from bench.applicants import BODIES, People
from bench.checks import WRONG, WrongAnswerError, await_answer, check, wrong_inputs
from bench.contenders import CONTENDERS, Contender
from bench.load import write_script
from bench.process import StartError, serving, tree
from bench.wires import Wire
from credit_contract.applicant import encode, problems_of
from credit_training.serving import free_port
from scoring_api.parquet import ParquetFile

from .toy import expected_pd, make_bundle

ANSWERS: dict[str, Callable[[list[float]], Any]] = {
    "OBJECTS": lambda pd: {"results": [{"pd": one} for one in pd]},
    "COLUMNS": lambda pd: {"columns": {"pd": pd}},
    "LIST": lambda pd: {"pd": pd},
    "APPLICANTS": lambda pd: pd,
    "INSTANCES": lambda pd: {"pd": pd},
    "KSERVE": lambda pd: {"predictions": pd},
    "V2": lambda pd: {"outputs": [{"data": pd}]},
    "TENSORS": lambda pd: {"predictions": {"pd": pd}},
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.made(make_bundle(tmp_path_factory.mktemp("bundles") / "toy").path)


def test_the_small_network_is_the_same_every_time_and_declines_somebody(tmp_path: Path) -> None:
    one, other = (People.made(network.make(tmp_path / name)) for name in ("one", "other"))
    assert one.bundle.digest == other.bundle.digest
    decided = one.bundle.policy.decisions(one.mixed().pd)
    assert set(decided.tolist()) == {0, 1, 2}


@contextmanager
def answering(answer: Callable[[bytes], tuple[int, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, document = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_people_are_valid_and_their_pds_the_models(people: People) -> None:
    assert not any(problems_of(people.bundle.schema, row) for row in people.rows[:500])
    np.testing.assert_allclose(people.pd[:500], expected_pd(list(people.rows[:500])), atol=1e-6)


def test_the_approved_are_approved_and_the_mixed_in_the_baselines_shares(people: People) -> None:
    policy = people.bundle.policy
    assert set(policy.decisions(people.approved().pd)) == {0}
    mixed = people.mixed()
    found = np.bincount(policy.decisions(mixed.pd), minlength=3) / len(mixed.rows)
    known = np.array(people.bundle.baseline.decisions, dtype=float)
    np.testing.assert_allclose(found, known / known.sum(), atol=0.01)


@pytest.mark.parametrize("size", [1, 100])
def test_bodies_differ_and_hold_as_many_as_they_say(people: People, size: int) -> None:
    groups = people.groups(size)
    bodies = [wires.LIST.request(group) for group in groups]
    assert len(bodies) == BODIES[size]
    assert len(set(bodies)) > 0.9 * len(bodies)
    assert {len(group.rows) for group in groups} == {size}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_pds_of_an_answer_are_found_and_those_that_differ_are_noticed(people: People, name: str) -> None:
    wire: Wire = getattr(wires, name)
    groups = people.groups(100)[:2]
    bodies = [wire.request(group) for group in groups]
    told = {body: group.pd.tolist() for body, group in zip(bodies, groups, strict=True)}
    with answering(lambda body: (200, ANSWERS[name](told[body]))) as url:
        check(url, wire, groups, bodies)
        told[bodies[1]][7] += 1e-4
        with pytest.raises(WrongAnswerError, match="other PDs"):
            check(url, wire, groups, bodies)
        del told[bodies[1]][7]
        with pytest.raises(WrongAnswerError, match="other PDs"):
            check(url, wire, groups, bodies)


def test_a_refusal_is_a_wrong_answer(people: People) -> None:
    group = people.groups(1)[0]
    with answering(lambda _: (422, "no")) as url, pytest.raises(WrongAnswerError, match="status 422"):
        check(url, wires.LIST, [group], [wires.LIST.request(group)])


def test_a_server_that_is_not_ready_yet_is_waited_for() -> None:
    statuses = iter([503, 503, 200])
    with answering(lambda _: (next(statuses), "")) as url:
        await_answer(url, b"{}")
    assert next(statuses, None) is None


@pytest.mark.parametrize("name", ANSWERS)
def test_wrong_inputs_are_each_wrong_in_one_way(people: People, name: str) -> None:
    seen: list[bytes] = []

    def judge(body: bytes) -> tuple[int, str]:
        seen.append(body)
        return 400 + len(seen), ""

    wire: Wire = getattr(wires, name)
    group = people.groups(1)[0]
    with answering(judge) as url:
        statuses = wrong_inputs(url, wire, group)
    assert statuses == {kind: 401 + place for place, kind in enumerate(WRONG)}
    assert len({wire.request(group), *seen}) == len(WRONG) + 1
    with_null, with_text, _, nobody, _ = seen
    assert b"null" in with_null
    assert b'"a lot"' in with_text
    assert len(nobody) < len(with_null)
    with pytest.raises(ValueError, match="line 1"):
        json.loads(seen[4])


def test_the_load_script_holds_every_body(people: People, tmp_path: Path) -> None:
    bodies = [wires.OBJECTS.request(group) for group in people.groups(1)]
    write_script(tmp_path / "bodies.lua", bodies)
    script = (tmp_path / "bodies.lua").read_bytes()
    assert all(body in script for body in bodies)


def test_a_bulk_file_holds_as_many_as_it_says_of_the_people(people: People, tmp_path: Path) -> None:
    file = bulk.write(people.rows[:50], 3_000, tmp_path / "people.parquet")
    (window,) = ParquetFile(file, people.bundle.schema).windows()
    known = encode(people.bundle.schema, people.rows[:50])
    assert len(window) == 3_000
    assert {row.tobytes() for row in window.numbers} == {row.tobytes() for row in known.numbers}


def test_a_server_is_a_tree_that_is_gone_afterwards(tmp_path: Path) -> None:
    port = free_port()
    command = ["sh", "-c", f"python3 -m http.server {port} --bind 127.0.0.1 & wait"]
    with serving(command, {}, port, tmp_path, tmp_path / "log") as server:
        assert server.processes() == 2
        assert server.memory_mb() > 1
        assert server.cpu_s() >= 0
        root = server._process.pid
    assert not Path(f"/proc/{root}").exists() or tree(root) == [root]


def test_a_server_that_ends_tells_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="no such model"),
        serving(["sh", "-c", "echo no such model; exit 1"], {}, free_port(), tmp_path, tmp_path / "log"),
    ):
        pass


def measured(one: Contender, cpu_us: float) -> dict[str, Any]:
    load = {"cpu_us": cpu_us, "requests_s": 1e6 / cpu_us, "p50_ms": 1.0, "p99_ms": 2.0, "errors": 0, "others": 0.0}
    lonely = {"lonely_us": 2 * cpu_us, "lonely_p50_ms": 0.5}
    kept = {"database_us": 9.0, "half_p99_ms": 3.0, "crowd_us": 7.0, "crowd_errors": 0}
    wrong = dict(zip(WRONG, (422, 200, 500, 404, 400), strict=True))
    sizes = {str(size): {**load, **lonely, **kept} for size in one.sizes}
    return {**sizes, "start_s": 1.0, "memory_mb": 90.0, "processes": 1, "wrong": wrong}


def test_the_report_gives_medians_in_order_and_says_what_failed() -> None:
    servers: dict[str, Any] = {
        one.name: {"rounds": [measured(one, us) for us in (50 + place, 40 + place, 1000)]}
        for place, one in enumerate(CONTENDERS)
    }
    servers["ray"] = {"failed": "no word"}
    del servers["mlflow"]
    figures = {"machine": "m", "date": "d", "dataset": "toy", "fields": 5, "graph_kb": 2, "rounds": 3, "seconds": 2}
    page = report.page({**figures, "servers": servers}, "bench")
    first = page.partition("## 1 applicant per request")[2].partition("## 100")[0].splitlines()
    rows = [line.split("|")[1:4] for line in first if line.startswith("| ")][1:]
    named = [one for one in CONTENDERS if 1 in one.sizes and one.name not in ("ray", "mlflow")]
    assert [row[0].strip() for row in rows] == [one.name for one in named]
    assert [row[1].strip() for row in rows] == [str(50 + CONTENDERS.index(one)) for one in named]
    assert rows[0][2].strip() == "40 – 1,000"
    assert page.endswith("\nNot measured:\n\n- mlflow: left out\n- ray: no word\n")
    summary = report.summary({**figures, "servers": servers})
    assert "| robyn | 56 | 56 | 3 of 5 |" in summary
    assert "| echo | 55 | 55 | – |" in summary
