"""Binance spot. Fills are asked per symbol and walked by trade id, which misses nothing that shares a millisecond.

Source: the exchange's REST documentation (Account endpoints: account, openOrders, myTrades) and its error list. Facts
that shape this file: `myTrades` without times answers the newest rows, with `fromId` the oldest from that id, with a
window of at most 24 hours the oldest of the window; ids count up per symbol; 6,000 weight a minute per address, of
which `myTrades` takes 20.
"""

from __future__ import annotations

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
from trademon.core.symbols import make_symbol
from trademon.core.times import MILLISECOND, to_ms
from trademon.errors import BadAnswer, TrademonError
from trademon.exchanges import binance_wallet, prices, transfers, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.binance_budget import BudgetedCaller
from trademon.exchanges.binance_walk import PAGE, SHORT_PAGE, Walk
from trademon.exchanges.ccxt_client import CcxtClient, Clock, last_answer
from trademon.exchanges.remedies import remedy_for
from trademon.exchanges.transport import Answer
from trademon.exchanges.validate import Row

WINDOW = timedelta(hours=24)
MOST_WINDOWS = 60
WEIGHT_LIMIT = 6000
_SWEEP_BELOW = WEIGHT_LIMIT * 3 // 4
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
OPENED = datetime(2017, 6, 1, tzinfo=UTC)  # its first trade was on 14 July 2017
_INTERVALS = {prices.MINUTE: "1m", prices.DAY: "1d"}  # days begin at 00:00 UTC


def explain(answer: Answer) -> TrademonError | None:
    """A refusal by what mends it; None where Binance's error codes say nothing."""
    code = answer.data.get("code") if isinstance(answer.data, dict) else None
    if answer.status == 200 or not isinstance(code, int) or isinstance(code, bool):
        return None
    if code == -1003:
        return None  # too many requests: HTTP's status says so, and until when
    return remedy_for("Binance", str(code)[:8], answer.status, validate.one_line(answer.data.get("msg", "")))


