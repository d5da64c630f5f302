"""Bitget v2 spot. The order history needs no symbol and names what was traded; fills are asked per symbol.

Source: the exchange's API documentation (spot: account info, assets, unfilled and history orders, fills). Facts that
shape this file: everything comes newest first, at most 100 rows, further back with `idLessThan`; 90 days of history;
the sign of a fee depends on how it was paid.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from trademon.core.coverage import Span
from trademon.core.model import (
    Balance,
    Candle,
    Credentials,
    Fee,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    Side,
    TransferKind,
)
from trademon.core.money import EXACT
from trademon.core.symbols import make_symbol
from trademon.core.times import EPOCH, MILLISECOND, to_ms
from trademon.errors import BadAnswer, TrademonError
from trademon.exchanges import bitget_wallet, prices, transfers, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.ccxt_client import CcxtClient, Clock, last_answer
from trademon.exchanges.remedies import remedy_for
from trademon.exchanges.transfers import Record
from trademon.exchanges.transport import Answer
from trademon.exchanges.validate import Row

PAGE = 100
SHORT_PAGE = 20  # fewer rows end a walk; see the same constant in binance.py
CHUNK = 5000
HISTORY = timedelta(days=90)
OPENED = datetime(2018, 1, 1, tzinfo=UTC)
_MARGIN = timedelta(minutes=1)  # so that a request under way does not cross the 90 days
_DEDUCTED = {"yes": True, "true": True, "no": False, "false": False}
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
_OK = "00000"
_GRANULARITY = {prices.MINUTE: "1min", prices.DAY: "1Dutc"}  # plain `1day` begins at 16:00 UTC
# How far back `candles` reaches, documented as a month for minutes and more than 360 days for days; what is older is
# in `history-candles`, of which nothing says that it holds the newest ones.
_RECENT = {prices.MINUTE: timedelta(days=28), prices.DAY: timedelta(days=360)}


def explain(answer: Answer) -> TrademonError | None:
    """A refusal by what mends it; None for a good answer, or where the body says nothing."""
    if not isinstance(answer.data, dict) or "code" not in answer.data:
        return None
    code = str(answer.data["code"])
    if code == _OK:
        return None
    said = validate.one_line(answer.data.get("msg", ""))
    return remedy_for("Bitget", validate.one_line(code, 8), answer.status, said)


class Bitget:
    """One Bitget spot account."""

    capabilities = Capabilities(
        history=HISTORY - _MARGIN,
        orders_name_symbols=True,
        fills_name_order_type=True,
        candles=200,
        transfer_history=None,
        has_rights=True,
        opened=OPENED,
    )

    def __init__(self, client: CcxtClient, credentials: Credentials, clock: Clock) -> None:
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._requests = 0
        self._info: Row | None = None

    @property
    def requests(self) -> int:
        return self._requests

    def now(self) -> datetime:
        return self._client.now()

    def has_budget(self) -> bool:
        """Bitget limits calls a second, which ccxt's throttle keeps."""
        return True

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """A spot account has none beside its balances."""
        return ()

    async def fetch_rights(self) -> KeyRights | None:
        """From the answer that named the account, where this look has it: one call a second is all there is."""
        return bitget_wallet.parse_rights(self._info or await self._account_info())

    async def _account_info(self) -> Row:
        self._info = validate.as_object(await self._call("private_spot_get_v2_spot_account_info"), "account info")
        return self._info

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """A spot account has none."""
        none: tuple[CashPage, ...] = ()
        for page in none:
            yield page

    def last_answer(self) -> str:
        return last_answer()

    def budget(self) -> None:
        """Calls are limited by the second."""

    async def close(self) -> None:
        """The client is shared and closed by whoever opened it."""

    async def sync_clock(self) -> timedelta:
        answer = validate.as_object(await self._call("public_common_get_v2_public_time", signed=False), "time")
        self._client.set_server_time(validate.time_ms(answer, "serverTime"))
        return self._client.offset

    async def fetch_markets(self) -> tuple[Market, ...]:
        rows = validate.as_rows(await self._call("public_spot_get_v2_spot_public_symbols", signed=False), "symbols")
        return validate.not_empty(tuple(_parse_market(row) for row in rows), "Bitget's list of symbols")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        uid = None
        if with_uid:  # one call a second is all that this endpoint allows
            uid = validate.identifier(await self._account_info(), "userId")
        rows = validate.as_rows(await self._call("private_spot_get_v2_spot_account_assets"), "assets")
        balances = validate.each_once(tuple(_parse_balance(row) for row in rows))
        return AccountView(uid, tuple(b for b in balances if b.total))

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        orders: list[OpenOrder] = []
        async for rows in self._walk_back("private_spot_get_v2_spot_trade_unfilled_orders", {}, "orderId"):
            orders += [_parse_open_order(row, markets) for row in rows]
        return tuple(orders)

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """Symbols of all orders created since then: the history of ended orders. Open ones are asked for anyway."""
        start = max(since, self.now() - self._reach())
        query = {"startTime": str(to_ms(start)), "endTime": str(to_ms(self.now()) + 1)}
        symbols: set[str] = set()
        async for rows in self._walk_back("private_spot_get_v2_spot_trade_history_orders", query, "orderId"):
            symbols.update(validate.text(row, "symbol") for row in rows)
        return frozenset(symbols)

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """Fills carry it already."""
        return {}

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        """Newest first, handed on in chunks: each proves the time after its oldest row, the last all that is left.

        A chunk is many pages because every step back in time has the book derived again.
        """
        asked_at = self.now()
        start = max(span.start, asked_at - self._reach())
        upper = min(span.end, asked_at)
        query = {
            "symbol": market.exchange_symbol,
            "startTime": str(to_ms(start)),
            "endTime": str(to_ms(max(upper, start)) + 1),
        }
        chunk: list[Fill] = []
        async for rows in self._walk_back("private_spot_get_v2_spot_trade_fills", query, "tradeId"):
            chunk += [fill for fill in (parse_fill(row, market) for row in rows) if fill.executed_at >= start]
            if len(chunk) >= CHUNK:
                proved_from = min(upper, min(fill.executed_at for fill in chunk) + MILLISECOND)
                yield FillPage(tuple(chunk), Span(proved_from, upper))
                chunk, upper = [], proved_from
        yield FillPage(tuple(chunk), Span(start, upper))

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        wanted = prices.wanted_span(start, count, interval, most=self.capabilities.candles)
        if wanted.start > self.now():
            return ()
        answer = await self._ask_candles(market, wanted, interval, count)
        # It answers with the last `limit` candles before the end, which begin before the start where some are missing.
        answered = Span(EPOCH, wanted.end + interval)
        return prices.read_candles(answer, wanted, interval, columns=8, answered=answered)

    async def _ask_candles(self, market: Market, wanted: Span, interval: timedelta, count: int) -> object:
        """Whether "after" the start and "before" the end mean those two themselves is not documented: one candle more
        than wanted is asked for."""
        now, most = self.now(), self.capabilities.candles
        query = {
            "symbol": market.exchange_symbol,
            "granularity": _GRANULARITY[interval],
            "endTime": str(to_ms(min(wanted.end, now))),
        }
        if now - wanted.start < _RECENT[interval]:
            query |= {"startTime": str(to_ms(wanted.start) - 1), "limit": str(count + 1)}
            return await self._call("public_spot_get_v2_spot_market_candles", query, signed=False)
        query |= {"limit": str(min(count + 1, most))}
        return await self._call("public_spot_get_v2_spot_market_history_candles", query, signed=False)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        answer = await self._call("public_spot_get_v2_spot_market_tickers", signed=False)
        return prices.read_last_prices(answer, "lastPr")

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """A page for each 90 days, oldest first."""
        wanted = Span(span.start, min(span.end, self.now()))
        ask = partial(self._read_transfers, kind)
        async for page in transfers.walk(ask, wanted, longest=bitget_wallet.WINDOW, step=bitget_wallet.STEP):
            yield page

    async def _read_transfers(self, kind: TransferKind, window: Span) -> list[Record]:
        query = {"startTime": str(to_ms(window.start)), "endTime": str(to_ms(window.end))}
        records: list[Record] = []
        async for rows in self._walk_back(bitget_wallet.ENDPOINTS[kind], query, "orderId"):
            records += [bitget_wallet.parse_record(row, kind) for row in rows]
        return records

    def _reach(self) -> timedelta:
        assert self.capabilities.history is not None
        return self.capabilities.history

    async def _walk_back(self, endpoint: str, query: Mapping[str, str], id_field: str) -> AsyncIterator[list[Row]]:
        """Pages from the newest row back, by id, until one is short. No page is asked for twice."""
        below: int | None = None
        while True:
            params = {**query, "limit": str(PAGE), **({} if below is None else {"idLessThan": str(below)})}
            rows = validate.as_rows(await self._call(endpoint, params), id_field)
            if rows:
                yield rows
            if len(rows) < SHORT_PAGE:
                return
            lowest = min(_number(row, id_field) for row in rows)
            if below is not None and lowest >= below:
                raise BadAnswer(f"Bitget: a page does not follow {id_field} {below}")
            below = lowest

    async def _call(self, endpoint: str, params: Mapping[str, str] | None = None, *, signed: bool = True) -> object:
        """The `data` of an answer whose code says that all is well."""
        self._requests += 1
        answer = validate.as_object(
            await self._client.call(endpoint, params or {}, self._credentials if signed else None), "answer"
        )
        if answer.get("code") != _OK or "data" not in answer:
            raise BadAnswer("Bitget: an answer without code and data")
        data: object = answer["data"]
        return data


