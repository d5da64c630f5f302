"""Binance USD-M futures. Fills are asked per symbol; the income history names every symbol that had one.

Source: the exchange's documentation of USDⓈ-M futures (account balance, position risk, trade list, income). Facts that
shape this file: `userTrades` wants a symbol, answers windows of at most 7 days or the oldest rows from an id, never
both, and forgets after 6 months; a fill pays a commission or realises something, and each is a line of income without
a symbol being asked for; 2,400 weight a minute per address, a budget of its own beside the spot host's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from trademon.core.coverage import Span
from trademon.core.model import (
    Balance,
    Candle,
    Contract,
    Credentials,
    Fee,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    PositionSide,
    Side,
    TransferKind,
)
from trademon.core.money import EXACT, ZERO
from trademon.core.symbols import make_symbol, of_side
from trademon.core.times import to_ms
from trademon.errors import BadAnswer
from trademon.exchanges import binance_income, binance_wallet, prices, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.binance_budget import BudgetedCaller
from trademon.exchanges.binance_walk import PAGE, Walk
from trademon.exchanges.ccxt_client import CcxtClient, Clock, last_answer
from trademon.exchanges.validate import Row

WINDOW = timedelta(days=7)
WEIGHT_LIMIT = 2400
_SWEEP_BELOW = WEIGHT_LIMIT * 3 // 4
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
# BOTH is the one position of one-way mode; in hedge mode each side is a position of its own.
_POSITION_SIDES: dict[str, PositionSide | None] = {"both": None, "long": "long", "short": "short"}
_INTERVALS = {prices.MINUTE: "1m", prices.DAY: "1d"}


class BinanceUsdm:
    """One Binance USD-M futures account, in one-way or in hedge mode."""

    capabilities = Capabilities(
        history=timedelta(days=180),  # six months, of which the shortest six have 181 days
        orders_name_symbols=True,
        fills_name_order_type=False,
        candles=1000,
        transfer_history=binance_income.HISTORY,
        has_positions=True,
        has_rights=True,
        has_cash=True,
        cash_history=binance_income.HISTORY,
        names_history=binance_income.HISTORY,
        names_by_fills=True,
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

    def last_answer(self) -> str:
        return last_answer()

    async def close(self) -> None:
        """The client is shared and closed by whoever opened it."""

    async def fetch_rights(self) -> KeyRights | None:
        """Of the key, whichever market it trades on: the wallet's interface tells it."""
        return await binance_wallet.read_rights(self._call)

    async def sync_clock(self) -> timedelta:
        answer = validate.as_object(await self._call("fapipublic_get_time", signed=False), "time")
        self._client.set_server_time(validate.time_ms(answer, "serverTime"))
        return self._client.offset

    async def fetch_markets(self) -> tuple[Market, ...]:
        answer = validate.as_object(await self._call("fapipublic_get_exchangeinfo", signed=False), "exchangeInfo")
        rows = validate.as_rows(answer.get("symbols"), "symbols")
        markets = tuple(market for row in rows if (market := _parse_market(row)) is not None)
        return validate.not_empty(markets, "Binance's list of contracts")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        """Wallet balances, without what open positions have gained. Whose they are every row says."""
        rows = validate.as_rows(await self._call("fapiprivatev3_get_balance"), "balance")
        balances = validate.each_once(tuple(_parse_balance(row) for row in rows))
        aliases = {validate.identifier(row, "accountAlias") for row in rows}
        if len(aliases) > 1:
            raise BadAnswer("Binance: balances of several accounts")
        return AccountView(next(iter(aliases), None), tuple(b for b in balances if b.total))

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        rows = await self._position_rows()
        found = (_parse_position(row, markets) for row in rows)
        return tuple(position for position in found if position is not None)

    async def _position_rows(self) -> list[Row]:
        return validate.as_rows(await self._call("fapiprivatev3_get_positionrisk"), "positionRisk")

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        rows = validate.as_rows(await self._call("fapiprivate_get_openorders"), "openOrders")
        return tuple(_parse_open_order(row, markets) for row in rows)

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """What paid a commission or realised something since then, and what is held now: a fill for which nothing was
        paid leaves no line of income, but a position."""
        held = {validate.text(row, "symbol") for row in await self._position_rows()}
        span = Span(max(since, self.now() - binance_income.HISTORY), self.now())
        names = set(held)
        async for rows in binance_income.walk(self._call, span):
            names |= {validate.text(row, "symbol") for row in rows if row.get("symbol")}
        return frozenset(names)

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """`userTrades` does not say what kind of order was filled; `allOrders` does, upwards from an order id."""
        wanted = {order_id for order_id in order_ids if order_id.isascii() and order_id.isdigit()}
        if not wanted:
            return {}
        query = {"symbol": market.exchange_symbol, "orderId": min(map(int, wanted)), "limit": PAGE}
        rows = validate.as_rows(await self._call("fapiprivate_get_allorders", query), "allOrders")
        types = {validate.identifier(row, "orderId"): validate.text(row, "type").lower() for row in rows}
        return {order_id: types[order_id] for order_id in wanted & types.keys()}

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        walk = Walk(market.symbol, partial(self._fetch_page, market), self.now)
        assert self.capabilities.history is not None
        span = Span(max(span.start, self.now() - self.capabilities.history), span.end)
        proved = False
        try:
            async for page in walk.from_anchor(span, anchor):
                proved = True
                yield page
        except BadAnswer:
            if proved:  # else the anchor may be older than what is kept, and refused for it
                raise
        if proved:
            return
        stop = min(span.end, self.now())
        async for page in walk.by_windows(span, stop, WINDOW):
            yield page

    async def _fetch_page(self, market: Market, params: Mapping[str, int]) -> list[Fill]:
        """One `userTrades` answer, ascending by id."""
        query = {"symbol": market.exchange_symbol, "limit": PAGE, **params}
        rows = validate.as_rows(await self._call("fapiprivate_get_usertrades", query), "userTrades")
        return sorted((parse_fill(row, market) for row in rows), key=lambda f: int(f.trade_id))

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
        answer = await self._call("fapipublic_get_klines", query, signed=False)
        return prices.read_candles(answer, wanted, interval, columns=12)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        return prices.read_last_prices(await self._call("fapipublicv2_get_ticker_price", signed=False), "price")

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """What came in from other wallets of the same person, or left for them."""
        async for page in binance_income.transfer_pages(self._call, kind, Span(span.start, min(span.end, self.now()))):
            yield page

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """Funding, rebates and the like; commissions and realised gains are told by the fills."""
        async for page in binance_income.cash_pages(self._call, Span(span.start, min(span.end, self.now()))):
            yield page


