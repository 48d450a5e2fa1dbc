import fcntl
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from drift_monitor.cli import main
from tests.drift_monitor.lender import ONE_MONTH, Lender

SECOND_YEAR = ["--from", "2022-01-01", "--to", "2022-02-01"]


@pytest.fixture
def lender(portfolio, tmp_path):
    return Lender(portfolio, tmp_path)


@pytest.fixture
def old_lender(portfolio, tmp_path):
    return Lender(portfolio, tmp_path, months=13)


def test_a_field_that_vanished_stops(lender):
    lender.decisions = lender.decisions.drop(columns="card_utilisation")
    code, (verdict,) = lender.run()
    assert code == 4
    assert "card_utilisation is no longer recorded" in verdict["because"]


def test_decisions_that_came_twice_stop_when_they_are_many(lender):
    lender.decisions = pd.concat([lender.decisions, lender.decisions.head(100)])
    code, (verdict,) = lender.run()
    assert code == 4
    assert verdict["repeated_decisions"] == 100


def test_one_decision_that_came_twice_is_counted_and_no_alarm(lender):
    lender.decisions = pd.concat([lender.decisions, lender.decisions.head(1)])
    code, (verdict,) = lender.run()
    assert (code, verdict["repeated_decisions"]) == (0, 1)


def test_decisions_from_the_future_wait_and_are_counted(lender):
    ahead = lender.decisions.decided_at.where(lender.decisions.index % 10 > 0, pd.Timestamp("2031-01-01"))
    lender.decisions = lender.decisions.assign(decided_at=ahead)
    code, (verdict,) = lender.run()
    assert code == 0
    assert verdict["decisions"] == 1350
    assert lender.index()["run"]["future_decisions"] == 150


def test_a_model_change_in_the_middle_of_a_period_makes_two_windows(lender):
    later = lender.decisions.decided_at >= pd.Timestamp("2021-01-15")
    lender.decisions = lender.decisions.assign(model_digest=lender.decisions.model_digest.where(~later, "f" * 64))
    _, verdicts = lender.run()
    assert sum(verdict["decisions"] for verdict in verdicts) == 1500
    assert len({verdict["model_digest"] for verdict in verdicts}) == 2
    assert not any(found["check"] == "stale" and found["fired"] for one in verdicts for found in one["findings"])


def test_losses_of_a_model_are_no_evidence_against_its_successor(portfolio, old_lender):
    known = old_lender.outcomes
    old_lender.outcomes = known.assign(outcome=np.where(known.index % 14 == 0, "defaulted", known.outcome))
    both = f"bundles=[{portfolio.bundle.path},{portfolio.successor.path}]"
    code, (verdict,) = old_lender.run(SECOND_YEAR, both)
    assert (code, verdict["maturity"] is None) == (3, False)
    changed = old_lender.decisions.decided_at >= pd.Timestamp("2022-01-01")
    old_lender.decisions["model_digest"] = np.where(changed, portfolio.successor.digest, portfolio.bundle.digest)
    code, verdicts = old_lender.run(SECOND_YEAR, both)
    (after,) = (one for one in verdicts if one["model_digest"] == portfolio.successor.digest)
    assert (code, after["maturity"]) == (0, None)
    assert after["maturity_of_others"]["realised"] == verdict["maturity"]["realised"]
    assert old_lender.index()["windows"][-1]["realised_default_rate"] == verdict["maturity"]["realised"]["default_rate"]


