from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from drift_monitor.errors import JournalError
from drift_monitor.history import open_files
from drift_monitor.windows import cut_by_calendar, cut_by_count

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 5, tzinfo=UTC)


def history(folder, rows, suffix="parquet"):
    table = pd.DataFrame(rows, columns=["id", "decided_at", "model_digest"]).assign(pd=0.1, decision="approve")
    path = folder / f"decisions.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.assign(decided_at=pd.to_datetime(table.decided_at, utc=True)).to_parquet(path)
    return open_files(path, None)


def test_windows_never_mix_models(tmp_path):
    rows = [(f"d{n}", f"2024-01-01T{n:02}:00:00Z", "aa" if n < 14 else "bb") for n in range(24)]
    with history(tmp_path, rows) as opened:
        windows = cut_by_calendar(opened, "day", START, END)
    assert [(window.digest, window.decisions) for window in windows[:2]] == [("aa", 14), ("bb", 10)]
    assert len({window.name for window in windows}) == len(windows)


def test_days_without_a_decision_are_windows_too(tmp_path):
    rows = [("d1", "2024-01-01T10:00:00Z", "aa"), ("d2", "2024-01-03T10:00:00Z", "aa")]
    with history(tmp_path, rows) as opened:
        windows = cut_by_calendar(opened, "day", START, END)
    assert [window.decisions for window in windows] == [1, 0, 1, 0]


def test_unfinished_periods_wait(tmp_path):
    rows = [("d1", "2024-01-01T10:00:00Z", "aa"), ("d2", "2024-01-02T01:00:00Z", "aa")]
    with history(tmp_path, rows) as opened:
        windows = cut_by_calendar(opened, "day", START, datetime(2024, 1, 2, 12, tzinfo=UTC))
    assert [window.start for window in windows] == [START]


def test_small_periods_are_pooled_until_they_hold_enough(tmp_path):
    rows = [(f"d{n}", f"2024-01-0{1 + n // 3}T10:00:00Z", "aa") for n in range(12)]
    with history(tmp_path, rows) as opened:
        windows = cut_by_calendar(opened, "day", START, END, at_least=5)
    assert [(window.decisions, window.end - window.start) for window in windows] == [(6, timedelta(days=2))] * 2


def test_windows_by_count_share_out_decisions_of_one_day_without_loss_or_repetition(tmp_path):
    rows = [(f"d{n:03}", "2024-01-01", "aa") for n in range(100)]
    with history(tmp_path, rows) as opened:
        windows = cut_by_count(opened, 30, START, END)
        members = [
            {row[0] for row in opened.rows(f"SELECT id FROM decisions WHERE {window.condition}")} for window in windows
        ]
    assert [len(ids) for ids in members] == [30, 30, 30]
    assert len(set.union(*members)) == 90
    assert len({window.name for window in windows}) == 3


def test_times_with_an_offset_are_read_as_the_moment_that_they_name(tmp_path):
    rows = [("d1", "2024-01-02T01:00:00+02:00", "aa")]
    with history(tmp_path, rows, "csv") as opened:
        windows = cut_by_calendar(opened, "day", START, END)
    assert [window.decisions for window in windows] == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "named"),
    [("id,decided_at\n1,2024-01-01\n", "no column model_digest"), ("", "no column")],
)
def test_a_history_that_lacks_a_column_is_refused_by_its_name(tmp_path, content, named):
    path = tmp_path / "decisions.csv"
    path.write_text(content)
    with pytest.raises(JournalError, match=named), open_files(path, None):
        pass


def test_a_history_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(JournalError, match=r"nowhere\.parquet"), open_files(tmp_path / "nowhere.parquet", None):
        pass
