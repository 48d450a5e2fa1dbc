import pytest

from credit_delivery.cluster.kubectl import kubectl
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


def replace(container: str, image: str) -> None:
    change = ("set", "image", "deployment/scoring-api", f"{container}={image}")
    kubectl(*change, "--namespace", "production", "--dry-run=server")
