"""Stored history replayed and held against what the accounts hold now; every difference with its likely cause.

Per account: a scan, so that everything new is stored; then the balances, and a scan after them, because a fill may land
between the two; then the replay. What differs is looked at once more after a moment, then the time in which it began is
read again, and only what is left after that is called a drift.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from trademon.core.coverage import Span
from trademon.core.drift_causes import Drift, Evidence, Verdict, find_causes, stamp
from trademon.core.model import Broker, Market, TransferKind
from trademon.core.money import EXACT, ZERO, format_decimal
from trademon.core.replay import Point, Seen, Totals, Window, began, changes, stages
from trademon.core.reports import BrokerScan, Problem
from trademon.core.times import MILLISECOND
from trademon.core.verify_reports import BrokerVerify, CoinDrift, StatedPnl, VerifyReport, drift_problem
from trademon.errors import Busy, HostAskedToWait, StoreError, TrademonError, Transient
from trademon.exchanges.base import Exchange
from trademon.exchanges.registry import WITHOUT_API
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, by_account, scan_broker
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.store.user_transfers import STREAMS
from trademon.store.user_verify import Known, Settlement

# How far the exchange's clock, as it was measured, may be from the one that dates its fills.
SLACK: Final = timedelta(seconds=1)
# Between two looks: longer than both their windows reach, so that they are two.
PAUSE_S: Final = 3.0
FIRST_LOOKS: Final = 5
STATED_FOR: Final = timedelta(days=1)
# Symbols that are read again at most: each is a question, and a common quote coin has hundreds.
READ_AGAIN: Final = 40
# Nothing is forgotten that is so old that it may be out of reach before it was asked for.
_MARGIN: Final = timedelta(days=1)
_LATE: Final = timedelta(seconds=2)
_NAMED: Final = 4


async def verify(
    targets: Sequence[Target], ports: Ports, *, limits: ScanLimits | None = None, accept: bool = False
) -> VerifyReport:
    """Verify all of them together; one that fails stops none of the others. `accept`: what still differs in the end is
    told once more and taken over, for a person who knows why."""
    limits = limits or ScanLimits()

    async def in_turn(group: Sequence[Target]) -> list[BrokerVerify]:
        return [await verify_broker(target, ports, limits=limits, accept=accept) for target in group]

    done = [one for group in await asyncio.gather(*map(in_turn, by_account(targets))) for one in group]
    # As in a scan: two new brokers may turn out to lead to one account, and the later one comes again.
    if len(targets) > 1:
        by_name = {(t.broker.user, t.broker.name): t for t in targets}
        done = [
            await verify_broker(by_name[one.user, one.broker], ports, limits=limits, accept=accept) if one.busy else one
            for one in done
        ]
    order = {(t.broker.user, t.broker.name): n for n, t in enumerate(targets)}
    return VerifyReport(tuple(sorted(done, key=lambda one: order[one.user, one.broker])))


async def verify_broker(target: Target, ports: Ports, *, limits: ScanLimits, accept: bool = False) -> BrokerVerify:
    """One broker's part, whatever happens in it."""
    broker = target.broker
    blank = BrokerVerify(broker.name, broker.user, "skipped")
    if broker.exchange in WITHOUT_API:
        return dataclasses.replace(blank, notes=("it has no API: there are no live balances to compare with",))
    work = _Verification(target.store, broker, ports, limits, accept)
    found, error, problem = await isolate(work.run(), broker=broker.name, user=broker.user, at=ports.clock())
    if found is not None:
        return dataclasses.replace(found, stated=work.stated())
    point = None if work.account_id is None else target.store.agreed_point(work.account_id)
    blank = dataclasses.replace(blank, agreed_at=None if point is None else point.at)
    return _not_verified(target, blank, error, problem, ports)


