import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from credit_delivery.cli import main
from credit_delivery.errors import PullRequestError
from credit_delivery.pull_request import GitHub, github

from .world import World


class Forge(http.server.BaseHTTPRequestHandler):
    """GitHub's pull requests, as far as its API describes listing, opening and changing them."""

    pulls: ClassVar[list[dict[str, Any]]] = []
    tokens: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self._answer(200, [p for p in self.pulls if [p["head"]] == asked["head"] and [p["base"]] == asked["base"]])

    def do_POST(self) -> None:
        if self.headers["Authorization"] != "Bearer secret":
            self._answer(401, {"message": "Bad credentials"})
            return
        asked = self._asked()
        number = len(self.pulls) + 1
        url = f"https://forge.example/bank/credit/pull/{number}"
        self.pulls.append({**asked, "head": f"bank:{asked['head']}", "number": number, "html_url": url})
        self._answer(201, self.pulls[-1])

    def do_PATCH(self) -> None:
        pull = self.pulls[int(self.path.rpartition("/")[2]) - 1]
        pull.update(self._asked())
        self._answer(200, pull)

    def _asked(self) -> dict[str, Any]:
        assert self.path.startswith("/repos/bank/credit/pulls")
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Forge, "pulls", [])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forge)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_promotion_opens_one_pull_request_whose_body_is_the_evidence(
    world: World, forge: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("GITHUB_API_URL", forge)
    monkeypatch.setenv("GITHUB_REPOSITORY", "bank/credit")
    for _ in range(2):
        main(["promote", "a", "--to", "staging", "--holdout", str(world.holdout)])
    (pull,) = Forge.pulls
    assert (pull["head"], pull["base"], pull["title"]) == ("bank:promote/staging/a", "main", "Promote a to staging")
    assert "## Gates: all 3 passed" in pull["body"]
    assert capsys.readouterr().out.endswith("https://forge.example/bank/credit/pull/1\n")
    assert "promote/staging/a" in world.git("ls-remote", "--heads", "origin")


def test_a_forge_that_refuses_says_why(forge: str) -> None:
    with pytest.raises(PullRequestError, match=r"POST .* failed: 401: .*Bad credentials.*; the branch is pushed"):
        GitHub(forge, "bank/credit", "wrong").open("branch", "main", "title", "body")


def test_a_forge_that_is_away_says_so() -> None:
    with pytest.raises(PullRequestError, match="the branch is pushed"):
        GitHub("http://127.0.0.1:9", "bank/credit", "secret").open("branch", "main", "title", "body")


@pytest.mark.parametrize(
    "url", ["git@github.com:bank/credit.git", "https://github.com/bank/credit", "https://github.com/bank/credit.git"]
)
def test_the_repository_is_known_from_its_remote(empty: World, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    empty.git("remote", "set-url", "origin", url)
    assert github(empty.repository) == GitHub("https://api.github.com", "bank/credit", "secret")


def test_another_remote_has_no_pull_requests(empty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    assert github(empty.repository) is None
