"""Any other exchange that ccxt knows: its spot accounts, by ccxt's unified calls.

Fills are asked for by time. A page that is full proves nothing of its window: it is followed on by what the exchange
offers (an offset, a cursor, the time of its oldest row), and where nothing is known of the order of rows the window is
halved until every piece fits a page. Ends of windows overlap by the finest time that can be asked for, whether they
belong to them or not. What still does not fit, more fills in one moment than a page holds, is refused: the stretch is
not covered, and nothing is lost silently.

An exchange that answers without a symbol is walked once a look; every symbol is then read from what that walk brought.
Fills of a market that is not listed, even after the list was fetched again, are kept as rows: it is told among the
traded symbols, and whoever knows its coins reads them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from trademon.core.coverage import Span, missing, union
from trademon.core.model import (
    Candle,
    Credentials,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    TransferKind,
)
from trademon.core.times import EPOCH, from_ms, to_ms
from trademon.errors import BadAnswer
from trademon.exchanges import ccxt_rows, prices, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.ccxt_client import Clock, last_answer
from trademon.exchanges.ccxt_table import Spec
from trademon.exchanges.ccxt_unified import UnifiedClient
from trademon.exchanges.validate import Row

_FRAMES = {prices.MINUTE: "1m", prices.DAY: "1d"}


class _Page(NamedTuple):
    """One answer: its rows as ccxt tells them, their times, and what of them are fills."""

    rows: list[Row]
    times: list[datetime]
    fills: list[Fill]


class CcxtAdapter:
    """One spot account at an exchange without an adapter of its own."""

    def __init__(
        self, exchange_id: str, spec: Spec, client: UnifiedClient, credentials: Credentials, clock: Clock
    ) -> None:
        self.capabilities: Capabilities = spec.capabilities
        self._id = exchange_id
        self._spec = spec
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._count = [0]
        self._largest = 0
        self._walked: list[Span] = []
        self._found: dict[tuple[str, str], Fill] = {}
        self._unlisted: dict[str, dict[str, Row]] = {}
        """By ccxt's name for the market, and by what the exchange said."""
        self._is_reloaded = False

    @property
    def requests(self) -> int:
        return self._count[0]

    def now(self) -> datetime:
        return self._client.now()

    def has_budget(self) -> bool:
        """ccxt's throttle keeps the exchange's limits."""
        return True

    def budget(self) -> None:
        """What is used of a limit is not told."""

    def last_answer(self) -> str:
        return last_answer()

    async def close(self) -> None:
        """The client is shared and closed by whoever opened it."""

    async def sync_clock(self) -> timedelta:
        """Where the exchange does not tell its time, ours is taken."""
        if "fetchTime" in self._spec.has:
            told = await self._client.ask("fetch_time", count=self._count)
            self._client.set_server_time(validate.time_ms({"time": told}, "time"))
        return self._client.offset

    async def fetch_markets(self) -> tuple[Market, ...]:
        await self._client.load_markets(again=True, count=self._count)
        listed = [ccxt_rows.parse_market(row) for row in self._client.markets.values()]
        markets = (*listed, *map(ccxt_rows.market_by_name, self._unlisted))
        return validate.not_empty(tuple(m for m in markets if m is not None), f"{self._id}'s list of markets")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        return AccountView(None, ccxt_rows.parse_balances(await self._ask("fetch_balance"), self._spec))

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        """None where the exchange wants a symbol for them: they are a hint, and fills are read without it."""
        if self._spec.needs_symbol or "fetchOpenOrders" not in self._spec.has:
            return ()
        rows = validate.as_rows(await self._ask("fetch_open_orders"), "open orders")
        return tuple(ccxt_rows.parse_open_order(row, self._wire(row), markets) for row in rows)

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """Symbols of all fills since then, where they can be asked for without a symbol."""
        if self._spec.needs_symbol:
            return frozenset()
        await self._walk_all(Span(since, self.now()))
        symbols = {fill.symbol for fill in self._found.values() if fill.executed_at >= since}
        return frozenset({*(str(self._client.markets[symbol]["id"]) for symbol in symbols), *self._unlisted})

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """A fill tells it where the exchange does."""
        return {}

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        now = self.now()
        start = span.start if self._spec.history is None else max(span.start, now - self._spec.history)
        wanted = Span(start, min(span.end, now))
        if self._spec.needs_symbol:
            for window in self._windows(wanted):
                fills = await self._read(market.symbol, window)
                yield FillPage(tuple(f for f in fills if f.symbol == market.symbol), window)
            return
        if self._walked and wanted.start < self._walked[-1].end:
            # One walk a look: what came since is the next one's, not a question more for every symbol.
            wanted = Span(start, min(wanted.end, self._walked[-1].end))
        await self._walk_all(wanted)
        mine = [f for (symbol, _), f in self._found.items() if symbol == market.symbol]
        for name in {market.symbol, market.exchange_symbol} & self._unlisted.keys():
            rows = self._unlisted[name].values()
            mine += filter(None, (ccxt_rows.parse_fill_of(market, row, self._spec) for row in rows))
        yield FillPage(tuple(f for f in mine if wanted.start <= f.executed_at < wanted.end), wanted)

    # --- fills ---------------------------------------------------------------------------------------------------

    async def _walk_all(self, span: Span) -> None:
        """Read what of this time was not read yet, over all symbols."""
        for gap in missing(self._walked, span):
            for window in self._windows(gap):
                for fill in await self._read(None, window):
                    self._found[fill.symbol, fill.trade_id] = fill
                self._walked = list(union([*self._walked, window]))

    def _windows(self, span: Span) -> list[Span]:
        """The span in pieces that one question may ask for, overlaps left aside; the newest first."""
        longest = None if self._spec.window is None else self._spec.window - 4 * self._spec.step
        windows, end = [], span.end
        while True:
            start = span.start if longest is None else max(span.start, end - longest)
            windows.append(Span(start, end))
            if start <= span.start:
                return windows
            end = start

    async def _read(self, symbol: str | None, window: Span) -> list[Fill]:
        """Every fill of a window, and perhaps some beside it."""
        await self._client.load_markets(count=self._count)
        found: dict[tuple[str, str], Fill] = {}
        pieces = [window]
        while pieces:
            piece = pieces.pop()
            if self._spec.newest_first:
                fills = await self._walk_back(symbol, piece)
            else:
                fills, halves = await self._halve(symbol, piece)
                pieces += halves
            for fill in fills:
                first = found.setdefault((fill.symbol, fill.trade_id), fill)
                if first != fill:
                    raise BadAnswer(f"{self._id}: {fill.symbol} fill {fill.trade_id} came back as another execution")
        return list(found.values())

    async def _walk_back(self, symbol: str | None, window: Span) -> list[Fill]:
        """From the newest page back, until one is not full or reaches before the window."""
        fills: list[Fill] = []
        end, skip, below, seen = window.end, 0, dict[str, Any](), set[str]()
        while True:
            page = await self._page(symbol, Span(window.start, end), below)
            fills += page.fills
            oldest = min(page.times, default=window.start)
            if self._is_whole(len(page.rows)) or oldest < window.start - 2 * self._spec.step:
                return fills
            told = {validate.raw_text(row) for row in page.rows}
            if told <= seen:
                raise BadAnswer(f"{self._id}: a page of fills does not go on")
            seen |= told
            if self._spec.offset is not None:
                skip += len(page.rows)
                below = {self._spec.offset: skip}
            elif self._spec.cursor is not None:
                below = {self._spec.cursor[0]: _lowest(page.rows, self._spec.cursor[1])}
            elif oldest < end:
                end = oldest
            elif len(page.rows) < self._spec.page:
                return fills  # fewer than asked for, and no time between them: there are no more
            else:
                raise self._too_dense(symbol)

    async def _halve(self, symbol: str | None, piece: Span) -> tuple[list[Fill], list[Span]]:
        """The fills of a piece that fits a page; else none, and its halves."""
        page = await self._page(symbol, piece, {})
        if self._is_whole(len(page.rows)):
            return page.fills, []
        if piece.end - piece.start <= self._spec.step:
            if len(page.rows) < self._spec.page:
                return page.fills, []
            raise self._too_dense(symbol)
        middle = piece.start + (piece.end - piece.start) / 2
        return [], [Span(piece.start, middle), Span(middle, piece.end)]

    def _too_dense(self, symbol: str | None) -> BadAnswer:
        return BadAnswer(f"{self._id}: more fills of {symbol or 'the account'} in one moment than it tells at once")

    def _is_whole(self, rows: int) -> bool:
        """Whether a page of so many rows is the last one. Well below what was asked for, or below what it has given
        before: a server may cut pages shorter than asked."""
        whole = rows < max(1, self._spec.page // 5) or rows < self._largest
        self._largest = max(self._largest, rows)
        return whole

    async def _page(self, symbol: str | None, window: Span, more: Mapping[str, Any]) -> _Page:
        """One answer. Both ends are asked for with a step to spare, whether they belong to the window or not."""
        since, until = to_ms(window.start - self._spec.step), to_ms(window.end + self._spec.step)

        async def ask() -> list[Row]:
            answer = await self._ask("fetch_my_trades", symbol, since, self._spec.page, until=until, **more)
            return validate.as_rows(answer, "fills")

        rows = await ask()
        if symbol is None and not self._is_reloaded and not all(map(self._is_listed, rows)):
            self._is_reloaded = True
            await self._client.load_markets(again=True, count=self._count)
            rows = await ask()  # read with the new list
        times = [ccxt_rows.time_of(row, self._spec) for row in rows]
        if any(at > from_ms(until) + self._spec.step for at in times):
            raise BadAnswer(f"{self._id}: fills from outside the time asked for")
        fills: list[Fill | None] = []
        for row in rows:
            if symbol is None and not self._is_listed(row):
                of_market = self._unlisted.setdefault(validate.text(row, "symbol"), {})
                of_market[validate.raw_text(validate.as_object(row.get("info"), "fill"))] = row
            else:
                fills.append(ccxt_rows.parse_fill(row, self._spec, self._client.markets))
        return _Page(rows, times, [fill for fill in fills if fill is not None])

    def _is_listed(self, row: Row) -> bool:
        return row.get("symbol") in self._client.markets

    # --- prices --------------------------------------------------------------------------------------------------

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        wanted = prices.wanted_span(start, count, interval, most=self.capabilities.candles)
        if wanted.start > self.now() or "fetchOHLCV" not in self._spec.has:
            return ()
        await self._client.load_markets(count=self._count)
        since = to_ms(wanted.start)
        answer = await self._client.ask(
            "fetch_ohlcv", market.symbol, _FRAMES[interval], since, count, count=self._count
        )
        anywhere = Span(EPOCH, self.now() + prices.DAY)  # pages reach as far as the exchange likes
        return prices.read_candles(answer, wanted, interval, columns=6, answered=anywhere)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        if "fetchTickers" not in self._spec.has:
            return {}
        await self._client.load_markets(count=self._count)
        tickers = validate.as_object(await self._client.ask("fetch_tickers", count=self._count), "last prices")
        return ccxt_rows.parse_last_prices(tickers, self._client.markets)

    # --- what is not read ----------------------------------------------------------------------------------------

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """Not read: nothing proves that such a list is whole."""
        none: tuple[TransferPage, ...] = ()
        for page in none:
            yield page

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """A spot account has none."""
        none: tuple[CashPage, ...] = ()
        for page in none:
            yield page

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """A spot account has none beside its balances."""
        return ()

    async def fetch_rights(self) -> KeyRights | None:
        return None

    # --- asking --------------------------------------------------------------------------------------------------

    async def _ask(self, method: str, *args: Any, **params: Any) -> Any:
        await self._client.load_markets(count=self._count)
        return await self._client.ask(method, *args, credentials=self._credentials, count=self._count, **params)

    def _wire(self, row: Row) -> str:
        market = self._client.markets.get(str(row.get("symbol")))
        return str(market["id"]) if market else str(row.get("symbol"))


def _lowest(rows: list[Row], name: str) -> str:
    """The smallest of these rows' numbers of that name."""
    numbers = [validate.identifier(validate.as_object(row.get("info"), "fill"), name) for row in rows]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise BadAnswer(f"field {name} is no number")
    return min(numbers, key=int)
