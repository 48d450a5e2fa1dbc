import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from credit_delivery import confirmation, programs, tools
from credit_delivery.cluster import images, nodes
from credit_delivery.environments import ENVIRONMENTS, image_file
from credit_delivery.errors import CommandFailedError

from .workflows import FILES, GITHUB, ROOT, WORKFLOWS, jobs, matches, read, steps

LONGEST_MINUTES = 60
QUICK_MINUTES = 10
SERVICES = {path.parent.name: str(path.relative_to(ROOT)) for path in ROOT.glob("services/*/Dockerfile")}
DOCKERFILES = SERVICES | {"credit-training": "ml/training/Dockerfile"}
"""Of the images that are built from main, by name; the model's image is built when it is released."""
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")


@EACH
def test_actions_are_pinned_by_commit_with_the_version_beside(path: Path) -> None:
    for line in path.read_text().splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_action_is_pinned_to_one_commit_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for path in FILES:
        for action, pin in re.findall(r"uses: ([\w/-]+)@(.+)", path.read_text()):
            found.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in found.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_may_only_read_unless_a_job_says_more(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_runs_of_a_workflow_do_not_overtake_each_other(workflow: str) -> None:
    content = WORKFLOWS[workflow]
    assert "concurrency" in content or set(content["on"]) == {"workflow_call"}


def test_every_job_ends_by_itself() -> None:
    for where, job in jobs():
        assert "uses" in job or job["timeout-minutes"] <= LONGEST_MINUTES, where


def test_what_a_pull_request_waits_for_takes_ten_minutes_at_most() -> None:
    for name, job in WORKFLOWS["check"]["jobs"].items():
        assert job["timeout-minutes"] <= QUICK_MINUTES, name


def test_aws_trusts_image_builds_by_their_branch() -> None:
    # An environment would change the subject that the role of infra/pulumi asks for.
    assert "environment" not in WORKFLOWS["image"]["jobs"]["image"]
    assert WORKFLOWS["images"]["on"]["push"]["branches"] == ["main"]


def test_a_bump_builds_no_images() -> None:
    paths = WORKFLOWS["images"]["on"]["push"]["paths"]
    assert matches("services/scoring-api/src/scoring_api/app.py", paths)
    for environment in ENVIRONMENTS:
        for application in ("scoring-api", "drift-monitor"):
            assert not matches(image_file(environment, application), paths)


def parts_of(dockerfile: str) -> list[str]:
    """Paths that an image is made of; a file in each folder."""
    text = (ROOT / dockerfile).read_text()
    sources = re.findall(r"source=([\w./-]+)", text) + re.findall(r"^COPY (?!--)([\w./-]+)", text, re.MULTILINE)
    assert sources
    return [f"{source}/anything" if (ROOT / source).is_dir() else source for source in sources]


@pytest.mark.parametrize("dockerfile", sorted(DOCKERFILES.values()))
def test_a_change_to_what_an_image_is_made_of_builds_it(dockerfile: str) -> None:
    for path in parts_of(dockerfile):
        assert matches(path, WORKFLOWS["images"]["on"]["push"]["paths"]), path


@pytest.mark.parametrize("service", ["drift-monitor", "scoring-api"])
def test_a_services_image_is_tested_when_it_changes_and_before_it_is_pushed(service: str) -> None:
    (step,) = [step for step in WORKFLOWS["check"]["jobs"]["changes"]["steps"] if step.get("id") == "filter"]
    among, _ = yaml.safe_load(step["with"]["filters"])["images"]
    for path in (SERVICES[service], *parts_of(SERVICES[service])):
        assert matches(path, among.strip("{}").split(",")), path
    assert WORKFLOWS["check"]["jobs"]["images"]["steps"][-1]["run"] == "make test-images"
    pushing = WORKFLOWS["images"]["jobs"]
    assert pushing["test"]["steps"][-1]["run"] == "make test-images"
    assert pushing[service]["needs"] == "test"


def test_every_service_has_its_image_built() -> None:
    built = {name: job["with"] for name, job in WORKFLOWS["images"]["jobs"].items() if "uses" in job}
    assert {name: call["dockerfile"] for name, call in built.items()} == DOCKERFILES
    assert {call["image"] for call in built.values()} == set(DOCKERFILES)
    assert images.DOCKERFILES.items() <= DOCKERFILES.items()


def test_every_image_is_bumped_after_all_are_built() -> None:
    bump = WORKFLOWS["images"]["jobs"]["bump"]
    assert set(bump["needs"]) == set(DOCKERFILES)
    bumped = [step["run"].split()[2] for step in bump["steps"] if "run" in step]
    assert sorted(bumped) == sorted(DOCKERFILES)


def test_a_job_asks_for_tools_that_there_are_and_its_commands_need() -> None:
    asked = {
        where: step["with"]["tools"].split()
        for where, step, _ in steps()
        if step.get("uses") == "./.github/actions/setup" and "tools" in step.get("with", {})
    }
    assert {name for names in asked.values() for name in names} <= set(tools.TOOLS)
    in_tests = re.findall(r'program\("([a-z-]+)"\)', "".join(path.read_text() for path in ROOT.glob("tests/**/*.py")))
    built = set(in_tests) & {tool.name for tool in tools.TOOLS.values() if tool.module}
    assert set(asked["check.signatures"]) == {"helm", "policy-tester"}
    assert set(asked["check.charts"]) == built - {"policy-tester"}
    assert asked["check.test"] == ["helm", "chromium", "postgresql"]
    assert set(asked["e2e.e2e"]) == set(nodes.PROGRAMS)
    assert asked["check.check"] == ["actionlint"]


def test_every_test_is_run_by_one_of_three_jobs() -> None:
    ran = {name: WORKFLOWS["check"]["jobs"][name]["steps"][-1]["run"] for name in ("charts", "signatures", "test")}
    assert "--ignore=tests/charts" in ran["test"]
    assert ran["charts"].startswith("make test-charts ")
    assert "--ignore=tests/charts/test_signatures.py" in ran["charts"]
    assert ran["signatures"] == 'make test-charts ARGS="-k test_signatures"'
    wanting = {path.name for path in ROOT.glob("tests/**/*.py") if 'program("policy-tester")' in path.read_text()}
    assert wanting <= {"test_signatures.py", "test_workflows.py"}


def test_no_image_is_pushed_unscanned_or_unsigned() -> None:
    uses = [
        step.get("uses", step.get("run", "")).split("@")[0] for step in WORKFLOWS["image"]["jobs"]["image"]["steps"]
    ]
    build, push = [index for index, action in enumerate(uses) if action == "docker/build-push-action"]
    assert build < uses.index("anchore/scan-action") < push
    assert [action for action in uses[push:] if action.startswith("make sign")]


def test_no_model_is_proposed_or_signed_unscanned_or_stays_unsigned() -> None:
    made = [
        step.get("uses", step.get("run", "")).split("@")[0] for step in WORKFLOWS["retrain"]["jobs"]["retrain"]["steps"]
    ]
    build, scan, proposal = (
        next(index for index, step in enumerate(made) if what in step)
        for what in ("credit-release build", "anchore/scan-action", "credit-release promote")
    )
    assert build < scan < proposal
    model = WORKFLOWS["images"]["jobs"]["model"]
    assert "if" not in model
    signs = [step for step in model["steps"] if "make publish-models" in step.get("run", "")]
    assert [step.get("if") for step in signs] == [None, "vars.AWS_BUILD_ROLE"]
    # Publishing scans before it signs, by the scanner of the step before.
    (scanner,) = [step for step in model["steps"] if "anchore/scan-action/download-grype@" in step.get("uses", "")]
    assert model["steps"].index(scanner) < model["steps"].index(signs[0])
    assert {step["env"]["GRYPE"] for step in signs} == {f"${{{{ steps.{scanner['id']}.outputs.cmd }}}}"}
    # The provenance of a model names the commit of its record, which a shallow clone does not have.
    assert model["steps"][0]["with"]["fetch-depth"] == 0
    assert "ml/releases/*.json" in WORKFLOWS["images"]["on"]["push"]["paths"]


def test_jobs_that_publish_or_judge_take_nothing_of_earlier_runs() -> None:
    trusted = {
        where: [step.get("with", {}) for step in job.get("steps", []) if step.get("uses") == "./.github/actions/setup"]
        for where, job in jobs()
        if "environment" in job or "write" in job.get("permissions", {}).values()
    }
    assert {"check.evidence", "images.model", "promote.propose", "release.release"} <= {
        where for where, given in trusted.items() if given
    }
    assert [where for where, given in trusted.items() if any(each.get("cache") != "false" for each in given)] == []


def test_a_confirmation_starts_the_promotion() -> None:
    promote = WORKFLOWS["promote"]
    assert matches(confirmation.file("a"), promote["on"]["push"]["paths"])
    # One that is taken back is such a push too: it ends the wait under way, and starts none.
    assert promote["concurrency"]["cancel-in-progress"] is True
    assert (
        f"!startsWith(github.event.head_commit.message, '{confirmation.WITHDRAWAL}')"
        in promote["jobs"]["propose"]["if"]
    )


def test_the_cli_of_pulumi_is_pinned_in_one_place_to_the_version_of_its_library() -> None:
    lock = (ROOT / "infra/pulumi/requirements.lock").read_text()
    (library,) = re.findall(r"^pulumi==([\d.]+)", lock, re.MULTILINE)
    used = [step["with"] for _, step, _ in steps() if "pulumi/actions@" in step.get("uses", "")]
    assert used
    assert [given for given in used if "pulumi-version" in given] == []
    (pin,) = {given["pulumi-version-file"] for given in used}
    assert (ROOT / pin).read_text().strip() == library
    assert pin in tools.how_to_get("pulumi")


@pytest.mark.parametrize("target", ["preview", "provision"])
def test_without_the_cli_of_pulumi_make_says_where_to_get_which(tmp_path: Path, target: str) -> None:
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    given = ["--assume-old", ".venv-infra/ready", target, "STACK=staging"]
    with pytest.raises(CommandFailedError) as failed:
        programs.run(["make", *given], environment={"PATH": str(tmp_path)}, folder=ROOT)
    assert "pulumi is missing: see https://www.pulumi.com/" in failed.value.output
    assert "infra/pulumi/.pulumi.version" in failed.value.output


@pytest.mark.parametrize("linter", ["actionlint", "zizmor"])
def test_make_check_ends_with_what_a_linter_of_workflows_says(tmp_path: Path, linter: str) -> None:
    tools = {"actionlint": tmp_path, "zizmor": tmp_path / ".venv/bin"}
    for name, folder in tools.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\nexit {int(name == linter)}\n")
        (folder / name).chmod(0o755)
    given = ["BIN=.venv/bin", "--file", str(ROOT / "Makefile"), "--assume-old", ".venv/ready", "check-workflows"]
    with pytest.raises(CommandFailedError):
        programs.run(
            ["make", *given], environment={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}, folder=tmp_path
        )
    assert "check-workflows" in re.findall(r"^check:.*", (ROOT / "Makefile").read_text(), re.MULTILINE)[0]


def test_dependabot_watches_everything_pinned_that_it_can_read() -> None:
    listed = [Path(name) for name in programs.run(["git", "ls-files"], folder=ROOT).splitlines()]
    pinned = {
        "docker": {path for path in listed if path.name == "Dockerfile"},
        "github-actions": {path for path in listed if path.match(".github/actions/*/action.yml")},
    }
    watched = {
        update["package-ecosystem"]: update["directories"] for update in read(GITHUB / "dependabot.yml")["updates"]
    }
    # It reads no file called *.lock: an entry for Python would promise what never happens.
    assert set(watched) == set(pinned)
    for ecosystem, paths in pinned.items():
        folders = {f"/{path.parent.as_posix()}" if path.parent != Path() else "/" for path in paths}
        assert {folder for folder in folders if not matches(folder, watched[ecosystem])} == set(), ecosystem
