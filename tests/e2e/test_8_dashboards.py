import pytest

from credit_delivery.dashboards.files import queries
from credit_delivery.dashboards.prometheus import faults

from .world import PROMETHEUS, Platform

pytestmark = pytest.mark.e2e


def test_every_panel_of_every_dashboard_has_something_to_show(platform: Platform) -> None:
    # Outcomes mature in months; windows are for the case of the loop.
    asked = [query for query in queries() if query.waits_for == "nothing"]
    platform.note("dashboards: queries asked of Prometheus", len(asked))
    found = faults(PROMETHEUS, asked)
    # The drift monitor judges days, and none ends here: of its page only the form of the queries is seen.
    too_early = [fault for fault in found if fault.startswith("drift, ") and ": no data: " in fault]
    platform.note("dashboards: of those, without data since no day has ended", len(too_early))
    assert [fault for fault in found if fault not in too_early] == []
