"""What a request asks to be scored, whatever form it came in. Does not know forms (`reader`, `table`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded

Form = Literal["one", "list", "columns"]
Rows = list[dict[str, Any]]


class Batch(msgspec.Struct):
    """n checked applicants.

    `encode` makes the graph's arrays of such `rows` (a list, or an array [n, columns]), of other batches' too where it
    is the same. `form` is how they came and how the answer goes. `not_scored` names the fields that somebody sent and
    the model does not use. `values` (scored fields only) and `monitoring` (protected ones) give a row each, as they
    were sent; they cost time and are called for the journal only.
    """

    rows: Sequence[Any] | npt.NDArray[Any]
    encode: Callable[[Any], Encoded]
    form: Form
    not_scored: tuple[str, ...]
    values: Callable[[], Rows]
    monitoring: Callable[[], Rows]

    @property
    def encoded(self) -> Encoded:
        """The applicants as the graph reads them."""
        return self.encode(self.rows)

    def part(self, places: Sequence[int]) -> Batch:
        """Some of the applicants, to be encoded."""
        rows = self.rows
        return msgspec.structs.replace(
            self, rows=rows[places] if isinstance(rows, np.ndarray) else [rows[place] for place in places]
        )

    def __len__(self) -> int:
        return len(self.rows)


def encode_all(batches: Sequence[Batch]) -> Encoded:
    """The applicants of all batches in their order; neighbours that came alike are encoded at once."""
    parts: list[Encoded] = [
        encode(_joined([batch.rows for batch in alike])) for encode, alike in groupby(batches, attrgetter("encode"))
    ]
    if len(parts) == 1:
        return parts[0]
    return Encoded(
        np.concatenate([part.numbers for part in parts]), np.concatenate([part.categories for part in parts])
    )


def _joined(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else list(chain.from_iterable(parts))
