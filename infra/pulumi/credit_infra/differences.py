"""How production differs from staging in what it asks for, and which of that was meant (`differences.yaml`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from credit_infra.recording import PROJECT_ROOT, Recording

EXISTS = "exists"


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One property (dotted path) that the stacks set differently; `exists` when one has no such resource."""

    resource: str
    path: str
    staging: str
    production: str


@dataclass(frozen=True, slots=True)
class Declared:
    """Differences that are meant; `resource` and `path` may hold `*`."""

    resource: str
    path: str
    why: str

    def covers(self, difference: Difference) -> bool:
        """Whether this declaration is about `difference`."""
        return fnmatchcase(difference.resource, self.resource) and fnmatchcase(difference.path, self.path)


def declared() -> tuple[dict[str, str], tuple[Declared, ...]]:
    """Words for what is bound to differ (accounts, addresses, names), and the differences that are meant."""
    document = yaml.safe_load((PROJECT_ROOT / "differences.yaml").read_text())
    return document["neutral"], tuple(Declared(**entry) for entry in document["meant"])


def between(staging: Recording, production: Recording, neutral: Mapping[str, str]) -> list[Difference]:
    """Every difference, after each key of `neutral` was replaced by its word."""
    left, right = (_resources(recording, neutral) for recording in (staging, production))
    found = []
    for resource in sorted(left.keys() | right.keys()):
        ours, theirs = left.get(resource), right.get(resource)
        if ours is None or theirs is None:
            found.append(Difference(resource, EXISTS, str(ours is not None), str(theirs is not None)))
            continue
        for path in sorted(ours.keys() | theirs.keys()):
            pair = ours.get(path, "–"), theirs.get(path, "–")
            if pair[0] != pair[1]:
                found.append(Difference(resource, path, *pair))
    return found


def undeclared(found: Sequence[Difference], meant: Sequence[Declared]) -> tuple[list[Difference], list[Declared]]:
    """Differences that nobody declared, and declarations that no longer hold."""
    strangers = [difference for difference in found if not any(entry.covers(difference) for entry in meant)]
    stale = [entry for entry in meant if not any(entry.covers(difference) for difference in found)]
    return strangers, stale


def _resources(recording: Recording, neutral: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        _neutralised(resource.key, neutral): {
            path: _neutralised(value, neutral)
            for path, value in _leaves({**resource.inputs, "protect": resource.protect, "retain": resource.retain})
        }
        for resource in recording.resources
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{number}")
    else:
        yield path, value


def _neutralised(value: Any, neutral: Mapping[str, str]) -> str:
    text = value if isinstance(value, str) else json.dumps(int(value) if isinstance(value, float) else value)
    for found, word in neutral.items():
        text = text.replace(found, word)
    return text
