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
from trademon.core.times import EPOCH, MICROSECOND, MILLISECOND, from_ms, to_ms
from trademon.errors import BadAnswer, HostAskedToWait, TrademonError
from trademon.exchanges import binance_wallet, prices, transfers, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.ccxt_client import CcxtClient, Clock, last_answer
from trademon.exchanges.remedies import remedy_for
from trademon.exchanges.transport import Answer
from trademon.exchanges.validate import Row

PAGE = 1000
# A page with fewer rows than this ends a walk. Well below PAGE, so that a server which cuts pages shorter than asked
# (500 is its default) is walked on; at worst one more question is asked.
SHORT_PAGE = 100
WINDOW = timedelta(hours=24)
MOST_WINDOWS = 60
WEIGHT_LIMIT = 6000
_SWEEP_BELOW = WEIGHT_LIMIT * 3 // 4
_STOP_AT = WEIGHT_LIMIT - 200  # the dearest single question costs 80
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
        opened=OPENED,
    )

    def __init__(self, client: CcxtClient, credentials: Credentials, clock: Clock) -> None:
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._requests = 0
        self._weight = (EPOCH, 0)

    @property
    def requests(self) -> int:
        return self._requests

    def now(self) -> datetime:
        return self._client.now()

    def has_budget(self) -> bool:
        return self._used_weight() <= _SWEEP_BELOW

    def budget(self) -> tuple[int, int]:
        return self._used_weight(), WEIGHT_LIMIT

    def _used_weight(self) -> int:
        """What this minute has cost so far, by all programs behind our address, as the exchange counts it.

        Answers of the wallet endpoints do not carry the header: then what an earlier one of the minute said holds.
        """
        at, used = self._client.answered_at, self._client.headers.get("X-MBX-USED-WEIGHT-1M")
        if at is not None and used is not None:
            self._weight = (_minute(at), validate.small_number(used) or 0)
        minute, weight = self._weight
        return weight if minute == _minute(self.now()) else 0

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """A spot account has none beside its balances."""
        return ()

    async def fetch_rights(self) -> KeyRights | None:
        return None

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
        if anchor is not None and anchor.isdigit():
            known = False
            async for page, rows in self._walk_ids(market, span, span.start, int(anchor)):
                known = known or any(f.trade_id == anchor and f.executed_at < span.start for f in rows)
                if not known:
                    break  # the fill we came from is not there as it was: nothing can be concluded from ids
                yield page
            if known:
                return
        async for page in self._fetch_unanchored(market, span):
            yield page

    async def _fetch_unanchored(self, market: Market, span: Span) -> AsyncIterator[FillPage]:
        """Without a known id: the newest page often is the whole history; else find the first id by windows."""
        asked_at = self.now()
        newest = await self._fetch_page(market, {})
        end = min(span.end, asked_at)
        if len(newest) < SHORT_PAGE or newest[0].executed_at < span.start:
            yield FillPage(tuple(newest), Span(span.start, end))
            return
        reached = newest[0].executed_at
        if reached - span.start > WINDOW * MOST_WINDOWS:
            async for page, _ in self._walk_ids(market, span, span.start, 0):
                yield page
            return
        start = from_ms(to_ms(span.start))  # the wire knows milliseconds
        stop = min(reached + MILLISECOND, span.end)
        while start < stop:
            last = min(start + WINDOW, from_ms(to_ms(stop - MICROSECOND)) + MILLISECOND) - MILLISECOND
            rows = await self._fetch_page(market, {"startTime": to_ms(start), "endTime": to_ms(last)})
            if rows:
                first: str | None = rows[0].trade_id
                assert first is not None
                async for page, found in self._walk_ids(market, span, start, int(first)):
                    if first is not None and not any(fill.trade_id == first for fill in found):
                        raise BadAnswer(f"Binance: {market.symbol} fill {first} seen a moment ago is gone")
                    first = None
                    yield page
                return
            yield FillPage((), Span(start, min(last + MILLISECOND, span.end)))
            start = last + MILLISECOND
        if reached < span.end:
            raise BadAnswer(f"Binance: {market.symbol} fills seen a moment ago are gone")

    async def _walk_ids(
        self, market: Market, span: Span, start: datetime, from_id: int
    ) -> AsyncIterator[tuple[FillPage, list[Fill]]]:
        """Pages upwards from an id, with all their rows. A full page proves only what lies before its last
        millisecond."""
        waiting: tuple[FillPage, list[Fill]] | None = None
        while True:
            asked_at = self.now()
            rows = await self._fetch_page(market, {"fromId": from_id})
            if rows and int(rows[0].trade_id) < from_id:
                raise BadAnswer(f"Binance: {market.symbol} page does not follow id {from_id}")
            if waiting is not None:
                yield waiting
                waiting = None
            if len(rows) < SHORT_PAGE:
                yield FillPage(tuple(rows), Span(start, min(span.end, asked_at))), rows
                return
            last = rows[-1]
            page = FillPage(tuple(rows), Span(start, min(span.end, last.executed_at))), rows
            if from_id:
                yield page
                if last.executed_at >= span.end:
                    return
            else:
                # Every id follows 0. Handed on when a next page follows this one: of a server that ignores `fromId`
                # and answers with its newest rows nothing is believed.
                waiting = page
            start = max(start, last.executed_at)
            from_id = int(last.trade_id) + 1

    async def _fetch_page(self, market: Market, params: Mapping[str, int]) -> list[Fill]:
        """One `myTrades` answer, ascending by id."""
        query = {"symbol": market.exchange_symbol, "limit": PAGE, **params}
        rows = validate.as_rows(await self._call("private_get_mytrades", query), "myTrades")
        return sorted((parse_fill(row, market) for row in rows), key=lambda f: int(f.trade_id))

    async def _call(self, endpoint: str, params: Mapping[str, object] | None = None, *, signed: bool = True) -> object:
        if self._used_weight() >= _STOP_AT:
            until = _minute(self._clock()) + timedelta(minutes=1)
            raise HostAskedToWait("Binance: this minute's request budget is used up", until=until)
        self._requests += 1
        answer: object = await self._client.call(endpoint, params or {}, self._credentials if signed else None)
        self._used_weight()  # the client is shared: the next answer may be of another account's wallet
        return answer


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


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
