"""Made-up reports and screens for the tests of ui: one small world, at 14:02:14 UTC on 21 November 2026."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console, RenderableType

from trademon.core.automation_reports import AutomationStatus, Rates, Scheduler, UserAutomation
from trademon.core.holding_reports import PositionRow, PositionsReport, Seen
from trademon.core.pnl_reports import Mark, PnlRow
from trademon.core.reports import BrokerInfo, BrokerScan, ExecutionRow, FillRow, Problem
from trademon.core.rounds import Round
from trademon.core.schedule import Schedule
from trademon.core.watch_figures import BookDay, BookEarned
from trademon.core.watch_reports import WatchBroker, WatchState

NOW = datetime(2026, 11, 21, 14, 2, 14, tzinfo=UTC)
TODAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


def fill(number: int = 1, **changes: Any) -> FillRow:
    facts: dict[str, Any] = {
        "id": number,
        "broker": "main",
        "user": "ann",
        "symbol": "BTC/USDT",
        "side": "sell",
        "quantity": Decimal("0.0015"),
        "price": Decimal("47000"),
        "fee": Decimal("0.07"),
        "fee_currency": "USDT",
        "executed_at": NOW - timedelta(seconds=3 + 37 * number),
        "order_id": f"o{number}",
        "trade_id": f"t{number}",
        "source": "scan",
    }
    return FillRow(**facts | changes)


def execution(
    net: str | None, row: FillRow | None = None, unmatched: str = "0", unvalued: bool = False, currency: str = "USDT"
) -> ExecutionRow:
    return ExecutionRow(row or fill(), currency, None if net is None else Decimal(net), Decimal(unmatched), unvalued)


def broker(name: str = "main", state: str = "ok", **changes: Any) -> WatchBroker:
    facts: dict[str, Any] = {
        "name": name,
        "user": "ann",
        "exchange": "binance",
        "state": state,
        "last_good_at": NOW - timedelta(seconds=3),
        "errors_in_row": 0,
        "next_at": None,
        "seconds": Decimal("0.182"),
        "open_orders": 4,
        "complete_since": datetime(2025, 11, 2, tzinfo=UTC),
    }
    return WatchBroker(**facts | changes)


EXECUTIONS = (
    execution("2.43"),
    execution(
        None,
        fill(
            2, symbol="ETH/USDT", side="buy", quantity=Decimal("0.25"), price=Decimal("2512.4"), fee=Decimal("0.00025")
        ),
    ),
    execution("38.9", fill(3, symbol="SOL/USDT", quantity=Decimal(12), price=Decimal("141.22")), unvalued=True),
    execution(None, fill(4, symbol="DOGE/USDT", quantity=Decimal(5000), price=Decimal("0.0812")), unmatched="2000"),
)
HOSTILE = (
    execution("0.00001", fill(5, symbol="[/]", quantity=Decimal(1), price=Decimal("0.00000001"))),
    execution("-1234567.891", fill(6, symbol="\x1b[31mX\u202e/USDT\n", quantity=Decimal("123456789.12345678"))),
    execution("12.5", fill(7, symbol="币安人生/USDT", executed_at=NOW - timedelta(days=2))),
    execution(
        "0.5", fill(8, symbol="N" * 300, quantity=Decimal("0.000000000000000001"), price=Decimal("99999999.999999"))
    ),
)
BROKERS = (
    broker(),
    broker("titres", "action", exchange="saxo", note="sign-in ends in 2 d"),
    broker("okx", "waiting", exchange="okx", next_at=NOW + timedelta(seconds=41), complete_since=None),
)
SIXTY = tuple(broker(f"acct-{i:02}", "failed" if i == 30 else "ok", errors_in_row=4 * (i == 30)) for i in range(60))
PROBLEMS = (
    Problem("wait", "too many requests (429)", "waits until 14:02:55 UTC", "okx", "ann", 1, NOW),
    Problem(
        "auth", "sign-in ends " + "and then nothing is read " * 9, "trademon broker login titres", "titres", "ann", 4
    ),
    *(Problem("network", "no answer", None, "main", "ann", 1, NOW) for _ in range(5)),
)


def book(
    symbol: str, days: dict[int, str], broker_name: str = "main", currency: str = "USDT", **changes: Any
) -> BookEarned:
    """`days`: what each brought, by how many days before today it was."""
    told = tuple(BookDay(TODAY - ago, Decimal(net), 3) for ago, net in sorted(days.items(), reverse=True))
    return BookEarned("ann", broker_name, symbol, currency, told, **changes)


EARNED = (
    book("BTC/USDT", {400: "1000", 25: "310.5", 20: "-120", 9: "412.6", 2: "55", 0: "41.33"}),
    book("SOL/USDT", {28: "40", 12: "81.27", 0: "38.9"}, hours=((9, Decimal(12)), (13, Decimal("26.9")))),
    book("DOGE/USDT", {3: "-88.2"}, provisional=True),
    book("AAPL:xnas/EUR", {200: "110.5", 6: "-12.4"}, "titres", "EUR"),
)


def position(symbol: str, quantity: str, average: str, last: str | None, **changes: Any) -> PositionRow:
    held, cost = Decimal(quantity), Decimal(quantity) * Decimal(average)
    mark = None if last is None else Mark(Decimal(last), NOW - timedelta(seconds=42), held * Decimal(last) - cost)
    facts: dict[str, Any] = {"user": "ann", "broker": "main", "side": "long", "currency": "USDT", "seen": Seen(NOW)}
    told = facts | {"average_cost": Decimal(average), "cost": cost, "mark": mark} | changes
    return PositionRow(symbol=symbol, quantity=held, **told)


POSITIONS = PositionsReport(
    (
        position("BTC", "0.4123", "44180.52", "47003.1"),
        position("ETH", "3.25", "2604.11", "2512.4"),
        position("DOGE", "3000", "0.0812", None, unknown_quantity=Decimal(2000)),
        position("AAPL:xnas", "40", "188.2", "191.35", broker="titres", currency="EUR"),
    )
)
AUTOMATION = AutomationStatus(
    (
        UserAutomation(
            Schedule("ann", "active", 30, NOW + timedelta(minutes=28)),
            Round(7, "ann", "schedule", NOW - timedelta(minutes=2), NOW - timedelta(seconds=108.8), "success"),
            None,
            Rates(Decimal(1), Decimal(1), Decimal("0.96")),
        ),
    ),
    Scheduler(is_alive=True, pid=7),
    NOW,
)


def screen(**changes: Any) -> WatchState:
    facts: dict[str, Any] = {
        "title": "ann · all brokers",
        "method": "fifo",
        "shown_method": "fifo",
        "now": NOW,
        "started_at": NOW - timedelta(hours=3, minutes=12),
        "cycle": 1152,
        "cycle_seconds": Decimal("0.41"),
        "next_at": NOW + timedelta(seconds=6),
        "brokers": BROKERS,
        "executions": EXECUTIONS,
        "problems": (),
        "earned": EARNED,
        "positions": POSITIONS,
        "automation": AUTOMATION,
    } | changes
    counts: dict[str, Any] = {
        "brokers_total": len(facts["brokers"]),
        "executions_total": len(facts["executions"]),
        "errors_total": len(facts["problems"]),
    }
    return WatchState(**counts | facts)


def pnl_row(**changes: Any) -> PnlRow:
    facts: dict[str, Any] = {
        "user": "ann",
        "broker": "main",
        "symbol": "BTC/USDT",
        "currency": "USDT",
        "gross": Decimal("1204.1"),
        "fees": Decimal("12.33"),
        "open_quantity": Decimal("0.4123"),
        "open_cost": Decimal("18215.6"),
        "average_cost": Decimal("44180.5287654321"),
        "unmatched_quantity": Decimal(0),
        "unmatched_proceeds": Decimal(0),
        "unvalued_fees": (),
        "disposals": 12,
        "fills": 40,
    }
    return PnlRow(**facts | changes)


def scan(name: str = "main", status: str = "ok", problem: Problem | None = None, **changes: Any) -> BrokerScan:
    facts: dict[str, Any] = {"new_fills": 3, "requests": 7, "seconds": Decimal("0.4123")}
    return BrokerScan(name, "ann", status, problem=problem, **facts | changes)  # type: ignore[arg-type]


def info(name: str = "main", **changes: Any) -> BrokerInfo:
    facts: dict[str, Any] = {
        "name": name,
        "user": "ann",
        "exchange": "binance",
        "market": "spot",
        "enabled": True,
        "base_url": None,
        "symbols": ("BTC/USDT",),
        "method": None,
        "since": NOW,
        "has_key": True,
        "last_good_at": NOW,
        "errors_in_row": 0,
        "fills": 12,
        "complete_since": None,
    }
    return BrokerInfo(**facts | changes)


def text_of(renderable: RenderableType, width: int, *, color: bool = False) -> str:
    """What a terminal of this width would show; with `color` including its escape sequences."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=color, color_system="standard" if color else None, markup=False
    )
    console.print(renderable)
    return stream.getvalue()


