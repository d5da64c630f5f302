"""Who is at work on what, where several machines share a store."""

import sqlalchemy as sa
from alembic import op

from trademon.store.types import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("held_until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
