"""The service as a whole: alive, ready, measured, documented, silent about applicants, and gone when told to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import httpx
import pytest

from credit_contract.bundle import Bundle

from .conftest import Serve
from .process import COMMAND, start
from .toy import BAD, GOOD

TENSORS = [
    {"name": "numbers", "datatype": "FP32", "shape": [1, 3], "data": [6, 12.5, 1.4]},
    {"name": "categories", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]},
]


def sample(client: httpx.Client, line: str) -> float:
    """The value of a metric's line, 0 where there is none yet."""
    found = re.search(rf"^scoring_api_{re.escape(line)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_ready_names_the_model(client: httpx.Client, bundle: Bundle) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json()["model_digest"] == bundle.digest
    model = client.get("/model").json()
    assert model["manifest"]["dataset"]["name"] == "toy"
    assert model["policy"]["approve_below"] == 0.2
    assert bundle.digest in model["card"]
    assert "| sex | category | protected | Sex. |" in model["card"]
    assert "approved below a PD of 20.00%" in model["card"]


@pytest.mark.parametrize("file", ["model.onnx", "schema.json", "policy.json", "golden.json", "manifest.json"])
def test_a_damaged_bundle_is_alive_but_never_ready(serve: Serve, bundle: Bundle, tmp_path: Path, file: str) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle.path, damaged)
    (damaged / file).write_bytes((damaged / file).read_bytes()[:-2])
    client = serve(bundle=damaged)
    assert client.get("/health").status_code == 200
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert file in ready.json()["detail"]
    for path in ("/v1/score", "/predict"):
        assert client.post(path, json=GOOD).status_code == 503
    assert client.get("/openapi.json").status_code == 200


def test_requests_decisions_and_scores_are_counted(client: httpx.Client, bundle: Bundle) -> None:
    label = f'model="{bundle.digest[:12]}"'
    lines = {
        f'decisions_total{{decision="approve",{label}}}': 2.0,
        f'decisions_total{{decision="decline",{label}}}': 1.0,
        f'requests_total{{code="200",{label},route="/v1/score"}}': 1.0,
        f'requests_total{{code="422",{label},route="/v1/score"}}': 1.0,
        f"score_count{{{label}}}": 3.0,
        f'score_bucket{{le="300",{label}}}': 0.0,
        f'score_bucket{{le="325",{label}}}': 1.0,
        'stage_seconds_count{stage="parse"}': 1.0,
        'stage_seconds_count{stage="model"}': 1.0,
        'stage_seconds_count{stage="reasons"}': 1.0,
    }
    before = {line: sample(client, line) for line in lines}
    client.post("/v1/score", json=[GOOD, BAD, GOOD])
    client.post("/v1/score", json={})
    assert {line: sample(client, line) - before[line] for line in lines} == lines
    assert sample(client, "ready") == 1
    assert sample(client, f'bundle_info{{dataset="toy",{label},policy="2026-01",tag="toy-1",version="v1"}}') == 1


@pytest.mark.parametrize(
    ("path", "content", "media_type"),
    [
        ("/predict", json.dumps(BAD), "application/json"),
        ("/predict", f"{','.join(BAD)}\n{','.join(map(str, BAD.values()))}\n", "text/csv"),
        ("/api/prediction?cus_id=7", json.dumps(BAD), "application/json"),
        ("/v2/models/toy/infer", json.dumps({"inputs": TENSORS}), "application/json"),
    ],
)
def test_each_stage_is_measured_on_every_route(client: httpx.Client, path: str, content: str, media_type: str) -> None:
    lines = [f'stage_seconds_count{{stage="{stage}"}}' for stage in ("parse", "model", "reasons")]
    before = [sample(client, line) for line in lines]
    assert client.post(path, content=content, headers={"content-type": media_type}).status_code == 200
    assert [sample(client, line) for line in lines] == [count + 1 for count in before]


