import pytest

from credit_delivery.dashboards.files import queries
from credit_delivery.dashboards.prometheus import faults

from .world import PROMETHEUS, Platform, until

pytestmark = pytest.mark.e2e


def test_every_panel_of_every_dashboard_has_something_to_show(platform: Platform) -> None:
    # Windows and outcomes are for the case of the loop.
    asked = [query for query in queries() if query.waits_for == "nothing"]
    platform.note("dashboards: queries asked of Prometheus", len(asked))

    def all_shown() -> bool:
        assert faults(PROMETHEUS, asked) == []
        return True

    # Argo CD's controller was restarted: what it counts needs a sync since then, and two scrapes.
    until("every panel has something to show", 300, all_shown)
