import json
import logging
import socket

import boto3
import numpy as np
import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from sqlalchemy import create_engine

from drift_monitor.app import create_app
from drift_monitor.archive import Archive
from drift_monitor.cli import main
from drift_monitor.errors import ArchiveError, ReportError
from drift_monitor.settings import load
from drift_monitor.store import ReportStore
from scoring_api.journal.schema import upgrade
from tests.drift_monitor.lender import ONE_MONTH, Lender

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def clients_of_their_own(monkeypatch, tmp_path):
    """No client of another test, nobody's own credentials, and no second attempt."""
    for name, value in (
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", str(tmp_path / "none")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none")),
        ("AWS_MAX_ATTEMPTS", "1"),
    ):
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


def refuse(place, *actions):
    """Let nobody do this in the bucket."""
    bucket = place.split("/")[2]
    rule = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/*"}
    boto3.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"AWS_ENDPOINT_URL": NOBODY}, f'Could not connect to the endpoint URL: "{NOBODY}'),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ({"AWS_ENDPOINT_URL": "minio:9000"}, "Invalid endpoint: minio:9000"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_one_line(environment, reason, bucket_of_ones_own, monkeypatch, capfd):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert_refused(bucket_of_ones_own, reason, capfd)


def test_a_bucket_that_may_not_be_written_is_one_line(bucket_of_ones_own, capfd):
    refuse(bucket_of_ones_own, "s3:PutObject")
    assert_refused(bucket_of_ones_own, "Forbidden", capfd)


def assert_refused(place, reason, capfd):
    """A run ends with 2, and one line that names the bucket and says what to do."""
    assert main(["run", "bundles=[b]", "files.decisions=d.parquet", f"reports.folder={place}"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"drift-monitor: reports at {place}")
    assert reason in line
    assert "check the address, and of a bucket the endpoint, the credentials" in line


def test_an_archive_that_cannot_be_reached_could_not_be_compared(tmp_path, monkeypatch, capfd):
    address = f"sqlite:///{tmp_path / 'journal.db'}"
    upgrade(create_engine(address))
    monkeypatch.setenv("JOURNAL_URL", address)
    for command in ("archive", "verify"):
        assert main([command, "s3://bucket/decisions"]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("drift-monitor: archive s3://bucket/decisions: cannot be listed: Unable to locate")


def test_credentials_that_are_not_there_are_no_place_without_reports(bucket_of_ones_own, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/monitor")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "no-token"))
    with pytest.raises(ReportError, match=r"index\.json cannot be read: No such file or directory: .*no-token"):
        ReportStore(bucket_of_ones_own).index()
    with pytest.raises(ArchiveError, match=r"cannot be listed: No such file or directory: .*no-token"):
        Archive(bucket_of_ones_own).pieces()


@pytest.fixture
def published(portfolio, tmp_path, bucket_of_ones_own, monkeypatch):
    """A monitor that has published a month, at an endpoint of its own; gives that endpoint, and settings."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    place = f"reports.folder={bucket_of_ones_own}"
    assert Lender(portfolio, tmp_path).run(ONE_MONTH, place)[0] == 0
    yield server, load(None, [f"bundles=[{portfolio.bundle.path}]", place])
    server.stop()


def test_a_server_whose_bucket_went_away_shows_what_was_published_last_and_says_so(published):
    endpoint, settings = published
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        (window,) = client.get("/api/windows").json()["windows"]
        shown = client.get("/metrics").text
        assert f'window="{window["window"]}"' in shown
        assert "cannot be read" not in client.get("/").text
        endpoint.stop()
        assert client.get("/metrics").text == shown
        page = client.get("/")
        assert (page.status_code, f'id="{window["window"]}"' in page.text) == (200, True)
        assert "index.json cannot be read: Could not connect" in page.text
        assert client.get("/health").status_code == 200
        for path in ("/ready", "/api/windows", "/api/retraining", f"/api/windows/{window['window']}"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "report")


def test_a_server_that_starts_without_its_bucket_is_stale_and_says_why(portfolio, bucket_of_ones_own, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    settings = load(None, [f"bundles=[{portfolio.bundle.path}]", f"reports.folder={bucket_of_ones_own}"])
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert "drift_monitor_stale 1.0" in client.get("/metrics").text
        page = client.get("/").text
        assert "index.json cannot be read" in page
        assert "Nothing was published yet" not in page


def test_a_bucket_that_does_not_answer_is_not_waited_for(bucket_of_ones_own, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ReportError, match=r"index\.json cannot be read: no answer in time"):
            ReportStore(bucket_of_ones_own, patience_s=0.5).index()


def test_where_nothing_may_be_removed_a_run_publishes_and_orders_training_and_says_so(
    portfolio, tmp_path, bucket_of_ones_own, caplog
):
    lender = Lender(portfolio, tmp_path)
    bad = np.arange(len(lender.outcomes)) % 8 == 0
    lender.outcomes = lender.outcomes.assign(
        outcome=np.where(bad, "defaulted", "paid"),
        recorded_at=lender.decisions.set_index("id").decided_at.loc[lender.outcomes.decision_id].to_numpy(),
    )
    files = S3FileSystem()
    files.pipe_file(f"{bucket_of_ones_own}/20200101T000000Z-abc/report.html", b"half")
    refuse(bucket_of_ones_own, "s3:DeleteObject")
    with caplog.at_level(logging.WARNING):
        code, _ = lender.run(ONE_MONTH, "performance.days=0", f"reports.folder={bucket_of_ones_own}")
    assert code == 3
    store = ReportStore(bucket_of_ones_own)
    assert [line.verdict for line in store.index().windows] == ["retrain"]
    assert [entry.result for entry in store.ledger().entries] == ["dry run"]
    remains, lease = (record.getMessage() for record in caplog.records if record.name == "drift_monitor")
    assert remains.startswith(f"reports at {bucket_of_ones_own}: 20200101T000000Z-abc cannot be removed; check")
    assert lease.startswith(f"reports at {bucket_of_ones_own}/.lock: the lease cannot be given back")
