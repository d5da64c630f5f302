"""Bitget's deposits and withdrawals (api-doc, Spot, Account): by creation time, newest first, pages by id.

Where the documentation leaves something open, the comment says "assumed".
"""

from collections.abc import Callable
from decimal import Decimal

from trademon.demo.bitget_params import newest_below, page_limit, wallet_window
from trademon.demo.bitget_rows import Row
from trademon.demo.model import Transfer, TransferKind, to_ms
from trademon.demo.wire import DemoAccount, Json, Question, decimals_of, fixed

_STATUS = {"pending": "pending", "credited": "success", "completed": "success", "failed": "fail"}


def wallet_paths() -> dict[str, Callable[[Question, DemoAccount], Json]]:
    """Who answers for the paths of transfers."""
    return {
        "/api/v2/spot/wallet/deposit-records": lambda q, account: [
            deposit_row(t) for t in _asked_for(q, account, "deposit")
        ],
        "/api/v2/spot/wallet/withdrawal-records": lambda q, account: [
            withdrawal_row(t) for t in _asked_for(q, account, "withdrawal")
        ],
    }


def _asked_for(q: Question, account: DemoAccount, kind: TransferKind) -> list[Transfer]:
    """The page asked for; a window is one of creation times, whenever a transfer completed."""
    window, limit = wallet_window(q), page_limit(q, default=20)
    coin, order_id = q.params.get("coin"), q.params.get("orderId")
    found = [
        t
        for t in account.world.transfers(q.now)
        if t.kind == kind and coin in (None, "", t.coin) and order_id in (None, "", t.id)
    ]
    return newest_below(found, q, window, limit, lambda t: (int(t.id), to_ms(t.created_at)))


def deposit_row(t: Transfer) -> Row:
    """One entry of deposit-records."""
    return {
        "orderId": t.id,
        "tradeId": t.id if t.is_internal else t.tx_id,
        "coin": t.coin,
        "type": "deposit" if t.kind == "deposit" else "withdraw",
        "size": _eight(t.amount),
        "status": _STATUS[t.status],
        "toAddress": t.address,
        "dest": "internal_transfer" if t.is_internal else "on_chain",
        "chain": t.network,
        "fromAddress": None,
        "cTime": str(to_ms(t.created_at)),
        "uTime": str(to_ms(t.completed_at or t.created_at)),
    }


def withdrawal_row(t: Transfer) -> Row:
    """One entry of withdrawal-records; `fee` is negative.

    assumed: `size` is what left the account, the fee within it. The documentation says no more than "Quantity"; ccxt
    takes the fee off to get what was sent.
    """
    confirmed = "0" if t.status == "pending" else "100"
    row = deposit_row(t) | {"size": _eight(t.amount + t.fee), "fee": _eight(-t.fee), "confirm": confirmed}
    if t.status != "completed" and not t.is_internal:
        row["tradeId"] = ""  # assumed: nothing stands on a chain before it was sent
    return row | {"clientOid": "", "tag": ""}


def _eight(amount: Decimal) -> str:
    """At least eight decimals, more where the amount has more."""
    return fixed(amount, max(8, decimals_of(amount) if amount else 0))