def parse_fill(row: Row, market: Market) -> Fill:
    """A `userTrades` row; liquidations and auto-deleveraging are rows like any other. `qty` is base units.

    In hedge mode the fill is one of its position side: `SELL` of `LONG` closes what `BUY` of `LONG` opened.
    """
    if validate.text(row, "symbol") != market.exchange_symbol:
        raise BadAnswer(f"Binance: asked for {market.exchange_symbol}, got {str(row['symbol'])[:20]!r}")
    trade_id = validate.identifier(row, "id")
    if not (trade_id.isascii() and trade_id.isdigit()):
        raise BadAnswer("Binance: a trade id that is no number")
    side = validate.one_of(row, "side", _SIDES)
    if validate.flag(row, "buyer") != (side == "buy"):
        raise BadAnswer("Binance: a fill that says both buy and sell")
    position_side = validate.one_of(row, "positionSide", _POSITION_SIDES)
    return Fill(
        trade_id=trade_id,
        order_id=validate.identifier(row, "orderId"),
        symbol=market.symbol if position_side is None else of_side(market.symbol, position_side),
        base=market.base,
        quote=market.quote,
        side=side,
        quantity=validate.positive(row, "qty"),
        price=validate.not_negative(row, "price"),
        fees=(Fee(validate.decimal(row, "commission"), validate.text(row, "commissionAsset")),),
        executed_at=validate.time_ms(row, "time"),
        is_maker=validate.flag(row, "maker"),
        contract=market.contract,
        raw=validate.raw_text(row),
    )


def _parse_market(row: Row) -> Market | None:
    """A perpetual contract, or one with a date: `BTCUSDT_261225` is `BTC/USDT:USDT-261225`. None for what settles in a
    coin that is not its quote: there is none now, and it would be booked wrongly."""
    base, quote = validate.text(row, "baseAsset"), validate.text(row, "quoteAsset")
    settle, name = validate.text(row, "marginAsset"), validate.text(row, "symbol")
    if settle != quote:
        return None
    _, _, date = name.partition("_")
    symbol = make_symbol(base, quote, settle) + (f"-{date}" if date else "")
    return Market(symbol, base, quote, name, Contract(settle))


def _parse_balance(row: Row) -> Balance:
    """The wallet's balance; what of it is free depends on the positions and cannot be more than there is."""
    total = validate.decimal(row, "balance")
    free = min(max(validate.decimal(row, "availableBalance"), ZERO), total) if total > ZERO else total
    return Balance(validate.text(row, "asset"), free, EXACT.subtract(total, free))


def _parse_position(row: Row, markets: Mapping[str, Market]) -> Position | None:
    """A `positionRisk` row; None where nothing is held: the row is there for an open order."""
    amount = validate.decimal(row, "positionAmt")
    side = validate.one_of(row, "positionSide", _POSITION_SIDES)
    if not amount:
        return None
    name = validate.text(row, "symbol")
    market = markets.get(name)
    entry, mark = validate.not_negative(row, "entryPrice"), validate.not_negative(row, "markPrice")
    return Position(
        symbol=market.symbol if market else name,
        side=side or ("long" if amount > ZERO else "short"),
        quantity=amount.copy_abs(),
        currency=market.contract.settle if market and market.contract else validate.text(row, "marginAsset"),
        entry_price=entry or None,
        mark_price=mark or None,
        unrealised=validate.decimal(row, "unRealizedProfit"),
        position_id=validate.text(row, "positionSide").lower(),
    )


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
