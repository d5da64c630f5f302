"""Sign-ins: how long their tokens live, and whether a new pair was asked for. Test environments of exchanges. How final
a fill is, and closed positions as an exchange reckons them."""

import sqlalchemy as sa
from alembic import op

from trademon.store.row_security import protect
from trademon.store.types import ExactDecimal, UtcTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("brokers", sa.Column("sandbox", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "sessions",
        sa.Column("broker_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("redirect", sa.String(), nullable=False),
        sa.Column("signed_in_at", UtcTime(), nullable=True),
        sa.Column("renewed_at", UtcTime(), nullable=True),
        sa.Column("access_until", UtcTime(), nullable=True),
        sa.Column("refresh_until", UtcTime(), nullable=True),
        sa.Column("asked_at", UtcTime(), nullable=True),
        sa.Column("lost_at", UtcTime(), nullable=True),
        sa.Column("lost_why", sa.Text(), nullable=True),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("started_redirect", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["broker_id"], ["brokers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("broker_id"),
    )
    op.add_column("fills", sa.Column("revision", sa.Integer(), nullable=True))
    op.create_index(
        "costs_untold",
        "fills",
        ["account_id", "market_id"],
        sqlite_where=sa.text("revision < 2"),
        postgresql_where=sa.text("revision < 2"),
    )
    op.create_table(
        "stated_closes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("close_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("open_price", ExactDecimal(), nullable=False),
        sa.Column("close_price", ExactDecimal(), nullable=False),
        sa.Column("gross", ExactDecimal(), nullable=False),
        sa.Column("costs", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("closed_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "close_id", name="one_stated_close"),
    )
    protect("sessions", by="broker_id")
    protect("stated_closes", by="account_id")