class Binance:
    """One Binance spot account."""

    capabilities = Capabilities(
        history=None,
        orders_name_symbols=False,
        fills_name_order_type=False,
        candles=1000,
        transfer_history=None,
        has_rights=True,
        opened=OPENED,
    )

    def __init__(self, client: CcxtClient, credentials: Credentials, clock: Clock) -> None:
        self._client = client
        self._caller = BudgetedCaller(client, credentials, clock, limit=WEIGHT_LIMIT)
        self._call = self._caller.ask

    @property
    def requests(self) -> int:
        return self._caller.requests

    def now(self) -> datetime:
        return self._client.now()

    def has_budget(self) -> bool:
        return self._caller.used() <= _SWEEP_BELOW

    def budget(self) -> tuple[int, int]:
        return self._caller.used(), WEIGHT_LIMIT

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """A spot account has none beside its balances."""
        return ()

    async def fetch_rights(self) -> KeyRights | None:
        return await binance_wallet.read_rights(self._call)

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """A spot account has none."""
        none: tuple[CashPage, ...] = ()
        for page in none:
            yield page

    def last_answer(self) -> str:
        return last_answer()

    async def close(self) -> None:
        """The client is shared and closed by whoever opened it."""

    async def sync_clock(self) -> timedelta:
        answer = validate.as_object(await self._call("public_get_time", signed=False), "time")
        self._client.set_server_time(validate.time_ms(answer, "serverTime"))
        return self._client.offset

    async def fetch_markets(self) -> tuple[Market, ...]:
        answer = validate.as_object(
            await self._call("public_get_exchangeinfo", {"showPermissionSets": "false"}, signed=False), "exchangeInfo"
        )
        rows = validate.as_rows(answer.get("symbols"), "symbols")
        return validate.not_empty(tuple(_parse_market(row) for row in rows), "Binance's list of symbols")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        answer = validate.as_object(await self._call("private_get_account", {"omitZeroBalances": "true"}), "account")
        balances = validate.each_once(
            tuple(_parse_balance(row) for row in validate.as_rows(answer.get("balances"), "balances"))
        )
        uid = validate.identifier(answer, "uid") if "uid" in answer else None
        return AccountView(uid, tuple(b for b in balances if b.total))

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        rows = validate.as_rows(await self._call("private_get_openorders"), "openOrders")
        return tuple(_parse_open_order(row, markets) for row in rows)

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """Binance's order history needs a symbol: there is nothing to ask."""
        return frozenset()

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """`myTrades` does not say what kind of order was filled; `allOrders` does, upwards from an order id."""
        wanted = {order_id for order_id in order_ids if order_id.isascii() and order_id.isdigit()}
        if not wanted:
            return {}
        first = min(int(order_id) for order_id in wanted)
        query = {"symbol": market.exchange_symbol, "orderId": first, "limit": PAGE}
        rows = validate.as_rows(await self._call("private_get_allorders", query), "allOrders")
        types = {validate.identifier(row, "orderId"): validate.text(row, "type").lower() for row in rows}
        return {order_id: types[order_id] for order_id in wanted & types.keys()}

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        wanted = prices.wanted_span(start, count, interval, most=self.capabilities.candles)
        if wanted.start > self.now():
            return ()
        query = {
            "symbol": market.exchange_symbol,
            "interval": _INTERVALS[interval],
            "startTime": to_ms(wanted.start),
            "endTime": to_ms(wanted.end) - 1,  # itself included
            "limit": count,
        }
        answer = await self._call("public_get_klines", query, signed=False)
        return prices.read_candles(answer, wanted, interval, columns=12)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        return prices.read_last_prices(await self._call("public_get_ticker_price", signed=False), "price")

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """A page for each 90 days, oldest first. Hosts without wallet endpoints (test networks) answer 404."""
        wanted = Span(span.start, min(span.end, self.now()))
        ask = partial(binance_wallet.read_window, self._call, kind)
        async for page in transfers.walk(ask, wanted, longest=binance_wallet.WINDOW, step=binance_wallet.STEP):
            yield page

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        walk = Walk(market.symbol, partial(self._fetch_page, market), self.now)
        proved = False
        async for page in walk.from_anchor(span, anchor):
            proved = True
            yield page
        if proved:
            return
        async for page in self._fetch_unanchored(walk, span):
            yield page

    async def _fetch_unanchored(self, walk: Walk, span: Span) -> AsyncIterator[FillPage]:
        """Without a known id: the newest page often is the whole history; else find the first id by windows."""
        asked_at = self.now()
        newest = await walk.fetch({})
        if len(newest) < SHORT_PAGE or newest[0].executed_at < span.start:
            yield FillPage(tuple(newest), Span(span.start, min(span.end, asked_at)))
            return
        reached = newest[0].executed_at
        if reached - span.start > WINDOW * MOST_WINDOWS:
            async for page, _ in walk.by_ids(span, span.start, 0):
                yield page
            return
        stop = min(reached + MILLISECOND, span.end)
        async for page in walk.by_windows(span, stop, WINDOW, must_find=reached < span.end):
            yield page

    async def _fetch_page(self, market: Market, params: Mapping[str, int]) -> list[Fill]:
        """One `myTrades` answer, ascending by id."""
        query = {"symbol": market.exchange_symbol, "limit": PAGE, **params}
        rows = validate.as_rows(await self._call("private_get_mytrades", query), "myTrades")
        return sorted((parse_fill(row, market) for row in rows), key=lambda f: int(f.trade_id))


def parse_fill(row: Row, market: Market) -> Fill:
    """A `myTrades` row. `commission` is positive when paid; the quantity is in base units."""
    if validate.text(row, "symbol") != market.exchange_symbol:
        raise BadAnswer(f"Binance: asked for {market.exchange_symbol}, got {str(row['symbol'])[:20]!r}")
    trade_id = validate.identifier(row, "id")
    if not (trade_id.isascii() and trade_id.isdigit()):
        raise BadAnswer("Binance: a trade id that is no number")
    return Fill(
        trade_id=trade_id,
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        side="buy" if validate.flag(row, "isBuyer") else "sell",
        quantity=validate.positive(row, "qty"),
        price=validate.not_negative(row, "price"),
        fees=(Fee(validate.decimal(row, "commission"), validate.text(row, "commissionAsset")),),
        executed_at=validate.time_ms(row, "time"),
        is_maker=validate.flag(row, "isMaker"),
        raw=validate.raw_text(row),
    )


def _parse_market(row: Row) -> Market:
    base, quote = validate.text(row, "baseAsset"), validate.text(row, "quoteAsset")
    return Market(make_symbol(base, quote), base, quote, validate.text(row, "symbol"))


def _parse_balance(row: Row) -> Balance:
    return Balance(validate.text(row, "asset"), validate.decimal(row, "free"), validate.decimal(row, "locked"))


def _parse_open_order(row: Row, markets: Mapping[str, Market]) -> OpenOrder:
    name = validate.text(row, "symbol")
    market = markets.get(name)
    return OpenOrder(
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol if market else name,
        side=validate.one_of(row, "side", _SIDES),
        order_type=validate.text(row, "type").lower(),
        quantity=validate.decimal(row, "origQty"),
        filled=validate.decimal(row, "executedQty"),
        price=validate.decimal(row, "price"),
        created_at=validate.time_ms(row, "time"),
    )
