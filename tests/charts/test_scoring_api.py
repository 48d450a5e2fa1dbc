"""The scoring API's chart agrees with itself and with how the service stops and starts."""

import pytest
import yaml

from .network import Endpoint, reaches
from .rendering import (
    CHARTS,
    ROOT,
    Object,
    Target,
    everything,
    helm,
    kubeconform,
    name,
    pod_template,
    program,
    render,
    run,
    targets,
)

VALUES = yaml.safe_load((CHARTS / "scoring-api/values.yaml").read_text())


def in_staging() -> Target:
    return next(target for target in targets() if target.application == "scoring-api")


def deployment() -> Object:
    return next(found for found in render(in_staging()) if found["kind"] == "Deployment")


def arguments(*settings: str) -> list[str]:
    """Of helm, for staging with some values otherwise."""
    files = [part for name in in_staging().values for part in ("--values", f"environments/staging/{name}")]
    return [*files, *(part for setting in settings for part in ("--set", setting))]


def test_the_journal_spools_to_a_volume_that_holds_it() -> None:
    spec = pod_template(deployment())["spec"]
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "spool"]
    assert mount["mountPath"] == VALUES["config"]["journal"]["volume"]
    assert VALUES["spool"]["size"] == "1Gi"
    assert VALUES["config"]["journal"]["spool_limit_bytes"] < 2**30


def rendered(kind: str, *settings: str) -> list[Object]:
    found = helm("charts/scoring-api", "scoring-api", "staging", *arguments(*settings))
    return [item for item in found if item["kind"] == kind]


def test_the_spool_may_be_a_volume_that_outlives_the_pods() -> None:
    (claim,) = rendered("PersistentVolumeClaim", "spool.storageClass=efs")
    assert (claim["spec"]["accessModes"], claim["spec"]["storageClassName"]) == (["ReadWriteMany"], "efs")
    (server,) = rendered("Deployment", "spool.storageClass=efs")
    (volume,) = [volume for volume in pod_template(server)["spec"]["volumes"] if volume["name"] == "spool"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert rendered("PersistentVolumeClaim") == []


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://collector.tracing:4318", 4318), ("https://collector.example/otlp", 443)]
)
def test_spans_reach_the_collector_and_nobody_else(endpoint: str, port: int) -> None:
    settings = [f"config.traces_endpoint={endpoint}", "collector.namespace=tracing", "collector.cidrs={192.0.2.0/24}"]
    policies = [found | {"metadata": {"namespace": "staging"}} for found in rendered("NetworkPolicy", *settings)]
    (server,) = rendered("Deployment")
    source = Endpoint("server", "staging", pod_template(server)["metadata"]["labels"])
    inside, outside = Endpoint("collector", "tracing"), Endpoint("collector", address="192.0.2.7")
    for collector in (inside, outside):
        assert reaches(source, collector, port, policies)
        assert not reaches(source, collector, port + 1, policies)
    assert not reaches(source, Endpoint("stranger", "default"), port, policies)
    silent = [found | {"metadata": {"namespace": "staging"}} for found in rendered("NetworkPolicy")]
    assert not reaches(source, inside, port, silent)


def test_an_endpoint_without_a_place_is_refused() -> None:
    wrong = arguments("config.traces_endpoint=http://collector:4318")
    refused = run(program("helm"), "template", "charts/scoring-api", *wrong)
    assert refused.returncode != 0
    assert "collector.namespace or collector.cidrs" in refused.stderr


def test_a_pod_has_time_for_all_that_stopping_takes() -> None:
    spec = pod_template(deployment())["spec"]
    pre_stop = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    config = VALUES["config"]
    takes = pre_stop + config["drain_s"] + config["journal"]["patience_s"] + config["stop_timeout_s"]
    assert spec["terminationGracePeriodSeconds"] > takes


