import json
from pathlib import Path

import pytest

from credit_delivery import record
from credit_delivery.bump import freeze
from credit_delivery.confirmation import Observation, confirm
from credit_delivery.environments import Name
from credit_delivery.errors import EvidenceError, RefusedError, ReleaseError
from credit_delivery.holdout import source
from credit_delivery.promotion import merge, propose
from credit_delivery.rollback import roll_back

from .world import APPROVER, GATES, World


def refused(world: World, environment: Name, tag: str) -> list[str]:
    """The reasons; nothing may have changed."""
    before = (world.git("branch", "--all"), world.commits())
    with pytest.raises(RefusedError) as caught:
        propose(world.repository, environment, tag, world.rebuild)
    assert (world.git("branch", "--all"), world.commits()) == before
    return list(caught.value.reasons)


def healthy(world: World, tag: str) -> None:
    digest = record.read(world.repository, tag).model_digest
    confirm(world.repository, [Observation(where="a pod", ready=True, model_digest=digest)])


def test_a_promotion_is_one_commit_of_two_files_on_a_branch(world: World) -> None:
    world.promote("staging", "a")
    proposal = propose(world.repository, "staging", "b", world.rebuild)
    assert proposal.branch == "promote/staging/b"
    changed = world.git("diff", "--name-status", f"main...{proposal.branch}").splitlines()
    assert changed == ["A\tenvironments/staging/evidence/b.json", "M\tenvironments/staging/model.yaml"]
    assert world.git("rev-list", "--count", f"main..{proposal.branch}") == "1"


def test_the_checkout_is_left_alone(world: World) -> None:
    propose(world.repository, "staging", "a", world.rebuild)
    assert world.git("branch", "--show-current") == "main"
    assert world.git("status", "--porcelain") == ""
    assert len(world.git("worktree", "list").splitlines()) == 1
    assert "unreleased" in world.read("environments/staging/model.yaml")


def test_comments_order_and_quotes_of_the_file_are_kept(world: World) -> None:
    before = world.read("environments/staging/model.yaml")
    world.promote("staging", "a")
    made = record.read(world.repository, "a")
    expected = before.replace("unreleased", "a").replace('"' + "0" * 64, '"' + made.model_digest)
    expected = expected.replace("sha256:" + "0" * 64, made.image_digest)
    assert world.read("environments/staging/model.yaml") == expected


def test_the_merge_names_its_approver(world: World) -> None:
    world.promote("staging", "a", "Ria Sk <ria@bank.example>")
    assert world.git("log", "-1", "--format=%P").count(" ") == 1
    assert "Approved-by: Ria Sk <ria@bank.example>" in world.git("log", "-1", "--format=%B")


def test_proposing_again_replaces_the_branch(world: World) -> None:
    first = propose(world.repository, "staging", "a", world.rebuild)
    world.commit("notes.txt", "more\n")
    second = propose(world.repository, "staging", "a", world.rebuild)
    assert second.branch == first.branch
    assert world.git("rev-parse", f"{second.branch}^") == world.git("rev-parse", "main")


def test_a_release_that_is_not_there_cannot_be_promoted(world: World) -> None:
    with pytest.raises(ReleaseError, match="no release d"):
        propose(world.repository, "staging", "d", world.rebuild)


def test_a_failed_gate_refuses(world: World) -> None:
    world.commit("ml/training/conf/gates.yaml", GATES.replace("0.6,", "0.97,"))
    (reason,) = refused(world, "staging", "a")
    assert reason.startswith("gate failed: auc")


def test_a_gate_that_failed_when_it_was_built_refuses(world: World) -> None:
    written = json.loads(world.read("ml/releases/a.json"))
    written["gates"][0]["verdict"] = "fail"
    world.commit("ml/releases/a.json", json.dumps(written))
    assert refused(world, "staging", "a") == ["gate failed when it was built: auc"]


