import itertools
import socketserver
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from credit_contract.applicant import check, encode
from credit_contract.bundle import Bundle
from credit_delivery.cli import main
from credit_delivery.crowd import crowd, simulated
from credit_delivery.load import Load
from credit_simulator import SCHEMA as SIMULATED
from scoring_api.access import new_key

from .conftest import Serve
from .toy import expected_pd


def test_every_request_is_sent_in_time_and_counted_by_the_model_that_answered(serve: Serve, bundle: Bundle) -> None:
    with Load(str(serve().base_url), crowd(bundle, 0, 1), rate=200, seconds=0.5) as load:
        assert load.wait(30)
    seen = load.seen()
    assert (seen.sent, seen.failed, seen.models) == (100, 0, {bundle.digest: 100})
    assert 0 < seen.percentile_ms(0.5) <= seen.percentile_ms(0.99)
    assert seen.took_s >= 99 / 200
    assert seen.rate * seen.took_s == pytest.approx(seen.sent)
    assert f"100 sent, 0 failed, {seen.rate:.1f}/s for {seen.took_s:.0f} s, p50 " in seen.line()
    assert load.seen().took_s == seen.took_s


def test_refused_requests_fail_the_command_and_a_key_lets_them_in(
    serve: Serve, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, line = new_key("load", "score")
    monkeypatch.setenv("SCORING_API_KEYS", line)
    command = ["load", "--url", str(serve(auth="keys").base_url), "--bundle", str(bundle.path), "--seconds", "0.1"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--rate", "50"])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "5 sent, 5 failed (401 5)" in said.out
    assert "5 of 5 requests failed" in said.err
    monkeypatch.setenv("SCORING_API_KEY", key)
    main([*command, "--rate", "50"])
    assert "5 sent, 0 failed" in capsys.readouterr().out


class OneAnswerEach(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while (line := self.rfile.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        body = b'{"model_digest": "any"}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


class Forgetful(socketserver.ThreadingTCPServer):
    request_queue_size = 64  # with the default of 5, a busy machine resets connections that nobody accepted yet


@pytest.fixture
def forgetful() -> Iterator[str]:
    with Forgetful(("127.0.0.1", 0), OneAnswerEach) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_connections_closed_while_idle_are_opened_again_and_no_failure(forgetful: str, bundle: Bundle) -> None:
    with Load(forgetful, crowd(bundle, 0, 1), rate=400, seconds=0.2) as load:
        assert load.wait(30)
    seen = load.seen()
    assert (seen.sent, seen.failed) == (80, 0)
    assert seen.reconnected > 0


def test_requests_that_were_due_before_the_stop_are_sent_however_late(forgetful: str) -> None:
    with Load(forgetful, itertools.repeat({}), rate=5000) as load:
        while load.seen().sent < 50:
            load.wait(0.01)
    seen = load.seen()
    assert seen.sent == pytest.approx(5000 * seen.took_s, abs=2)


def test_nobody_there_is_told_by_the_error(bundle: Bundle) -> None:
    with Load("http://127.0.0.1:9", crowd(bundle, 0, 1), rate=100, seconds=0.05) as load:
        assert load.wait(30)
    assert load.seen().answers == {"ConnectionRefusedError": 5}


def test_what_is_no_address_is_refused_in_one_line(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["load", "--url", "127.0.0.1", "--bundle", str(bundle.path)])
    assert "credit-release load: 127.0.0.1 is no address" in capsys.readouterr().err


def test_crowds_fit_the_schema_and_get_worse_with_the_shift(bundle: Bundle) -> None:
    crowds = [list(itertools.islice(crowd(bundle, shift, 1), 2000)) for shift in (0.0, 1.0, 2.0)]
    for people in crowds:
        check(bundle.schema, people)
    means = [float(np.mean(expected_pd(people))) for people in crowds]
    assert means == sorted(means)
    assert means[2] > 1.1 * means[0]


def test_a_crowd_without_shift_is_the_baselines(bundle: Bundle) -> None:
    people = list(itertools.islice(crowd(bundle, 0, 1), 4000))
    numbers = encode(bundle.schema, people).numbers
    for column, field in enumerate(bundle.schema.number_fields):
        known = bundle.baseline.numbers[field.name]
        shares = known.count(numbers[:, column]) / len(people)
        assert np.abs(shares - known.reference() / known.reference().sum()).max() < 0.03, field.name


def test_the_simulated_portfolio_is_the_simulators() -> None:
    usual, shifted = (list(itertools.islice(simulated(shift, 1), 500)) for shift in (0.0, 1.0))
    check(SIMULATED, usual)
    check(SIMULATED, shifted)
    savings = [np.mean([person["savings_balance"] or 0 for person in people]) for people in (usual, shifted)]
    assert savings[1] < savings[0]
