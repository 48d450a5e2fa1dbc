"""Feature steps compiled against a schema: what each feature reads, and which way it may move PD.

The monotone promise is made here: a feature that a directed field moves is either constrained so that every path
agrees with the field's direction, or refused. Does not know torch; `feature_graph` computes what is planned here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute
from typing import Literal

from credit_contract.errors import SchemaError
from credit_contract.schema import Direction, FeatureSchema, Field
from credit_training.feature_steps import (
    Bins,
    Combination,
    CountAbove,
    Extreme,
    MissingFlag,
    MonthsSince,
    Power,
    Product,
    Ratio,
    SignedLog,
    StepSpec,
    inputs_of,
)

Kind = Literal["plain", "ratio", "product", "max", "min", "count_above", "months_since", "signed_log", "missing"]
Sign = Literal[-1, 0, 1] | None
"""How a result moves when an input grows: down, not at all, up; None is both or unknown."""
Effects = Mapping[str, Sign]
SIGN_OF: dict[Direction, Sign] = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True, slots=True)
class Operand:
    """A weighted sum of raw fields, clipped to [low, high], with its effect on each field that it reads."""

    weights: Mapping[str, float]
    low: float
    high: float
    effects: Effects

    def clipped(self, low: float = -math.inf, high: float = math.inf) -> Operand:
        """The same sum within narrower bounds."""
        return Operand(self.weights, max(self.low, low), min(self.high, high), self.effects)


@dataclass(frozen=True, slots=True)
class Feature:
    """One engineered number: `kind` of computation over operands.

    direction: 1 if PD may only grow with it, -1 if PD may only fall, 0 if it is free.
    parameter: threshold or scale where the kind has one. bins: own number of quantile bins, or None.
    """

    name: str
    kind: Kind
    operands: tuple[Operand, ...]
    direction: Literal[-1, 0, 1]
    parameter: float = 0.0
    bins: int | None = None
    effects: Effects = attribute(default_factory=dict)


def _times(one: Sign, other: Sign) -> Sign:
    if one == 0 or other == 0:
        return 0
    if one is None or other is None:
        return None
    return 1 if one == other else -1


def _join(one: Sign, other: Sign) -> Sign:
    if one == 0:
        return other
    return one if other == 0 or one == other else None


def _through(parts: Sequence[tuple[Sign, Operand]]) -> dict[str, Sign]:
    """Chain rule over signs: each operand with the effect that it has on the result."""
    total: dict[str, Sign] = {}
    for local, operand in parts:
        for name, effect in operand.effects.items():
            total[name] = _join(total.get(name, 0), _times(local, effect))
    return total


def _range_sign(operand: Operand) -> Sign:
    return 1 if operand.low >= 0 else -1 if operand.high <= 0 else None


def _negative(sign: Sign) -> Sign:
    return _times(-1, sign)


class _Compiler:
    def __init__(self, schema: FeatureSchema) -> None:
        self.schema = schema
        self.operands: dict[str, Operand] = {}
        for field in schema.number_fields:
            assert field.minimum is not None, field.name
            assert field.maximum is not None, field.name
            self.operands[field.name] = Operand({field.name: 1.0}, field.minimum, field.maximum, {field.name: 1})

    def operand(self, step: StepSpec, name: str) -> Operand:
        if name in self.operands:
            return self.operands[name]
        if name in self.schema.by_name:
            field = self.schema[name]
            why = "is a category" if field.kind == "category" else f"is not scored (role {field.role})"
        else:
            why = "is neither a field nor an earlier sum, mean or difference"
        raise SchemaError(f"step {_label(step)}: {name!r} {why}; name a scored number")

    def combination(self, step: Combination) -> Operand:
        parts = [self.operand(step, name) for name in step.fields]
        if step.step == "difference" and len(parts) != 2:
            raise SchemaError(f"step {step.name}: a difference has two fields, not {len(parts)}")
        factors = {"sum": [1.0] * len(parts), "mean": [1.0 / len(parts)] * len(parts), "difference": [1.0, -1.0]}
        weights: dict[str, float] = {}
        low = high = 0.0
        for factor, part in zip(factors[step.step], parts, strict=True):
            ends = (factor * part.low, factor * part.high)
            low, high = low + min(ends), high + max(ends)
            for name, weight in part.weights.items():
                weights[name] = weights.get(name, 0.0) + factor * weight
        effects: dict[str, Sign] = {
            name: 1 if weight > 0 else -1 if weight < 0 else 0 for name, weight in weights.items()
        }
        return Operand(weights, low, high, effects)

    def computed(self, step: StepSpec) -> tuple[Kind, tuple[Operand, ...], float, dict[str, Sign]]:
        """Kind, operands, parameter and effects of a step."""
        parts = tuple(self.operand(step, name) for name in inputs_of(step))
        match step:
            case Combination():
                return "plain", (self.combination(step),), 0.0, dict(self.combination(step).effects)
            case Ratio():
                numerator = parts[0] if step.numerator_floor is None else parts[0].clipped(low=step.numerator_floor)
                denominator = parts[1].clipped(low=step.denominator_floor)
                falls = _negative(_range_sign(numerator))
                return "ratio", (numerator, denominator), 0.0, _through([(1, numerator), (falls, denominator)])
            case Product():
                left, right = parts
                moves = _through([(_range_sign(right), left), (_range_sign(left), right)])
                return "product", (left, right), 0.0, moves
            case Power():
                moves = _through([(1 if step.exponent == 3 else _range_sign(parts[0]), parts[0])])
                return "product", parts * step.exponent, 0.0, moves
            case Extreme():
                return step.step, parts, 0.0, _through([(1, part) for part in parts])
            case CountAbove():
                return "count_above", parts, step.threshold, _through([(1, part) for part in parts])
            case MonthsSince():
                return "months_since", parts, step.threshold, _through([(-1, part) for part in parts])
            case SignedLog():
                return "signed_log", parts, step.scale, _through([(1, parts[0])])
            case MissingFlag():
                if step.field not in self.schema.by_name:
                    raise SchemaError(f"step {step.name}: {step.field!r} is a step; only a raw field can be missing")
                return "missing", parts, 0.0, {}
            case Bins():
                raise AssertionError("bins describe a feature, they are none")

    def direction(self, name: str, effects: Effects) -> Literal[-1, 0, 1]:
        """The one way in which PD may move with a feature, given the fields that move it."""
        wanted: dict[int, str] = {}
        for field_name, effect in effects.items():
            promised = self.schema[field_name].monotone
            if promised is None or effect == 0:
                continue
            if effect is None:
                raise SchemaError(
                    f"step {name}: it may move either way with {field_name}, which is {promised}; "
                    "give it a floor, drop the step or drop the field's direction"
                )
            wanted[_times(SIGN_OF[promised], effect) or 0] = field_name
        if len(wanted) > 1:
            up, down = wanted[1], wanted[-1]
            raise SchemaError(
                f"step {name}: {up} asks PD to grow with it, {down} asks PD to fall; "
                "drop the step or one field's direction"
            )
        return 1 if 1 in wanted else -1 if -1 in wanted else 0


def _label(step: StepSpec) -> str:
    return f"bins of {step.field}" if isinstance(step, Bins) else step.name


def _raw(field: Field, operand: Operand) -> list[Feature]:
    """A raw field as features: below `monotone_from` free, above it constrained; in one piece without it."""
    direction: Literal[-1, 0, 1] = 0 if field.monotone is None else 1 if field.monotone == "increasing" else -1
    if field.monotone_from is None:
        return [Feature(field.name, "plain", (operand,), direction, effects=operand.effects)]
    below = operand.clipped(high=field.monotone_from)
    above = operand.clipped(low=field.monotone_from)
    return [
        Feature(f"{field.name}.below", "plain", (below,), 0, effects=operand.effects),
        Feature(f"{field.name}.above", "plain", (above,), direction, effects=operand.effects),
    ]


def plan_features(schema: FeatureSchema, steps: Sequence[StepSpec]) -> tuple[Feature, ...]:
    """Every scored number as itself, then every step, each with its direction.

    Raises:
        SchemaError: a step reads what it may not, or cannot keep a field's direction; names step and field.
    """
    if not schema.number_fields:
        raise SchemaError(f"schema {schema.dataset} {schema.version}: the network needs at least one scored number")
    compiler = _Compiler(schema)
    features = [feature for field in schema.number_fields for feature in _raw(field, compiler.operands[field.name])]
    names = {field.name for field in schema.fields}
    for step in steps:
        if isinstance(step, Bins):
            continue
        if step.name in names:
            raise SchemaError(f"step {step.name}: the name is taken; give the step another")
        names.add(step.name)
        kind, operands, parameter, effects = compiler.computed(step)
        if isinstance(step, Combination):
            compiler.operands[step.name] = operands[0]
        direction = compiler.direction(step.name, effects)
        features.append(Feature(step.name, kind, operands, direction, parameter, effects=effects))
    return tuple(_with_bins(features, [step for step in steps if isinstance(step, Bins)]))


def _with_bins(features: Sequence[Feature], bins: Sequence[Bins]) -> list[Feature]:
    counts = {step.field: step.count for step in bins}

    def origin(feature: Feature) -> str:
        return feature.name.partition(".")[0]

    if strangers := sorted(set(counts) - {origin(feature) for feature in features}):
        raise SchemaError(f"step bins of {strangers[0]}: no such field or step; name a scored number or a step")
    return [
        Feature(f.name, f.kind, f.operands, f.direction, f.parameter, counts.get(origin(f)), f.effects)
        for f in features
    ]