def _not_verified(
    target: Target, blank: BrokerVerify, error: TrademonError | None, problem: Problem | None, ports: Ports
) -> BrokerVerify:
    """Why a broker could not be verified: skipped where its host or another run said so, otherwise failed."""
    if isinstance(error, _NotScanned):
        scan = error.scan
        if scan.status == "skipped":
            return dataclasses.replace(blank, notes=() if scan.note is None else (scan.note,), busy=scan.busy)
        return dataclasses.replace(blank, status="failed", problem=scan.problem)
    if isinstance(error, Busy):
        return dataclasses.replace(blank, notes=(error.message,), busy=True)
    if isinstance(error, HostAskedToWait):  # as a scan does: nobody asks that host again before
        with contextlib.suppress(StoreError):
            target.store.note_failed_look(target.broker, ports.clock(), error.line, wait_until=error.until)
        return dataclasses.replace(blank, notes=(error.line,))
    return dataclasses.replace(blank, status="failed", problem=problem)


class _NotScanned(TrademonError):
    """The scan that goes before failed or was skipped: nothing can be said of the balances."""

    def __init__(self, scan: BrokerScan) -> None:
        super().__init__(f"{scan.broker} was not read")
        self.scan = scan


@dataclass(slots=True)
class _Verification:
    """One verification of one account."""

    store: UserStore
    broker: Broker
    ports: Ports
    limits: ScanLimits
    accept: bool = False
    account_id: int | None = None
    names_symbols: bool = False
    history: timedelta | None = None
    transfer_history: timedelta | None = None
    tells_transfers: bool = True
    scans: list[BrokerScan] = field(default_factory=list)
    prices: dict[str, Decimal] = field(default_factory=dict)

    def stated(self) -> tuple[StatedPnl, ...]:
        """What the exchange says of positions closed in the last day, beside ours."""
        if self.account_id is None:
            return ()
        return self.store.compare_stated(self.account_id, self.ports.clock() - STATED_FOR)

    async def run(self) -> BrokerVerify:
        self.account_id = self.broker.account_id
        await self._scan()
        self.account_id = self.store.broker(self.broker.name).account_id
        with hold(self.ports.locks, f"verify-{self.account_id}"):
            seen, found = await self._look()
            if found.before is None:
                return await self._begin(seen, found)
            if _agrees(found):
                return self._agreed(seen, found)
            await self.ports.sleep(PAUSE_S)
            seen, found = await self._look(with_markets=True)
            if _agrees(found):
                return self._agreed(seen, found)
            return await self._read_again(seen, found)

    # --- looking --------------------------------------------------------------------------------------------------

    async def _scan(self, *, also: Collection[str] = (), transfers_now: bool = False) -> BrokerScan:
        limits = dataclasses.replace(self.limits, also=frozenset(also), transfers_now=transfers_now)
        target = Target(self.store, self.store.broker(self.broker.name))
        scan = await scan_broker(target, self.ports, since=None, limits=limits)
        if scan.status != "ok":
            raise _NotScanned(scan)
        self.scans.append(scan)
        return scan

    async def _balances(self, *, with_markets: bool) -> Seen:
        """What the account holds now; `with_markets`: after its host's list was read again, and what things cost."""
        broker = self.store.broker(self.broker.name)
        exchange = await self.ports.open_exchange(self.store, broker)
        try:
            self.names_symbols = exchange.capabilities.orders_name_symbols
            self.history = exchange.capabilities.history
            self.transfer_history = exchange.capabilities.transfer_history
            self.tells_transfers = exchange.capabilities.has_transfers
            await exchange.sync_clock()
            if with_markets:
                markets = await exchange.fetch_markets()
                whole = exchange.capabilities.lists_all
                self.store.save_markets(broker, markets, self.ports.clock(), whole=whole)
                self.prices = await _last_prices(exchange, markets)
            asked_at = exchange.now()
            view = await exchange.fetch_account(with_uid=False)
            window = Window(asked_at - SLACK, asked_at, exchange.now() + SLACK)
        finally:
            await exchange.close()
        return Seen(window, {b.coin: b.total for b in view.balances})

    async def _look(
        self, earlier: Seen | None = None, *, also: Collection[str] = (), with_markets: bool = False
    ) -> tuple[Seen, Settlement]:
        """The balances, then everything that was executed up to them, then the one held against the other."""
        seen = await self._balances(with_markets=with_markets)
        await self._scan(also=also, transfers_now=True)
        account_id = self.store.broker(self.broker.name).account_id
        if account_id is None or account_id != self.account_id:
            raise Transient("its key was changed for that of another account meanwhile", hint="trademon verify")
        settled = self.store.settle_balances(account_id, seen, earlier=earlier, with_money=self.tells_transfers)
        return seen, settled

    async def _begin(self, seen: Seen, found: Settlement) -> BrokerVerify:
        """The first point. An account that trades in every moment needs a second look, and seldom a third."""
        for _ in range(FIRST_LOOKS - 1):
            if found.after is not None:
                break
            await self.ports.sleep(PAUSE_S)
            earlier = seen
            seen, found = await self._look(earlier)
        if found.after is None:
            raise Transient("it traded in every moment it was looked at: nothing was recorded", hint="try again")
        held = _amounts(found.after.totals) or "nothing"
        note = f"nothing to compare with yet; recorded: {held}"
        return dataclasses.replace(self._agreed(seen, found), status="recorded", notes=(note, *self._notes(found)))

    def _agreed(self, seen: Seen, found: Settlement) -> BrokerVerify:
        assert found.after is not None
        return BrokerVerify(
            self.broker.name,
            self.broker.user,
            "agrees",
            found.after.at,
            compared=_compared(seen, found),
            notes=self._notes(found),
            not_verified=tuple(sorted(found.not_verified)),
        )

    def _notes(self, found: Settlement) -> tuple[str, ...]:
        why = "contracts settle in it" if self.tells_transfers else "what else moves it is not told"
        notes = [f"{coin} is not verified: {why}" for coin in sorted(found.not_verified)]
        if self.scans[-1].unread:
            notes.append(self.scans[-1].unread)
        return tuple(notes)

    # --- a drift --------------------------------------------------------------------------------------------------

    async def _read_again(self, seen: Seen, found: Settlement) -> BrokerVerify:
        """Read the time again in which the difference began, and compare once more."""
        assert self.account_id is not None
        coins = self._explain(seen, found)
        span = Span(min(c.since for c in coins), max(c.until for c in coins) + MILLISECOND)
        symbols, left_out = self._suspects(coins)
        fills, transfers = self._reachable(span, self.history), self._reachable(span, self.transfer_history)
        self.store.forget_coverage(self.account_id, symbols, fills, transfers)
        named = _listed(symbols or ["deposits and withdrawals"])
        what = f"{named} read again from {stamp(fills.start)} to {stamp(fills.end)}"
        if left_out:
            what += f" ({left_out} more with these coins were not)"
        try:
            seen, found = await self._look(also=symbols)
        except _NotScanned as error:
            why = error.scan.problem.message if error.scan.problem else error.scan.note or "skipped"
            return self._drifted(seen, found, coins, f"could not be read again: {why}")
        what += f": {_new(self.scans[-1].new_fills)}"
        if not _agrees(found):
            left = self._explain(seen, found)
            return self._accepted(seen, found, left) if self.accept else self._drifted(seen, found, left, what)
        agreed = self._agreed(seen, found)
        return dataclasses.replace(agreed, mended=coins, notes=(f"{what}; now it agrees", *agreed.notes))

    def _reachable(self, span: Span, reach: timedelta | None) -> Span:
        """The part of `span` that can still be asked for: what is forgotten beyond that could never be read again."""
        start = max(span.start, self.broker.since)
        if reach is not None:
            start = max(start, self.ports.clock() - reach + _MARGIN)
        return Span(min(start, span.end), span.end)

    def _drifted(self, seen: Seen, found: Settlement, coins: tuple[CoinDrift, ...], note: str) -> BrokerVerify:
        """The agreed point stays where it is."""
        assert found.before is not None
        name, user = self.broker.name, self.broker.user
        off = [f"{'+' if c.difference > 0 else ''}{format_decimal(c.difference)} {c.coin}" for c in coins]
        return BrokerVerify(
            name,
            user,
            "drift",
            found.before.at,
            coins,
            _compared(seen, found),
            (note, *self._notes(found)),
            drift_problem(name, user, coins, _listed(off)),
            not_verified=tuple(sorted(found.not_verified)),
        )

    def _accepted(self, seen: Seen, found: Settlement, coins: tuple[CoinDrift, ...]) -> BrokerVerify:
        """Begin again from what the account holds, as a person wants it."""
        assert self.account_id is not None
        assert found.comparison is not None
        point = Point(found.comparison.cut, seen.totals)
        self.store.accept_balances(self.account_id, point)
        agreed = self._agreed(seen, dataclasses.replace(found, after=point))
        note = "what differs was accepted: from now on these balances are compared with"
        return dataclasses.replace(agreed, status="recorded", coins=coins, notes=(note, *agreed.notes))

    def _explain(self, seen: Seen, found: Settlement) -> tuple[CoinDrift, ...]:
        drifts = drifts_of(seen, found)
        verdicts = find_causes(drifts, self._evidence(seen, found))
        return tuple(_coin_drift(drift, verdict) for drift, verdict in zip(drifts, verdicts, strict=True))

    def _evidence(self, seen: Seen, found: Settlement) -> Evidence:
        assert self.account_id is not None
        known = self.store.known_of(self.account_id)
        unread = self.scans[-1].unread
        return Evidence(
            markets=self._markets(),
            traded=known.traded,
            covered=known.covered,
            orders=known.orders if self.names_symbols else None,
            unread=unread,
            waiting={} if unread else _waiting(known, seen),
            steps=found.steps,
            prices=known.prices | self.prices,
        )

    def _markets(self) -> tuple[Market, ...]:
        return (*self.store.markets(self.broker), *self.store.unlisted_markets(self.broker))

    def _suspects(self, coins: Sequence[CoinDrift]) -> tuple[list[str], int]:
        """The symbols that contain a coin that differs, the likeliest first, and how many of them are too many."""
        assert self.account_id is not None
        off = {c.coin for c in coins}
        traded = self.store.known_of(self.account_id).traded
        found = sorted(
            {m.symbol: m for m in self._markets() if off & {m.base, m.quote}}.values(),
            key=lambda m: (not off >= {m.base, m.quote}, m.symbol not in traded, m.base not in off, m.symbol),
        )
        return [m.symbol for m in found[:READ_AGAIN]], max(0, len(found) - READ_AGAIN)


