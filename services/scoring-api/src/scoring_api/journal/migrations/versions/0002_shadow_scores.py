"""What a challenger would have decided, beside the decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scoring_api.journal.tables import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; no foreign key, because a decision may still wait in a spool."""
    op.create_table(
        "shadow_scores",
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("model_digest", sa.Text, primary_key=True),
        sa.Column("pd", sa.Double, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("scored_at", Moment, nullable=False),
    )
