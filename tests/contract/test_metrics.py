import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from credit_contract import metrics
from credit_contract.errors import MetricError

SIZES = st.integers(5, 300)


def sample(seed, size, ties):
    """Outcomes of both classes, PDs that know something (rounded if ties are wanted) and weights."""
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.2, 4, size)
    target = (rng.random(size) < pd).astype(int)
    target[:2] = 0, 1
    return target, np.round(pd, 1) if ties else pd, rng.uniform(0.2, 3, size)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), size=SIZES, ties=st.booleans())
def test_every_figure_agrees_with_scikit_learn(seed, size, ties):
    target, pd, weight = sample(seed, size, ties)
    assert metrics.auc(target, pd, weight) == pytest.approx(oracle.roc_auc_score(target, pd, sample_weight=weight))
    assert metrics.pr_auc(target, pd, weight) == pytest.approx(
        oracle.average_precision_score(target, pd, sample_weight=weight)
    )
    assert metrics.brier(target, pd, weight) == pytest.approx(oracle.brier_score_loss(target, pd, sample_weight=weight))
    inside = np.clip(pd, metrics.CLIP, 1 - metrics.CLIP)
    assert metrics.log_loss(target, pd, weight) == pytest.approx(
        oracle.log_loss(target, np.column_stack([1 - inside, inside]), sample_weight=weight)
    )
    false, true, _ = oracle.roc_curve(target, pd, sample_weight=weight)
    assert metrics.ks(target, pd, weight) == pytest.approx(np.max(np.abs(true - false)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), size=SIZES, cut_off=st.floats(0.05, 0.95))
def test_confusion_agrees_with_scikit_learn(seed, size, cut_off):
    target, pd, weight = sample(seed, size, ties=True)
    called = pd >= cut_off
    found = metrics.confusion(target, pd, cut_off, weight)
    tn, fp, fn, tp = oracle.confusion_matrix(target, called, sample_weight=weight).ravel()
    assert [found[k] for k in ("true_negative", "false_positive", "false_negative", "true_positive")] == pytest.approx(
        [tn, fp, fn, tp]
    )
    for name, function in (("precision", oracle.precision_score), ("recall", oracle.recall_score)):
        assert found[name] == pytest.approx(function(target, called, sample_weight=weight, zero_division=0))
    assert found["f1"] == pytest.approx(oracle.f1_score(target, called, sample_weight=weight, zero_division=0))
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(target, called, sample_weight=weight))


def test_a_weight_of_two_counts_as_two_applicants():
    target, pd, _ = sample(3, 200, ties=True)
    twice = np.concatenate([np.arange(200), np.arange(0, 200, 3)])
    weight = 1.0 + (np.arange(200) % 3 == 0)
    weighted, repeated = metrics.summary(target, pd, weight), metrics.summary(target[twice], pd[twice])
    for name in ("auc", "ks", "brier", "log_loss", "pr_auc", "ece"):
        assert weighted[name] == pytest.approx(repeated[name]), name


def test_the_interval_of_the_auc_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    truth = 0.7602499389065233  # P(N(1, 1) > N(0, 1)), the normal distribution at 1 / sqrt 2
    hits = 0
    for _ in range(400):
        scores = np.concatenate([rng.normal(1, 1, 60), rng.normal(0, 1, 140)])
        found = metrics.auc_interval(np.repeat([1, 0], [60, 140]), 1 / (1 + np.exp(-scores)))
        hits += found.low <= truth <= found.high
    assert 0.915 < hits / 400 < 0.98


def test_ece_agrees_with_equally_filled_bins_of_scikit_learn():
    target, pd, _ = sample(9, 5000, ties=False)
    rate, mean = calibration_curve(target, pd, n_bins=10, strategy="quantile")
    assert metrics.ece(target, pd) == pytest.approx(np.mean(np.abs(rate - mean)), abs=5e-4)
    assert metrics.ece(target, np.full(5000, target.mean())) == pytest.approx(0, abs=1e-12)


def test_calibration_line_agrees_with_a_logistic_regression():
    target, pd, weight = sample(4, 3000, ties=False)
    pd = np.clip(pd, 1e-6, 1 - 1e-6)
    odds = np.log(pd / (1 - pd))[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(odds, target, weight)
    assert metrics.calibration_line(target, pd, weight) == pytest.approx(
        (model.coef_[0, 0], model.intercept_[0]), abs=1e-4
    )


@pytest.mark.parametrize(("slope", "intercept"), [(0.2, 0.0), (4.0, 0.0), (1.0, 4.0), (1.0, -4.0), (8.0, 2.0)])
def test_calibration_line_is_found_from_far_away(slope, intercept):
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 1, 20_000)
    target = rng.random(20_000) < 1 / (1 + np.exp(-odds))
    wrong = 1 / (1 + np.exp(-(odds - intercept) / slope))
    assert metrics.calibration_line(target, wrong) == pytest.approx((slope, intercept), rel=0.1, abs=0.1)


def test_the_best_cut_off_has_the_highest_f1():
    target, pd, weight = sample(6, 400, ties=True)
    best = metrics.best_f1_cut_off(target, pd, weight)
    every = [metrics.confusion(target, pd, cut_off, weight)["f1"] for cut_off in np.unique(pd)]
    assert metrics.confusion(target, pd, best, weight)["f1"] == pytest.approx(max(every))


def test_gains_adds_up_and_puts_a_border_in_the_band_above():
    rows = metrics.gains([1, 0, 1, 0, 0], [0.1, 0.2, 0.5, 0.5, 0.05], [0.1, 0.5])
    assert [row["count"] for row in rows] == [2, 2, 1]
    assert [row["bad"] for row in rows] == [1, 1, 0]
    assert rows[0]["lift"] == pytest.approx(0.5 / 0.4)
    assert [row["cumulative_bad_share"] for row in rows] == [0.5, 1, 1]
    assert rows[-1]["cumulative_good_share"] == 1
    assert (rows[0]["pd_from"], rows[0]["pd_to"]) == (0.5, 1.0)


def test_an_empty_band_has_no_rate():
    empty = metrics.gains([1, 0], [0.1, 0.2], [0.5])[0]
    assert empty["count"] == 0
    assert empty["bad_rate"] is None
    assert empty["lift"] is None


@pytest.mark.parametrize(
    ("target", "pd", "weight", "message"),
    [
        ([0, 1], [0.1], None, "lengths differ"),
        ([], [], None, "no rows"),
        ([0, 1], [0.1, 1.2], None, "outside 0 to 1"),
        ([0, 1], [0.1, np.nan], None, "not a number"),
        ([0, 1], [0.1, 0.2], [1, 0], "weight"),
        ([0, 0], [0.1, 0.2], None, "only the class 0"),
    ],
)
def test_data_that_cannot_be_measured_is_refused(target, pd, weight, message):
    with pytest.raises(MetricError, match=message):
        metrics.summary(target, pd, weight)


def test_equal_pds_have_no_calibration_line():
    with pytest.raises(MetricError, match="all PDs are equal"):
        metrics.calibration_line([0, 1, 0], [0.3, 0.3, 0.3])


def test_classes_without_overlap_have_no_calibration_line():
    with pytest.raises(MetricError, match="without overlap"):
        metrics.calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
