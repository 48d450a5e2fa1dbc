"""API keys, roles and rates, over HTTP and from settings."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from scoring_api.access import new_key, parse_keys
from scoring_api.app import create_app
from scoring_api.errors import SettingsError
from scoring_api.settings import Settings

from .conftest import Serve
from .toy import GOOD


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    return {roles: new_key(f"client-{roles}", roles) for roles in ("score", "admin")}


@pytest.fixture(scope="module")
def guarded(serve: Serve, keys: dict[str, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text("# two clients\n\n" + "\n".join(line for _, line in keys.values()))
    return serve(auth="keys", keys_file=file, limits={"requests_per_minute": 60})


@pytest.mark.parametrize("path", ["/v1/score", "/predict"])
def test_only_a_key_with_the_role_may_score(guarded: httpx.Client, keys: dict[str, tuple[str, str]], path: str) -> None:
    def status(key: str | None) -> tuple[int, str | None]:
        answer = guarded.post(path, json=GOOD, headers=[] if key is None else [(b"X-API-Key", key.encode())])
        return answer.status_code, answer.json().get("code")

    assert status(None) == (401, "unauthorised")
    assert status("clïent.ü") == (401, "unauthorised")
    assert status("") == (401, "unauthorised")
    assert status("client-score.guess") == (401, "unauthorised")
    assert status("nobody." + keys["score"][0].partition(".")[2]) == (401, "unauthorised")
    assert status(keys["admin"][0]) == (403, "forbidden")
    assert status(keys["score"][0]) == (200, None)


def test_probes_and_metrics_need_no_key(guarded: httpx.Client) -> None:
    assert [guarded.get(path).status_code for path in ("/health", "/ready", "/metrics", "/docs")] == [200] * 4


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    guarded: httpx.Client, keys: dict[str, tuple[str, str]]
) -> None:
    headers = {"X-API-Key": keys["score"][0]}
    answers = [guarded.post("/v1/score", json=GOOD, headers=headers) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.json()["code"] for answer in refused} == {"rate_limited"}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


def test_a_service_that_wants_keys_does_not_start_without(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SCORING_API_KEYS"):
        create_app(Settings(), environment={})
    with pytest.raises(SettingsError, match="No such file"):
        create_app(Settings(keys_file=tmp_path / "absent"), environment={})
    for content, words in ((b"# nobody yet\n", "holds no key"), (b"\xff", "is not UTF-8")):
        (tmp_path / "keys").write_bytes(content)
        with pytest.raises(SettingsError, match=words):
            create_app(Settings(keys_file=tmp_path / "keys"), environment={})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a:score", "line 1"),
        ("a:score:1234", "line 1"),
        (f"a:boss:{'0' * 64}", "unknown role boss"),
        (f"a:score:{'0' * 64}\na:score:{'1' * 64}", "twice"),
    ],
)
def test_a_crooked_key_line_is_refused_without_repeating_its_hash(line: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        parse_keys(line.splitlines(), "keys")
    assert "0000" not in str(refused.value)


def test_keys_may_come_from_the_environment() -> None:
    _, line = new_key("a", "score+outcomes")
    assert create_app(Settings(), environment={"SCORING_API_KEYS": f"{line},"})
