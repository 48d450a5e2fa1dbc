from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from drift_monitor.document import WindowLine
from drift_monitor.history import History, database
from drift_monitor.vintages import Vintages
from drift_monitor.windows import Window, cut_by_calendar, cut_by_count
from tests.drift_monitor.lender import Lender
from tests.drift_monitor.recorded import fill

BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
MODELS = ("aa", "bb")


def line(window, measured=True):
    """A published window's line in the index."""
    figures = dict.fromkeys(set(WindowLine.model_fields) - {"window", "start", "end", "decisions", "model_digest"})
    known = {"verdict": "ok", "because": "ok.", "has_report": False, "score_psi": 0.0 if measured else None}
    return WindowLine(**figures | known | {
        "window": window.name, "start": window.start, "end": window.end, "decisions": window.decisions,
        "model_digest": window.digest,
    })  # fmt: skip


def decided(rng):
    """Half a year of a lender's decisions: some days closed, some all at one moment, dates only, one model or two."""
    opens = np.array([day for day in range(182) if rng.random() < rng.choice([0.2, 0.7, 1.0]) and day % 7 < 6])
    days = rng.choice(opens, 600)
    seconds = rng.choice([0, 7200, 36000]) + rng.integers(0, rng.choice([1, 600, 30000]), 600)
    at = np.datetime64("2024-01-01", "us") + days.astype("m8[D]") + seconds.astype("m8[s]")
    order = np.argsort(at, kind="stable")
    digests = np.where(rng.random(600) < rng.choice([0, 0.3]), "bb", np.where(at[order] < at.max() - 5, "aa", "bb"))
    return pd.DataFrame({"id": [f"d{n:04}" for n in range(600)], "decided_at": at[order], "model_digest": digests})


def judged(history, cut, days, rng):
    """Each model's vintages of a monitor that runs now and then, and what was published."""
    known, vintages, now = [], [], BEGIN
    while now < END:
        now = min(now + DAY * int(rng.integers(1, 40)), END)
        since = max((one.end for one in known), default=BEGIN)
        if cut == "count":
            done = {one.window for one in known}
            windows = [one for one in cut_by_count(history, 20, BEGIN, now) if one.name not in done]
        else:
            windows = cut_by_calendar(history, cut, since, now)
        placed = Vintages(known, since, MODELS, 1).place(windows)
        vintages += [(one.digest, one.end, *one.vintage(days, 1)) for one in placed if one.digest]
        known = sorted([*known, *map(line, windows)], key=lambda one: one.window)
    return vintages


@pytest.mark.parametrize("cut", ["day", "week", "month", "count"])
def test_every_decision_that_matured_is_in_exactly_one_vintage(cut):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        table, days = decided(rng), int(rng.choice([0, 1, 15, 30, 60]))
        with database() as connection:
            connection.register("given", table)
            connection.execute("CREATE TABLE decisions AS SELECT * FROM given")
            vintages = judged(History(connection), cut, days, rng)
        for model in MODELS:
            mine = [one for one in vintages if one[0] == model]
            at = table.decided_at[table.model_digest == model].dt.tz_localize("UTC")
            due = at[at < max((end for _, end, *_ in mine), default=BEGIN) - days * DAY]
            times = sum((due.between(first, last, "left") for *_, first, last in mine), np.zeros(len(due), int))
            assert (times == 1).all(), (seed, model)


def test_where_windows_adjoin_a_vintage_is_of_its_windows_own_length():
    months = [
        Window(datetime(2024, n, 1, tzinfo=UTC), datetime(2024, n + 1, 1, tzinfo=UTC), "aa", 9) for n in (1, 2, 3)
    ]
    placed = Vintages((), None, MODELS, 1).place(months)
    assert [one.vintage(365, 1) for one in placed] == [one.vintage(365, 1) for one in months]


def test_pooled_windows_are_the_vintages_of_that_many_windows_however_far_apart():
    weekly = [Window(BEGIN + n * WEEK, BEGIN + n * WEEK + timedelta(minutes=9), "aa", 9) for n in range(5)]
    known, fresh = [line(one) for one in weekly[:4]], weekly[4:]
    (placed,) = Vintages(known, None, MODELS, 3).place(fresh)
    assert placed.vintage(0, 3) == (weekly[1].end, weekly[4].end)
    (first,) = Vintages((), None, MODELS, 3).place(weekly[:1])
    assert first.vintage(0, 3) == weekly[0].vintage(0, 3)


def test_a_window_judged_again_has_the_vintage_that_it_had():
    weekly = [Window(BEGIN + n * WEEK, BEGIN + n * WEEK + DAY, "aa", 9) for n in range(5)]
    first = Vintages((), BEGIN, MODELS, 1).place(weekly)
    again = Vintages([line(one) for one in weekly], weekly[2].start, MODELS, 1).place(weekly[2:4])
    assert again == first[2:4]


