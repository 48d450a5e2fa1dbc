import numpy as np
import pytest
from hypothesis import given, strategies as st

from credit_contract.errors import MetricError
from credit_contract.stability import jensen_shannon, psi, shares

COUNTS = st.lists(st.integers(1, 10_000), min_size=3, max_size=12)


def test_psi_of_a_case_by_hand():
    assert psi([50, 50], [25, 75]) == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))


@given(COUNTS)
def test_nothing_moves_when_only_the_number_of_applicants_grows(counts):
    assert psi(counts, np.multiply(counts, 7)) == pytest.approx(0)
    assert jensen_shannon(counts, np.multiply(counts, 7)) == pytest.approx(0, abs=1e-7)


@given(COUNTS, st.integers(0, 10**6))
def test_psi_is_symmetric_and_never_negative(counts, seed):
    other = np.random.default_rng(seed).permutation(counts)
    assert psi(counts, other) == pytest.approx(psi(other, counts))
    assert psi(counts, other) >= 0
    assert 0 <= jensen_shannon(counts, other) <= 1


def test_an_empty_bin_stays_finite():
    assert np.isfinite(psi([100, 0], [50, 50]))
    assert np.isfinite(psi([50, 50], [0, 100]))
    assert shares([0, 10**9]).min() > 0


def test_jensen_shannon_of_what_has_nothing_in_common_is_one():
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(1, abs=0.01)


def test_psi_without_a_shift_is_as_large_as_chance():
    rng = np.random.default_rng(2)
    p = np.full(10, 0.1)
    found = [psi(rng.multinomial(5000, p), rng.multinomial(2000, p)) for _ in range(300)]
    assert np.mean(found) == pytest.approx(9 * (1 / 5000 + 1 / 2000), rel=0.1)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(MetricError, match="counts must be there"):
        shares(counts)


def test_other_bins_are_refused():
    with pytest.raises(MetricError, match="bins differ"):
        psi([1, 2], [1, 2, 3])
