import json

import pytest

from credit_delivery.cluster.kubectl import Object, items, kubectl
from credit_delivery.errors import CommandFailedError

from .world import Platform

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("platform")
def test_production_refuses_an_image_that_git_does_not_name() -> None:
    with pytest.raises(CommandFailedError) as refused:
        replace("scoring-api", "debian:bookworm-slim")
    assert "environments/production does not name the image debian:bookworm-slim" in refused.value.output


def test_production_refuses_a_model_that_git_does_not_name(platform: Platform) -> None:
    other = platform.named["production"][0][1].tag
    assert other != platform.pin("production").tag
    with pytest.raises(CommandFailedError) as refused:
        replace("bundle", f"credit-model:{other}")
    assert "environments/production does not name the image credit-model" in refused.value.output


def test_production_refuses_the_right_image_with_another_model_digest(platform: Platform) -> None:
    named, other = platform.pin("production").modelDigest, platform.pin("staging").modelDigest
    assert other != named
    create(pod(named))
    with pytest.raises(CommandFailedError) as refused:
        create(pod(other))
    assert (
        f"environments/production/model.yaml names model {named}, which this does not ask for" in refused.value.output
    )


def pod(digest: str) -> Object:
    """One of production's own pods, as somebody would make it by hand, that asks for this model."""
    (deployment,) = [d for d in items("deployments", "production") if d["metadata"]["name"] == "scoring-api"]
    spec = deployment["spec"]["template"]["spec"]
    (bundle,) = spec["initContainers"]
    bundle["args"][-1] = digest
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "past-git"}, "spec": spec}


def create(made: Object) -> None:
    kubectl("create", "--namespace", "production", "--dry-run=server", "--filename", "-", given=json.dumps(made))


def replace(container: str, image: str) -> None:
    change = ("set", "image", "deployment/scoring-api", f"{container}={image}")
    kubectl(*change, "--namespace", "production", "--dry-run=server")
