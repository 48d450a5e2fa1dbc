import pytest

from .rendering import Object, Target, containers, everything, name, pod_template, workloads

EACH = pytest.mark.parametrize(
    "workload", [found for _, found in workloads()], ids=[f"{target}-{name(found)}" for target, found in workloads()]
)
EACH_WITH_TARGET = pytest.mark.parametrize(
    ("target", "workload"), workloads(), ids=[f"{target}-{name(found)}" for target, found in workloads()]
)


@EACH
def test_pods_meet_the_restricted_standard(workload: Object) -> None:
    spec = pod_template(workload)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all("hostPath" not in volume for volume in spec.get("volumes", []))
    for container in containers(pod_template(workload)):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


@EACH_WITH_TARGET
def test_pods_get_a_cluster_token_only_where_they_call_the_cluster(target: Target, workload: Object) -> None:
    spec = pod_template(workload)["spec"]
    calls_the_cluster = target.application == "drift-monitor" and workload["kind"] == "Deployment"
    assert spec["automountServiceAccountToken"] is calls_the_cluster


@EACH
def test_containers_say_what_they_need(workload: Object) -> None:
    for container in containers(pod_template(workload)):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@EACH
def test_scratch_space_is_bounded(workload: Object) -> None:
    for volume in pod_template(workload)["spec"].get("volumes", []):
        if "emptyDir" in volume:
            assert volume["emptyDir"].get("sizeLimit"), volume["name"]


@EACH_WITH_TARGET
def test_images_are_pinned(target: Target, workload: Object) -> None:
    for container in containers(pod_template(workload)):
        image = container["image"]
        assert ":latest" not in image
        ours = not image.startswith("postgres:")
        assert ("@sha256:" in image) == (ours and not target.kind), image


def test_charts_make_no_secret_and_nothing_cluster_wide() -> None:
    forbidden = {"Secret", "ClusterRole", "ClusterRoleBinding", "Namespace"}
    assert not {found["kind"] for _, found in everything()} & forbidden
