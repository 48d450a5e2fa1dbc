"""What a dataset's YAML may say about feature engineering: one model per kind of step.

Knows names and numbers only. Does not know what a step does to PD's direction, nor how it is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field as Constraint, TypeAdapter

from credit_contract.schema import FeatureSchema, Frozen

Name = Annotated[str, Constraint(pattern=r"^[a-z][a-z0-9_]*$")]
Names = Annotated[tuple[Name, ...], Constraint(min_length=2)]


class _Named(Frozen):
    name: Name


class Combination(_Named):
    """Sum or mean of several inputs, or the first of two minus the second.

    Its result may itself be an input of later steps; the result of any other step may not.
    """

    step: Literal["sum", "mean", "difference"]
    fields: Names


class Ratio(_Named):
    """numerator / max(denominator, denominator_floor), with the numerator raised to its floor if there is one."""

    step: Literal["ratio"]
    numerator: Name
    denominator: Name
    numerator_floor: float | None = None
    denominator_floor: Annotated[float, Constraint(gt=0)] = 1.0


class Product(_Named):
    """An interaction, left · right; a square when both are one input."""

    step: Literal["product"]
    left: Name
    right: Name


class Power(_Named):
    """A polynomial term."""

    step: Literal["power"]
    field: Name
    exponent: Literal[2, 3] = 2


class Extreme(_Named):
    """The largest or the smallest of several inputs."""

    step: Literal["max", "min"]
    fields: Names


class CountAbove(_Named):
    """How many of the inputs are larger than a threshold, such as the months in arrears."""

    step: Literal["count_above"]
    fields: Names
    threshold: float = 0.0


class MonthsSince(_Named):
    """The position of the first input above the threshold, latest month first; their number if none is."""

    step: Literal["months_since"]
    fields: Names
    threshold: float = 0.0


class SignedLog(_Named):
    """asinh(input / scale): linear near zero, logarithmic far out, on both sides.

    ONNX Runtime computes Asinh one value at a time but Log in packets whose remainder rounds otherwise, so that
    a logarithm would make an applicant's PD depend on the size of the batch.
    """

    step: Literal["signed_log"]
    field: Name
    scale: Annotated[float, Constraint(gt=0)] = 1.0


class MissingFlag(_Named):
    """1 where the field is missing."""

    step: Literal["missing"]
    field: Name


class Bins(Frozen):
    """Another number of quantile bins than the recipe's for one field or step."""

    step: Literal["bins"]
    field: Name
    count: Annotated[int, Constraint(ge=1, le=64)]


StepSpec = Annotated[
    Combination | Ratio | Product | Power | Extreme | CountAbove | MonthsSince | SignedLog | MissingFlag | Bins,
    Constraint(discriminator="step"),
]
STEPS: TypeAdapter[tuple[StepSpec, ...]] = TypeAdapter(tuple[StepSpec, ...])


def inputs_of(step: StepSpec) -> tuple[str, ...]:
    """The fields and steps that a step reads, in its order."""
    match step:
        case Ratio():
            return (step.numerator, step.denominator)
        case Product():
            return (step.left, step.right)
        case Power() | SignedLog() | MissingFlag() | Bins():
            return (step.field,)
        case _:
            return step.fields


def usable_steps(schema: FeatureSchema, steps: Iterable[StepSpec]) -> Sequence[StepSpec]:
    """The steps that can still be computed when some fields are not scored, as in feature selection."""
    known = {field.name for field in schema.number_fields}
    usable: list[StepSpec] = []
    for step in steps:
        if known.issuperset(inputs_of(step)):
            usable.append(step)
            if not isinstance(step, Bins):
                known.add(step.name)
    return usable
