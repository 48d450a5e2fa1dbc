"""The key `config` of a chart is the settings file of its service."""

import importlib
from typing import Any

import pytest
import yaml

from credit_delivery.chart_files import FROM_CHART, SETTINGS

from .rendering import CHARTS, containers, pod_template, render, targets

SERVICES = [
    about["name"]
    for path in sorted(CHARTS.glob("*/Chart.yaml"))
    if SETTINGS in (about := yaml.safe_load(path.read_text())).get("annotations", {})
]
STARTED = {"scoring-api": "/ready", "drift-monitor": "/health"}  # the latter is of use also where no report can be read
EACH = pytest.mark.parametrize("chart", SERVICES)


def config(chart: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    found: dict[str, Any] = values["config"]
    return found


def settings(chart: str) -> Any:
    annotations = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["annotations"]
    module, _, name = annotations[SETTINGS].partition(":")
    return getattr(importlib.import_module(module), name), annotations[FROM_CHART].split(", ")


@EACH
def test_config_is_what_the_service_reads_in_its_order(chart: str) -> None:
    model, from_chart = settings(chart)
    known = [key for key in model.model_fields if key not in from_chart]
    given = list(config(chart))
    assert given == [key for key in known if key in given]
    model.model_validate(config(chart))


@EACH
def test_config_reaches_the_pod_verbatim(chart: str) -> None:
    target = next(target for target in targets() if target.application == chart)
    (found,) = [item for item in render(target) if item["kind"] == "ConfigMap"]
    assert yaml.safe_load(found["data"]["settings.yaml"]) == config(chart)


@EACH
def test_port_and_probes_are_the_ones_of_the_service(chart: str) -> None:
    target = next(target for target in targets() if target.application == chart)
    (deployment,) = [item for item in render(target) if item["kind"] == "Deployment"]
    server = containers(pod_template(deployment))[-1]
    assert server["ports"] == [{"name": "http", "containerPort": config(chart)["port"]}]
    probes = {name: server[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    paths = [probe["path"] for probe in probes.values()]
    assert paths == [STARTED[chart], "/ready", "/health"]
