"""The journal's tables as SQLAlchemy sees them; their rows are described in `credit_contract.decision`.

No foreign keys but that of outcomes: all else is written in one transaction with its decision, and decisions are
never deleted. The database itself is made by the migrations; a test holds both equal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine


class Moment(TypeDecorator[str]):
    """A time as the contract's text (UTC, microseconds, Z): in PostgreSQL a timestamp with time zone, else text."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type."""
        return DateTime(timezone=True) if dialect.name == "postgresql" else String(27)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Back to text."""
        del dialect
        return written(value) if isinstance(value, datetime) else value


def written(time: datetime) -> str:
    """A time as the journal writes it."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("writer", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("model_tag", Text, nullable=False),
    Column("model_digest", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("policy_digest", Text, nullable=False),
    Column("image_digest", Text, nullable=False),
    Column("code_commit", Text, nullable=False),
    Column("pd", Double, nullable=False),
    Column("score", Integer, nullable=False),
    Column("decision", Text, nullable=False),
    Column("band", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("fields_not_scored", Text, nullable=False),
    Column("latency_us", BigInteger, nullable=False),
    Column("applicant_hash", Text, nullable=False),
    Column("monitoring_hash", Text),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("writer", "sequence"),
    Index("ix_decisions_decided_at", "decided_at"),
)

applicants = Table(
    "applicants",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("reference", Text),
    Column("applicant", Text, nullable=False),
)

monitoring_attributes = Table(
    "monitoring_attributes",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("attributes", Text, nullable=False),
)

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("kept_at", Moment, nullable=False),
)

chain_heads = Table(
    "chain_heads",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("recorded_at", Moment, nullable=False),
)

shadow_scores = Table(
    "shadow_scores",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("model_digest", Text, primary_key=True),
    Column("pd", Double, nullable=False),
    Column("decision", Text, nullable=False),
    Column("scored_at", Moment, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("erased_at", Moment, nullable=False),
    Column("decided_before", Moment, nullable=False),
    Column("applicants", BigInteger, nullable=False),
)
