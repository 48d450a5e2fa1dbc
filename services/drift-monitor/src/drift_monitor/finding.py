"""Findings: what a check measured, whether it matters and whether it can be chance. Evidence for the verdict table.

A finding fires when both hold: it is beyond its limit, and chance would rarely show it. A large window is then not
called drifted for a trifle, nor a small one for noise. Does not know what is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from credit_contract.schema import Frozen
from drift_monitor.significance import holm

Evidence = Literal["drift", "quality", "estimated_loss", "matured_loss", "calibration", "fairness", "unknown_model"]


@dataclass(frozen=True, slots=True)
class Check:
    """One measurement. `p_value` is that of one test; None where nothing is left to chance, such as a lost field.

    `text` says in words what was measured, in a form that can follow "because".
    """

    evidence: Evidence
    name: str
    subject: str
    value: float
    limit: float
    beyond: bool
    p_value: float | None
    text: str


class Finding(Frozen):
    """A check after all checks of its evidence were looked at together; `p_value` is adjusted for their number."""

    evidence: Evidence
    check: str
    subject: str
    value: float
    limit: float
    p_value: float | None
    fired: bool
    sentence: str


def judge(checks: Iterable[Check], alpha: float) -> tuple[Finding, ...]:
    """Decide which checks fire; for each kind of evidence, chance alone fires any of them at most at rate `alpha`."""
    kinds: dict[Evidence, list[Check]] = {}
    for check in checks:
        kinds.setdefault(check.evidence, []).append(check)
    return tuple(finding for family in kinds.values() for finding in _judge_family(family, alpha))


def _judge_family(family: Sequence[Check], alpha: float) -> list[Finding]:
    tested = [check for check in family if check.p_value is not None]
    adjusted = dict(zip(map(id, tested), holm([check.p_value or 0.0 for check in tested]), strict=True))
    findings = []
    for check in family:
        p_value = adjusted.get(id(check))
        chance = "" if p_value is None else f" (p {'< 0.0001' if p_value < 1e-4 else f'= {p_value:.4f}'})"
        findings.append(
            Finding(
                evidence=check.evidence,
                check=check.name,
                subject=check.subject,
                value=check.value,
                limit=check.limit,
                p_value=p_value,
                fired=check.beyond and (p_value is None or p_value <= alpha),
                sentence=check.text + chance,
            )
        )
    return findings