def parse_fill(row: Row, market: Market) -> Fill:
    """A row of the spot fills. `size` is base units, `priceAvg` quote per base."""
    if validate.text(row, "symbol") != market.exchange_symbol:
        raise BadAnswer(f"Bitget: asked for {market.exchange_symbol}, got {str(row['symbol'])[:20]!r}")
    return Fill(
        trade_id=validate.identifier(row, "tradeId"),
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        side=validate.one_of(row, "side", _SIDES),
        quantity=validate.positive(row, "size"),
        price=validate.not_negative(row, "priceAvg"),
        fees=parse_fees(validate.present(row, "feeDetail")),
        executed_at=validate.time_ms(row, "cTime"),
        order_type=str(row.get("orderType") or "").lower()[:40],
        is_maker={"maker": True, "taker": False}.get(str(row.get("tradeScope")).lower()),
        raw=validate.raw_text(row),
    )


def parse_fees(detail: object) -> tuple[Fee, ...]:
    """`feeDetail` as costs: an object, a list of them, or either as JSON in a text.

    A fee taken from the trade is negative when paid and positive when it is a rebate. One paid in another coin
    (`deduction: yes`, that is BGB) is what it is whatever its sign: documented examples have both.
    """
    if isinstance(detail, str):
        try:
            detail = json.loads(detail, parse_float=Decimal) if detail.strip() else None
        except (ValueError, RecursionError, ArithmeticError):
            raise BadAnswer("Bitget: feeDetail is no JSON") from None
    if detail is None:
        return ()
    rows = validate.as_rows(detail if isinstance(detail, list) else [detail], "feeDetail")
    return tuple(_parse_fee(row) for row in rows)


