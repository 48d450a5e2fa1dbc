import re
from typing import Any

import pytest
import yaml

from scoring_api.metrics import Metrics

from .rendering import CHARTS, ROOT, helm, program, run
from .test_rendering import kubeconform

RULES = CHARTS / "monitoring/rules"
TOPICS = sorted(path for path in RULES.glob("*.yaml") if not path.stem.endswith("_tests"))
EACH = pytest.mark.parametrize("topic", TOPICS, ids=lambda path: path.stem)


def rules() -> list[dict[str, Any]]:
    groups = [group for path in TOPICS for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


@EACH
def test_rules_pass_their_own_tests(topic: Any) -> None:
    result = run(program("promtool"), "test", "rules", str(topic.with_name(f"{topic.stem}_tests.yaml")))
    assert result.returncode == 0, result.stdout + result.stderr


@EACH
def test_every_alert_is_seen_to_fire_and_to_be_quiet(topic: Any) -> None:
    names = {
        rule["alert"]
        for group in yaml.safe_load(topic.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    tests = yaml.safe_load(topic.with_name(f"{topic.stem}_tests.yaml").read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == names
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == names


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alerts_say_how_bad_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "page"}
    document, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\S+)$", (ROOT / document).read_text(), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    assert alert["alert"].lower() == anchor


def test_runbooks_are_for_alerts_that_exist() -> None:
    headings = re.findall(r"^## (\S+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert set(headings) == {alert["alert"] for alert in alerts()}


def test_rules_name_metrics_that_the_service_has() -> None:
    exposed = set(re.findall(r"^# TYPE (\S+)", Metrics().exposition().decode(), re.MULTILINE))
    exposed |= {f"{name}_{suffix}" for name in exposed for suffix in ("bucket", "count", "sum", "total")}
    named = {name for rule in rules() for name in re.findall(r"\bscoring_api_[a-z_]+", rule["expr"])}
    recorded = {f"scoring_api_{part}" for part in ("errors",)}
    assert named - recorded <= exposed
    assert named - recorded


def test_every_rule_file_reaches_the_cluster() -> None:
    rendered = helm("charts/monitoring", "monitoring", "monitoring")
    assert kubeconform(rendered) == ""
    groups = [group for found in rendered if found["kind"] == "PrometheusRule" for group in found["spec"]["groups"]]
    assert [rule for group in groups for rule in group["rules"]] == rules()
