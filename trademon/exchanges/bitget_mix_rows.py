"""Rows of Bitget's futures interface as values. All amounts come as text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trademon.core.cash_reports import CashLine
from trademon.core.model import (
    Balance,
    Contract,
    Fill,
    Market,
    OpenOrder,
    Position,
    PositionSide,
    Side,
    Transfer,
    TransferKind,
)
from trademon.core.money import EXACT, ZERO
from trademon.core.symbols import make_symbol, of_side
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.bitget import parse_fees
from trademon.exchanges.transfers import optional_text
from trademon.exchanges.validate import Row

_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
_HOLDS: dict[str, PositionSide] = {"long": "long", "short": "short"}
_IS_HEDGED = {"hedge_mode": True, "one_way_mode": False}
# What the exchange itself closes: burst (liquidation), reduce, offset, delivery, adl; `burst_close_long` and so on.
_FORCED = re.compile(r"[a-z_]+_close_(long|short)")


def parse_market(row: Row, settle: str) -> Market:
    """A contract of one product type, perpetual or with a date. Its quote is what it settles in."""
    base = validate.text(row, "baseCoin")
    symbol = make_symbol(base, settle, settle)
    if validate.text(row, "symbolType") != "perpetual":
        symbol += f"-{validate.time_ms(row, 'deliveryTime'):%y%m%d}"
    return Market(symbol, base, settle, validate.text(row, "symbol"), Contract(settle))


def parse_balance(row: Row) -> Balance:
    """The wallet's balance: equity less what open positions have gained. What is free cannot be more than that."""
    gained = validate.decimal(row, "unrealizedPL") if row.get("unrealizedPL") not in (None, "") else ZERO
    total = EXACT.subtract(validate.decimal(row, "accountEquity"), gained)
    free = min(max(validate.decimal(row, "available"), ZERO), total) if total > ZERO else total
    return Balance(validate.text(row, "marginCoin"), free, EXACT.subtract(total, free))


def parse_fill(row: Row, market: Market) -> Fill:
    """A row of fills or fill-history; liquidations and the like are rows like any other. `baseVolume` is base units."""
    if validate.text(row, "symbol") != market.exchange_symbol:
        raise BadAnswer(f"Bitget: asked for {market.exchange_symbol}, got {str(row['symbol'])[:20]!r}")
    side, position_side = what_it_did(row)
    return Fill(
        trade_id=validate.identifier(row, "tradeId"),
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol if position_side is None else of_side(market.symbol, position_side),
        base=market.base,
        quote=market.quote,
        side=side,
        quantity=validate.positive(row, "baseVolume"),
        price=validate.not_negative(row, "price"),
        fees=parse_fees(validate.present(row, "feeDetail")),
        executed_at=validate.time_ms(row, "cTime"),
        is_maker={"maker": True, "taker": False}.get(str(row.get("tradeScope")).lower()),
        contract=market.contract,
        raw=validate.raw_text(row),
    )


def what_it_did(row: Row) -> tuple[Side, PositionSide | None]:
    """Whether a fill bought or sold, and of which position.

    In hedge mode `side` is the side of the position: a long one is closed by `buy` and `close`, which sells. What the
    exchange closes names the position in `tradeSide`.
    """
    side, does = validate.one_of(row, "side", _SIDES), validate.text(row, "tradeSide").lower()
    if not validate.one_of(row, "posMode", _IS_HEDGED):
        told = set(does.split("_")) & _SIDES.keys()
        if told and told != {side}:
            raise BadAnswer("Bitget: a fill that says both buy and sell")
        return side, None
    forced = _FORCED.fullmatch(does)
    if forced:
        held = _HOLDS[forced[1]]
    elif does in ("open", "close"):
        held = "long" if side == "buy" else "short"
    else:
        raise BadAnswer(f"Bitget: field tradeSide is none that is known: {validate.one_line(does, 30)!r}")
    buys = (held == "long") == (does == "open")
    return ("buy" if buys else "sell"), held


def parse_position(row: Row, markets: Mapping[str, Market]) -> Position | None:
    """A row of all-position; None for an empty one."""
    quantity = validate.not_negative(row, "total")
    if not quantity:
        return None
    name = validate.text(row, "symbol")
    market = markets.get(name)
    mark = optional_text(row, "markPrice")
    return Position(
        symbol=market.symbol if market else name,
        side=validate.one_of(row, "holdSide", _HOLDS),
        quantity=quantity,
        currency=validate.text(row, "marginCoin"),
        entry_price=validate.not_negative(row, "openPriceAvg") or None,
        mark_price=validate.not_negative(row, "markPrice") or None if mark else None,
        unrealised=validate.decimal(row, "unrealizedPL") if optional_text(row, "unrealizedPL") else None,
        opened_at=validate.time_ms(row, "cTime"),
        position_id=f"{row['holdSide']}-{validate.text(row, 'marginMode')}".lower(),
    )


def parse_open_order(row: Row, markets: Mapping[str, Market]) -> OpenOrder:
    """A row of orders-pending. A market order that still waits has no price."""
    name = validate.text(row, "symbol")
    market = markets.get(name)
    side, does = validate.one_of(row, "side", _SIDES), str(row.get("tradeSide")).lower()
    if does == "close" and row.get("posMode") == "hedge_mode":
        side = "sell" if side == "buy" else "buy"
    return OpenOrder(
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol if market else name,
        side=side,
        order_type=validate.text(row, "orderType").lower(),
        quantity=validate.decimal(row, "size"),
        filled=validate.decimal(row, "baseVolume"),
        price=validate.decimal(row, "price") if row.get("price") not in (None, "") else ZERO,
        created_at=validate.time_ms(row, "cTime"),
    )


def parse_transfer(row: Row, kind: TransferKind) -> Transfer:
    """A bill of a transfer between the spot wallet and this one: it has happened when it is told."""
    amount = validate.decimal(row, "amount")
    if not amount or (amount > ZERO) != (kind == "deposit"):
        raise BadAnswer(f"Bitget: a {kind} of {validate.one_line(amount, 30)}")
    return Transfer(
        transfer_id=validate.identifier(row, "billId"),
        kind=kind,
        coin=validate.text(row, "coin"),
        amount=amount.copy_abs(),
        fee=ZERO,
        at=validate.time_ms(row, "cTime"),
        raw=validate.raw_text(row),
    )


def parse_funding(row: Row) -> CashLine | None:
    """A bill of a funding payment, received above zero; None for one of nothing."""
    amount = validate.decimal(row, "amount")
    if not amount:
        return None
    return CashLine(
        cash_id=validate.identifier(row, "billId"),
        kind="funding",
        currency=validate.text(row, "coin"),
        amount=amount,
        at=validate.time_ms(row, "cTime"),
        symbol=optional_text(row, "symbol") or None,
        raw=validate.raw_text(row),
    )