async def _last_prices(exchange: Exchange, markets: Sequence[Market]) -> dict[str, Decimal]:
    """What things cost now, by symbol. Colour: a cause may be found without."""
    try:
        last = await exchange.fetch_last_prices()
    except HostAskedToWait:
        raise
    except Transient:
        return {}
    return {m.symbol: last[m.exchange_symbol] for m in markets if last.get(m.exchange_symbol)}


def drifts_of(seen: Seen, found: Settlement) -> tuple[Drift, ...]:
    """Every coin that differs, by name, with the interval in which that began."""
    assert found.before is not None
    assert found.comparison is not None
    drifts = []
    for coin, difference in sorted(found.comparison.differences.items()):
        path = stages(found.before, found.steps, found.looks, coin)
        span = began(path, seen.window.taken)
        live = seen.totals.get(coin, ZERO)
        drifts.append(
            Drift(
                coin,
                EXACT.subtract(live, difference),
                live,
                difference,
                Span(span.start, max(span.start, span.end)),
                tuple(changes(path, difference)),
            )
        )
    return tuple(drifts)


def _coin_drift(drift: Drift, verdict: Verdict) -> CoinDrift:
    cause, detail = verdict
    since, until = drift.span.start, drift.span.end
    return CoinDrift(drift.coin, drift.expected, drift.live, since, until, cause, detail, drift.difference)


def _waiting(known: Known, seen: Seen) -> dict[TransferKind, datetime]:
    """Since when something is on its way: what was read just now is proved only up to it."""
    waiting: dict[TransferKind, datetime] = {}
    for kind, stream in STREAMS.items():
        spans = known.transfers[stream]
        if spans and spans[-1].end < seen.window.taken - _LATE:
            waiting[kind] = spans[-1].end
    return waiting


def _agrees(found: Settlement) -> bool:
    return found.comparison is not None and found.comparison.agrees


def _compared(seen: Seen, found: Settlement) -> int:
    """How many coins were held against history: all that there were at either end."""
    before = {} if found.before is None else found.before.totals
    return len({*seen.totals, *before} - found.not_verified)


def _amounts(totals: Totals) -> str:
    return _listed([f"{format_decimal(total)} {coin}" for coin, total in sorted(totals.items())])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _new(fills: int) -> str:
    return "no new fill" if not fills else "1 new fill" if fills == 1 else f"{fills} new fills"
