import pytest

from credit_delivery.environments import ENVIRONMENTS, Name

from .world import Platform

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_history_answers_for_each_moment(platform: Platform, environment: Name) -> None:
    moments = platform.named[environment]
    platform.note(f"history: moments asked of {environment}", len(moments))
    for moment, pin in moments:
        said = platform.run("history", "--env", environment, "--at", moment.isoformat(), "--kind")
        assert f"{pin.tag} {pin.modelDigest[:12]}" in said


def test_a_promotion_names_approver_and_evidence_and_a_rollback_its_reason(platform: Platform) -> None:
    said = platform.run("history", "--env", "production", "--kind")
    assert "promotion by" in said
    assert "evidence environments/production/evidence/" in said
    assert "because e2e: a model whose golden applicants disagree" in said
