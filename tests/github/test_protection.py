import re
from collections import defaultdict
from types import SimpleNamespace

import pytest
import yaml

from credit_delivery import promotion
from credit_delivery.environments import image_file, model_file

from .workflows import GITHUB, ROOT, WORKFLOWS, Object, jobs, matches, read, steps

ENVIRONMENTS = {found["name"]: found for found in read(GITHUB / "settings.yml")["environments"]}


def pull_request_jobs() -> list[tuple[str, Object]]:
    return [(where, job) for where, job in jobs() if "pull_request" in WORKFLOWS[where.split(".")[0]]["on"]]


def condition(job: Object) -> str:
    return str(job.get("if", ""))


def test_nothing_runs_a_forks_code_with_the_repositorys_rights() -> None:
    assert [name for name, content in WORKFLOWS.items() if "pull_request_target" in content["on"]] == []


def test_a_pull_request_meets_one_secret_and_only_after_somebody_looked_at_it() -> None:
    meeting = {where: job for where, job in pull_request_jobs() if "secrets." in yaml.safe_dump(job)}
    assert set(meeting) == {"check.evidence"}
    job = meeting["check.evidence"]
    assert set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(job))) == {"JOURNAL_URL"}
    for where in ("environment", "runs-on"):
        needed, _, otherwise = job[where].rpartition(" || ")
        assert otherwise.strip("'} ") == {"environment": "", "runs-on": "ubuntu-24.04"}[where]
        assert "||" not in needed
        assert "&& github.event.pull_request.head.repo.full_name == github.repository &&" in needed
        assert "startsWith(github.head_ref, 'promote/')" in needed
    assert ENVIRONMENTS["evidence"]["reviewers"]


def test_a_fork_gets_neither_a_cloud_role_nor_a_token_that_writes() -> None:
    for where, job in pull_request_jobs():
        ours = "head.repo.full_name == github.repository" in condition(job)
        merged = "github.event_name == 'push'" in condition(job)
        assert "write" not in job.get("permissions", {}).values() or ours or merged, where


def test_every_step_that_rebuilds_a_hold_out_knows_the_journal() -> None:
    rebuilds = re.compile(r"credit-release (build|check|promote)\b|make (promote|release)(?![\w-])")
    found = {
        (where, step["run"]): step.get("env", {}) for where, step, _ in steps() if rebuilds.search(step.get("run", ""))
    }
    assert {where for where, _ in found} == {"check.evidence", "promote.propose", "retrain.retrain"}
    assert [step for step, given in found.items() if "secrets.JOURNAL_URL" not in given.get("JOURNAL_URL", "")] == []


def changes(job: str) -> list[str]:
    """The patterns that a file must match, each of them, for a job to run."""
    (filtering,) = [step for step in WORKFLOWS["check"]["jobs"]["changes"]["steps"] if step.get("id") == "filter"]
    assert filtering["with"]["predicate-quantifier"] == "every"
    found: list[str] = yaml.safe_load(filtering["with"]["filters"])[job]
    return found


