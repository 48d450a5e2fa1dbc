"""Gates: declared thresholds on measured figures, and what came of them.

A gate names a figure by its dotted path in a document of figures. Training, release and monitor pass their own
documents; a figure that is not there fails its gate, it is never skipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field as Constraint, ValidationError, model_validator

from credit_contract.errors import GateError
from credit_contract.schema import Frozen


class Gate(Frozen):
    """One threshold: `figure` at least `minimum`, at most `maximum`, or equal to `equals`; `why` is for people.

    `against` names a second figure: the gate then judges figure minus against. `unless_missing` names a path
    whose absence makes the gate `not applicable` (no champion yet, no protected attribute).
    """

    name: Annotated[str, Constraint(pattern=r"^[a-z0-9_]+$")]
    figure: str
    against: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    equals: bool | int | float | str | None = None
    unless_missing: str | None = None
    why: str

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if all(bound is None for bound in (self.minimum, self.maximum, self.equals)):
            raise ValueError(f"gate {self.name}: give minimum, maximum or equals")
        return self


class GateResult(Frozen):
    """What a gate saw and said."""

    name: str
    verdict: Literal["pass", "fail", "not applicable"]
    measured: float | bool | str | None
    wanted: str
    why: str


def read_gates(documents: Iterable[Mapping[str, Any]]) -> tuple[Gate, ...]:
    """Gates from plain mappings, as read from YAML.

    Raises:
        GateError: names the gate and the key.
    """
    gates: list[Gate] = []
    for document in documents:
        try:
            gates.append(Gate.model_validate(document))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "gate"
            raise GateError(f"gate {document.get('name', '?')}: {key}: {first['msg']}") from None
    names = [gate.name for gate in gates]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise GateError(f"gates named twice: {doubled}")
    return tuple(gates)


def find(document: Mapping[str, Any], path: str) -> Any:
    """The figure at a dotted path, or None."""
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def evaluate(gates: Iterable[Gate], figures: Mapping[str, Any]) -> list[GateResult]:
    """Every gate's result, in the given order."""
    return [_judge(gate, figures) for gate in gates]


def failed(results: Iterable[GateResult]) -> list[str]:
    """Names of the gates that failed."""
    return [result.name for result in results if result.verdict == "fail"]


def _judge(gate: Gate, figures: Mapping[str, Any]) -> GateResult:
    wanted = _wanted(gate)
    if gate.unless_missing is not None and find(figures, gate.unless_missing) is None:
        return GateResult(name=gate.name, verdict="not applicable", measured=None, wanted=wanted, why=gate.why)
    measured = find(figures, gate.figure)
    if gate.against is not None:
        other = find(figures, gate.against)
        measured = None if measured is None or other is None else float(measured) - float(other)
    verdict: Literal["pass", "fail"] = "pass" if _holds(gate, measured) else "fail"
    return GateResult(name=gate.name, verdict=verdict, measured=_shown(measured), wanted=wanted, why=gate.why)


def _holds(gate: Gate, measured: Any) -> bool:
    # True equals 1 in Python, but a yes is no count.
    alike = isinstance(measured, bool) == isinstance(gate.equals, bool) and measured == gate.equals
    if gate.equals is not None and not alike:
        return False
    if gate.minimum is None and gate.maximum is None:
        return True
    if isinstance(measured, bool) or not isinstance(measured, (int, float)) or not math.isfinite(measured):
        return False
    return (gate.minimum is None or measured >= gate.minimum) and (gate.maximum is None or measured <= gate.maximum)


def _shown(measured: Any) -> float | bool | str | None:
    if isinstance(measured, float) and not math.isfinite(measured):
        return str(measured)
    return measured if isinstance(measured, (bool, int, float, str)) else None


def _wanted(gate: Gate) -> str:
    subject = gate.figure if gate.against is None else f"{gate.figure} - {gate.against}"
    bounds = [
        f"{sign} {bound:g}" if isinstance(bound, float) else f"{sign} {bound}"
        for sign, bound in ((">=", gate.minimum), ("<=", gate.maximum), ("=", gate.equals))
        if bound is not None
    ]
    return f"{subject} {' and '.join(bounds)}"
