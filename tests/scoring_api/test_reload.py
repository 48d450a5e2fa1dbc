"""What changes while the service answers: bundles, challengers, keys."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle
from scoring_api.access import new_key

from .process import start
from .toy import GOOD, POLICY, make_bundle


def test_on_sighup_the_named_bundle_is_served_without_a_failed_request(bundle: Bundle, tmp_path: Path) -> None:
    stricter = make_bundle(tmp_path / "stricter", POLICY.model_copy(update={"version": "2026-02"}))
    damaged = tmp_path / "damaged"
    shutil.copytree(stricter.path, damaged)
    (damaged / "model.onnx").write_bytes(b"nothing")
    file = tmp_path / "settings.yaml"
    file.write_text(f"bundle: {bundle.path}\ntag: toy-1\n")
    process, client = start(None, "--settings", str(file))
    assert process.stderr

    def reload(path: Path, tag: str, said: str, challenger: Path | None = None, only: str = "") -> dict[str, object]:
        shadow = f"shadow: {{bundle: {challenger}}}\n" if challenger else ""
        file.write_text(f"bundle: {path}\ntag: {tag}\nmodel_digest: '{only}'\n{shadow}")
        process.send_signal(signal.SIGHUP)
        while said not in next(iter(process.stderr or ())):
            assert client.post("/v1/score", json=GOOD).status_code == 200
        told: dict[str, object] = client.post("/v1/score", json=GOOD).json()
        return told

    try:
        with client:
            told = reload(stricter.path, "toy-2", "bundle loaded")
            assert (told["model_tag"], told["policy_version"]) == ("toy-2", "2026-02")
            told = reload(damaged, "toy-3", "model.onnx")
            assert (told["model_tag"], told["model_digest"]) == ("toy-2", stricter.digest)
            told = reload(tmp_path / "nowhere", "toy-4", "settings refused")
            assert told["model_tag"] == "toy-2"
            reload(stricter.path, "toy-5", "bundle loaded", bundle.path)
            told = reload(stricter.path, "toy-6", "model.onnx of the challenger", damaged)
            assert (told["model_tag"], client.get("/model").json()["challenger_digest"]) == ("toy-5", bundle.digest)
            told = reload(bundle.path, "toy-7", f"only {stricter.digest} may be served", only=stricter.digest)
            assert (told["model_tag"], told["model_digest"]) == ("toy-5", stricter.digest)
            reload(stricter.path, "toy-7", "bundle loaded", only=stricter.digest)
            assert client.get("/model").json()["challenger_digest"] is None
            assert client.get("/ready").status_code == 200
    finally:
        process.kill()


@pytest.mark.parametrize("told", [True, False])
def test_a_key_is_revoked_or_added_without_a_restart(bundle: Bundle, tmp_path: Path, told: bool) -> None:
    file = tmp_path / "keys"
    (old, old_line), (new, new_line) = new_key("old", "score"), new_key("new", "score")
    file.write_text(old_line)
    process, client = start(bundle.path, "auth=keys", f"keys_file={file}", "limits.requests_per_minute=60000")

    def statuses_after(content: str, said: str) -> list[int]:
        (tmp_path / "next").write_text(content)
        (tmp_path / "next").replace(file)
        if told:
            process.send_signal(signal.SIGHUP)
        while said not in next(iter(process.stderr or ())):
            assert client.get("/health").status_code == 200
        return [client.post("/v1/score", json=GOOD, headers={"X-API-Key": key}).status_code for key in (old, new)]

    try:
        with client:
            assert statuses_after(f"{old_line}\n{new_line}", "keys read") == [200, 200]
            assert statuses_after(new_line, "keys read") == [401, 200]
            for crooked in ("old:score:1234", "# nobody\n") if told else ():
                assert statuses_after(crooked, "keys refused") == [401, 200]
    finally:
        process.kill()


def test_a_sighup_during_a_reload_is_not_lost(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"bundle: {bundle.path}\ntag: toy-0\n")
    process, client = start(None, "--settings", str(file))
    told = None
    try:
        with client:
            for tag in range(1, 21):
                file.write_text(f"bundle: {bundle.path}\ntag: toy-{tag}\n")
                process.send_signal(signal.SIGHUP)
                client.post("/v1/score", json=GOOD)  # a signal that is pending swallows the next
            deadline = time.monotonic() + 20
            while told != "toy-20" and time.monotonic() < deadline:
                told = client.post("/v1/score", json=GOOD).json()["model_tag"]
    finally:
        process.kill()
    assert told == "toy-20"
