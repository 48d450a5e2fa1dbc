from collections.abc import Iterator

import pytest

from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.cluster.traffic import traffic
from credit_delivery.environments import ENVIRONMENTS
from credit_delivery.load import Load

from .world import RATE, Platform, kept, steady, until

pytestmark = pytest.mark.e2e
ENVIRONMENT = "production"
SERVERS = "app.kubernetes.io/name=scoring-api,app.kubernetes.io/component=server"


@pytest.fixture(scope="module")
def load(platform: Platform) -> Iterator[Load]:
    before = platform.decisions(ENVIRONMENT)
    with traffic(ENVIRONMENT, RATE, seed=4) as load:
        yield load
    seen = load.seen()
    platform.note(f"faults: requests to production at {RATE:.0f}/s meanwhile", seen.line())
    steady(seen, RATE)
    kept(platform, ENVIRONMENT, before, seen)


def servers() -> list[dict]:
    return items("pods", ENVIRONMENT, "--selector", SERVERS)


def ready(pod: dict) -> bool:
    return {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}.get("Ready") == "True"


def all_ready() -> bool:
    """As many ready servers as the autoscaler wants, and none on its way out."""
    (deployment,) = [d for d in items("deployments", ENVIRONMENT) if d["metadata"]["name"] == "scoring-api"]
    wanted = deployment["spec"]["replicas"]
    return deployment["status"].get("availableReplicas") == wanted == len(servers())


@pytest.mark.usefixtures("load")
def test_pods_are_deleted() -> None:
    for pod in [found["metadata"]["name"] for found in servers()][:2]:
        kubectl("delete", "pod", pod, "--namespace", ENVIRONMENT, "--wait=false")
        until(f"{pod} is replaced", 400, lambda gone=pod: gone not in str(servers()) and all_ready())


@pytest.mark.usefixtures("load")
def test_a_worker_is_drained(platform: Platform) -> None:
    # The journal's volume is on its node's disk; where it is lost, so is the node.
    (database,) = [p for p in items("pods", ENVIRONMENT) if p["metadata"]["name"] == "postgres-0"]
    workers = {p["spec"]["nodeName"] for p in servers()} | {"credit-worker", "credit-worker2"}
    (node,) = workers - {database["spec"]["nodeName"]}
    kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=400s")
    until("no server is there", 400, lambda: all(p["spec"]["nodeName"] != node for p in servers()) and all_ready())
    kubectl("uncordon", node)
    for environment in ENVIRONMENTS:
        until(f"{environment} is well", 600, lambda name=environment: platform.well(name))


@pytest.mark.usefixtures("load")
def test_postgresql_is_killed(platform: Platform) -> None:
    (database,) = [p for p in items("pods", ENVIRONMENT) if p["metadata"]["name"] == "postgres-0"]
    kubectl("delete", "pod", "postgres-0", "--namespace", ENVIRONMENT, "--grace-period=0", "--force")

    def another() -> bool:
        # For a moment there is none.
        found = [p for p in items("pods", ENVIRONMENT) if p["metadata"]["name"] == "postgres-0"]
        return any(p["metadata"]["uid"] != database["metadata"]["uid"] and ready(p) for p in found)

    _, took = until("PostgreSQL is back", 400, another)
    platform.note("faults: PostgreSQL away, s", took)


@pytest.mark.usefixtures("load")
def test_argo_cd_s_controller_is_restarted(platform: Platform) -> None:
    controller = "statefulset/argocd-application-controller"
    kubectl("rollout", "restart", controller, "--namespace", "argocd")
    kubectl("rollout", "status", controller, "--namespace", "argocd", "--timeout", "400s")
    until(f"{ENVIRONMENT} is well", 400, lambda: platform.well(ENVIRONMENT))


@pytest.mark.usefixtures("load")
def test_an_edit_by_hand_is_put_back(platform: Platform) -> None:
    def limit() -> str:
        (deployment,) = [d for d in items("deployments", ENVIRONMENT) if d["metadata"]["name"] == "scoring-api"]
        return deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]

    before = limit()
    edit = '[{"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "700Mi"}]'
    kubectl("patch", "deployment", "scoring-api", "--namespace", ENVIRONMENT, "--type", "json", "--patch", edit)
    _, took = until("the edit is put back", 400, lambda: limit() == before)
    platform.note("faults: an edit by hand to self-heal, s", took)
    until("all servers are ready", 400, all_ready)
