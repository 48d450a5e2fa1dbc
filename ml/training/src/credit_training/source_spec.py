"""Where a dataset's rows come from, as the key `source` of its YAML says it.

Keys only; `source` fetches, each time where there is no `sha256` of the table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field as Constraint, field_validator

from credit_contract.schema import Frozen

Sha256 = Annotated[str, Constraint(pattern=r"^[0-9a-f]{64}$")]
HttpUrl = Annotated[str, Constraint(pattern=r"^https?://")]
JOURNAL = "journal"
"""The dataset of a retraining run: `conf/journal.yaml`, in the form of the portfolio that it names."""
JOURNAL_VERSION = re.compile(rf"{JOURNAL}-(\d{{8}}T\d{{6}}Z)-(\d+)d", re.ASCII)
"""What its version is called: the cut-off and the days of performance, which are all that it takes to ask again."""


class FileSource(Frozen):
    """A delimited file below CREDIT_DATA_DIR, or at its publisher.

    `columns` names the columns of a file without header. `members` leads through nested archives;
    `converter` turns what the publisher offers into the table. `sha256` is the table's.
    """

    kind: Literal["file"]
    path: str
    delimiter: Annotated[str, Constraint(min_length=1, max_length=1)] = ","
    columns: tuple[str, ...] = ()
    url: HttpUrl | None = None
    publisher_sha256: Sha256 | None = None
    members: tuple[str, ...] = ()
    converter: str | None = None
    sha256: Sha256 | None = None


class HttpSource(Frozen):
    """An HTTP API that answers JSON: the list under `records`, page by page if `page_parameter` is given."""

    kind: Literal["http"]
    url: HttpUrl
    parameters: dict[str, str | int] = Constraint(default_factory=dict)
    records: tuple[str, ...] = ()
    page_parameter: str | None = None
    first_page: int = 1
    sha256: Sha256 | None = None


class SqlSource(Frozen):
    """A query against any database that SQLAlchemy speaks to; `${oc.env:NAME}` keeps passwords out of the YAML."""

    kind: Literal["sql"]
    url: str
    query: str
    sha256: Sha256 | None = None


class JournalSource(Frozen):
    """The scoring API's journal: decisions whose performance window was over at `cut_off`, with outcomes known then.

    `performance_days`: from a decision until its outcome is complete; 0 where it is known at once.
    """

    kind: Literal["journal"]
    url: str
    cut_off: AwareDatetime
    performance_days: Annotated[int, Constraint(ge=0)]
    sha256: Sha256 | None = None

    @field_validator("cut_off", mode="before")
    @classmethod
    def _iso(cls, value: Any) -> Any:
        # Without hyphens too, as in the version's name.
        try:
            return datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError(f"{value!r} is no time; give one as 2026-10-01T00:00Z") from None

    @field_validator("cut_off")
    @classmethod
    def _whole_second(cls, value: datetime) -> datetime:
        return value.astimezone(UTC).replace(microsecond=0)

    @property
    def version(self) -> str:
        """The name of what it gives."""
        return f"{JOURNAL}-{self.cut_off:%Y%m%dT%H%M%SZ}-{self.performance_days}d"


class SimulatorSource(Frozen):
    """The portfolio simulator with these settings of its scenario."""

    kind: Literal["simulator"]
    scenario: dict[str, Any] = Constraint(default_factory=dict)
    sha256: Sha256 | None = None


Source = Annotated[
    FileSource | HttpSource | SqlSource | JournalSource | SimulatorSource, Constraint(discriminator="kind")
]
