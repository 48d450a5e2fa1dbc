import pytest

from credit_delivery.cluster.kubectl import items
from credit_delivery.cluster.traffic import traffic

from .world import RATE, Platform, until

pytestmark = [pytest.mark.e2e, pytest.mark.full]
ENVIRONMENT = "staging"
QUIET = 10.0
APPLICANTS = 10


def replicas() -> int:
    (deployment,) = [d for d in items("deployments", ENVIRONMENT) if d["metadata"]["name"] == "scoring-api"]
    return deployment["status"].get("availableReplicas", 0)


def test_replicas_follow_the_load_and_return(platform: Platform) -> None:
    before = replicas()
    with traffic(ENVIRONMENT, RATE, seed=6, at_once=APPLICANTS) as load:
        _, took = until("there are more replicas", 300, lambda: replicas() > before)
        platform.note(f"autoscaling: {RATE:.0f}/s of {APPLICANTS} applicants to another ready replica, s", took)
    with traffic(ENVIRONMENT, QUIET, seed=7) as quiet:
        # The autoscaler looks back five minutes before it takes one away.
        until("there are as many as before", 900, lambda: replicas() == before)
    for what, seen in (("up", load.seen()), ("down", quiet.seen())):
        platform.note(f"autoscaling: requests on the way {what}", seen.line())
        assert seen.failed == 0, seen.line()
