"""The journal's first tables: decisions, what may be deleted apart from them, answers, heads, outcomes, erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scoring_api.journal.tables import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _decisions()
    op.create_table(
        "applicants",
        sa.Column("decision_id", sa.Text, primary_key=True),
        _text("salt"),
        sa.Column("reference", sa.Text),
        _text("applicant"),
    )
    op.create_table(
        "monitoring_attributes",
        sa.Column("decision_id", sa.Text, primary_key=True),
        _text("salt"),
        _text("attributes"),
    )
    op.create_table(
        "kept_answers",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        _text("request_hash"),
        _text("answer"),
        sa.Column("kept_at", Moment, nullable=False),
    )
    op.create_table(
        "chain_heads",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        _text("hash"),
    )
    op.create_table(
        "outcomes",
        sa.Column("decision_id", sa.Text, sa.ForeignKey("decisions.id"), primary_key=True),
        _text("outcome"),
        sa.Column("happened_on", sa.Date, nullable=False),
        sa.Column("recorded_at", Moment, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("erased_at", Moment, nullable=False),
        sa.Column("decided_before", Moment, nullable=False),
        sa.Column("applicants", sa.BigInteger, nullable=False),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text, primary_key=True),
        _text("writer"),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("decided_at", Moment, nullable=False),
        *map(_text, ("request_id", "caller", "model_tag", "model_digest", "policy_version", "policy_digest")),
        *map(_text, ("image_digest", "code_commit")),
        sa.Column("pd", sa.Double, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        *map(_text, ("decision", "band", "reasons", "fields_not_scored")),
        sa.Column("latency_us", sa.BigInteger, nullable=False),
        _text("applicant_hash"),
        sa.Column("monitoring_hash", sa.Text),
        *map(_text, ("previous_hash", "hash")),
        sa.UniqueConstraint("writer", "sequence"),
    )
    op.create_index("ix_decisions_decided_at", "decisions", ["decided_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
