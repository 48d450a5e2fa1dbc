import json
from contextlib import chdir
from pathlib import Path

import pytest

from credit_delivery import record
from credit_delivery.bump import bump, freeze
from credit_delivery.check import check
from credit_delivery.cli import main
from credit_delivery.confirmation import Observation, confirm
from credit_delivery.environments import ImagePin, Name, with_pin
from credit_delivery.errors import EnvironmentFileError, RefusedError, ReleaseError
from credit_delivery.promotion import propose
from credit_delivery.rollback import roll_back

from .world import GATES, World, moved

MODEL = "environments/staging/model.yaml"
EVIDENCE = "environments/staging/evidence/b.json"


@pytest.fixture(scope="module")
def proposal(released: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = moved(released, tmp_path_factory.mktemp("proposal"))
    with chdir(made.root):
        made.promote("staging", "a")
        made.git("checkout", "--quiet", propose(made.repository, "staging", "b", made.rebuild).branch)
    return made


@pytest.fixture
def proposed(proposal: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The branch of a promotion is checked out, as a pull request's is."""
    world = moved(proposal, tmp_path)
    monkeypatch.chdir(world.root)
    return world


def reasons(world: World) -> list[str]:
    with pytest.raises(RefusedError) as caught:
        check(world.repository, "main", world.rebuild)
    return list(caught.value.reasons)


def typed(world: World, environment: Name, tag: str) -> None:
    path = f"environments/{environment}/model.yaml"
    world.git("checkout", "--quiet", "-b", "typed")
    world.commit(path, with_pin(world.read(path), record.read(world.repository, tag).pin, path))


def test_what_promote_wrote_passes(proposed: World) -> None:
    assert check(proposed.repository, "main", proposed.rebuild) == ["staging: model b"]


def test_what_changes_nothing_that_runs_is_not_judged(world: World) -> None:
    world.git("checkout", "--quiet", "-b", "notes")
    world.commit("notes.txt", "more\n")
    assert check(world.repository, "main", world.rebuild) == []


def test_a_number_of_the_evidence_that_was_changed_is_named(proposed: World) -> None:
    written = json.loads(proposed.read(EVIDENCE))
    written["metrics"]["challenger"]["auc"]["value"] += 0.001
    written["swap_set"][0]["count"] += 1
    proposed.commit(EVIDENCE, json.dumps(written))
    assert reasons(proposed) == [
        "staging: evidence is not what was recomputed: metrics.challenger.auc.value",
        "staging: evidence is not what was recomputed: swap_set[0].count",
    ]


@pytest.mark.parametrize(("text", "message"), [("{", "is missing or broken"), ("[]", "not what was recomputed")])
def test_evidence_of_another_form_is_refused(proposed: World, text: str, message: str) -> None:
    proposed.commit(EVIDENCE, text)
    (reason,) = reasons(proposed)
    assert message in reason


def test_a_change_is_judged_by_the_gates_of_main_and_not_by_its_own(proposed: World) -> None:
    proposed.git("checkout", "--quiet", "main")
    proposed.commit("ml/training/conf/gates.yaml", GATES.replace("0.6,", "0.97,"))
    proposed.git("checkout", "--quiet", "promote/staging/b")
    proposed.commit("ml/training/conf/gates.yaml", GATES.replace("0.6,", "0.0,"))
    assert any("gate failed: auc" in reason for reason in reasons(proposed))


def test_a_model_typed_by_hand_needs_evidence(world: World) -> None:
    typed(world, "staging", "a")
    assert reasons(world) == [
        "staging: environments/staging/evidence/a.json is missing or broken: `credit-release promote` writes it"
    ]


def test_a_model_typed_into_production_needs_a_confirmation_too(world: World) -> None:
    typed(world, "production", "a")
    assert any("not confirmed healthy in staging" in reason for reason in reasons(world))


def test_digests_that_are_not_the_records_are_refused(proposed: World) -> None:
    release = record.read(proposed.repository, "b")
    proposed.commit(MODEL, proposed.read(MODEL).replace(release.model_digest, "f" * 64))
    assert reasons(proposed) == ["staging: model.yaml names b with digests that are not those of ml/releases/b.json"]


def test_a_change_cannot_lift_the_freeze_that_stops_it(proposed: World) -> None:
    proposed.git("checkout", "--quiet", "main")
    freeze(proposed.repository, "staging")
    proposed.git("checkout", "--quiet", "promote/staging/b")
    assert any("staging is frozen" in reason for reason in reasons(proposed))


def test_a_quarantined_model_is_refused_however_it_comes(staged: World) -> None:
    roll_back(staged.repository, "staging", "declined everybody")
    typed(staged, "staging", "b")
    staged.commit("environments/quarantine.yaml", "quarantined: []\n")
    assert reasons(staged) == ["staging: model b is quarantined since it failed in staging: declined everybody"]


def test_a_rollback_passes_without_evidence_even_when_frozen(staged: World) -> None:
    freeze(staged.repository, "staging")
    staged.git("checkout", "--quiet", "-b", "back")
    roll_back(staged.repository, "staging", "declined everybody")
    assert check(staged.repository, "main", staged.rebuild) == ["staging: model a"]


def test_a_way_back_without_its_quarantine_entry_is_judged_like_any_other(staged: World) -> None:
    freeze(staged.repository, "staging")
    typed(staged, "staging", "a")
    assert any("staging is frozen" in reason for reason in reasons(staged))


def test_the_model_before_last_is_judged_like_any_other_however_the_last_is_named(staged: World) -> None:
    staged.promote("staging", "c")
    freeze(staged.repository, "staging")
    staged.git("checkout", "--quiet", "-b", "back")
    roll_back(staged.repository, "staging", "declined everybody")
    staged.commit(MODEL, with_pin(staged.read(MODEL), record.read(staged.repository, "a").pin, MODEL))
    assert any("staging is frozen" in reason for reason in reasons(staged))


def test_an_image_goes_back_by_one_step_only_while_frozen(world: World) -> None:
    for number in (1, 2, 3):
        bump(
            world.repository, "staging", "scoring-api", ImagePin(tag=f"v{number}", digest=f"sha256:{f'{number}' * 64}")
        )
    freeze(world.repository, "staging")
    world.git("checkout", "--quiet", "-b", "back")
    roll_back(world.repository, "staging", "answered late", "environments/staging/scoring-api.image.yaml")
    assert check(world.repository, "main", world.rebuild) == ["staging: scoring-api v2"]
    roll_back(world.repository, "staging", "that too", "environments/staging/scoring-api.image.yaml", "v2")
    assert any("staging is frozen" in reason for reason in reasons(world))


def test_a_broken_file_is_refused(proposed: World) -> None:
    proposed.commit(MODEL, proposed.read(MODEL).replace("modelDigest", "modelDigets"))
    with pytest.raises(EnvironmentFileError, match="key modelDigest"):
        check(proposed.repository, "main", proposed.rebuild)


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "proposed/mine.yaml"), ("name", "../../mine"), ("name", "journal.yaml"), ("version", "${oc.env:HOME}")],
)
def test_a_change_cannot_bring_a_dataset_to_be_judged_on(proposed: World, key: str, value: str) -> None:
    path = record.file("b")
    changed = json.loads(proposed.read(path))
    changed["dataset"][key] = value
    proposed.commit(path, json.dumps(changed))
    with pytest.raises(ReleaseError, match=r"b\.json: key dataset: .* is no name of a dataset or version"):
        check(proposed.repository, "main", proposed.rebuild)


