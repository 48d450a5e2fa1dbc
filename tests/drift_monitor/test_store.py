from datetime import UTC, datetime

import fsspec
import pytest

from drift_monitor.document import Index, Run, WindowVerdict, line_of
from drift_monitor.errors import NotFoundError, ReportError, SettingsError
from drift_monitor.lease import Lease
from drift_monitor.store import ReportStore

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    return str(tmp_path / "reports") if request.param == "folder" else request.getfixturevalue("bucket_of_ones_own")


@pytest.fixture
def store(place):
    return ReportStore(place)


def verdict(window="20240101T000000Z-aaaa", **changed):
    return WindowVerdict(
        **{"window": window, "start": START, "end": END, "decisions": 5, "model_digest": "aaaa", "verdict": "ok",
           "because": "ok: none", "findings": (), **changed}
    )  # fmt: skip


def index(*verdicts):
    run = Run(started=START, finished=END, seconds=1, start=START, end=END, verdict="ok", windows=1, future_decisions=0)
    return Index(run=run, windows=tuple(map(line_of, verdicts)))


def test_what_was_written_is_read_back(store):
    assert store.index() is None
    store.write(verdict(), {"report.html": b"<p>page</p>", "report.json": b"{}"})
    store.write_index(index(verdict()))
    assert store.verdict("20240101T000000Z-aaaa") == verdict()
    assert store.report("20240101T000000Z-aaaa", "report.html") == b"<p>page</p>"
    assert store.index() == index(verdict())


def test_a_window_written_again_takes_the_place_of_the_first(store):
    store.write(verdict(), {"report.html": b"first"})
    store.write(verdict(because="ok: again"), {"report.html": b"second"})
    assert store.verdict("20240101T000000Z-aaaa").because == "ok: again"
    assert store.report("20240101T000000Z-aaaa", "report.html") == b"second"


def test_windows_that_are_not_kept_expire(store):
    store.write(verdict(), {"report.html": b"old"})
    store.write(verdict("20240201T000000Z-bbbb"), {})
    store.expire({"20240201T000000Z-bbbb"})
    with pytest.raises(NotFoundError):
        store.report("20240101T000000Z-aaaa", "report.html")
    assert store.verdict("20240201T000000Z-bbbb").decisions == 5


def test_two_monitors_do_not_write_to_one_place(store, place):
    second = ReportStore(place)
    with store.locked():
        store.write_index(index(verdict()))
        with pytest.raises(ReportError, match="another monitor is writing there"), second.locked():
            pytest.fail("both are in")
    with second.locked():
        second.write_index(index())
    assert store.index() == index()


def test_a_monitor_that_died_is_succeeded_and_cannot_publish_any_more(bucket_of_ones_own):
    files, root = fsspec.core.url_to_fs(bucket_of_ones_own)
    dead, waiting, successor = (Lease(files, f"{root}/.lock", old_s) for old_s in (3600, 3600, 0))
    dead.take()
    with pytest.raises(ReportError, match="another monitor"):
        waiting.take()
    successor.take()
    with pytest.raises(ReportError, match="lost"):
        dead.renew()
    successor.renew()
    successor.give_back()
    waiting.take()


def test_a_verdict_cut_short_is_named(tmp_path):
    store = ReportStore(str(tmp_path))
    store.write(verdict(), {})
    path = tmp_path / "20240101T000000Z-aaaa" / "verdict.json"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ReportError, match=r"verdict\.json"):
        store.verdict("20240101T000000Z-aaaa")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "reports").write_text("a file, not a folder")
    with pytest.raises(ReportError, match="cannot be written"):
        ReportStore(str(tmp_path / "reports")).write_index(index(verdict()))


def test_a_bucket_that_is_not_there_is_named(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with pytest.raises(ReportError, match="nowhere"):
        ReportStore("s3://nowhere/drift").write_index(index(verdict()))


def test_an_unknown_kind_of_place_is_refused():
    with pytest.raises(SettingsError, match=r"reports\.folder: gopher"):
        ReportStore("gopher://host/drift")
