from datetime import UTC, datetime

import numpy as np
import pytest

from credit_simulator import SCHEMA, Scenario
from drift_monitor.history import open_files
from drift_monitor.report import sample
from drift_monitor.windows import Window

START, END = datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 2, 1, tzinfo=UTC)
CHANNELS = [str(channel) for channel in SCHEMA["channel"].categories]


@pytest.fixture(scope="module")
def drawn(portfolio, tmp_path_factory):
    """A way to sample 400 of 12,000 decisions, of which 5 % were declined, all of them in the first channel."""
    scenario = Scenario(seed=12, start="2021-01", months=1, applicants_per_month=12_000)
    files = portfolio.decide(portfolio, scenario, tmp_path_factory.mktemp("history"))
    declined = files.table.index % 20 == 0
    files.table.assign(
        decision=np.where(declined, "decline", "approve"), channel=np.where(declined, CHANNELS[0], CHANNELS[1])
    ).to_parquet(files.decisions)
    window = Window(START, END, portfolio.bundle.digest, len(files.table))
    with open_files(files.decisions, None) as history:
        yield lambda seed: sample(history, window, SCHEMA, portfolio.bundle.baseline, 400, seed)


def test_a_sample_has_the_windows_share_of_each_decision(drawn):
    channels = [drawn(seed)["channel"] for seed in range(10)]
    assert {len(labels) for labels in channels} == {400}
    assert {(labels == CHANNELS[0]).sum() for labels in channels} == {20}


def test_a_seed_draws_the_same_decisions_again_and_another_one_others(drawn):
    first, again, other = ({name: list(labels) for name, labels in drawn(seed).items()} for seed in (1, 1, 2))
    assert first == again
    assert first["net_income"] != other["net_income"]