def test_what_a_model_decided_while_its_bundle_was_away_is_judged_when_that_is_there():
    daily = [Window(BEGIN + n * DAY, BEGIN + (n + 1) * DAY, "aa", 9) for n in range(6)]
    known = [line(one, measured=n < 2) for n, one in enumerate(daily[:5])]
    (placed,) = Vintages(known, daily[5].start, MODELS, 1).place(daily[5:])
    assert placed.vintage(0, 1) == (daily[1].end, daily[5].end)
    (never,) = Vintages([line(one, measured=False) for one in daily[:5]], None, MODELS, 1).place(daily[5:])
    assert never.vintage(0, 1) == (daily[0].start, daily[5].end)


@pytest.fixture
def closed_at_weekends(portfolio, tmp_path):
    """A lender of January and February who decides on workdays, where 15 days after a Friday is a Saturday."""
    lender = Lender(portfolio, tmp_path, months=2)
    workdays = lender.decisions.decided_at.dt.weekday < 5
    lender.decisions = lender.decisions[workdays].reset_index(drop=True)
    recorded = lender.decisions.set_index("id").decided_at + pd.Timedelta(days=10)
    lender.outcomes = lender.outcomes[lender.outcomes.decision_id.isin(recorded.index)]
    lender.outcomes = lender.outcomes.assign(recorded_at=lender.outcomes.decision_id.map(recorded))
    return lender


SETTINGS = ("windows.every=day", "performance.days=15", "limits.stale_hours=73", "limits.smallest_window=20")
RUNS = [["--from", "2021-02-01", "--to", "2021-02-06"], ["--to", "2021-02-07"], ["--to", "2021-02-09"],
        ["--to", "2021-02-16"]]  # fmt: skip


def test_whoever_is_closed_at_weekends_has_fridays_loans_judged_too(closed_at_weekends):
    lender = closed_at_weekends
    fridays = set(lender.decisions.id[lender.decisions.decided_at.dt.weekday == 4])
    bad = lender.outcomes.decision_id.isin(fridays)
    lender.outcomes = lender.outcomes.assign(outcome=lender.outcomes.outcome.mask(bad, "defaulted"))
    codes = [lender.run(run, *SETTINGS)[0] for run in RUNS]
    _, verdicts = lender.run(RUNS[-1], *SETTINGS)
    assert 4 in codes
    assert any("times the expected defaults" in verdict["because"] for verdict in verdicts)
    matured = lender.decisions.decided_at.between("2021-01-17", "2021-01-30", inclusive="left")
    assert sum(verdict["maturity"]["decided"] for verdict in verdicts if verdict["maturity"]) == matured.sum()


def test_a_journal_is_read_back_to_where_the_model_was_last_judged(closed_at_weekends, tmp_path, monkeypatch):
    lender = closed_at_weekends
    away = lender.decisions.decided_at.between("2021-02-03", "2021-02-12")  # ten days without a decision
    lender.decisions = lender.decisions[~away]
    lender.outcomes = lender.outcomes[lender.outcomes.decision_id.isin(lender.decisions.id)]
    told = [lender.run(run, *SETTINGS) for run in RUNS]
    lender.files.table, lender.files.known = lender.decisions, lender.outcomes
    monkeypatch.setenv("JOURNAL_URL", address := f"sqlite:///{tmp_path / 'journal.db'}")
    fill(address, lender.files).dispose()
    lender.reports = tmp_path / "from_journal"
    from_journal = [lender.run(run, *SETTINGS, "files={}") for run in RUNS]
    assert from_journal == told
    assert max(verdict["maturity"]["decided"] for verdict in told[-1][1] if verdict["maturity"]) > 300


def test_a_weekly_batch_cut_by_count_is_judged_as_a_whole(portfolio, tmp_path):
    lender = Lender(portfolio, tmp_path)
    weeks = pd.Timestamp("2021-01-04") + pd.to_timedelta(7 * (np.arange(1500) // 300), "D")
    lender.decisions = lender.decisions.assign(decided_at=weeks)
    lender.outcomes = lender.outcomes.assign(recorded_at=pd.Timestamp("2021-01-02"))
    for end in ("2021-01-12", "2021-01-26", "2021-02-05"):
        lender.run(["--to", end], "windows.decisions=100", "performance.days=6", "limits.stale_hours=400")
    _, verdicts = lender.run(["--to", "2021-02-05"], "windows.decisions=100", "performance.days=6")
    assert sum(verdict["maturity"]["decided"] for verdict in verdicts if verdict["maturity"]) == 1200
