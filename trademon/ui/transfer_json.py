"""Deposits and withdrawals as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.money import format_decimal
from trademon.core.times import format_time
from trademon.core.transfer_reports import TransfersReport


def transfers_to_json(report: TransfersReport) -> dict[str, Any]:
    """`{"transfers": [...]}`; `other_end` is the user's own broker, or null."""
    return {
        "transfers": [
            {
                "id": str(row.id),
                "user": row.user,
                "broker": row.broker,
                "kind": row.kind,
                "coin": row.coin,
                "amount": format_decimal(row.amount),
                "fee": format_decimal(row.fee),
                "at": format_time(row.at),
                "tx_id": row.tx_id,
                "network": row.network,
                "other_end": row.peer,
            }
            for row in report.transfers
        ]
    }