def test_a_change_of_anything_that_makes_or_judges_a_model_has_one_trained_and_judged() -> None:
    wanted, *without = changes("model")
    alternatives = wanted.removeprefix("{").removesuffix("}").split(",")
    ours = re.findall(r"^-e (?:\./)?(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert "ml/training" in ours
    paths = ["Makefile", "requirements.lock", *(f"{folder}/src/a.py" for folder in ours)]
    assert [path for path in paths if not matches(path, alternatives)] == []
    assert without == ["!**/*.md"]


def test_prose_is_tested_too_and_a_bump_is_not() -> None:
    whole, *without = changes("code")
    assert whole == "**"
    assert all(pattern.startswith("!") for pattern in without)
    tested = {
        path: not matches(path, [pattern.removeprefix("!") for pattern in without])
        for path in ("README.md", "docs/infrastructure.md", model_file("staging"), image_file("staging", "scoring-api"))
    }
    assert [path for path, is_tested in tested.items() if not is_tested] == [image_file("staging", "scoring-api")]


def machine(job: str, stack: str, **variables: str) -> object:
    """Where a job of infra runs: GitHub's expression, whose operators Python has by other names."""
    expression = WORKFLOWS["infra"]["jobs"][job]["runs-on"].removeprefix("${{").removesuffix("}}").strip()
    known = {"matrix": SimpleNamespace(stack=stack), "vars": defaultdict(str, variables)}
    words = re.sub(r"vars\.(\w+)", r"vars['\1']", expression).replace("&&", "and").replace("||", "or")
    return eval(words, known)


@pytest.mark.parametrize("job", ["preview", "up"])
def test_each_stack_has_a_machine_of_its_own_or_githubs(job: str) -> None:
    both = {"STAGING_RUNNER": "ours", "PRODUCTION_RUNNER": "guarded"}
    assert [machine(job, stack, **both) for stack in ("staging", "production")] == ["ours", "guarded"]
    assert machine(job, "production", STAGING_RUNNER="ours") == "ubuntu-24.04"
    assert machine(job, "staging", PRODUCTION_RUNNER="guarded") == "ubuntu-24.04"


@pytest.mark.parametrize("job", ["preview", "up"])
def test_only_stacks_that_are_named_are_touched(job: str) -> None:
    said = WORKFLOWS["infra"]["jobs"][job]
    assert said["if"].startswith("vars.PULUMI_STACKS && ")
    assert said["strategy"]["matrix"] == {"stack": "${{ fromJSON(vars.PULUMI_STACKS) }}"}


def test_every_variable_and_secret_of_a_workflow_is_named_where_they_are_set() -> None:
    text = "".join(path.read_text() for path in (GITHUB / "workflows").glob("*.yml"))
    described = (GITHUB / "settings.yml").read_text()
    assert [name for name in set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", text)) if name not in described] == []


def test_secrets_are_met_only_behind_a_protected_environment() -> None:
    for where, job in jobs():
        if "secrets." in yaml.safe_dump(job):
            assert job.get("environment"), where


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_lets_main_in_by_its_name_or_a_pull_request_that_somebody_looked_at(name: str) -> None:
    environment = ENVIRONMENTS[name]
    # No branch is protected but by a ruleset, which `protected_branches` does not know: it would let all of them in.
    branches = (environment["deployment_branch_policy"] or {}).get("custom_branches")
    assert branches == (None if name == "evidence" or name.endswith("-preview") else ["main"])
    assert branches or environment["reviewers"]
    # The form of GitHub's API, which the app hands on as it is; what it hands on of all that may be said there.
    assert {reviewer["type"] for reviewer in environment.get("reviewers", [])} <= {"User", "Team"}
    assert set(environment) <= {"name", "reviewers", "wait_timer", "deployment_branch_policy"}


def test_where_nobody_may_approve_their_own_run_is_told_to_whoever_must_click_it() -> None:
    (line,) = [line for line in (ROOT / "docs/adopting.md").read_text().splitlines() if "Prevent self-review" in line]
    assert set(re.findall(r"`([a-z-]+)`", line)) == {"evidence", "promotion", "production"}


def test_a_checkout_keeps_its_token_only_to_push() -> None:
    for where, step, _ in steps():
        if step.get("uses", "").startswith("actions/checkout@") and step["with"]["persist-credentials"]:
            assert "steps.app.outputs.token" in step["with"]["token"], where


def test_environments_that_jobs_name_are_described() -> None:
    stacks = [path.stem.removeprefix("Pulumi.") for path in (ROOT / "infra/pulumi").glob("Pulumi.*.yaml")]
    named = set()
    for _, job in jobs():
        if text := job.get("environment"):
            quoted = re.findall(r"'([a-z-]+)'", text.partition("&&")[2]) or [text]
            named |= {
                name.replace("${{ matrix.stack }}", stack) for name in quoted for stack in stacks if stack != "kind"
            }
    assert named == set(ENVIRONMENTS)


def test_evidence_is_judged_on_every_pull_request_by_the_bases_code() -> None:
    job = WORKFLOWS["check"]["jobs"]["evidence"]
    assert "needs" not in job
    assert job["if"] == "github.event_name == 'pull_request'"
    assert job["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_required_checks_are_the_jobs_of_check() -> None:
    (checks,) = [rule for rule in read_json("main")["rules"] if rule["type"] == "required_status_checks"]
    required = {check["context"] for check in checks["parameters"]["required_status_checks"]}
    content = WORKFLOWS["check"]
    assert required == {job["name"] for job in content["jobs"].values()} - {"comment"}
    # A workflow that a path filter skips never reports, and its checks would be waited for in vain.
    assert content["on"]["pull_request"] is None


def test_a_failed_filter_does_not_let_a_change_pass() -> None:
    needing = {job["name"] for job in WORKFLOWS["check"]["jobs"].values() if job.get("needs") == "changes"}
    assert needing == {"charts", "check", "images", "test", "manifests", "model", "signatures"}
    assert "if" not in WORKFLOWS["check"]["jobs"]["changes"]


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        (model_file("production"), "@example/risk-officers"),
        ("environments/production/evidence/a.json", "@example/risk-officers"),
        ("environments/quarantine.yaml", "@example/risk-officers"),
        (promotion.GATES, "@example/risk-officers"),
        (image_file("production", "scoring-api"), "@example/credit-engineers"),
        ("environments/production/admission.yaml", "@example/platform-owners"),
        (model_file("staging"), "@example/credit-engineers"),
        ("ml/delivery/src/credit_delivery/check.py", "@example/platform-owners"),
        (".github/workflows/check.yml", "@example/platform-owners"),
    ],
)
def test_who_must_approve(path: str, owner: str) -> None:
    lines = [line.split() for line in (GITHUB / "CODEOWNERS").read_text().splitlines() if line.strip()[:1] not in "#"]
    deciding = [owners for pattern, *owners in lines if owns(pattern, path)][-1]
    assert deciding == [owner]


def test_main_takes_nothing_that_a_code_owner_has_not_approved() -> None:
    (pull_request,) = [rule["parameters"] for rule in read_json("main")["rules"] if rule["type"] == "pull_request"]
    assert pull_request["require_code_owner_review"]
    assert pull_request["dismiss_stale_reviews_on_push"]
    assert pull_request["require_last_push_approval"]


def test_a_version_once_there_stays_and_not_everybody_makes_one() -> None:
    stays, comes = read_json("tags"), read_json("new-tags")
    versions = {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}}
    assert [(rules["target"], rules["conditions"]) for rules in (stays, comes)] == [("tag", versions)] * 2
    assert {rule["type"] for rule in stays["rules"]} == {"deletion", "update", "non_fast_forward"}
    assert stays["bypass_actors"] == []
    assert comes["rules"] == [{"type": "creation"}]
    # 5 is GitHub's number of the role of a repository's administrators.
    assert [(one["actor_type"], one["actor_id"]) for one in comes["bypass_actors"]] == [("RepositoryRole", 5)]


def owns(pattern: str, path: str) -> bool:
    """Of CODEOWNERS' patterns, those used here: everything, a folder, a file, or `*` in a name."""
    anchored = pattern.removeprefix("/")
    return matches(path, [f"{anchored}**" if anchored.endswith("/") else anchored]) or pattern == "*"


def read_json(ruleset: str) -> Object:
    return read(GITHUB / f"rulesets/{ruleset}.json")
