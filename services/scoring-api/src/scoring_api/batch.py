"""What a request asks to be scored, whatever form it came in. Does not know forms (`reader`, `table`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from credit_contract.applicant import Encoded

Form = Literal["one", "list", "columns"]
Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Batch:
    """n checked applicants.

    `form` is how they came and how the answer goes. `not_scored` names the fields that somebody sent and the model
    does not use. `values` (scored fields only) and `monitoring` (protected ones) give a row each, as they were sent;
    they cost time and are called for the journal only.
    """

    encoded: Encoded
    form: Form
    not_scored: tuple[str, ...]
    values: Callable[[], Rows]
    monitoring: Callable[[], Rows]

    def __len__(self) -> int:
        return len(self.encoded)
