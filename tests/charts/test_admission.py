import copy
from datetime import UTC, datetime
from typing import Any

import celpy
import pytest

from drift_monitor.trainers import Order

from .rendering import Object, Target, admission, containers, kubeconform, name, pod_template, program, run, workloads

STRANGER = "docker.io/library/miner:1"
PERSON = "somebody@example.com"
# Stands in for the API server's interpreter of the same language.
ENVIRONMENT = celpy.Environment()


def spec(kind: bool) -> Any:
    (found,) = [item["spec"] for item in admission(kind) if item["kind"] == "ValidatingAdmissionPolicy"]
    return found


def refusals(kind: bool, new: Object, old: Object | None = None, user: str = PERSON) -> list[str]:
    """What the API server would say; nothing when it lets the object in."""
    said = spec(kind)
    request = {"operation": "UPDATE" if old else "CREATE", "userInfo": {"username": user}}
    context: dict[str, Any] = {"object": new, "oldObject": old, "request": request}
    if not all(evaluated(condition["expression"], context) for condition in said["matchConditions"]):
        return []
    context["variables"] = {}
    for variable in said["variables"]:
        context["variables"][variable["name"]] = evaluated(variable["expression"], context)
    failed = [rule for rule in said["validations"] if not evaluated(rule["expression"], context)]
    return [rule.get("message") or str(evaluated(rule["messageExpression"], context)) for rule in failed]


def evaluated(expression: str, context: dict[str, Any]) -> Any:
    compiled = ENVIRONMENT.program(ENVIRONMENT.compile(expression))
    return compiled.evaluate({key: celpy.json_to_cel(value) for key, value in context.items()})


def production() -> list[tuple[Target, Object]]:
    return [(target, found) for target, found in workloads() if target.environment == "production"]


def deployment(kind: bool) -> Object:
    """A copy of scoring-api's, to be changed."""
    found = next(
        found
        for target, found in production()
        if (target.application, found["kind"], target.kind) == ("scoring-api", "Deployment", kind)
    )
    return copy.deepcopy(found)


def arguments(workload: Object) -> list[str]:
    found: list[str] = pod_template(workload)["spec"]["containers"][0]["args"]
    return found


def mount(workload: Object, where: str) -> None:
    spec = pod_template(workload)["spec"]
    spec["containers"][0]["volumeMounts"].append({"name": "mine", "mountPath": where})
    spec["volumes"].append({"name": "mine", "configMap": {"name": "mine"}})


