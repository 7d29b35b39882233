"""Baselines keep a sample of their rows, an estimator of performance, and the importance of features"""

import sqlalchemy as sa

from alembic import op


revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("baselines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sample", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("estimator", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("importance", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("baselines", schema=None) as batch_op:
        batch_op.drop_column("importance")
        batch_op.drop_column("estimator")
        batch_op.drop_column("sample")
