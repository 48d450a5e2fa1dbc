import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import drift_monitor.metrics
import scoring_api.metrics

from .rendering import CHARTS, ENVIRONMENTS, ROOT, helm, kubeconform, program, run

RULES = CHARTS / "monitoring/rules"
TOPICS = sorted(path for path in RULES.glob("*.yaml") if not path.stem.endswith("_tests"))
EACH = pytest.mark.parametrize("topic", TOPICS, ids=lambda path: path.stem)


def rules() -> list[dict[str, Any]]:
    groups = [group for path in TOPICS for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


@EACH
def test_rules_pass_their_own_tests(topic: Path) -> None:
    result = run(program("promtool"), "test", "rules", str(topic.with_name(f"{topic.stem}_tests.yaml")))
    assert result.returncode == 0, result.stdout + result.stderr


def minutes(time: str) -> int:
    return sum(int(number) * {"h": 60, "m": 1}[unit] for number, unit in re.findall(r"(\d+)([hm])", time))


def seen(topic: Path) -> Iterator[tuple[str, list[int], list[int]]]:
    """Each alert in each of its topic's tests: when it is to be quiet, and when to fire."""
    for test in yaml.safe_load(topic.with_name(f"{topic.stem}_tests.yaml").read_text())["tests"]:
        for name in {check["alertname"] for check in test["alert_rule_test"]}:
            when: dict[bool, list[int]] = {False: [], True: []}
            for check in test["alert_rule_test"]:
                if check["alertname"] == name:
                    when[bool(check.get("exp_alerts"))].append(minutes(check["eval_time"]))
            yield name, when[False], when[True]


@EACH
def test_every_alert_is_seen_quiet_then_firing_then_cleared(topic: Path) -> None:
    groups = yaml.safe_load(topic.read_text())["groups"]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    checked = list(seen(topic))
    assert {name for name, quiet, firing in checked if quiet and (not firing or min(quiet) < min(firing))} == names
    assert {name for name, quiet, firing in checked if quiet and firing and max(quiet) > max(firing)} == names


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


def test_rules_name_metrics_that_the_services_have() -> None:
    text = (scoring_api.metrics.Metrics().exposition() + drift_monitor.metrics.Metrics().exposition()).decode()
    exposed = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    exposed |= {f"{name}_{suffix}" for name in exposed for suffix in ("bucket", "count", "sum")}
    expressions = " ".join(rule["expr"] for rule in rules())
    named = set(re.findall(r"(?<!:)\b(?:scoring_api|drift_monitor)_\w+", expressions))
    assert len(named) > 5
    assert named <= exposed


def test_rules_use_what_other_rules_record() -> None:
    recorded = {rule["record"] for rule in [*rules(), *named_models()] if "record" in rule}
    used = {name for rule in rules() for name in re.findall(r"\bnamespace:\w+:\w+", rule["expr"])}
    assert used <= recorded
    assert used


def named_models() -> list[dict[str, Any]]:
    """What is recorded when Argo CD passes the files that argocd/platform/monitoring.yaml lists."""
    files = yaml.safe_load((ROOT / "argocd/platform/monitoring.yaml").read_text())["fileParameters"]
    passed = [part for file in files for part in ("--set-file", f"{file['name']}={file['path'].removeprefix('/')}")]
    rendered = helm("charts/monitoring", "monitoring", "monitoring", *passed)
    (found,) = [item for item in rendered if item["metadata"]["name"] == "monitoring-named-models"]
    assert kubeconform([found]) == ""
    (group,) = found["spec"]["groups"]
    recorded = group["rules"]
    assert isinstance(recorded, list)
    return recorded


def test_the_model_that_git_names_is_recorded_as_the_service_labels_it() -> None:
    labels = {rule["labels"]["namespace"]: rule["labels"]["model"] for rule in named_models()}
    assert set(labels) == set(ENVIRONMENTS)
    for environment, model in labels.items():
        pin = yaml.safe_load((ROOT / f"environments/{environment}/model.yaml").read_text())["model"]
        assert model == pin["modelDigest"][:12]


def test_every_rule_file_reaches_the_cluster() -> None:
    rendered = helm("charts/monitoring", "monitoring", "monitoring")
    assert kubeconform(rendered) == ""
    groups = [group for found in rendered if found["kind"] == "PrometheusRule" for group in found["spec"]["groups"]]
    assert [rule for group in groups for rule in group["rules"]] == rules()
