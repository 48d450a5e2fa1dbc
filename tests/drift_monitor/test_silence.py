import pandas as pd
import pytest

from tests.drift_monitor.lender import Lender


@pytest.fixture
def lender(portfolio, tmp_path):
    return Lender(portfolio, tmp_path)


def test_a_day_in_which_nobody_decided_stops_as_shipped(lender):
    turn = ["--from", "2021-01-30", "--to", "2021-02-03"]
    code, verdicts = lender.run(turn, "windows.every=day")
    assert code == 4
    assert [verdict["verdict"] for verdict in verdicts] == ["ok", "ok", "stop", "stop"]
    assert [verdict["decisions"] > 0 for verdict in verdicts] == [True, True, False, False]
    assert "no decision was recorded for 48 hours (limit 24)" in verdicts[2]["because"]
    assert "no decision was recorded for 72 hours" in verdicts[3]["because"]


def test_a_lender_who_is_closed_for_days_says_how_long(lender):
    turn = ["--from", "2021-01-30", "--to", "2021-02-03"]
    code, verdicts = lender.run(turn, "windows.every=day", "limits.stale_hours=72.5")
    assert (code, {verdict["verdict"] for verdict in verdicts}) == (0, {"ok"})


def test_two_days_without_a_decision_stop_also_where_there_never_was_one(lender):
    code, verdicts = lender.run(["--from", "2020-07-01", "--to", "2020-07-03"], "windows.every=day")
    assert (code, [verdict["verdict"] for verdict in verdicts]) == (4, ["ok", "stop"])


def test_silence_counts_from_the_last_published_decision_where_the_history_was_emptied(lender):
    lender.run(["--from", "2021-01-30", "--to", "2021-02-01"], "windows.every=day")
    lender.decisions = lender.decisions.head(0)
    lender.run(["--to", "2021-02-02"], "windows.every=day")
    code, verdicts = lender.run(["--to", "2021-02-03"], "windows.every=day")
    assert (code, "no decision was recorded for 48 hours" in verdicts[-1]["because"]) == (4, True)


def test_by_count_too_a_silence_stops_until_somebody_decides(lender):
    assert lender.run(["--to", "2021-02-01"], "windows.decisions=500")[0] == 0
    for day, hours in ((3, 72), (4, 96)):
        code, verdicts = lender.run(["--to", f"2021-02-0{day}"], "windows.decisions=500")
        (silent,) = (verdict for verdict in verdicts if not verdict["decisions"])
        assert (code, silent["verdict"], f"for {hours} hours" in silent["because"]) == (4, "stop", True)
    again = lender.decisions.head(9).assign(decided_at=pd.Timestamp("2021-02-04"), id=[f"x{n}" for n in range(9)])
    lender.decisions = pd.concat([lender.decisions, again])
    code, verdicts = lender.run(["--to", "2021-02-05"], "windows.decisions=500")
    assert (code, [verdict["decisions"] for verdict in verdicts]) == (0, [500, 500, 500])
