"""Deposits and withdrawals of a Binance account, and what its key may do.

Source: the exchange's documentation of the wallet endpoints (capital: deposit history, withdraw history; account: API
key permission). Facts that shape this file: windows of less than 90 days, at most 1,000 rows with an offset into the
rest; ten questions a second for withdrawals; `applyTime` is UTC as text, to the second; a withdrawal's `amount` is
without its `transactionFee`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from trademon.core.coverage import Span
from trademon.core.model import KeyRights, Transfer, TransferKind
from trademon.core.money import ZERO
from trademon.core.times import parse_time, to_ms
from trademon.errors import BadAnswer, DataError, NotServed
from trademon.exchanges import validate
from trademon.exchanges.transfers import Record, State, optional_text
from trademon.exchanges.validate import Row

Ask = Callable[[str, Mapping[str, object]], Awaitable[object]]

PAGE = 1000
SHORT_PAGE = 100  # fewer rows end a walk; see the same constant in binance.py
STEP = timedelta(seconds=1)
WINDOW = timedelta(days=90) - STEP  # "must be less than 90 days"
WITHDRAWALS_PAUSE_S = 0.1  # 18,000 of 180,000 weight a second, which no header of ours reports

_ENDPOINTS: dict[TransferKind, str] = {
    "deposit": "sapi_get_capital_deposit_hisrec",
    "withdrawal": "sapi_get_capital_withdraw_history",
}
# 6 is credited and not yet free to be withdrawn, 8 waits for its owner; 2 was rejected and 7 sent wrongly.
_DEPOSIT_STATES: dict[int, State] = {0: "pending", 1: "done", 2: "ended", 6: "done", 7: "ended", 8: "pending"}
# 0 waits for an e-mail, 2 for approval, 4 is on its way; cancelled, rejected, failed.
_WITHDRAWAL_STATES: dict[int, State] = {
    0: "pending",
    1: "ended",
    2: "pending",
    3: "ended",
    4: "pending",
    5: "ended",
    6: "done",
}


async def read_window(ask: Ask, kind: TransferKind, window: Span) -> list[Record]:
    """Every row of one window. Rows that come in while it is read shift the rest and so come twice."""
    parse = parse_deposit if kind == "deposit" else parse_withdrawal
    times = {"startTime": to_ms(window.start), "endTime": to_ms(window.end)}
    records: list[Record] = []
    while True:
        if kind == "withdrawal":
            await asyncio.sleep(WITHDRAWALS_PAUSE_S)
        answer = await ask(_ENDPOINTS[kind], {**times, "limit": PAGE, "offset": len(records)})
        page = [parse(row) for row in validate.as_rows(answer, f"{kind} history")]
        records += page
        if len(page) < SHORT_PAGE:
            return records
        if len({record.record_id for record in records}) != len(records):
            raise BadAnswer("Binance: a transfer that comes twice: the list moved while it was read")


_TRADING = (
    "enableSpotAndMarginTrading",
    "enableMargin",
    "enableFutures",
    "enableVanillaOptions",
    "enablePortfolioMarginTrading",
    "enableFixApiTrade",
)


async def read_rights(ask: Ask) -> KeyRights:
    """What the key may do; nothing is known where the host has no wallet endpoints, as test networks have none."""
    try:
        answer = await ask("sapi_get_account_apirestrictions", {})
    except NotServed:
        return KeyRights()
    return parse_rights(validate.as_object(answer, "apiRestrictions"))


def parse_rights(row: Row) -> KeyRights:
    """An answer of `apiRestrictions`. Moving coins between one's own wallets is no withdrawal. A right to trade ends at
    `tradingAuthorityExpirationTime`, where the key works from any address."""
    trading = [validate.flag(row, name) for name in _TRADING if name in row]
    return KeyRights(
        can_trade=any(trading) if trading else None,
        can_withdraw=validate.flag(row, "enableWithdrawals"),
        is_address_limited=validate.flag(row, "ipRestrict"),
        created_at=validate.time_ms(row, "createTime") if row.get("createTime") else None,
        expires_at=validate.time_ms(row, "tradingAuthorityExpirationTime")
        if row.get("tradingAuthorityExpirationTime")
        else None,
    )


def parse_deposit(row: Row) -> Record:
    """A row of the deposit history. It counts from when it was credited."""
    state = _state(row, _DEPOSIT_STATES)
    created = validate.time_ms(row, "insertTime")
    completed = validate.time_ms(row, "completeTime") if row.get("completeTime") else created
    transfer = _transfer(row, "deposit", completed) if state == "done" else None
    return Record(validate.identifier(row, "id"), created, max(created, completed), state == "pending", transfer)


def parse_withdrawal(row: Row) -> Record:
    """A row of the withdrawal history. It counts from when it was applied for: then the coins left the balance."""
    state = _state(row, _WITHDRAWAL_STATES)
    created = _utc_text(row, "applyTime")
    completed = _utc_text(row, "completeTime") if row.get("completeTime") else created
    transfer = _transfer(row, "withdrawal", created) if state == "done" else None
    return Record(validate.identifier(row, "id"), created, max(created, completed), state == "pending", transfer)


def _transfer(row: Row, kind: TransferKind, at: datetime) -> Transfer:
    return Transfer(
        transfer_id=validate.identifier(row, "id"),
        kind=kind,
        coin=validate.text(row, "coin"),
        amount=validate.positive(row, "amount"),
        fee=validate.not_negative(row, "transactionFee") if kind == "withdrawal" else ZERO,
        at=at,
        tx_id=_tx_id(row),
        network=optional_text(row, "network"),
        raw=validate.raw_text(row),
    )


def _tx_id(row: Row) -> str:
    """The chain's own; within Binance there is "Internal transfer 123" or "Off-chain transfer 123" in its place."""
    tx_id = optional_text(row, "txId")
    return "" if row.get("transferType") == 1 or " transfer " in tx_id else tx_id


def _state(row: Row, states: Mapping[int, State]) -> State:
    status = row.get("status")
    if not isinstance(status, int) or isinstance(status, bool) or status not in states:
        raise BadAnswer(f"Binance: unknown status of a transfer: {validate.one_line(status, 20)!r}")
    return states[status]


def _utc_text(row: Row, name: str) -> datetime:
    text = validate.text(row, name)
    try:
        if len(text) < len("2019-10-12 11:12:02"):
            raise DataError("a date alone is no time")
        return parse_time(text)
    except DataError:
        raise BadAnswer(f"field {name} is no time") from None