def test_a_bundle_of_another_digest_than_the_records_refuses(world: World) -> None:
    written = json.loads(world.read("ml/releases/a.json"))
    written["model_digest"] = json.loads(world.read("ml/releases/b.json"))["model_digest"]
    world.commit("ml/releases/a.json", json.dumps(written))
    with pytest.raises(ReleaseError, match=r"a is .* by its record, the bundle in .* is"):
        propose(world.repository, "staging", "a", world.rebuild)


def test_production_takes_nothing_that_was_not_confirmed_in_staging(world: World) -> None:
    world.promote("staging", "a")
    (reason,) = refused(world, "production", "a")
    assert "not confirmed healthy in staging" in reason
    healthy(world, "a")
    assert world.promote("production", "a")


def test_a_confirmation_of_another_digest_does_not_count(world: World) -> None:
    world.promote("staging", "a")
    healthy(world, "a")
    text = world.read("environments/staging/confirmed/a.json")
    other = record.read(world.repository, "b").model_digest
    world.commit(
        "environments/staging/confirmed/a.json", text.replace(record.read(world.repository, "a").model_digest, other)
    )
    (reason,) = refused(world, "production", "a")
    assert "not confirmed healthy in staging" in reason


def test_what_is_quarantined_is_refused(staged: World) -> None:
    roll_back(staged.repository, "staging", "declined everybody")
    (reason,) = refused(staged, "staging", "b")
    assert reason == "model b is quarantined since it failed in staging: declined everybody"


def test_a_quarantined_digest_is_refused_under_another_tag(staged: World) -> None:
    written = json.loads(staged.read("ml/releases/b.json"))
    roll_back(staged.repository, "staging", "declined everybody")
    staged.commit("ml/releases/b2.json", json.dumps(written | {"tag": "b2"}))
    (reason,) = refused(staged, "staging", "b2")
    assert "model b2 is quarantined" in reason
    with pytest.raises(RefusedError, match="quarantined"):
        staged.release("b3", intercept=0.2)


def test_a_frozen_environment_refuses(world: World) -> None:
    freeze(world.repository, "staging")
    (reason,) = refused(world, "staging", "a")
    assert "staging is frozen" in reason
    freeze(world.repository, "staging", on=False)
    assert world.promote("staging", "a")


@pytest.mark.parametrize("path", ["notes.txt", "ml/training/conf/gates.yaml"])
def test_a_dirty_tree_refuses(world: World, path: str) -> None:
    world.write(path, GATES + "# changed\n")
    (reason,) = refused(world, "staging", "a")
    assert f"the tree is dirty ({path}" in reason


def test_what_runs_already_is_refused(world: World) -> None:
    world.promote("staging", "a")
    assert refused(world, "staging", "a") == ["staging names it already"]


def test_every_reason_is_given_at_once(world: World) -> None:
    freeze(world.repository, "production")
    assert len(refused(world, "production", "a")) == 2


def test_a_hold_out_of_other_rows_is_refused(world: World, tmp_path: Path) -> None:
    world.promote("staging", "a")
    written = json.loads(world.read("ml/releases/b.json"))
    written["dataset"]["holdout_sha256"] = "e" * 64
    world.commit("ml/releases/b.json", json.dumps(written))
    with pytest.raises(EvidenceError, match=r"hold-out of lender v1 has sha256 .* source, recipe or split changed"):
        propose(world.repository, "staging", "b", world.rebuild)
    with pytest.raises(EvidenceError, match="no hold-out"):
        propose(world.repository, "staging", "b", source(world.root, tmp_path / "nowhere.npz"))


def test_evidence_against_a_champion_that_is_gone_cannot_be_merged(world: World) -> None:
    late = propose(world.repository, "staging", "b", world.rebuild)
    world.promote("staging", "a")
    with pytest.raises(RefusedError, match="the evidence is about another champion"):
        merge(world.repository, late, APPROVER)
    assert "tag: a " in world.read("environments/staging/model.yaml")
