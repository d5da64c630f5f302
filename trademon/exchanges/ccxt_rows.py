"""What ccxt's unified answers are believed to say: every figure a text, every id the exchange's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.model import Balance, Fee, Fill, Market, OpenOrder, Side
from trademon.core.money import EXACT, ZERO, parse_decimal
from trademon.core.times import EPOCH, MICROSECOND
from trademon.errors import BadAnswer, DataError
from trademon.exchanges import validate
from trademon.exchanges.ccxt_table import Spec
from trademon.exchanges.validate import Row

_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
# What a balance holds beside coins.
_NO_COINS = frozenset({"info", "timestamp", "datetime", "free", "used", "total", "debt"})


def parse_market(row: object) -> Market | None:
    """A spot market; None for anything else that is traded."""
    market = validate.as_object(row, "market")
    if market.get("spot") is not True:
        return None
    return Market(
        symbol=validate.text(market, "symbol"),
        base=validate.text(market, "base"),
        quote=validate.text(market, "quote"),
        exchange_symbol=validate.text(market, "id"),
    )


def market_by_name(name: str) -> Market | None:
    """A market that is not listed any more, where its name says what it was of, as `ABC/USDT` does; else None."""
    base, _, quote = name.partition("/")
    return Market(name, base, quote, name) if base.isalnum() and quote.isalnum() else None


def time_of(row: Row, spec: Spec) -> datetime:
    """When a fill was executed; from the raw row where ccxt would round it through a float."""
    if spec.seconds is None:
        return validate.time_ms(row, "timestamp")
    seconds = validate.decimal(_raw(row), spec.seconds)
    if not ZERO < seconds < Decimal(10**11):
        raise BadAnswer(f"field {spec.seconds} is no time")
    at: datetime = EPOCH + int(EXACT.scaleb(seconds, 6)) * MICROSECOND
    return at


def parse_fill(row: Row, spec: Spec, markets: Mapping[str, Any]) -> Fill | None:
    """A unified trade; None for a row that is none, as funding is at Bybit.

    Raises:
        BadAnswer: a field that cannot be, an id that ccxt made up, or a symbol that the exchange does not list.
    """
    raw = _raw(row)
    if spec.only is not None:
        name, values = spec.only
        if validate.text(raw, name) not in values:
            return None
    symbol = validate.text(row, "symbol")
    market = markets.get(symbol)
    if market is None or market.get("spot") is not True:
        raise BadAnswer(f"a fill of {symbol[:20]}, which is no spot market")
    return Fill(
        trade_id=_id(row, raw, spec),
        order_id=validate.identifier(row, "order") if row.get("order") is not None else "",
        symbol=symbol,
        base=validate.text(market, "base"),
        quote=validate.text(market, "quote"),
        side=validate.one_of(row, "side", _SIDES),
        quantity=_positive(row, "amount"),
        price=_not_negative(row, "price"),
        fees=_fees(row),
        executed_at=time_of(row, spec),
        order_type=str(row.get("type") or "").lower()[:40],
        is_maker={"maker": True, "taker": False}.get(str(row.get("takerOrMaker"))),
        raw=validate.raw_text(raw),
    )


def parse_fill_of(market: Market, row: Row, spec: Spec) -> Fill | None:
    """The same for a row of a market that is not listed any more and of which this is known."""
    known = {str(row.get("symbol")): {"spot": True, "base": market.base, "quote": market.quote}}
    if spec.fees_in_quote:
        row = row | {"fee": None, "fees": [{**fee, "currency": market.quote} for fee in _told_fees(row)]}
    fill = parse_fill(row, spec, known)
    return None if fill is None else replace(fill, symbol=market.symbol)


def parse_balances(answer: object, spec: Spec) -> tuple[Balance, ...]:
    """What is held of each coin: the total, of which what is not free is held back.

    ccxt makes an account without a coin of an answer that it cannot read: rows have to be rows.
    """
    balance = validate.as_object(answer, "balance")
    said = balance.get("info")
    if spec.envelope is not None and isinstance(said, dict):
        said = said.get(spec.envelope[2])
    if isinstance(said, list):
        validate.not_empty(tuple(validate.as_rows(said, "balance")), "the balance")
    elif not isinstance(said, dict) or not balance["info"]:
        raise BadAnswer("a balance without what the exchange said")
    found = []
    for coin, told in balance.items():
        if coin in _NO_COINS:
            continue
        row = validate.as_object(told, "balance of a coin")
        total = _amount(row, "total")
        free = total if row.get("free") is None else _amount(row, "free")
        if total:
            found.append(Balance(validate.text({"coin": coin}, "coin"), free, EXACT.subtract(total, free)))
    return tuple(found)


def parse_open_order(row: Row, wire: str, markets: Mapping[str, Market]) -> OpenOrder:
    """A unified order that waits; `wire` is the exchange's spelling of its symbol."""
    market = markets.get(wire)
    return OpenOrder(
        order_id=validate.identifier(row, "id"),
        symbol=market.symbol if market else wire,
        side=validate.one_of(row, "side", _SIDES),
        order_type=str(row.get("type") or "").lower()[:40],
        quantity=_amount(row, "amount"),
        filled=_amount(row, "filled") if row.get("filled") is not None else ZERO,
        price=_amount(row, "price") if row.get("price") is not None else ZERO,
        created_at=validate.time_ms(row, "timestamp"),
    )