def pod(image: str) -> Object:
    return {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": image}]}}


@pytest.mark.parametrize("kind", [False, True])
def test_objects_are_valid_kubernetes(kind: bool) -> None:
    assert kubeconform(admission(kind, "--set", "signatures.required=true")) == ""


@pytest.mark.parametrize(
    ("target", "workload"), production(), ids=lambda part: str(part) if isinstance(part, Target) else name(part)
)
def test_what_git_names_comes_in(target: Target, workload: Object) -> None:
    assert refusals(target.kind, workload) == []


@pytest.mark.parametrize("kind", [False, True])
def test_every_workload_of_production_is_asked_about(kind: bool) -> None:
    asked = {resource for rule in spec(kind)["matchConstraints"]["resourceRules"] for resource in rule["resources"]}
    assert {f"{found['kind'].lower()}s" for target, found in production() if target.kind == kind} <= asked
    (binding,) = [item["spec"] for item in admission(kind) if item["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert "Deny" in binding["validationActions"]
    assert binding["matchResources"]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "production"
    }


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize("kind", [False, True])
def test_another_image_is_refused_and_named(kind: bool, part: str) -> None:
    changed = deployment(kind)
    pod_template(changed)["spec"][part][0]["image"] = STRANGER
    assert f"environments/production does not name the image {STRANGER}; promote or bump it" in refusals(kind, changed)


def test_the_right_tag_with_another_digest_is_refused() -> None:
    changed = deployment(kind=False)
    container = pod_template(changed)["spec"]["containers"][0]
    container["image"] = container["image"].replace("@sha256:0", "@sha256:1")
    assert len(refusals(False, changed)) == 1


@pytest.mark.parametrize("kind", [False, True])
def test_a_model_with_another_digest_is_refused(kind: bool) -> None:
    changed = deployment(kind)
    (bundle,) = pod_template(changed)["spec"]["initContainers"]
    bundle["args"][-1] = "1" * 64
    (refusal,) = refusals(kind, changed)
    assert refusal.startswith("environments/production/model.yaml names model ")


def test_a_service_with_a_model_from_elsewhere_is_refused() -> None:
    changed = deployment(kind=True)
    del pod_template(changed)["spec"]["initContainers"]
    (refusal,) = refusals(True, changed)
    assert refusal.startswith("scoring-api serves the model of credit-model:")


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize("kind", [False, True])
def test_a_container_with_words_of_its_own_is_refused(kind: bool, part: str) -> None:
    changed = deployment(kind)
    container = pod_template(changed)["spec"][part][0]
    container["command"] = ["python", "-c", "print()", *container["args"]]
    assert refusals(kind, changed) == ["a container here runs what its image says; take `command` out"]


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize("kind", [False, True])
def test_a_container_that_is_started_elsewhere_is_refused(kind: bool, part: str) -> None:
    changed = deployment(kind)
    pod_template(changed)["spec"][part][0]["workingDir"] = "/tmp"
    assert refusals(kind, changed) == ["a container here runs where its image says; take `workingDir` out"]


def test_nothing_but_the_model_runs_before_a_container_starts() -> None:
    changed = deployment(kind=True)
    spec = pod_template(changed)["spec"]
    spec["initContainers"].append({"name": "late", "image": spec["containers"][0]["image"], "args": ["key", "a", "b"]})
    (refusal,) = refusals(True, changed)
    assert refusal.startswith("before a container starts, credit-model:")


@pytest.mark.parametrize(
    "args",
    [
        ["--bundle=/other"],
        ["--bundle", "/other"],
        ["--bundle=/bundle", "--bundle=/other"],
        ["--bundle=/bundle", "--bun=/other"],
        ["--bundle=/bundle", "bundle=/other"],
        [],
    ],
    ids=" ".join,
)
def test_a_service_of_another_folder_is_refused(args: list[str]) -> None:
    changed = deployment(kind=True)
    arguments(changed)[:] = [said for said in arguments(changed) if not said.startswith("--bundle")] + args
    (refusal,) = refusals(True, changed)
    assert refusal.startswith("scoring-api serves the folder /bundle only")


def test_a_service_that_leaves_its_words_to_its_image_is_asked_like_any_other() -> None:
    changed = deployment(kind=True)
    del pod_template(changed)["spec"]["containers"][0]["args"]
    del pod_template(changed)["spec"]["initContainers"]
    assert len(refusals(True, changed)) == 3


@pytest.mark.parametrize("args", [[], ['model_digest=""'], ["{said}", "model_digest=''"], ["{said}", "{said}"]])
@pytest.mark.parametrize("kind", [False, True])
def test_a_service_that_is_not_told_which_model_alone_may_answer_is_refused(kind: bool, args: list[str]) -> None:
    changed = deployment(kind)
    (said,) = [said for said in arguments(changed) if said.startswith("model_digest")]
    arguments(changed).remove(said)
    arguments(changed).extend(arg.format(said=said) for arg in args)
    (refusal,) = refusals(kind, changed)
    assert refusal.startswith("scoring-api is to be told that model ")


@pytest.mark.parametrize("where", ["/bundle", ""])
def test_a_bundle_out_of_another_volume_is_refused(where: str) -> None:
    changed = deployment(kind=True)
    mounts = pod_template(changed)["spec"]["containers"][0]["volumeMounts"]
    mounts[:] = [mount for mount in mounts if mount["mountPath"] != "/bundle"]
    if where:
        mount(changed, where)
    (refusal,) = refusals(True, changed)
    assert refusal.startswith("scoring-api serves the folder /bundle only")


@pytest.mark.parametrize(
    "where",
    [
        "/bundle/model.onnx",
        "//bundle",
        "/./bundle",
        "/venv/lib/python3.11/site-packages/scoring_api",
        "/etc/ld.so.preload",
        "/tmp/../venv",
    ],
)
@pytest.mark.parametrize("kind", [False, True])
def test_a_volume_over_what_runs_is_refused(kind: bool, where: str) -> None:
    changed = deployment(kind)
    mount(changed, where)
    (refusal,) = refusals(kind, changed)
    assert refusal.startswith("volumes are mounted here at ")


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize("kind", [False, True])
@pytest.mark.parametrize("told", ["PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "PATH", "PGHOST", "MINE"])
def test_a_variable_that_no_chart_sets_is_refused(kind: bool, part: str, told: str) -> None:
    changed = deployment(kind)
    pod_template(changed)["spec"][part][0].setdefault("env", []).append({"name": told, "value": "/bundle"})
    (refusal,) = refusals(kind, changed)
    assert refusal.startswith("a container here is told ")


@pytest.mark.parametrize("source", ["configMapRef", "secretRef"])
def test_variables_that_are_not_named_are_refused(source: str) -> None:
    changed = deployment(kind=False)
    pod_template(changed)["spec"]["containers"][0]["envFrom"] = [{source: {"name": "mine"}}]
    (refusal,) = refusals(False, changed)
    assert refusal.startswith("a container here is told ")


@pytest.mark.parametrize("arg", ["$(MINE)", "tag=$(MINE)", "$$(MINE)"])
@pytest.mark.parametrize("kind", [False, True])
def test_words_that_a_variable_takes_the_place_of_are_refused(kind: bool, arg: str) -> None:
    changed = deployment(kind)
    arguments(changed).append(arg)
    assert refusals(kind, changed) == ["a container's args say here what they mean; write the value instead of `$(…)`"]


def test_a_service_whose_every_word_is_a_variable_is_refused() -> None:
    changed = deployment(kind=False)
    pod = pod_template(changed)["spec"]
    del pod["initContainers"]
    arguments(changed)[:] = ["$(API_KEY)", "--bundle=/tmp", "host=0.0.0.0"]
    pod["containers"][0]["env"].append({"name": "API_KEY", "value": "serve"})
    assert len(refusals(False, changed)) == 1


@pytest.mark.parametrize("kind", [False, True])
def test_the_retraining_that_the_drift_monitor_orders_comes_in(kind: bool) -> None:
    found = next(found for target, found in production() if target.kind == kind and name(found).endswith("-retrain"))
    spec = copy.deepcopy(found["spec"]["jobTemplate"]["spec"])
    order = Order(
        cause="model: matured_loss",
        model_digest="a" * 64,
        dataset="simulated",
        performance_days=365,
        window="20260101T000000Z-aa",
        because="retrain: x",
        cut_off=datetime(2026, 1, 1, tzinfo=UTC),
    )
    told = [{"name": name, "value": value} for name, value in order.environment().items()]
    spec["template"]["spec"]["containers"][0]["env"] += told
    assert refusals(kind, {"kind": "Job", "spec": spec}, user="system:serviceaccount:production:drift-monitor") == []


def test_bare_pods_and_what_is_added_to_a_running_one_are_asked_about() -> None:
    assert refusals(True, pod(STRANGER))
    running = containers(pod_template(deployment(kind=True)))[0]["image"]
    debugged = pod(running)
    debugged["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": STRANGER}]
    assert refusals(True, debugged, old=pod(running))


def test_pods_of_the_release_before_are_replaced_when_a_node_goes() -> None:
    before = pod("scoring-api:before")
    assert refusals(True, before, user="system:serviceaccount:kube-system:replicaset-controller") == []
    assert refusals(True, before, user="system:serviceaccount:production:drift-monitor")


def test_what_runs_may_be_relabelled_and_removed_though_git_has_moved_on() -> None:
    old = deployment(kind=True)
    pod_template(old)["spec"]["containers"][0]["image"] = "scoring-api:before"
    relabelled = copy.deepcopy(old)
    relabelled["metadata"]["labels"]["touched"] = "yes"
    assert refusals(True, relabelled, old=old) == []
    grown = copy.deepcopy(old)
    grown["spec"]["replicas"] = 9
    assert refusals(True, grown, old=old)


def test_without_what_git_names_nothing_is_rendered() -> None:
    result = run(program("helm"), "template", "admission", "charts/admission")
    assert result.returncode != 0
    assert "pins" in result.stderr