def _parse_fee(row: Row) -> Fee:
    amount = validate.decimal(row, "totalFee")
    deducted = validate.one_of({"deduction": str(row.get("deduction"))}, "deduction", _DEDUCTED)
    return Fee(abs(amount) if deducted else -amount, validate.text(row, "feeCoin"))


def _number(row: Row, name: str) -> int:
    value = validate.identifier(row, name)
    if not (value.isascii() and value.isdigit()):
        raise BadAnswer(f"Bitget: {name} is no number")
    return int(value)


def _parse_market(row: Row) -> Market:
    base, quote = validate.text(row, "baseCoin"), validate.text(row, "quoteCoin")
    return Market(make_symbol(base, quote), base, quote, validate.text(row, "symbol"))


def _parse_balance(row: Row) -> Balance:
    locked = EXACT.add(validate.decimal(row, "frozen"), validate.decimal(row, "locked"))
    return Balance(validate.text(row, "coin"), validate.decimal(row, "available"), locked)


def _parse_open_order(row: Row, markets: Mapping[str, Market]) -> OpenOrder:
    name = validate.text(row, "symbol")
    market = markets.get(name)
    return OpenOrder(
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol if market else name,
        side=validate.one_of(row, "side", _SIDES),
        order_type=validate.text(row, "orderType").lower(),
        quantity=validate.decimal(row, "size"),
        filled=validate.decimal(row, "baseVolume"),
        price=validate.decimal(row, "priceAvg"),
        created_at=validate.time_ms(row, "cTime"),
    )
