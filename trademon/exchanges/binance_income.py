"""The income history of a Binance USD-M account: every change of its wallet's balance, one line each.

Source: the exchange's documentation (Get Income History). Facts that shape this file: three months back; both ends of
a window included, the oldest rows of it first, at most 1,000, with a page number into the rest; `tranId` is unique
within an `incomeType` alone; 30 weight a question.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

from trademon.core.cash_reports import CashKind, CashLine
from trademon.core.coverage import Span
from trademon.core.model import Transfer, TransferKind
from trademon.core.money import ZERO
from trademon.core.times import to_ms
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.base import CashPage, TransferPage
from trademon.exchanges.binance_walk import PAGE, SHORT_PAGE
from trademon.exchanges.transfers import optional_text
from trademon.exchanges.validate import Row

Ask = Callable[[str, Mapping[str, object]], Awaitable[object]]

HISTORY = timedelta(days=89)  # "the last three months"
TRANSFER = "TRANSFER"
# What the fills tell, and what is a transfer between a person's own wallets; neither is a line of cash.
_TOLD_BY_FILLS = frozenset({"COMMISSION", "REALIZED_PNL"})
_TRANSFERS = frozenset(
    {TRANSFER, "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"}
)
_KINDS: dict[str, CashKind] = {
    "FUNDING_FEE": "funding",
    "INSURANCE_CLEAR": "fee",  # what a liquidation costs beside its price
    "POSITION_LIMIT_INCREASE_FEE": "fee",
    "REFERRAL_KICKBACK": "rebate",
    "COMMISSION_REBATE": "rebate",
    "API_REBATE": "rebate",
    "FEE_RETURN": "rebate",
    "BFUSD_REWARD": "interest",
}


async def walk(ask: Ask, span: Span, income_type: str | None = None) -> AsyncIterator[list[Row]]:
    """All rows of `span`, each once, oldest first, however many share a millisecond.

    Raises:
        BadAnswer: rows from outside the time asked for, or a page that does not go on from the one before.
    """
    if not span:
        return
    start, last, page = to_ms(span.start), to_ms(span.end), 1
    seen: set[str] = set()
    query: dict[str, object] = {"limit": PAGE} | ({} if income_type is None else {"incomeType": income_type})
    while True:
        times = {"startTime": start, "endTime": last, "page": page}
        rows = validate.as_rows(await ask("fapiprivate_get_income", query | times), "income")
        at = [to_ms(validate.time_ms(row, "time")) for row in rows]
        if not all(start <= ms <= last for ms in at):
            raise BadAnswer("Binance: income from outside the time asked for")
        fresh = [row for row in rows if validate.raw_text(row) not in seen]
        seen |= {validate.raw_text(row) for row in fresh}
        if fresh:
            yield fresh
        if len(rows) < SHORT_PAGE:
            return
        if max(at) > start:  # on from the last millisecond, whose rows may not all have been on the page
            start, page = max(at), 1
        elif fresh or page == 1:
            page += 1
        else:
            raise BadAnswer("Binance: a page of income does not go on")


async def cash_pages(ask: Ask, span: Span) -> AsyncIterator[CashPage]:
    """Funding and the like, in one page that proves all of `span`."""
    rows = [row async for part in walk(ask, span) for row in part]
    lines = tuple(parse_cash(row) for row in rows if row["incomeType"] not in _TOLD_BY_FILLS | _TRANSFERS)
    yield CashPage(tuple(line for line in lines if line is not None), span)


async def transfer_pages(ask: Ask, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
    """What came in or left, in one page that proves all of `span`: it has happened when it is told."""
    rows = [row async for part in walk(ask, span, TRANSFER) for row in part]
    found = [parse_transfer(row) for row in rows]
    yield TransferPage(tuple(t for t in found if t is not None and t.kind == kind), span)


def parse_cash(row: Row) -> CashLine | None:
    """A line of income that no fill tells; None for one of nothing. An unknown type is kept, as `other`."""
    income_type = validate.text(row, "incomeType")
    amount = validate.decimal(row, "income")
    if not amount:
        return None
    kind: CashKind = _KINDS.get(income_type, "other")
    number = validate.identifier(row, "tranId")
    return CashLine(
        cash_id=number if kind == "funding" else f"{income_type}-{number}",  # of the others several types are one kind
        kind=kind,
        currency=validate.text(row, "asset"),
        amount=amount,
        at=validate.time_ms(row, "time"),
        symbol=optional_text(row, "symbol") or None,
        raw=validate.raw_text(row),
    )


def parse_transfer(row: Row) -> Transfer | None:
    """A transfer from or to another wallet; None for one of nothing."""
    if validate.text(row, "incomeType") != TRANSFER:
        raise BadAnswer("Binance: asked for transfers, got another kind of income")
    amount = validate.decimal(row, "income")
    if not amount:
        return None
    return Transfer(
        transfer_id=validate.identifier(row, "tranId"),
        kind="deposit" if amount > ZERO else "withdrawal",
        coin=validate.text(row, "asset"),
        amount=amount.copy_abs(),
        fee=ZERO,
        at=validate.time_ms(row, "time"),
        raw=validate.raw_text(row),
    )
