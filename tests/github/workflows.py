"""What .github/ says, read once: workflows, their jobs and steps."""

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FILES = sorted([*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")])
Object = dict[str, Any]


def read(path: Path) -> Object:
    content = yaml.safe_load(path.read_text())
    # YAML 1.1 takes `on` for a truth value.
    return {("on" if key is True else key): value for key, value in content.items()}


WORKFLOWS = {path.stem: read(path) for path in FILES if path.parent.name == "workflows"}


def jobs() -> Iterator[tuple[str, Object]]:
    for workflow, content in WORKFLOWS.items():
        for name, job in content["jobs"].items():
            yield f"{workflow}.{name}", job


def steps() -> Iterator[tuple[str, Object, Object]]:
    """Where, the step, and the job's environment variables."""
    for where, job in jobs():
        for step in job.get("steps", []):
            yield where, step, job.get("env", {})
    for path in FILES:
        for step in read(path).get("runs", {}).get("steps", []):
            yield path.parent.name, step, {}


def commands() -> list[tuple[str, str]]:
    return [(where, step["run"]) for where, step, _ in steps() if "run" in step]


def matches(path: str, patterns: list[str]) -> bool:
    """GitHub's filter of paths, as far as it is used here: `**` takes any folders, `*` none."""
    return any(re.fullmatch(_expression(pattern), path) for pattern in patterns)


def _expression(pattern: str) -> str:
    parts = [fnmatch.translate(part)[4:-3].replace(".*", "[^/]*") for part in pattern.split("**")]
    return ".*".join(parts)
