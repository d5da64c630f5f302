"""Made-up reports and screens for the tests of ui: one small world, at 14:02:14 UTC on 21 November 2026."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console, RenderableType

from trademon.core.pnl_reports import PnlRow, PnlTotal
from trademon.core.reports import BrokerInfo, BrokerScan, ExecutionRow, FillRow, Problem
from trademon.core.watch_reports import WatchBroker, WatchState

NOW = datetime(2026, 11, 21, 14, 2, 14, tzinfo=UTC)


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
        "net": (("USDT", Decimal("121.05")),),
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
    broker("titres", "action", exchange="saxo", note="sign-in ends in 2 d", net=(("EUR", Decimal("-12.4")),)),
    broker("okx", "waiting", exchange="okx", next_at=NOW + timedelta(seconds=41), net=(), complete_since=None),
)
SIXTY = tuple(broker(f"acct-{i:02}", "failed" if i == 30 else "ok", errors_in_row=4 * (i == 30)) for i in range(60))
PROBLEMS = (
    Problem("wait", "too many requests (429)", "waits until 14:02:55 UTC", "okx", "ann", 1, NOW),
    Problem(
        "auth", "sign-in ends " + "and then nothing is read " * 9, "trademon broker login titres", "titres", "ann", 4
    ),
    *(Problem("network", "no answer", None, "main", "ann", 1, NOW) for _ in range(5)),
)


def screen(**changes: Any) -> WatchState:
    facts: dict[str, Any] = {
        "title": "ann · all brokers",
        "method": "fifo",
        "now": NOW,
        "started_at": NOW - timedelta(hours=3, minutes=12),
        "cycle": 1152,
        "cycle_seconds": Decimal("0.41"),
        "next_at": NOW + timedelta(seconds=6),
        "brokers": BROKERS,
        "totals": (
            PnlTotal("USDT", Decimal("2431.77"), Decimal(0), True),
            PnlTotal("EUR", Decimal("98.1"), Decimal(0)),
        ),
        "executions": EXECUTIONS,
        "problems": (),
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
