import pytest

from credit_delivery.dashboards.files import queries
from credit_delivery.dashboards.prometheus import faults

from .world import PROMETHEUS, Platform

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("platform")
def test_every_panel_of_every_dashboard_has_something_to_show(platform: Platform) -> None:
    # Outcomes mature in months; windows are for the case of the loop.
    asked = [query for query in queries() if query.waits_for == "nothing"]
    platform.note("dashboards: queries asked of Prometheus", len(asked))
    assert faults(PROMETHEUS, asked) == []