def many_executions(count: int) -> tuple[ExecutionRow, ...]:
    """So many, newest first, of 40 symbols and 3 brokers; each third closes something."""
    return tuple(
        execution(
            None if n % 3 else str(Decimal(n * 7 % 1000 - 400) / 8),
            fill(
                n,
                symbol=f"C{n % 40:02}/USDT",
                broker=("main", "okx", "bitget")[n % 3],
                side="sell" if n % 3 == 0 else "buy",
                quantity=Decimal(n * 37 % 900 + 1) / 32,
                price=Decimal(n * 7919 % 50000 + 1) / 4,
            ),
        )
        for n in range(1, count + 1)
    )


MANY_BOOKS = tuple(
    book(f"C{n:02}/USDT", {ago: str(Decimal(n * 31 % 97 - 40 + ago) / 4) for ago in range(0, 30, 1 + n % 5)})
    for n in range(40)
)
OUTAGE = {
    "brokers": (
        broker(state="failed", errors_in_row=7, last_good_at=NOW - timedelta(minutes=11), note=None),
        broker("okx", "waiting", exchange="okx", next_at=NOW + timedelta(seconds=41), complete_since=None),
        broker("titres", "action", exchange="saxo", note="sign in again", errors_in_row=3),
    ),
    "problems": (
        Problem("network", "no answer from api.binance.com within 4 s", None, "main", "ann", 1, NOW),
        Problem(
            "sign-in",
            "its sign-in has ended",
            "trademon broker login titres",
            "titres",
            "ann",
            4,
            NOW - timedelta(hours=1),
        ),
    ),
    "errors_total": 23,
}
"""What a dashboard shows while nothing answers."""