def test_a_change_cannot_bring_a_table_to_be_judged_on(proposed: World) -> None:
    path = "var/data/raw/lender-0123.csv"
    proposed.write(path, "income,outcome\n1,paid\n")
    proposed.git("add", "--force", path)
    proposed.git("commit", "--quiet", "--message", "By hand")
    assert reasons(proposed) == [f"{path} is tracked: nothing generated is in a change"]


def test_a_change_cannot_link_to_tables_to_be_judged_on(world: World) -> None:
    world.git("checkout", "--quiet", "-b", "linked")
    world.write("tables/data/raw/lender-0123.csv", "income,outcome\n1,paid\n")
    (world.root / "var").rename(world.root / "generated")
    (world.root / "var").symlink_to("tables")
    world.git("add", "var", "tables")
    world.git("commit", "--quiet", "--message", "By hand")
    assert reasons(world) == ["var is tracked: nothing generated is in a change"]


@pytest.mark.parametrize("where", ["", "staging2/", "production/eu/"])
@pytest.mark.parametrize("name", ["model.yaml", "scoring-api.image.yaml"])
def test_what_runs_is_pinned_in_the_folder_of_an_environment_only(world: World, where: str, name: str) -> None:
    world.git("checkout", "--quiet", "-b", "elsewhere")
    world.commit(f"environments/{where}{name}", world.read(f"environments/staging/{name}"))
    assert reasons(world) == [
        f"environments/{where}{name} is in no environment's folder: pins are in environments/staging and "
        "environments/production only"
    ]


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("key", ["name", "namespace"])
def test_an_environment_is_called_as_its_folder(world: World, environment: Name, key: str) -> None:
    path = f"environments/{environment}/environment.yaml"
    world.git("checkout", "--quiet", "-b", "renamed")
    world.commit(path, world.read(path).replace(f"\n{key}: {environment}\n", f"\n{key}: mine\n"))
    assert reasons(world) == [f"{path}: key {key}: its folder's name is needed, found 'mine'"]


