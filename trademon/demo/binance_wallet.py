"""Binance's /sapi: rights of a key, deposits, withdrawals (developers.binance.com, Wallet).

Where the documentation leaves something open, the comment says "assumed".
"""

from collections.abc import Callable
from datetime import datetime

from trademon.demo.binance_params import integer, is_inside, ninety_day_window, page_limit
from trademon.demo.binance_rows import Row, restrictions_answer
from trademon.demo.model import Transfer, TransferKind, to_ms
from trademon.demo.wire import DemoAccount, Json, PerSecond, Question, Refusal, plain

WITHDRAWALS = "/sapi/v1/capital/withdraw/history"
WITHDRAWAL_WEIGHT = 18_000  # of the account's own 180 000 a second, beside the address's weight a minute
_A_SECOND = 10

_DEPOSIT_STATUS = {"pending": 0, "completed": 1, "failed": 2, "credited": 6}
_WITHDRAWAL_STATUS = {"failed": 3, "pending": 4, "completed": 6, "credited": 6}

Handler = Callable[[Question, DemoAccount], Json]


class BinanceWallet:
    """Answers for the paths of `handlers`; counts withdrawal questions per uid and clock second."""

    def __init__(self, *, has_rates: bool) -> None:
        """`has_rates` False lets any number of withdrawal questions a second pass."""
        self._has_rates = has_rates
        self._counted = PerSecond()
        self.used_withdrawal_weight = 0  # in the second of the last such question
        self.handlers: dict[str, Handler] = {
            "/sapi/v1/account/apiRestrictions": _restrictions,
            "/sapi/v1/capital/deposit/hisrec": _deposits,
            WITHDRAWALS: self._withdrawals,
        }

    def _withdrawals(self, q: Question, account: DemoAccount) -> Json:
        asked = self._counted.count(q.now_ms, account.uid, q.path)
        self.used_withdrawal_weight = asked * WITHDRAWAL_WEIGHT
        if self._has_rates and asked > _A_SECOND:
            # assumed: the code and the words are those of the weight a minute
            raise Refusal(
                429, -1003, "Too many requests; current limit is 10 requests per second.", {"Retry-After": "1"}
            )
        return [withdrawal_row(t) for t in _asked_for(q, account, "withdrawal", _WITHDRAWAL_STATUS)]


def _restrictions(q: Question, account: DemoAccount) -> Json:
    return restrictions_answer(
        can_trade=account.can_trade,
        can_withdraw=account.can_withdraw,
        is_address_limited=account.is_address_limited,
    )


def _deposits(q: Question, account: DemoAccount) -> Json:
    wanted = q.params.get("txId")
    rows = [deposit_row(t) for t in _asked_for(q, account, "deposit", _DEPOSIT_STATUS)]
    return [row for row in rows if wanted in (None, row["txId"])]


def _asked_for(q: Question, account: DemoAccount, kind: TransferKind, statuses: dict[str, int]) -> list[Transfer]:
    """The page asked for, newest first; a window is one of creation times, whenever a transfer completed."""
    (start, end), limit = ninety_day_window(q), page_limit(q.params, default=1000)
    offset, status, coin = integer(q.params, "offset") or 0, integer(q.params, "status"), q.params.get("coin")
    found = [
        t
        for t in account.world.transfers(q.now)
        if t.kind == kind
        and is_inside(to_ms(t.created_at), start, end)
        and coin in (None, "", t.coin)
        and status in (None, statuses[t.status])
    ]
    return found[::-1][offset : offset + limit]


def deposit_row(t: Transfer) -> Row:
    """One entry of deposit/hisrec; `insertTime` is its creation, `completeTime` is there once it ended."""
    row = _common(t) | {"id": t.id, "status": _DEPOSIT_STATUS[t.status], "insertTime": to_ms(t.created_at)}
    if t.completed_at is not None:
        row["completeTime"] = to_ms(t.completed_at)
    confirmed = "0/1" if t.status == "pending" else "1/1"
    return row | {"confirmTimes": confirmed, "unlockConfirm": 0, "walletType": 0, "travelRuleStatus": 0}


def withdrawal_row(t: Transfer) -> Row:
    """One entry of withdraw/history; `amount` is what was sent, `transactionFee` came on top of it."""
    row = _common(t) | {
        "id": f"{int(t.id):032x}",
        "transactionFee": plain(t.fee),
        "status": _WITHDRAWAL_STATUS[t.status],
        "applyTime": _text(t.created_at),
        "info": "",
        "confirmNo": 0 if t.status == "pending" else 3,
        "walletType": 0,
        "txKey": "",
    }
    if t.status != "completed":
        row["txId"] = ""  # assumed: nothing stands on a chain before it was sent
    if t.completed_at is not None:
        row["completeTime"] = _text(t.completed_at)
    return row


def _common(t: Transfer) -> Row:
    return {
        "amount": plain(t.amount),
        "coin": t.coin,
        "network": t.network,
        "address": t.address,
        "addressTag": "",
        "txId": f"Internal transfer {t.id}" if t.is_internal else t.tx_id,
        "transferType": int(t.is_internal),
    }


def _text(at: datetime) -> str:
    """UTC without saying so, whole seconds."""
    return at.strftime("%Y-%m-%d %H:%M:%S")