def parse_last_prices(tickers: Mapping[str, Any], markets: Mapping[str, Any]) -> dict[str, Decimal]:
    """By the exchange's spelling. What never traded has none."""
    last: dict[str, Decimal] = {}
    for symbol, ticker in tickers.items():
        market = markets.get(symbol)
        if market is None or market.get("spot") is not True:
            continue
        row = validate.as_object(ticker, "ticker")
        price = _not_negative(row, "last") if row.get("last") is not None else ZERO
        if price:
            last[str(market["id"])] = price
    return last


def _raw(row: Row) -> Row:
    return validate.as_object(row.get("info"), "what the exchange said of a fill")


def _id(row: Row, raw: Row, spec: Spec) -> str:
    """The exchange's own id. ccxt makes one up of time, side and size where there is none: two fills that look alike
    would be one."""
    told = row.get("id")
    if told not in (None, "", "0") and not str(told).startswith("-"):
        trade_id = validate.identifier(row, "id")
        if trade_id not in {str(value) for value in raw.values()}:
            raise BadAnswer("a fill without an id of the exchange's own: two that look alike could not be told apart")
        return trade_id
    if spec.other_id is None:
        raise BadAnswer("a fill without an id")
    return f"{spec.other_id}-{validate.identifier(raw, spec.other_id)}"


def _fees(row: Row) -> tuple[Fee, ...]:
    """`fee` and `fees` tell the same; positive is paid. Without an amount the exchange does not tell it."""
    fees = []
    for fee in _told_fees(row):
        if fee.get("cost") is None:
            continue
        amount = _amount(fee, "cost")
        if amount or fee.get("currency"):
            fees.append(Fee(amount, validate.text(fee, "currency")))
    return tuple(fees)


def _told_fees(row: Row) -> list[Row]:
    return validate.as_rows(row.get("fees") or ([row["fee"]] if row.get("fee") else []), "fees")


def _amount(row: Row, name: str) -> Decimal:
    """A number as ccxt tells it with `number = str`: a text, or a whole number; a float was somebody's rounding."""
    value = row.get(name)
    if isinstance(value, float | bool) or value is None:
        raise BadAnswer(f"field {name} is no exact number")
    try:
        return parse_decimal(str(value), what=f"field {name}")
    except DataError:
        raise BadAnswer(f"field {name} is no number") from None


def _positive(row: Row, name: str) -> Decimal:
    amount = _amount(row, name)
    if amount <= ZERO:
        raise BadAnswer(f"field {name} is not above zero")
    return amount


def _not_negative(row: Row, name: str) -> Decimal:
    amount = _amount(row, name)
    if amount < ZERO:
        raise BadAnswer(f"field {name} is below zero")
    return amount
