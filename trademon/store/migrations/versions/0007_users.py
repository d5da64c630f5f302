"""Users that go and come back, their language; on a server a wall between their rows."""

import sqlalchemy as sa
from alembic import op

from trademon.store.row_security import protect
from trademon.store.types import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BY_ACCOUNT = """coin_fees unmatched disposals lots days entries books fills cash transfers coverage looks balances
    balance_points open_orders"""


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(), nullable=True))
    op.add_column("users", sa.Column("retired_at", UtcTime(), nullable=True))
    # From now on every number of a fill is taken from there: behind the wall nobody sees the highest of all.
    op.execute("DELETE FROM counters WHERE name = 'fills' AND value < (SELECT coalesce(max(id), 0) FROM fills)")
    op.execute(
        """INSERT INTO counters (name, value) SELECT 'fills', coalesce(max(id), 0) FROM fills
        WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'fills')"""
    )
    for table in _BY_ACCOUNT.split():
        protect(table, by="account_id")
    for table in ("quarantine", "broker_state", "secrets"):
        protect(table, by="broker_id")
    for table in ("brokers", "accounts"):
        protect(table, by="user_id")
    protect("users", by="id")
