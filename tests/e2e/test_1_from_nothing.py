import json
import urllib.error
import urllib.request

import pytest

from credit_delivery import bundles
from credit_delivery.cluster import applications, checkout
from credit_delivery.cluster.traffic import ADDRESSES, client_key
from credit_delivery.environments import ENVIRONMENTS, Name

from .world import Platform, until

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("platform")
def test_every_application_is_synced_and_healthy() -> None:
    assert [found for found in applications.applications() if not found.well] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_answers_with_the_model_that_git_names(platform: Platform, environment: Name) -> None:
    digest = platform.pin(environment).modelDigest
    until(f"{environment} answers with {digest[:12]}", 180, lambda: platform.runs(environment, digest))


def test_the_environments_run_different_models(platform: Platform) -> None:
    assert platform.pin("staging").modelDigest != platform.pin("production").modelDigest


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_applicant_gets_an_answer_that_is_in_the_journal(platform: Platform, environment: Name) -> None:
    pin, root = platform.pin(environment), checkout.current().root
    golden = json.loads((bundles.kept(root, pin.tag) / "golden.json").read_text())
    request = urllib.request.Request(
        f"{ADDRESSES[environment]}/v1/score",
        json.dumps(golden["applicants"][0]).encode(),
        {"Content-Type": "application/json", "X-API-Key": client_key(environment)},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    (result,) = answer["results"]
    assert answer["model_digest"] == pin.modelDigest
    assert result["pd"] == pytest.approx(golden["pd"][0], abs=1e-6)
    question = f"SELECT model_digest FROM decisions WHERE request_id = '{answer['request_id']}'"
    until("the decision is in the journal", 120, lambda: platform.journal(environment, question) == pin.modelDigest)


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nobody_scores_without_a_key(environment: Name) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{ADDRESSES[environment]}/v1/score", b"{}", timeout=10)
    assert refused.value.code == 401
