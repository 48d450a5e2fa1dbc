"""The generated files of a chart: README.md from the comments in values.yaml, the part `config` of values.schema.json
from the settings model that Chart.yaml names, and dashboards. Knows charts on disk, nothing of clusters.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from credit_delivery.dashboards import files as dashboards
from credit_delivery.errors import ChartError

SETTINGS = "settings"
FROM_CHART = "settings-from-chart"


def stale(charts: Path) -> list[Path]:
    """Generated files that are not what they would be if generated now."""
    return [path for path, content in _generated(charts) if not path.exists() or path.read_text() != content]


def generate(charts: Path) -> list[Path]:
    """Write every generated file anew; gives those that changed."""
    changed = stale(charts)
    for path, content in _generated(charts):
        path.write_text(content)
    return changed


def _generated(charts: Path) -> Iterator[tuple[Path, str]]:
    for chart in sorted(path.parent for path in charts.glob("*/Chart.yaml")):
        about = yaml.safe_load((chart / "Chart.yaml").read_text())
        yield chart / "README.md", _readme(about, (chart / "values.yaml").read_text())
        annotations = about.get("annotations", {})
        if SETTINGS in annotations:
            schema = json.loads((chart / "values.schema.json").read_text())
            schema["properties"]["config"] = config_schema(annotations[SETTINGS], annotations.get(FROM_CHART, ""))
            yield chart / "values.schema.json", json.dumps(schema, indent=2) + "\n"
        if (chart / dashboards.FOLDER.name).is_dir():
            yield from ((chart / dashboards.FOLDER.name / name, content) for name, content in dashboards.written())


def config_schema(reference: str, from_chart: str = "") -> dict[str, Any]:
    """JSON schema of a settings model `module:Class`, without the comma-separated keys that the chart itself sets.

    Raises:
        ChartError: there is no such model, or it lacks one of the keys.
    """
    module, _, name = reference.partition(":")
    try:
        model = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ChartError(f"Chart.yaml, annotation {SETTINGS}: {reference} cannot be imported: {error}") from None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ChartError(f"Chart.yaml, annotation {SETTINGS}: {reference} is no pydantic model")
    document = model.model_json_schema()
    schema = _plain(document, document.get("$defs", {}))
    for key in filter(None, map(str.strip, from_chart.split(","))):
        if schema["properties"].pop(key, None) is None:
            raise ChartError(f"Chart.yaml, annotation {FROM_CHART}: {reference} has no setting {key}")
    assert isinstance(schema, dict)
    return schema


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references, titles, defaults and descriptions: what Helm needs to refuse a wrong value."""
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "properties" in node:
        properties = {key: _plain(value, definitions) for key, value in node["properties"].items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}
    return {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key not in {"$defs", "title", "default", "description", "format"}
    }


def _readme(about: dict[str, Any], values: str) -> str:
    rows = [f"| `{key}` | {default} | {text} |" for key, default, text in _documented(values)]
    table = ["| value | default | meaning |", "|---|---|---|", *rows]
    note = "Generated from the comments in `values.yaml` by `make format`."
    return "\n".join([f"# {about['name']}", "", f"{about['description']}.", "", note, "", *table, ""])


def _documented(values: str) -> Iterator[tuple[str, str, str]]:
    """Each value with a `# --` comment above it, in order: dotted key, default, text."""
    tree = yaml.safe_load(values) or {}
    path: list[tuple[int, str]] = []
    text = ""
    for line in values.splitlines():
        content = line.strip()
        if content.startswith("# --"):
            text = content.removeprefix("# --").strip()
        elif content and not content.startswith(("#", "-")):
            indent = len(line) - len(line.lstrip())
            path = [(depth, key) for depth, key in path if depth < indent] + [(indent, content.partition(":")[0])]
            if text:
                yield ".".join(key for _, key in path), _default(tree, [key for _, key in path]), text
            text = ""


def _default(tree: Any, keys: list[str]) -> str:
    for key in keys:
        tree = tree[key]
    return "" if isinstance(tree, dict) and tree else f"`{json.dumps(tree)}`"
