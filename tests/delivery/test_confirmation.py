import http.server
import json
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest

from credit_delivery import record
from credit_delivery.cli import main
from credit_delivery.confirmation import WITHDRAWAL, Observation, confirm, confirmed, observe
from credit_delivery.errors import RefusedError, WithdrawnError
from credit_delivery.rollback import roll_back

from .world import World


class Staging(http.server.BaseHTTPRequestHandler):
    """A service of staging, as far as /ready and /model go."""

    ready: ClassVar[int] = 200
    digest: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.send_response(self.ready if self.path == "/ready" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"model_digest": self.digest}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    world.promote("staging", "a")
    monkeypatch.setattr(Staging, "digest", record.read(world.repository, "a").model_digest)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Staging)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_healthy_model_is_confirmed_by_a_commit(world: World, service: str) -> None:
    release = record.read(world.repository, "a")
    commits = world.commits()
    assert confirm(world.repository, [observe(service)])
    assert world.commits() == commits + 1
    assert confirmed(world.repository, release.pin)
    said = json.loads(world.read("environments/staging/confirmed/a.json"))
    assert said["seen"] == [f"{service} is ready and answers with {release.model_digest}"]
    assert said["commit"] == world.git("log", "-1", "--first-parent", "--format=%H", "HEAD^")


def test_confirming_twice_makes_one_commit(world: World, service: str) -> None:
    confirm(world.repository, [observe(service)])
    commits = world.commits()
    assert confirm(world.repository, [observe(service)]) is None
    assert world.commits() == commits


def test_a_service_that_is_not_ready_confirms_nothing(
    world: World, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Staging, "ready", 503)
    with pytest.raises(RefusedError, match="is not ready"):
        confirm(world.repository, [observe(service)])


def test_a_service_that_is_not_there_confirms_nothing(world: World, service: str) -> None:
    with pytest.raises(RefusedError, match=r"http://127.0.0.1:9 is not ready"):
        confirm(world.repository, [observe(service), observe("http://127.0.0.1:9")])


def test_another_model_that_answers_confirms_nothing(
    world: World, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Staging, "digest", "f" * 64)
    with pytest.raises(RefusedError, match="answers with ffffffffffff, git names"):
        confirm(world.repository, [observe(service)])


def test_a_model_that_is_not_healthy_any_more_loses_its_confirmation_until_it_is(
    world: World, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = record.read(world.repository, "a").pin
    confirm(world.repository, [observe(service)])
    monkeypatch.setattr(Staging, "ready", 503)
    with pytest.raises(WithdrawnError, match=r"is not ready\n.* takes back: confirm it anew"):
        confirm(world.repository, [observe(service)])
    assert not confirmed(world.repository, pin)
    said = world.git("log", "-1", "--format=%B")
    assert said.startswith(f"{WITHDRAWAL} a\n\n{service} is not ready\n")
    assert world.git("status", "--porcelain") == ""
    commits = world.commits()
    with pytest.raises(RefusedError, match="is not ready"):
        confirm(world.repository, [observe(service)])
    assert world.commits() == commits
    monkeypatch.setattr(Staging, "ready", 200)
    assert confirm(world.repository, [observe(service)])
    assert confirmed(world.repository, pin)


def test_who_asks_for_all_sends_what_is_taken_back(world: World, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["confirm", "--url", service, "--push"])
    assert confirmed(world.repository, record.read(world.repository, "a").pin, "origin/main")
    monkeypatch.setattr(Staging, "ready", 503)
    with pytest.raises(SystemExit):
        main(["confirm", "--url", service, "--push"])
    assert world.git("log", "-1", "--format=%s", "origin/main") == f"{WITHDRAWAL} a"


def test_a_pod_that_starts_or_ends_beside_others_takes_no_confirmation_back(world: World, service: str) -> None:
    confirm(world.repository, [observe(service)])
    starting = Observation(where="http://pod", ready=False, model_digest="")
    with pytest.raises(RefusedError, match="http://pod is not ready"):
        confirm(world.repository, [observe(service), starting])
    assert confirmed(world.repository, record.read(world.repository, "a").pin)


def test_a_withdrawal_that_origin_does_not_take_is_told_with_its_cause(
    world: World, service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["confirm", "--url", service, "--push"])
    world.commit("notes.txt", "more\n")
    world.repository.push("main")
    world.git("reset", "--quiet", "--hard", "HEAD^")
    monkeypatch.setattr(Staging, "ready", 503)
    with pytest.raises(SystemExit):
        main(["confirm", "--url", service, "--push"])
    said = capsys.readouterr().err
    assert "is not ready" in said
    assert "origin does not take main" in said


def test_nobody_asked_confirms_nothing(world: World) -> None:
    world.promote("staging", "a")
    with pytest.raises(RefusedError, match="no service was asked"):
        confirm(world.repository, [])


def test_a_quarantined_model_is_not_confirmed(staged: World) -> None:
    bad = staged.read("environments/staging/model.yaml")
    roll_back(staged.repository, "staging", "declined everybody")
    staged.commit("environments/staging/model.yaml", bad)
    seen = Observation(where="a pod", ready=True, model_digest=record.read(staged.repository, "b").model_digest)
    with pytest.raises(RefusedError, match="quarantined"):
        confirm(staged.repository, [seen])
