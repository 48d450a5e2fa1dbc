"""The resource graph of a recorded stack as a Mermaid flowchart: components, what is in them, what waits for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from credit_infra.recording import Recorded, Recording

COMPONENT = "credit:infra:"
LINE_OF_TYPES = 3


def flowchart(recording: Recording) -> str:
    """Mermaid source: one box per component; an arrow leads from what must exist first."""
    owners = _owners(recording)
    boxes = [f'    {_id(name)}["{_label(name, recording)}"]' for name in _components(recording)]
    arrows = [f"    {_id(first)} --> {_id(then)}" for first, then in sorted(_reduced(_edges(recording, owners)))]
    return "\n".join(["```mermaid", "flowchart LR", *boxes, *arrows, "```"])


def contents(recording: Recording, component: str) -> Counter[str]:
    """How many resources of each type a component holds itself."""
    return Counter(
        resource.type.split(":")[-1]
        for resource in recording.resources
        if resource.parent == component and not resource.type.startswith(COMPONENT)
    )


def _components(recording: Recording) -> list[str]:
    return [resource.name for resource in recording.resources if resource.type.startswith(COMPONENT)]


def _label(name: str, recording: Recording) -> str:
    parts = [f"{kind} ×{count}" if count > 1 else kind for kind, count in contents(recording, name).items()]
    lines = [" · ".join(parts[at : at + LINE_OF_TYPES]) for at in range(0, len(parts), LINE_OF_TYPES)]
    return "<br/>".join([f"<b>{name}</b>", *lines])


def _owners(recording: Recording) -> dict[str, str]:
    """Component by resource; a component owns itself, and a provider belongs to none."""
    return {
        resource.key: resource.name if resource.type.startswith(COMPONENT) else resource.parent
        for resource in recording.resources
    }


def _edges(recording: Recording, owners: Mapping[str, str]) -> set[tuple[str, str]]:
    by_key = {resource.key: resource for resource in recording.resources}
    holder = {resource.name: resource.parent for resource in recording.resources if resource.type.startswith(COMPONENT)}
    edges = set()
    for resource in recording.resources:
        for needed in _prerequisites(resource, by_key):
            first, then = owners.get(needed, ""), owners[resource.key]
            # A component that waits for a part of itself would close a circle.
            if first and then and first != then and holder[first] != then:
                edges.add((first, then))
    return edges


def _prerequisites(resource: Recorded, by_key: Mapping[str, Recorded]) -> tuple[str, ...]:
    """What `resource` waits for, and what its provider does: Kubernetes objects wait for the cluster that way."""
    provider = by_key.get(resource.provider)
    return resource.depends_on + (provider.depends_on if provider else ())


def _reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows without those that a longer way already says."""
    after: dict[str, set[str]] = {}
    for first, then in edges:
        after.setdefault(first, set()).add(then)

    def reaches(start: str, goal: str, seen: frozenset[str]) -> bool:
        return any(
            step == goal or (step not in seen and reaches(step, goal, seen | {step})) for step in after.get(start, ())
        )

    def has_detour(first: str, then: str) -> bool:
        return any(step != then and reaches(step, then, frozenset({first, step})) for step in after[first])

    return {(first, then) for first, then in edges if not has_detour(first, then)}


def _id(name: str) -> str:
    return name.replace("-", "_")
