from pathlib import Path

import pytest
import yaml

from credit_delivery.cluster.shift import SETTINGS, watched
from credit_delivery.errors import EnvironmentFileError
from drift_monitor.settings import Settings

TEXT = (Path(__file__).parents[2] / SETTINGS).read_text()


@pytest.mark.parametrize("dataset", ["taiwan", "sba"])
def test_the_monitor_takes_the_settings_and_what_people_wrote_stays(dataset: str) -> None:
    changed = watched(TEXT, dataset)
    assert changed.startswith(TEXT)
    config = Settings.model_validate(yaml.safe_load(changed)["config"])
    assert (config.performance.days, config.interval_minutes) == (0, 1)
    assert config.windows.decisions
    assert config.limits.constant_fields == (("low_doc",) if dataset == "sba" else ())


def test_settings_of_before_are_replaced_and_people_s_are_not_overwritten() -> None:
    changed = watched(TEXT, "taiwan")
    assert watched(changed, "taiwan") == changed
    assert watched(changed, "sba") == watched(TEXT, "sba")
    with pytest.raises(EnvironmentFileError, match="config of its own"):
        watched(TEXT + "config: {interval_minutes: 5}\n", "sba")
