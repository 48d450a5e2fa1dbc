import re

import numpy as np
import pytest

from credit_training.explore import explore
from credit_training.findings import findings
from credit_training.prepare import prepared
from credit_training.profile import profile

from .conftest import Lender


@pytest.fixture
def measured(lender):
    return profile(prepared(lender.spec, "v1", lender.home))


def field(profile, name):
    return next(found for found in profile.fields if found.column.name == name)


def repeats(spec, home):
    (told,) = [line for line in findings(profile(prepared(spec, "v1", home))) if "repeat another" in line]
    return told


def test_rows_that_repeat_another_share_a_fold_but_a_date_may_part_them(lender):
    lender.rows[199][1:8] = lender.rows[0][1:8]
    lender.write_rows(lender.rows)
    assert repeats(lender.spec, lender.home).endswith(": 2; each shares a fold with it.")
    by_time = lender.describe(split="{kind: time, holdout_from: 2022-01-01}")
    told = ": 2; each shares a fold with it. By the split's date 1 held-out rows repeat one of the development sample."
    assert repeats(by_time, lender.home).endswith(told)


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """A version whose description means harm, and its page."""
    lender = Lender(tmp_path_factory.mktemp("explored"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDIT_DATA_DIR", str(lender.table.parent))
        version = prepared(lender.describe(title="<script>alert(1)</script>"), "v1", lender.home)
    return version, explore(version, lender.folder / "reports")


def test_the_page_is_one_file_that_loads_nothing(explored):
    _, path = explored
    page = path.read_text()
    assert path.name == "explore-lender-v1.html"
    assert all(source.startswith("data:image/svg+xml;base64,") for source in re.findall(r'src="([^"]+)"', page))
    assert not re.findall(r'(?:href|src)="(?:https?:)?//', page)
    for section in ("findings", "fields", "distributions", "correlations", "drift", "groups"):
        assert f'id="{section}"' in page


def test_text_of_the_description_is_escaped(explored):
    page = explored[1].read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_same_version_gives_the_same_page(explored, tmp_path):
    version, path = explored
    assert explore(version, tmp_path).read_bytes() == path.read_bytes()


def test_bins_hold_everybody_and_their_bad_rate(lender, measured):
    job = field(measured, "job")
    assert [each.label for each in job.bins] == ["office", "field", "retired", "missing"]
    assert sum(each.share for each in job.bins) == pytest.approx(1)
    portfolio = prepared(lender.spec, "v1", lender.home).portfolio().development()
    retired = portfolio.encoded.categories[:, 0] == 3
    rate = np.average(portfolio.target[retired], weights=portfolio.weight[retired])
    assert job.bins[2].bad_rate == pytest.approx(rate)


def test_missing_values_are_a_bin_of_their_own(measured):
    income = field(measured, "income")
    assert income.bins[-1].label == "missing"
    assert income.missing == pytest.approx(0.1, abs=0.03)


def test_a_leak_stands_out_by_its_information_value(measured):
    assert measured.fields[0].column.name == "months_run"
    assert measured.fields[0].information_value > 1
    assert any(line.startswith("Known only afterwards and in no model: months_run") for line in findings(measured))


def test_drift_is_measured_by_period_against_the_development_sample(measured):
    assert measured.drift is not None
    assert sum(measured.drift.rows) == 200
    assert measured.drift.psi.shape == (4, len(measured.drift.periods))
    assert np.isnan(measured.drift.psi).all()  # no period of this small lender has a hundred rows


def test_without_dates_the_page_says_that_drift_cannot_be_seen(lender):
    spec = lender.describe(time="null", other_columns="{id: row number, applied: a date}")
    version = prepared(spec, "v1", lender.home)
    assert any("There are no dates" in line for line in findings(profile(version)))
    assert 'id="drift"' not in explore(version, lender.folder).read_text()


def test_a_direction_that_the_data_contradict_is_found(lender):
    rows = [list(row) for row in lender.rows for _ in range(10)]
    for number, row in enumerate(rows):
        row[0] = str(number)
        row[1] = str(1000 + number)
        row[-1] = "late" if (number % 4 == 0 and number > 1000) or number % 40 == 0 else "paid"
    lender.write_rows(rows)
    said = findings(profile(prepared(lender.spec, "v1", lender.home)))
    assert any(line.startswith("income is to be decreasing, but from the bin") for line in said)


def test_findings_name_groups_repeats_and_gaps(measured):
    said = " ".join(findings(measured))
    assert "Rows that repeat another in all but leaks: 1;" in said
    assert "Missing: rooms" in said
    assert "Protected, sex:" in said
