"""The fills whose ids were counted anew are found at once: of nearly every book there are none."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "counted_anew",
        "fills",
        ["account_id", "market_id", "epoch", "executed_at"],
        sqlite_where=sa.text("epoch > 0"),
        postgresql_where=sa.text("epoch > 0"),
    )
