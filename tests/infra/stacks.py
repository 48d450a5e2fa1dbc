"""Which stacks there are, and two ways to read what was recorded of them."""

from __future__ import annotations

import json
from typing import Any

from credit_infra.policy_checks import Resource
from credit_infra.recording import Recorded, Recording

STACKS = ("staging", "production", "kind")
CLOUD_STACKS = ("staging", "production")


def engine_view(recording: Recording) -> list[Resource]:
    return [Resource(entry.type, entry.name, entry.inputs, entry.protect) for entry in recording.resources]


def statements(recorded: Recorded, property_name: str = "policy") -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(recorded.inputs[property_name])["Statement"]
    return loaded