def test_an_update_never_takes_a_pod_away_first() -> None:
    strategy = deployment()["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert "replicas" not in deployment()["spec"]


def test_requests_per_second_may_scale_the_pods_too_by_what_the_rules_record() -> None:
    (autoscaler,) = rendered("HorizontalPodAutoscaler", "autoscaling.requestsPerSecond=150")
    assert kubeconform([autoscaler]) == ""
    cpu, requests = autoscaler["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert requests["pods"]["target"] == {"type": "AverageValue", "averageValue": "150"}
    (group,) = yaml.safe_load((CHARTS / "monitoring/rules/autoscaling.yaml").read_text())["groups"]
    (rule,) = group["rules"]
    assert rule["record"] == requests["pods"]["metric"]["name"]
    assert rule["expr"].startswith("sum by (namespace, pod)")
    (autoscaler,) = rendered("HorizontalPodAutoscaler")
    assert [metric["type"] for metric in autoscaler["spec"]["metrics"]] == ["Resource"]


def test_a_changed_setting_restarts_the_pods() -> None:
    annotations = pod_template(deployment())["metadata"]["annotations"]
    assert len(annotations["checksum/config"]) == 64


def test_keys_come_as_a_file_that_follows_the_secret_and_holds_hashes_only() -> None:
    spec = pod_template(deployment())["spec"]
    (server,) = spec["containers"]
    (told,) = [argument for argument in server["args"] if argument.startswith("keys_file=")]
    (volume,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in server["volumeMounts"] if mount["name"] == "keys"]
    assert "subPath" not in mount
    assert volume["items"] == [{"key": "SCORING_API_KEYS", "path": "keys"}]
    assert told == f"keys_file={mount['mountPath']}/keys"
    assert "SCORING_API_KEYS" not in {variable["name"] for variable in server["env"]}


def job(component: str) -> tuple[Object, Object]:
    """What tells Argo CD when to run it, and its only container."""
    found = {pod_template(item)["metadata"]["labels"]["app.kubernetes.io/component"]: item for item in rendered("Job")}
    (container,) = pod_template(found[component])["spec"]["containers"]
    return found[component]["metadata"]["annotations"], container


def test_the_journal_is_migrated_before_anything_of_a_sync() -> None:
    annotations, container = job("migration")
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "before-hook-creation" in annotations["helm.sh/hook-delete-policy"]
    assert container["args"] == ["migrate"]
    (server,) = pod_template(deployment())["spec"]["containers"]
    assert container["image"] == server["image"]


def test_a_sync_ends_with_the_model_s_golden_applicants_asked_through_the_service() -> None:
    annotations, container = job("golden-check")
    assert annotations["helm.sh/hook"] == "post-install,post-upgrade"
    # One that failed stays, to be read and to be counted by the alert, until the next sync.
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    (service,) = rendered("Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [80]
    (bundle,) = pod_template(deployment())["spec"]["initContainers"]
    assert container["args"] == ["check", f"http://{service['metadata']['name']}", bundle["args"][2]]
    assert container["image"] == bundle["image"]
    (key,) = container["env"]
    assert key["valueFrom"] == {"secretKeyRef": {"name": "scoring-api-keys", "key": "GOLDEN_CHECK_KEY"}}


def test_nothing_else_runs_as_a_hook() -> None:
    hooks = {(target.application, name(found)) for target, found in everything() if "hook" in str(found["metadata"])}
    assert hooks == {("scoring-api", f"Job/scoring-api-{which}") for which in ("migration", "golden-check")}


def test_argo_cd_ends_no_sync_whose_steps_may_take_longer() -> None:
    waits = yaml.safe_load((ROOT / "argocd/install.yaml").read_text())["settings"]["argocd-cmd-params-cm"]
    steps = [found["spec"] for found in render(in_staging()) if found["kind"] in {"Job", "Deployment"}]
    deadlines = [step.get("activeDeadlineSeconds") or step["progressDeadlineSeconds"] for step in steps]
    assert len(deadlines) == 3
    assert sum(deadlines) <= int(waits["controller.sync.timeout.seconds"])
