"""What keys may do, as their exchanges say."""

import sqlalchemy as sa
from alembic import op

from trademon.store.row_security import protect
from trademon.store.types import UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_rights",
        sa.Column("broker_id", sa.Integer(), nullable=False),
        sa.Column("can_trade", sa.Boolean(), nullable=True),
        sa.Column("can_withdraw", sa.Boolean(), nullable=True),
        sa.Column("is_address_limited", sa.Boolean(), nullable=True),
        sa.Column("key_created_at", UtcTime(), nullable=True),
        sa.Column("key_expires_at", UtcTime(), nullable=True),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=True),
        sa.Column("withdraw_allowed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["broker_id"], ["brokers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("broker_id"),
    )
    protect("key_rights", by="broker_id")
