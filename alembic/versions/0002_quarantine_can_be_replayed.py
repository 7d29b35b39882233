"""Quarantine can be replayed: the format of what was refused, and the sources that are paused"""

import sqlalchemy as sa

import monitor.db.types
from alembic import op


revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("log_format", sa.String(length=100), server_default="", nullable=False))
        batch_op.create_index("ix_quarantine_received_at", ["received_at"], unique=False)

    op.create_table(
        "source_pauses",
        sa.Column("collector_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("since", monitor.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("turned_away", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen_at", monitor.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("collector_id", "source"),
    )


def downgrade() -> None:
    op.drop_table("source_pauses")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_index("ix_quarantine_received_at")
        batch_op.drop_column("log_format")
