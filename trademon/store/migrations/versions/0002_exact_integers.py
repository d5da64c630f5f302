"""What each fill moves in integers, fees in third coins and their prices, what each day realised."""

import sqlalchemy as sa
from alembic import op

from trademon.store.types import AnyInteger, ExactDecimal, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "candles",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("open", ExactDecimal(), nullable=True),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("host", "symbol", "interval_s", "opened_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "cash",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cash_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "kind", "cash_id", name="one_cash_line"),
    )
    with op.batch_alter_table("cash", schema=None) as batch_op:
        batch_op.create_index("cash_in_order", ["account_id", "at"], unique=False)

    op.create_table(
        "days",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("market_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("gross", ExactDecimal(), nullable=False),
        sa.Column("fees", ExactDecimal(), nullable=False),
        sa.Column("unmatched_quantity", ExactDecimal(), nullable=False),
        sa.Column("unmatched_proceeds", ExactDecimal(), nullable=False),
        sa.Column("unmatched_fees", ExactDecimal(), nullable=False),
        sa.Column("disposals", sa.Integer(), nullable=False),
        sa.Column("fills", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["market_id"],
            ["markets.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "market_id", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("transfer_id", sa.String(), nullable=False),
        sa.Column("coin", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("fee", ExactDecimal(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("tx_id", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("peer_id", sa.Integer(), nullable=True),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["peer_id"], ["transfers.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "kind", "transfer_id", name="one_transfer"),
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index("transfers_of_coin", ["account_id", "coin", "at"], unique=False)

    op.create_table(
        "coin_fees",
        sa.Column("fill_id", sa.Integer(), nullable=False),
        sa.Column("coin", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("market_id", sa.Integer(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("rate", ExactDecimal(), nullable=True),
        sa.Column("rate_at", UtcTime(), nullable=True),
        sa.Column("rate_source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["fill_id"], ["fills.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["market_id"],
            ["markets.id"],
        ),
        sa.PrimaryKeyConstraint("fill_id", "coin"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("coin_fees", schema=None) as batch_op:
        batch_op.create_index(
            "coin_fees_unvalued",
            ["account_id", "market_id"],
            unique=False,
            sqlite_where=sa.text("rate IS NULL"),
            postgresql_where=sa.text("rate IS NULL"),
        )

    op.create_table(
        "entries",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("market_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("tie", sa.String(), nullable=False),
        sa.Column("fill_id", sa.Integer(), nullable=False),
        sa.Column("quantity", AnyInteger(), nullable=False),
        sa.Column("price", AnyInteger(), nullable=False),
        sa.Column("fee", AnyInteger(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("acquired_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["fill_id"], ["fills.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["market_id"],
            ["markets.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "market_id", "at", "tie"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index("entry_of_fill", ["fill_id"], unique=True)

    with op.batch_alter_table("books", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_tie", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("open_quantity", ExactDecimal(), server_default=sa.text("'0'"), nullable=False))
        batch_op.add_column(sa.Column("open_cost", ExactDecimal(), server_default=sa.text("'0'"), nullable=False))
        batch_op.add_column(sa.Column("scale", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("mixed", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_column("last_epoch")
        batch_op.drop_column("unvalued")
        batch_op.drop_column("last_trade_id")

    with op.batch_alter_table("brokers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("capital_currency", sa.String(), nullable=True))

    with op.batch_alter_table("disposals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lot_fees", ExactDecimal(), server_default=sa.text("'0'"), nullable=False))
        batch_op.drop_index(batch_op.f("disposals_of_book"))

    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.add_column(sa.Column("acquired_at", UtcTime(), nullable=True))
        batch_op.create_index(
            "no_executions",
            ["account_id", "market_id"],
            unique=False,
            sqlite_where=sa.text("source IN ('opening', 'transfer')"),
            postgresql_where=sa.text("source IN ('opening', 'transfer')"),
        )

    with op.batch_alter_table("markets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settle", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("contract_size", ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("inverse", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("former", sa.Text(), nullable=True))
    # Entries, days and the new columns are derived: every book is derived again when the store is opened.
    for table in ("disposals", "lots", "unmatched"):
        op.execute(f"DELETE FROM {table}")
    op.execute("UPDATE books SET method = ''")
