"""Bitget v2 futures (mix): contracts that settle in USDT or USDC. The order history names what was traded.

Source: the exchange's API documentation (contract: account, position, order fills, order history, account bill). Facts
that shape this file: every question names a product type; everything comes newest first, at most 100 rows, further
back with the `endId` of the page before; fills in windows of a week, bills of 30 days, both 90 days back. Coin-margined
contracts are not read: in which unit they count is not documented well enough to book them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from trademon.core.coverage import Span
from trademon.core.model import (
    Balance,
    Candle,
    Credentials,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    TransferKind,
)
from trademon.core.times import EPOCH, MILLISECOND, to_ms
from trademon.errors import AuthError, BadAnswer
from trademon.exchanges import bitget_mix_rows, bitget_wallet, prices, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.ccxt_client import CcxtClient, Clock, last_answer
from trademon.exchanges.validate import Row

PAGE = 100
SHORT_PAGE = 20  # fewer rows end a walk; see the same constant in binance_walk.py
CHUNK = 5000
HISTORY = timedelta(days=90)
WINDOW = timedelta(days=7) - MILLISECOND
BILLS_WINDOW = timedelta(days=30) - MILLISECOND
PRODUCTS = {"USDT": "USDT-FUTURES", "USDC": "USDC-FUTURES"}
_OK = "00000"
_MARGIN = timedelta(minutes=1)  # so that a request under way does not cross the 90 days
_GRANULARITY = {prices.MINUTE: "1m", prices.DAY: "1Dutc"}
_RECENT = {prices.MINUTE: timedelta(days=28), prices.DAY: timedelta(days=360)}
_ORDER_PAGES = 2
_ORDERS = "private_mix_get_v2_mix_order_orders_history"
_FUNDING = "contract_settle_fee"
# From and to the spot wallet; other wallets of the same person have types of their own.
_TRANSFERS: dict[TransferKind, str] = {"deposit": "trans_from_exchange", "withdrawal": "trans_to_exchange"}


class BitgetMix:
    """One Bitget futures account, in one-way or in hedge mode."""

    capabilities = Capabilities(
        history=HISTORY - _MARGIN,
        orders_name_symbols=True,
        fills_name_order_type=False,
        candles=200,
        transfer_history=HISTORY - _MARGIN,
        has_positions=True,
        has_rights=True,
        has_cash=True,
        cash_history=HISTORY - _MARGIN,
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

    def budget(self) -> None:
        """Calls are limited by the second."""

    def last_answer(self) -> str:
        return last_answer()

    async def close(self) -> None:
        """The client is shared and closed by whoever opened it."""

    async def fetch_rights(self) -> KeyRights | None:
        """From the answer that named the account, where this look has it: one call a second is all there is."""
        return bitget_wallet.parse_rights(self._info or await self._account_info())

    async def _account_info(self) -> Row:
        self._info = validate.as_object(await self._call("private_spot_get_v2_spot_account_info"), "account info")
        return self._info

    async def sync_clock(self) -> timedelta:
        answer = validate.as_object(await self._call("public_common_get_v2_public_time", signed=False), "time")
        self._client.set_server_time(validate.time_ms(answer, "serverTime"))
        return self._client.offset

    async def fetch_markets(self) -> tuple[Market, ...]:
        markets: list[Market] = []
        for settle, product in PRODUCTS.items():
            answer = await self._call("public_mix_get_v2_mix_market_contracts", {"productType": product}, signed=False)
            rows = validate.as_rows(answer, "contracts")
            markets += [bitget_mix_rows.parse_market(row, settle) for row in rows]
        return validate.not_empty(tuple(markets), "Bitget's list of contracts")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        """Wallet balances, without what open positions have gained."""
        uid = await self._uid() if with_uid else None
        balances: list[Balance] = []
        for product in PRODUCTS.values():
            answer = await self._call("private_mix_get_v2_mix_account_accounts", {"productType": product})
            balances += [bitget_mix_rows.parse_balance(row) for row in validate.as_rows(answer, "accounts")]
        return AccountView(uid, tuple(b for b in validate.each_once(tuple(balances)) if b.total))

    async def _uid(self) -> str | None:
        """Whose key it is: the spot interface alone says it, which a key for futures may not ask."""
        try:
            info = await self._account_info()
        except AuthError:
            return None  # a key that is wrong altogether is refused by the next question
        return validate.identifier(info, "userId")

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        positions: list[Position] = []
        for settle, product in PRODUCTS.items():
            query = {"productType": product, "marginCoin": settle}
            rows = validate.as_rows(
                await self._call("private_mix_get_v2_mix_position_all_position", query), "positions"
            )
            found = (bitget_mix_rows.parse_position(row, markets) for row in rows)
            positions += [position for position in found if position is not None]
        return tuple(positions)

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        orders: list[OpenOrder] = []
        for product in PRODUCTS.values():
            query = {"productType": product}
            async for rows in self._walk_back("private_mix_get_v2_mix_order_orders_pending", query, "entrustedList"):
                orders += [bitget_mix_rows.parse_open_order(row, markets) for row in rows]
        return tuple(orders)

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """Symbols of all orders created since then: the history of ended orders, liquidations among them. Open ones are
        asked for anyway."""
        symbols: set[str] = set()
        for window in _windows_back(Span(max(since, self.now() - self._reach()), self.now()), WINDOW):
            for product in PRODUCTS.values():
                query = {"productType": product, **_times(window)}
                async for rows in self._walk_back(_ORDERS, query, "entrustedList"):
                    symbols.update(validate.text(row, "symbol") for row in rows)
        return frozenset(symbols)

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """Of the newest orders, from the history: a fill does not say what kind of order it filled."""
        wanted, types, pages = set(order_ids), dict[str, str](), 0
        query = {"productType": _product(market), "symbol": market.exchange_symbol}
        async for rows in self._walk_back(_ORDERS, query, "entrustedList"):
            types |= {validate.identifier(row, "orderId"): validate.text(row, "orderType").lower() for row in rows}
            pages += 1
            if pages == _ORDER_PAGES or wanted <= types.keys():
                break
        return {order_id: types[order_id] for order_id in wanted & types.keys()}

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        """Newest first by windows of a week, handed on in chunks: each proves the time after its oldest row, the last
        all that is left."""
        asked_at = self.now()
        start = max(span.start, asked_at - self._reach())
        upper = min(span.end, asked_at)
        chunk: list[Fill] = []
        for n, window in enumerate(_windows_back(Span(start, max(upper, start)), WINDOW)):
            # The one answers with what has just happened, the other with what is long over.
            is_recent = asked_at - window.start < WINDOW
            endpoint = f"private_mix_get_v2_mix_order_{'fills' if is_recent else 'fill_history'}"
            query = {"productType": _product(market), "symbol": market.exchange_symbol, **_times(window)}
            async for rows in self._walk_back(endpoint, query, "fillList"):
                fills = [bitget_mix_rows.parse_fill(row, market) for row in rows]
                # Both ends of a window belong to it: what stands at a border between two is the older one's.
                chunk += [f for f in fills if f.executed_at >= window.start and (n == 0 or f.executed_at < window.end)]
                if len(chunk) >= CHUNK:
                    proved_from = min(upper, min(fill.executed_at for fill in chunk) + MILLISECOND)
                    yield FillPage(tuple(chunk), Span(proved_from, upper))
                    chunk, upper = [], proved_from
        yield FillPage(tuple(chunk), Span(start, upper))

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        wanted = prices.wanted_span(start, count, interval, most=self.capabilities.candles)
        now = self.now()
        if wanted.start > now:
            return ()
        query = {
            "symbol": market.exchange_symbol,
            "productType": _product(market),
            "granularity": _GRANULARITY[interval],
            "endTime": str(to_ms(min(wanted.end, now))),
        }
        name = "history_candles"
        if now - wanted.start < _RECENT[interval]:
            name, count = "candles", count + 1  # whether the start itself is in it is not documented
            query["startTime"] = str(to_ms(wanted.start) - 1)
        query["limit"] = str(min(count, 1000))
        answer = await self._call(f"public_mix_get_v2_mix_market_{name}", query, signed=False)
        return prices.read_candles(answer, wanted, interval, columns=7, answered=Span(EPOCH, wanted.end + interval))

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        last: dict[str, Decimal] = {}
        for product in PRODUCTS.values():
            answer = await self._call("public_mix_get_v2_mix_market_tickers", {"productType": product}, signed=False)
            if validate.as_rows(answer, "last prices"):
                last |= prices.read_last_prices(answer, "lastPr")
        return last

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """What came in from the spot wallet, or left for it; a page for each 30 days, oldest first."""
        async for rows, window in self._bills(_TRANSFERS[kind], span):
            yield TransferPage(tuple(bitget_mix_rows.parse_transfer(row, kind) for row in rows), window)

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """Funding; a page for each 30 days, oldest first."""
        async for rows, window in self._bills(_FUNDING, span):
            lines = (bitget_mix_rows.parse_funding(row) for row in rows)
            yield CashPage(tuple(line for line in lines if line is not None), window)

    async def _bills(self, business_type: str, span: Span) -> AsyncIterator[tuple[list[Row], Span]]:
        """All bills of one type within the span, window by window."""
        wanted = Span(max(span.start, self.now() - self._reach()), min(span.end, self.now()))
        for window in reversed(_windows_back(wanted, BILLS_WINDOW) if wanted else []):
            found: list[Row] = []
            for product in PRODUCTS.values():
                query = {"productType": product, "businessType": business_type, **_times(window)}
                async for rows in self._walk_back("private_mix_get_v2_mix_account_bill", query, "bills"):
                    found += rows
            if any(row.get("businessType") != business_type for row in found):
                raise BadAnswer(f"Bitget: asked for bills of {business_type}, got others")
            yield found, window

    def _reach(self) -> timedelta:
        assert self.capabilities.history is not None
        return self.capabilities.history

    async def _walk_back(self, endpoint: str, query: Mapping[str, str], name: str) -> AsyncIterator[list[Row]]:
        """Pages from the newest row back, by `endId`, until one is short. No page is asked for twice."""
        below: int | None = None
        while True:
            params = {**query, "limit": str(PAGE), **({} if below is None else {"idLessThan": str(below)})}
            answer = validate.as_object(await self._call(endpoint, params), name)
            listed = validate.present(answer, name)
            rows = [] if listed is None else validate.as_rows(listed, name)  # nothing is null, not a list of nothing
            if rows:
                yield rows
            if len(rows) < SHORT_PAGE:
                return
            end_id = validate.identifier(answer, "endId")
            lowest = int(end_id) if end_id.isascii() and end_id.isdigit() else None
            if lowest is None or (below is not None and lowest >= below):
                raise BadAnswer(f"Bitget: a page of {name} does not say where it ends")
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


def _product(market: Market) -> str:
    assert market.contract is not None
    return PRODUCTS[market.contract.settle]


def _times(window: Span) -> dict[str, str]:
    return {"startTime": str(to_ms(window.start)), "endTime": str(to_ms(window.end) + 1)}


def _windows_back(span: Span, longest: timedelta) -> list[Span]:
    """The span in pieces that touch, the newest first; at least one."""
    windows, end = [], span.end
    while True:
        start = max(span.start, end - longest)
        windows.append(Span(start, end))
        if start <= span.start:
            return windows
        end = start
