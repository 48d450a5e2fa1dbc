"""Approval by group over time, from the monitored attributes that no model sees.

Works on counts. Small groups are named, not judged. Does not know that a ratio is unlawful: it measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from credit_contract.fairness import SMALLEST_GROUP
from credit_contract.schema import Frozen
from drift_monitor.counting import WindowCounts
from drift_monitor.finding import Check
from drift_monitor.limits import Limits
from drift_monitor.significance import one_sided


class Group(Frozen):
    """One group of an attribute; `judged` from 100 decisions on."""

    name: str
    decisions: int
    approval_rate: float
    judged: bool


class Approval(Frozen):
    """One attribute: its groups, and the lowest approval rate over the highest among judged ones."""

    attribute: str
    groups: tuple[Group, ...]
    adverse_impact_ratio: float | None


def approvals(counts: WindowCounts) -> tuple[Approval, ...]:
    """One row for each monitored attribute."""
    rows = []
    for attribute, groups in counts.approvals.items():
        listed = tuple(
            Group(name=name, decisions=decided, approval_rate=approved / decided, judged=decided >= SMALLEST_GROUP)
            for name, (decided, approved) in groups.items()
        )
        rates = [group.approval_rate for group in listed if group.judged]
        ratio = min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else None
        rows.append(Approval(attribute=attribute, groups=listed, adverse_impact_ratio=ratio))
    return tuple(rows)


def checks(rows: tuple[Approval, ...], limits: Limits) -> Iterator[Check]:
    """Whether a group's approval rate is below the limit's share of the highest one, beyond chance."""
    for row in rows:
        judged = sorted((group for group in row.groups if group.judged), key=lambda group: group.approval_rate)
        if row.adverse_impact_ratio is None:
            continue
        lowest, highest = judged[0], judged[-1]
        times = f"{row.adverse_impact_ratio:.2f} times as often as {highest.name}"
        gap = limits.adverse_impact * highest.approval_rate - lowest.approval_rate
        error = math.hypot(limits.adverse_impact * _error(highest), _error(lowest))
        yield Check(
            "fairness",
            "adverse_impact",
            row.attribute,
            row.adverse_impact_ratio,
            limits.adverse_impact,
            row.adverse_impact_ratio < limits.adverse_impact,
            one_sided(gap, error),
            f"{lowest.name} ({row.attribute}) is approved {times}",
        )


def _error(group: Group) -> float:
    return math.sqrt(group.approval_rate * (1 - group.approval_rate) / group.decisions)