@pytest.mark.parametrize(("path", "status"), [("/ready", 200), ("/", 200), ("/nowhere", 404), ("/predict", 405)])
def test_head_is_get_without_a_body(client: httpx.Client, path: str, status: int) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (status, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert client.head("/v1/score").status_code == 405
    assert client.get("/health").json() == {"status": "alive"}


def test_the_documentation_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 3
    assert "://" not in page
    assert [client.get(asset).status_code for asset in assets] == [200] * 3


def test_the_openapi_document_has_the_real_fields(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    applicant = document["components"]["schemas"]["Applicant"]
    assert applicant["required"] == ["late_payments", "utilisation", "status"]
    assert applicant["properties"]["income"]["maximum"] == 1000
    assert applicant["properties"]["housing"]["enum"] == ["rent", "own", "free", "lodger", None]
    assert client.post("/v1/score", json=applicant["example"]).status_code == 200
    assert {"/v1/score", "/predict", "/health", "/ready", "/model"} <= set(document["paths"])


def test_on_sigterm_what_is_under_way_is_finished_and_the_exit_is_clean(bundle: Bundle) -> None:
    process, client = start(bundle.path, "drain_s=0.5")
    body = json.dumps(GOOD).encode()
    try:
        with client, socket.create_connection((client.base_url.host, client.base_url.port or 80)) as opened:
            head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            opened.sendall(head % len(body) + body[:5])
            process.send_signal(signal.SIGTERM)
            while client.get("/ready").status_code == 200:
                pass
            opened.sendall(body[5:])
            assert opened.recv(15) == b"HTTP/1.1 200 OK"
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


def test_on_sigterm_decisions_that_wait_are_not_left_behind(bundle: Bundle, tmp_path: Path) -> None:
    database, volume = tmp_path / "journal.sqlite", tmp_path / "volume"
    database.mkdir()  # which is no database
    journal = ["journal.keep=true", f"journal.file={database}", f"journal.volume={volume}", "journal.patience_s=60"]
    process, client = start(bundle.path, *journal)
    try:
        with client:
            told = client.post("/v1/score", json=GOOD).json()
            process.send_signal(signal.SIGTERM)
            while client.get("/ready").status_code == 200:
                pass
            assert sample(client, "journal_spool_bytes") > 0
            database.rmdir()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert not list(volume.glob("*.spool"))
    with sqlite3.connect(database) as kept:
        assert kept.execute("select id from decisions").fetchall() == [(told["results"][0]["id"],)]


def test_no_value_of_an_applicant_is_logged(bundle: Bundle) -> None:
    process, client = start(bundle.path, "log_level=debug")
    marks = {"income": 777.125, "housing": "castle-in-the-air"}
    with client:
        client.post("/v1/score", json={**GOOD, "income": marks["income"]})
        client.post("/v1/score", json={**GOOD, **marks})
        client.post("/v1/score", content=b'{"income": 777.125, castle', headers={"content-type": "application/json"})
        client.post("/predict", files={"file": ("castle.csv", b"income\n777.125,castle\n")})
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert [json.loads(line)["code"] for line in log.splitlines() if "refused" in line] == [
        "invalid_applicant",
        "malformed_body",
        "invalid_request",
    ]
    assert "777.125" not in log
    assert "castle" not in log


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--bundle", "nowhere"], "nowhere is no directory"),
        (["serve", "--bundle", ".", "prot=1"], "did you mean port"),
        (["serve", "--bundle", "."], "SCORING_API_KEYS"),
        (["key", "a", "boss"], "unknown role boss"),
    ],
)
def test_a_command_that_fails_says_why_in_one_line(arguments: list[str], words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SCORING_API_KEYS"}
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [[], ["serve"], ["key"]])
def test_every_command_has_help(command: list[str]) -> None:
    done = subprocess.run([*COMMAND, *command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "usage: scoring-api" in done.stdout
