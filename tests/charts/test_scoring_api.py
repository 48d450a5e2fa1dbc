"""The scoring API's chart agrees with itself and with how the service stops and starts."""

import yaml

from .rendering import CHARTS, Object, pod_template, render, targets

VALUES = yaml.safe_load((CHARTS / "scoring-api/values.yaml").read_text())


def deployment() -> Object:
    target = next(target for target in targets() if target.application == "scoring-api")
    return next(found for found in render(target) if found["kind"] == "Deployment")


def test_the_journal_spools_to_a_volume_that_holds_it() -> None:
    spec = pod_template(deployment())["spec"]
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "spool"]
    assert mount["mountPath"] == VALUES["config"]["journal"]["volume"]
    assert VALUES["spool"]["size"] == "1Gi"
    assert VALUES["config"]["journal"]["spool_limit_bytes"] < 2**30


def test_a_pod_has_time_for_all_that_stopping_takes() -> None:
    spec = pod_template(deployment())["spec"]
    pre_stop = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    config = VALUES["config"]
    assert spec["terminationGracePeriodSeconds"] > pre_stop + config["drain_s"] + config["stop_timeout_s"]


def test_an_update_never_takes_a_pod_away_first() -> None:
    strategy = deployment()["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert "replicas" not in deployment()["spec"]


def test_a_changed_setting_restarts_the_pods() -> None:
    annotations = pod_template(deployment())["metadata"]["annotations"]
    assert len(annotations["checksum/config"]) == 64
