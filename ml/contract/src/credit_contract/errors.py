"""Every error that the contract raises. Does not know HTTP: the service has errors of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class ContractError(Exception):
    """Base of all; `code` is stable and safe to show to a client."""

    code: ClassVar[str] = "contract"


class SchemaError(ContractError):
    """A feature schema that contradicts itself."""

    code = "schema"


class PolicyError(ContractError):
    """A policy that cannot decide."""

    code = "policy"


class GateError(ContractError):
    """A gate file that names what nobody measures."""

    code = "gate"


class MetricError(ContractError):
    """A metric asked of data that cannot give it, such as one class only."""

    code = "metric"


class BundleError(ContractError):
    """A bundle that must not be used; names the file and the reason."""

    code = "bundle"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"bundle file {file}: {why}")
        self.file = file
        self.why = why


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of one applicant.

    `row` counts from 0. `expected` says what would have been right; the applicant's value is never in it.
    """

    row: int
    field: str
    code: str
    expected: str

    def __str__(self) -> str:
        return f"row {self.row}, field {self.field}: {self.code}, expected {self.expected}"


class ApplicantError(ContractError):
    """Applicants that the schema refuses, with every problem found (at most 100)."""

    code = "applicant"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")
