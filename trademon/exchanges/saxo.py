"""Saxo's OpenAPI. Executions are steps in the audit of orders, of all instruments together; costs come a day later.

There is no question about one symbol: the audit is read once a pass for a stretch of time, kept here by instrument, and
handed on from there. A pass has an adapter of its own. Source: developer.saxo (audit of order activities, reports,
portfolio, reference data).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from trademon.core.coverage import Span, missing, union
from trademon.core.model import (
    Balance,
    Candle,
    Fee,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    StatedClose,
    TransferKind,
)
from trademon.errors import AuthError, HostAskedToWait, SignInNeeded, Transient
from trademon.exchanges import saxo_activities, saxo_holdings, saxo_report, validate
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.exchanges.saxo_activities import Entry, Execution
from trademon.exchanges.saxo_chart import read_candles
from trademon.exchanges.saxo_client import PAGE, NotThere, SaxoClient
from trademon.exchanges.saxo_instruments import Instruments
from trademon.exchanges.saxo_report import Costs, Trade
from trademon.exchanges.validate import Row

HISTORY: Final = timedelta(days=730)
_MARGIN: Final = timedelta(minutes=1)
_WINDOW: Final = timedelta(days=92)  # what one walk through the audit reads, so that a long one is proved in parts
_REPORTED: Final = timedelta(hours=1)
"""A stretch that is longer is one that looks back for what came late: then the daily reports are read, too."""
_BOOKED_WITHIN: Final = timedelta(days=4)
"""What a trade cost may be booked some days after it."""
_AUDIT: Final = "/cs/v1/audit/orderactivities"


class Saxo:
    """One client of Saxo with all their accounts."""

    capabilities = Capabilities(
        history=HISTORY - _MARGIN,
        orders_name_symbols=True,
        fills_name_order_type=True,
        candles=1200,
        transfer_history=None,
        has_transfers=False,
        has_positions=True,
        has_rights=True,
        lists_all=False,
    )

    def __init__(self, client: SaxoClient) -> None:
        self._client = client
        self._instruments = Instruments(client)
        self._client_key: str | None = None
        self._uid: str | None = None
        self._read: list[Span] = []
        self._reported: list[Span] = []
        self._entries: list[Entry] = []
        self._done: list[Execution] | None = None
        self._whole: set[str] = set()
        """Orders that were read from their beginning."""
        self._trades: dict[str, Trade] = {}
        self._costs: Costs | None = {}
        self._fault: Transient | None = None
        self._is_fault_told = False

    @property
    def requests(self) -> int:
        return self._client.requests

    def now(self) -> datetime:
        return self._client.now()

    def has_budget(self) -> bool:
        return self._client.has_budget()

    def budget(self) -> tuple[int, int] | None:
        return self._client.budget()

    def last_answer(self) -> str:
        return self._client.last_answer()

    async def close(self) -> None:
        """The session is shared and closed by whoever opened it."""

    async def sync_clock(self) -> timedelta:
        return await self._client.measure_clock()

    # --- what the account holds ----------------------------------------------------------------------------------

    async def fetch_markets(self) -> tuple[Market, ...]:
        """What this account touches: instruments of its positions, its open orders, and the audit as far as it was
        read in this pass. Saxo lists tens of thousands."""
        await self._net_positions()
        await self._orders()
        await self._instruments.find(self._instruments.named)
        await self._learn_sizes()
        known = await self._instruments.find(self._instruments.named)
        return validate.not_empty(tuple(known[wire].market for wire in sorted(known)), "what the account touches")

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        """The cash of every account, and what is held of securities. Whose it is comes with every answer."""
        await self._who()
        accounts = [row async for page in self._client.rows("/port/v1/accounts/me") for row in page]
        cash: list[Balance] = []
        if len(accounts) <= 1:
            cash.append(saxo_holdings.parse_cash(await self._client.get("/port/v1/balances/me")))
        else:
            for account in accounts:
                query = {"ClientKey": await self._who(), "AccountKey": validate.text(account, "AccountKey")}
                cash.append(saxo_holdings.parse_cash(await self._client.get("/port/v1/balances", query)))
        held = [saxo_holdings.parse_holding(row) for row in await self._net_positions()]
        return AccountView(self._uid, saxo_holdings.add_up([*cash, *(one for one in held if one is not None)]))

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        return tuple(
            saxo_holdings.parse_order(row, markets.get(self._instruments.name(row)), self._instruments.name(row))
            for row in await self._orders()
        )

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """Net positions: the same whichever way the account nets."""
        rows = await self._net_positions()
        wires = saxo_holdings.wires_of(rows, "NetPositionBase")
        await self._instruments.find(wires)
        found: list[Position] = []
        for row, wire in zip(rows, wires, strict=True):
            position = saxo_holdings.parse_position(row, await self._instruments.one(wire))
            if position is not None:
                found.append(replace(position, symbol=_shown(position.symbol, markets, wire)))
        return tuple(found)

    async def fetch_stated_closes(self, markets: Mapping[str, Market]) -> tuple[StatedClose, ...]:
        """Closed positions as Saxo reckons them: of an account that nets in real time those of today, of one that nets
        at the end of the day none before that."""
        rows = [row async for page in self._client.rows("/port/v1/closedpositions/me", _top()) for row in page]
        wires = saxo_holdings.wires_of(rows, "ClosedPosition")
        for row in rows:
            self._instruments.name(saxo_holdings.part(row, "ClosedPosition"))
        await self._instruments.find(wires)
        found: list[StatedClose] = []
        for row, wire in zip(rows, wires, strict=True):
            close = saxo_holdings.parse_stated_close(row, await self._instruments.one(wire))
            found.append(replace(close, symbol=_shown(close.symbol, markets, wire)))
        return tuple(found)

    async def fetch_rights(self) -> KeyRights | None:
        """What the person may do; what the app may do of it is told by no question."""
        answer = await self._client.get("/root/v1/user")
        rights = answer.get("AccessRights")
        if not isinstance(rights, dict):
            return None
        can_trade, can_move = rights.get("CanTrade"), rights.get("CanManageCashTransfers")
        return KeyRights(
            can_trade=can_trade if isinstance(can_trade, bool) else None,
            can_withdraw=False if can_move is False else None,
        )

    # --- executions ----------------------------------------------------------------------------------------------

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """Every instrument with a step of an order since then."""
        start = max(since, self.now() - (HISTORY - _MARGIN))
        await self._read_audit(Span(start, self.now()))
        return frozenset(entry.wire for entry in self._entries if entry.at >= start)

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """Fills carry it already."""
        return {}

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        """From what the pass has read of the audit, newest stretch first; what is missing of it is read now.

        What the daily reports do wrong is raised in the end: the executions do not wait for them.
        """
        now = self.now()
        start, end = max(span.start, now - (HISTORY - _MARGIN)), min(span.end, now)
        while start < end:
            window = Span(max(start, end - _WINDOW), end)
            await self._read_audit(window)
            if window.end - window.start > _REPORTED and self._fault is None:
                try:
                    await self._read_reports(window)
                except Transient as fault:
                    self._fault = fault
            yield FillPage(tuple(await self._fills_of(market, window)), window)
            end = window.start
        if self._fault is not None and not self._is_fault_told:
            self._is_fault_told = True
            raise self._fault

    async def _fills_of(self, market: Market, window: Span) -> list[Fill]:
        """What one instrument executed then, or was told anew then, each execution as it stands now."""
        wire = market.exchange_symbol
        done = [one for one in await self._executions() if one.entry.wire == wire]
        trades = [t for t in self._trades.values() if t.wire == wire]
        if not done and not trades:
            return []
        instrument = await self._instruments.one(wire)
        found, own = saxo_report.match(done, trades)
        fills = []
        for one in done:
            if _within(one.entry.at, window) or _within(one.told_at, window):
                fill = saxo_activities.to_fill(one, market, instrument)
                trade = found.get(one.trade_id)
                if trade is not None:
                    fill = saxo_report.as_reported(fill, trade, instrument, self._fees(trade, market))
                fills.append(fill)
        for trade in own:
            if _within(trade.at, window):
                fills.append(saxo_report.own_fill(trade, market, instrument, self._fees(trade, market)))
        return fills

    def _fees(self, trade: Trade, market: Market) -> tuple[Fee, ...] | None:
        return saxo_report.fees_of(trade, market, self._costs)

    async def _executions(self) -> list[Execution]:
        """All of what was read. An order of which the first entries were not read is read whole: a correction of an
        earlier piece looks like a piece of its own."""
        if self._done is None:
            for order_id, entries in saxo_activities.by_order(self._entries).items():
                if order_id not in self._whole and saxo_activities.begins_unseen(entries):
                    query = {"ClientKey": await self._who(), "OrderId": order_id, "EntryType": "All", **_top()}
                    self._whole.add(order_id)
                    self._entries += [e async for page in self._entry_pages(query) for e in page]
            orders = saxo_activities.by_order(self._entries)
            self._done = [one for entries in orders.values() for one in saxo_activities.executions(entries)]
        return self._done

    async def _read_audit(self, span: Span) -> None:
        """Read what is missing of that time, in parts; each is kept when it was read to its end."""
        for gap in missing(self._read, span):
            end = gap.end
            while gap.start < end:
                begin = max(gap.start, end - _WINDOW)
                query = {
                    "ClientKey": await self._who(),
                    "EntryType": "All",
                    "FromDateTime": _written(begin),
                    "ToDateTime": _written(end + timedelta(seconds=1)),
                    "FieldGroups": "DisplayAndFormat",
                    **_top(),
                }
                entries = [e async for page in self._entry_pages(query) for e in page]
                self._entries += entries
                self._done = None
                self._read = list(union([*self._read, Span(begin, end)]))
                end = begin

    async def _entry_pages(self, query: Mapping[str, str]) -> AsyncIterator[list[Entry]]:
        async for rows in self._client.rows(_AUDIT, query):
            for row in rows:
                self._instruments.name(row)
            yield [saxo_activities.parse_entry(row) for row in rows]

    async def _read_reports(self, span: Span) -> None:
        """The days of that time in the reports, once a pass. Where an app may not read them, costs stay untold."""
        for gap in missing(self._reported, span):
            first = gap.start - timedelta(days=1)  # a trade's date is that of its market
            last = max(gap.end, min(gap.end + _BOOKED_WITHIN, self.now()))
            days = {"FromDate": f"{first:%Y-%m-%d}", "ToDate": f"{last:%Y-%m-%d}", **_top()}
            trades = await self._report("trades", days)
            for row in trades or ():
                trade = saxo_report.parse_trade(row)
                if trade is not None:
                    self._instruments.name(row)
                    self._trades[trade.trade_id] = trade
            bookings = await self._report("bookings", days) if self._costs is not None else None
            if bookings is None or self._costs is None:
                self._costs = None
            else:
                saxo_report.add_costs(self._costs, bookings)
            self._reported = list(union([*self._reported, gap]))

    async def _learn_sizes(self) -> None:
        """Of contracts that have ended Saxo tells no size any more: what trades in them were worth does."""
        if self._instruments.unsized:
            for span in tuple(self._read):
                try:
                    await self._read_reports(span)
                except HostAskedToWait:
                    raise
                except Transient as fault:
                    self._fault = fault  # told after the executions
        for trade in self._trades.values():
            size = saxo_report.size_of(trade) if trade.wire in self._instruments.unsized else None
            if size is not None:
                self._instruments.learn_size(trade.wire, size)

    async def _report(self, name: str, query: Mapping[str, str]) -> list[Row] | None:
        """None where an app may not read it."""
        path = f"/cs/v1/reports/{name}/{_in_path(await self._who())}"
        try:
            return [row async for page in self._client.rows(path, query) for row in page]
        except SignInNeeded:
            raise
        except (NotThere, AuthError):
            return None

    # --- shared --------------------------------------------------------------------------------------------------

    async def _who(self) -> str:
        """The key of the client that signed in, which every question about them wants."""
        if self._client_key is None:
            answer = await self._client.get("/port/v1/clients/me")
            self._client_key = validate.text(answer, "ClientKey")
            number = validate.identifier(answer, "ClientId")
            # A client of the simulation may have the number of a real one.
            self._uid = f"sim-{number}" if self._client.sandbox else number
        return self._client_key

    async def _net_positions(self) -> list[Row]:
        query = {"FieldGroups": saxo_holdings.FIELDS, **_top()}
        rows = [row async for page in self._client.rows("/port/v1/netpositions/me", query) for row in page]
        for row in rows:
            base = saxo_holdings.part(row, "NetPositionBase")
            self._instruments.name({**base, "DisplayAndFormat": row.get("DisplayAndFormat")})
        return rows

    async def _orders(self) -> list[Row]:
        query = {"FieldGroups": "DisplayAndFormat", **_top()}
        rows = [row async for page in self._client.rows("/port/v1/orders/me", query) for row in page]
        for row in rows:
            self._instruments.name(row)
        return rows

    # --- prices, and what Saxo does not tell ---------------------------------------------------------------------

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        if start > self.now():
            return ()
        instrument = await self._instruments.one(market.exchange_symbol)
        uic, _, kind = market.exchange_symbol.partition(":")
        query = {
            "Uic": uic,
            "AssetType": kind,
            "Horizon": str(interval // timedelta(minutes=1)),
            "Mode": "From",
            "Time": _written(start),
            "Count": str(min(count, self.capabilities.candles)),
        }
        answer = await self._client.get("/chart/v3/charts", query)
        return read_candles(answer, start, count, interval, instrument.factor)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        """Of what is held: the prices its positions are valued with."""
        rows = await self._net_positions()
        wires = saxo_holdings.wires_of(rows, "NetPositionBase")
        known = await self._instruments.find(wires)
        found: dict[str, Decimal] = {}
        for row, wire in zip(rows, wires, strict=True):
            price = saxo_holdings.last_price(row, known[wire]) if wire in known else None
            if price is not None:
                found[wire] = price
        return found

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """None: the bank moves money and securities, and does not tell it here."""
        none: tuple[TransferPage, ...] = ()
        for page in none:
            yield page

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """None yet."""
        none: tuple[CashPage, ...] = ()
        for page in none:
            yield page


def _shown(symbol: str, markets: Mapping[str, Market], wire: str) -> str:
    """The name the market is stored by."""
    return markets[wire].symbol if wire in markets else symbol


def _within(at: datetime, span: Span) -> bool:
    return span.start <= at < span.end


def _top() -> dict[str, str]:
    return {"$top": str(PAGE)}


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _in_path(key: str) -> str:
    """A key as a part of an address: keys are base64, with signs that mean something there."""
    return quote(key, safe="")