def test_an_environment_has_no_files_of_its_own_choice(world: World) -> None:
    path = "environments/staging/environment.yaml"
    world.git("checkout", "--quiet", "-b", "chosen")
    world.commit(path, world.read(path) + "values: [scoring-api.yaml, mine.yaml]\n")
    assert reasons(world) == [f"{path}: key values is no fact of an environment: take it out"]


@pytest.mark.parametrize("text", ["", "[{name: staging, namespace: staging}, {name: mine, namespace: staging}]", "{"])
def test_a_folder_is_of_one_environment(world: World, text: str) -> None:
    path = "environments/staging/environment.yaml"
    world.git("checkout", "--quiet", "-b", "several")
    world.commit(path, text)
    (reason,) = reasons(world)
    assert reason.startswith(f"{path} is missing or broken")


@pytest.mark.parametrize("path", ["environments", "environments/production", "environments/staging/scoring-api.yaml"])
def test_nothing_below_environments_is_a_link(world: World, path: str) -> None:
    world.git("checkout", "--quiet", "-b", "linked")
    (world.root / path).rename(world.root / "mine")
    (world.root / path).symlink_to(world.root / "mine")
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", "By hand")
    assert f"{path} is a link: commit the file itself" in reasons(world)


def test_no_folder_of_environments_is_another_repository(world: World) -> None:
    world.git("checkout", "--quiet", "-b", "foreign")
    commit = world.git("rev-parse", "HEAD")
    world.git("update-index", "--add", "--cacheinfo", f"160000,{commit},environments/theirs")
    world.git("commit", "--quiet", "--message", "By hand")
    assert reasons(world) == ["environments/theirs is a link: commit the file itself"]


@pytest.mark.parametrize("name", ["model.yaml", "scoring-api.image.yaml"])
def test_a_change_cannot_take_away_what_says_what_runs(world: World, name: str) -> None:
    world.git("checkout", "--quiet", "-b", "gone")
    world.git("rm", "--quiet", f"environments/production/{name}")
    world.git("commit", "--quiet", "--message", "By hand")
    assert reasons(world) == [f"environments/production/{name} is gone: put it back, with what shall run"]


def test_the_command_asks_the_source_itself(proposed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, kept = tmp_path / "bin/credit-train", tmp_path / "kept"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nfor last; do :; done\necho "$CREDIT_HOME" > {tmp_path}/told\ncp {proposed.holdout} "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program.with_name("python")))
    monkeypatch.setenv("CREDIT_HOME", str(kept))
    main(["check", "main"])
    assert Path((tmp_path / "told").read_text().strip()) not in (kept, Path())


def test_a_change_cannot_bring_an_option_of_docker_as_its_image(proposed: World) -> None:
    changed = json.loads(proposed.read(record.file("b"))) | {"image": "--volume=/:/host"}
    proposed.commit(record.file("b"), json.dumps(changed))
    with pytest.raises(ReleaseError, match=r"b\.json: key image"):
        check(proposed.repository, "main", proposed.rebuild)


def test_an_image_reaches_production_through_staging_only(world: World) -> None:
    pin = ImagePin(tag="v1", digest=f"sha256:{'1' * 64}")
    path = "environments/production/scoring-api.image.yaml"
    world.git("checkout", "--quiet", "-b", "typed")
    world.commit(path, with_pin(world.read(path), pin, path))
    assert reasons(world) == ["production: scoring-api v1 was never in staging"]
    world.git("checkout", "--quiet", "main")
    bump(world.repository, "staging", "scoring-api", pin)
    world.git("checkout", "--quiet", "typed")
    assert check(world.repository, "main", world.rebuild)[-1] == "production: scoring-api v1"


def test_a_confirmed_model_passes_into_production(world: World) -> None:
    world.promote("staging", "a")
    digest = record.read(world.repository, "a").model_digest
    confirm(world.repository, [Observation(where="a pod", ready=True, model_digest=digest)])
    world.git("checkout", "--quiet", propose(world.repository, "production", "a", world.rebuild).branch)
    assert check(world.repository, "main", world.rebuild) == ["production: model a"]