def test_a_second_monitor_of_one_folder_refuses(lender, capsys):
    lender.run()
    with (lender.reports / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert lender.run()[0] == 2
    assert "another monitor is writing there" in capsys.readouterr().err
    assert lender.run()[0] == 0


def test_a_field_that_a_person_knows_to_be_constant_is_no_failure(lender):
    lender.decisions = lender.decisions.assign(previous_customer="no")
    assert lender.run()[0] == 4
    _, (verdict,) = lender.run(ONE_MONTH, "limits.constant_fields=[previous_customer]")
    assert "constant" not in {finding["check"] for finding in verdict["findings"] if finding["fired"]}


def test_too_few_decisions_to_judge_drift_are_judged_for_quality_only(lender):
    lender.decisions = lender.decisions.head(60)
    code, (verdict,) = lender.run(ONE_MONTH, "limits.stale_hours=1000")
    assert code == 0
    assert {finding["evidence"] for finding in verdict["findings"]} == {"quality"}
    assert "too few decisions" in verdict["because"]


def _maturity(verdicts):
    return verdicts[0]["maturity"]


def test_outcomes_that_come_twice_count_once_and_contradictions_are_counted(old_lender):
    _, verdicts = old_lender.run(SECOND_YEAR)
    before = _maturity(verdicts)
    flipped = old_lender.outcomes.head(40).assign(recorded_at=pd.Timestamp("2022-01-31"), outcome="defaulted")
    old_lender.outcomes = pd.concat([old_lender.outcomes, old_lender.outcomes, flipped])
    _, verdicts = old_lender.run(SECOND_YEAR)
    after = _maturity(verdicts)
    assert after["realised"]["outcomes"] == before["realised"]["outcomes"]
    assert after["conflicting"] == (old_lender.files.known.outcome.head(40) == "paid").sum()
    assert after["realised"]["default_rate"] > before["realised"]["default_rate"]


def test_outcomes_of_unknown_decisions_are_counted_and_never_used(old_lender):
    _, verdicts = old_lender.run(SECOND_YEAR)
    before = _maturity(verdicts)
    strangers = old_lender.outcomes.head(30).assign(
        decision_id=[f"x{row}" for row in range(30)], recorded_at=pd.Timestamp("2022-01-10")
    )
    old_lender.outcomes = pd.concat([old_lender.outcomes, strangers])
    _, verdicts = old_lender.run(SECOND_YEAR)
    assert verdicts[0]["unknown_outcomes"] == 30
    assert _maturity(verdicts) == before


def test_late_outcomes_are_not_seen_before_they_were_recorded(old_lender):
    late = old_lender.outcomes.index % 2 == 0
    old_lender.outcomes = old_lender.outcomes.assign(
        recorded_at=old_lender.outcomes.recorded_at.where(~late, pd.Timestamp("2023-01-01"))
    )
    _, verdicts = old_lender.run(SECOND_YEAR)
    assert _maturity(verdicts)["matured"] < 0.6


def test_a_sentence_says_how_much_of_a_vintage_is_known(old_lender):
    _, (verdict,) = old_lender.run(SECOND_YEAR)
    lent = f"{(old_lender.decisions.decision[:1500] != 'decline').sum():,} decisions from 2021-01-01 to 2021-02-01"
    known = _maturity([verdict])["matured"]
    assert verdict["because"].endswith(f"; outcomes are known of {known:.0%} of {lent}, declined ones aside.")
    old_lender.outcomes = old_lender.outcomes.head(0)
    code, (verdict,) = old_lender.run(SECOND_YEAR)
    assert (code, f"; outcomes are known of 0% of {lent}, declined ones aside." in verdict["because"]) == (0, True)


def test_outcomes_of_young_vintages_never_enter(old_lender):
    old_lender.outcomes = old_lender.outcomes.assign(recorded_at=pd.Timestamp("2021-01-01"))
    _, verdicts = old_lender.run(["--from", "2021-11-01", "--to", "2021-12-01"])
    assert _maturity(verdicts) is None


def test_with_one_class_only_the_default_rate_is_still_judged(old_lender):
    old_lender.outcomes = old_lender.outcomes.assign(outcome="defaulted")
    code, verdicts = old_lender.run(SECOND_YEAR)
    realised = _maturity(verdicts)["realised"]
    assert (realised["default_rate"], realised["gini"], realised["ks"]) == (1.0, None, None)
    assert code == 4


def test_a_history_that_is_away_leaves_the_last_good_report(lender, capsys):
    lender.run()
    before = lender.index()
    code = main(["run", *ONE_MONTH, f"bundles=[{lender.bundle.path}]", "files.decisions=nowhere.parquet",
                 f"reports.folder={lender.reports}", "reports.sample=0"])  # fmt: skip
    assert code == 2
    assert "nowhere.parquet" in capsys.readouterr().err
    assert lender.index() == before


def test_what_a_dying_run_left_is_replaced_or_removed(lender):
    _, (verdict,) = lender.run()
    half, stray = lender.reports / verdict["window"], lender.reports / "20200101T000000Z-abc"
    (half / "verdict.json").write_text('{"schema_version": 1, "wind')
    stray.mkdir()
    (stray / "report.html").write_text("half")
    _, verdicts = lender.run()
    assert verdicts == [verdict]
    assert not stray.exists()


def test_other_folders_beside_the_reports_are_left_alone(lender):
    other = lender.reports / "notes"
    other.mkdir(parents=True)
    lender.run()
    assert other.exists()


def test_old_windows_expire(old_lender):
    _, verdicts = old_lender.run(["--from", "2021-01-01", "--to", "2022-02-01"], "reports.keep_days=100")
    assert {verdict["start"][:7] for verdict in verdicts} == {"2021-11", "2021-12", "2022-01"}


def test_the_next_run_begins_where_the_last_one_ended(old_lender):
    old_lender.run(["--from", "2021-01-01", "--to", "2021-03-01"])
    old_lender.run(["--to", "2021-05-01"])
    assert old_lender.index()["run"]["windows"] == 2
    assert [line["start"][:7] for line in old_lender.index()["windows"]] == ["2021-01", "2021-02", "2021-03", "2021-04"]


def test_windows_by_count_go_on_where_the_last_run_ended(old_lender):
    old_lender.run(["--to", "2021-03-01"], "windows.decisions=1000")
    old_lender.run(["--to", "2021-05-01"], "windows.decisions=1000")
    lines = old_lender.index()["windows"]
    assert [line["decisions"] for line in lines] == [1000] * 6
    assert old_lender.index()["run"]["windows"] == 3


def test_windows_by_count_that_expired_are_not_judged_again(old_lender):
    old_lender.run(["--to", "2021-05-01"], "windows.decisions=1000", "reports.keep_days=45")
    old_lender.run(["--to", "2021-06-01"], "windows.decisions=1000", "reports.keep_days=45")
    assert old_lender.index()["run"]["windows"] == 1


def test_numbers_that_are_text_infinite_or_of_no_category_are_counted(lender):
    values = lender.decisions.savings_balance.astype(object)
    values[:30], values[30:60] = "n/a", np.inf
    lender.decisions = lender.decisions.assign(savings_balance=values.astype(str))
    code, (verdict,) = lender.run()
    assert code == 4
    assert "4.0% of savings_balance are out of range, unknown or unreadable" in verdict["because"]


def test_one_decision_from_the_dawn_of_time_makes_no_windows_of_the_years_between(lender):
    born = lender.decisions.decided_at.where(lender.decisions.index > 0, pd.Timestamp("1970-01-01"))
    lender.decisions = lender.decisions.assign(decided_at=born)
    code, verdicts = lender.run(["--to", "2021-02-01"])
    assert (code, [verdict["decisions"] for verdict in verdicts]) == (0, [1499])


def test_windows_of_a_clock_that_ran_ahead_do_not_outlive_it(old_lender):
    old_lender.run(["--from", "2021-01-01", "--to", "2021-03-01"])
    ahead = f"{datetime.now(UTC).year + 1}-01-01"
    assert old_lender.run(["--to", ahead])[0] == 4  # nobody decided in all those years
    code, verdicts = old_lender.run(["--to", "2022-02-01"])
    assert code == 0
    assert {verdict["start"][:7] for verdict in verdicts} >= {"2021-01", "2022-01"}
    assert all(line["end"] < ahead for line in old_lender.index()["windows"])


def test_the_name_of_a_foreign_model_stays_a_name(lender):
    lender.decisions = lender.decisions.assign(model_digest="../../../up")
    code, (verdict,) = lender.run()
    assert (code, verdict["verdict"]) == (0, "watch")
    assert [path.name for path in lender.reports.parent.rglob("verdict.json")] == ["verdict.json"]
    lender.run(["--from", "2021-01-01", "--to", "2021-03-01"], "reports.keep_days=1")
    assert len(list(lender.reports.glob("*/verdict.json"))) == 1


@pytest.mark.parametrize("broken", [{"pd": 1.7}, {"pd": None}, {"decision": "perhaps"}])
def test_a_pd_or_a_decision_that_cannot_be_stops(lender, broken):
    (name, value), rows = next(iter(broken.items())), lender.decisions.index % 20 == 0
    lender.decisions = lender.decisions.assign(**{name: lender.decisions[name].mask(rows, value)})
    code, (verdict,) = lender.run()
    assert code == 4
    assert f"5.0% of {name} are" in verdict["because"]


def test_decisions_without_a_time_or_a_model_are_counted(lender):
    digests = lender.decisions.model_digest.mask(lender.decisions.index < 5)
    times = lender.decisions.decided_at.mask(lender.decisions.index > 1490)
    lender.decisions = lender.decisions.assign(model_digest=digests, decided_at=times)
    _, (verdict,) = lender.run()
    assert verdict["decisions"] == 1486
    assert lender.index()["run"]["unplaced_decisions"] == 14


def test_outcomes_that_contradict_each_other_in_one_moment_count_as_default(old_lender):
    both = [old_lender.outcomes.assign(outcome=outcome) for outcome in ("paid", "defaulted", "paid")]
    old_lender.outcomes = pd.concat(both)
    _, verdicts = old_lender.run(SECOND_YEAR)
    assert _maturity(verdicts)["realised"]["default_rate"] == 1
