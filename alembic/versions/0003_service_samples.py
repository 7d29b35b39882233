"""What endpoints served, as their own counters say"""

import sqlalchemy as sa

import monitor.db.types
from alembic import op


revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "service_samples",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("start", monitor.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end", monitor.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("model_id", "source", "version", "start"),
    )
    with op.batch_alter_table("service_samples", schema=None) as batch_op:
        batch_op.create_index("ix_service_samples_end", ["model_id", "end"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("service_samples", schema=None) as batch_op:
        batch_op.drop_index("ix_service_samples_end")
    op.drop_table("service_samples")
