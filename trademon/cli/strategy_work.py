"""What the commands of `trademon strategy` do."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.cli.common import Result, confirm, no_time, parse_amount, parse_currency, run_async
from trademon.core.money import ZERO, format_decimal
from trademon.core.reports import Done
from trademon.core.strategy_model import Arming
from trademon.core.times import format_time, parse_end
from trademon.errors import DataError, UsageError
from trademon.wiring import Home, check_brokers, open_home

if TYPE_CHECKING:
    from trademon.strategies.runner import About, Code

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,29}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
_AHEAD = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def add_strategy(
    name: str, source: str, user: str | None, params: list[str], brokers: list[str], paper_fee: str
) -> Result:
    """Add it on paper, once its code could be loaded and knows its parameters."""
    from trademon.store.user_strategies import NewStrategy  # noqa: PLC0415

    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:40]!r} is no strategy name", hint="letters, digits, _ and -, at most 30")
    given = _read_params(params)
    rate = parse_amount("--paper-fee", paper_fee)
    if not ZERO <= rate < 1:
        raise UsageError("--paper-fee is a part of the value", hint="0.001 is 0.1 %")

    async def work(home: Home) -> Result:
        store = home.user(user)
        check_brokers([store], brokers)
        if any(strategy.name == name for strategy in store.strategies()):
            raise UsageError(f"{store.user} already has a strategy {name!r}", hint=f"trademon strategy remove {name}")
        code, about = await _describe(home, source)
        unknown = given.keys() - about.parameters.keys()
        if unknown:
            known = ", ".join(about.parameters) or "none"
            raise UsageError(f"{name} has no parameter {min(unknown)!r}", hint=f"its parameters: {known}")
        values = about.parameters | given
        store.add_strategy(NewStrategy(name, source, code.file, values, tuple(dict.fromkeys(brokers)), rate))
        return Result(Done(f"added {name}, on paper", f"trademon strategy run {name}"), is_data=False)

    with open_home() as home:
        return run_async(lambda: work(home))


async def _describe(home: Home, source: str) -> tuple[Code, About]:
    from trademon.strategies.runner import Runner, find_code, read_code  # noqa: PLC0415

    code = read_code(find_code(source, Path.cwd(), sys.path))
    return code, await Runner(home.private_paths).describe(code)


def _read_params(params: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or not _PARAMETER.fullmatch(name) or len(value) > 500 or not value.isprintable():
            raise UsageError(f"--param {text[:40]!r} is no NAME=VALUE", hint="--param amount=25")
        found[name] = value
    return found


def list_strategies(user: str | None) -> Result:
    from trademon.flows import strategy_list as flow  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        return Result(flow.list_strategies(home.store, stores, now=home.clock(), halt_file=home.halt_file))


def show_strategy(name: str, user: str | None) -> Result:
    from trademon.flows import strategy_list as flow  # noqa: PLC0415

    with open_home() as home:
        store = home.user(user)
        return Result(flow.show_strategy(home.store, store, name, now=home.clock(), halt_file=home.halt_file))


def run_one(name: str, user: str | None) -> Result:
    from trademon.core.strategy_reports import StrategyRunsReport  # noqa: PLC0415
    from trademon.flows.strategies import run_strategy  # noqa: PLC0415

    async def work(home: Home) -> Result:
        store = home.user(user)
        store.strategy(name)
        async with home.network() as ports:
            done = await run_strategy(store, name, ports)
        report = StrategyRunsReport((done,))
        return Result(report, report.problems, report.status, report.exit_code)

    with open_home() as home:
        return run_async(lambda: work(home))


def switch(name: str, user: str | None, *, on: bool) -> Result:
    with open_home() as home:
        store = home.user(user)
        store.enable_strategy(store.strategy(name), on=on)
    said = "runs in every round" if on else "is not run any more"
    return Result(Done(f"{name} {said}"), is_data=False)


def remove(name: str, user: str | None, *, yes: bool) -> Result:
    with open_home() as home:
        store = home.user(user)
        strategy = store.strategy(name)
        waiting = store.strategy_orders(strategy, mode="live", statuses=("open", "sending", "unknown"))
        if not yes:
            still = f" {len(waiting)} of its orders may still be open at the exchange." if waiting else ""
            confirm(f"Remove the strategy {name}? Its orders stay in the store.{still}")
        store.remove_strategy(strategy)
    left = "look at your exchange: orders of it may still be open there" if waiting else None
    return Result(Done(f"removed {name}", left), is_data=False)


def disarm(name: str, user: str | None) -> Result:
    with open_home() as home:
        store = home.user(user)
        strategy = store.strategy(name)
        store.arm_strategy(strategy, None)
        waiting = len(store.strategy_orders(strategy, mode="live", statuses=("open",)))
    left = f"{waiting} of its orders are still open at the exchange" if waiting else None
    return Result(Done(f"{name} is on paper again: it sends no orders", left), is_data=False)


def arm(
    name: str,
    user: str | None,
    max_order: tuple[str, str],
    orders_a_day: int,
    max_daily_loss: tuple[str, str],
    symbols: list[str],
    brokers: list[str],
    until: str | None,
    *,
    rights_unknown_ok: bool,
    yes: bool,
) -> Result:
    """Look at everything, ask, arm."""
    from trademon.flows.strategy_arm import Wanted, prepare_arming  # noqa: PLC0415

    async def work(home: Home) -> Arming:
        store = home.user(user)
        wanted = Wanted(
            _money("--max-order", max_order),
            orders_a_day,
            _money("--max-daily-loss", max_daily_loss),
            tuple(symbols),
            tuple(brokers),
            None if until is None else _ahead(until, home.clock()),
            rights_unknown_ok,
        )
        async with home.network() as ports:
            return await prepare_arming(store, store.strategy(name), wanted, ports)

    with open_home() as home:
        store = home.user(user)
        arming = run_async(lambda: work(home))
        if not yes:
            confirm(f"{_in_words(name, arming)} Arm it?")
        store.arm_strategy(store.strategy(name), arming)
        halted = home.store.halted()
    next_step = f"halted {halted}: trademon halt --off" if halted else f"trademon strategy run {name}"
    return Result(Done(f"{name} is armed: from its next run on it sends orders", next_step), is_data=False)


def _in_words(name: str, arming: Arming) -> str:
    limits = arming.limits
    lines = (
        f"{name} will send real orders, without asking again:",
        f"  at {', '.join(limits.brokers)}, for {', '.join(limits.symbols)}",
        f"  at most {format_decimal(limits.max_order)} {limits.order_currency} an order, {limits.orders_a_day} a day "
        "(UTC)",
        f"  none after a loss of {format_decimal(limits.max_daily_loss)} {limits.loss_currency} in a day",
        f"  until {format_time(limits.until)}" if limits.until else "  until you disarm it",
        "trademon halt stops every order at once.",
    )
    return "\n".join(lines) + "\n"


def _money(option: str, given: tuple[str, str]) -> tuple[Decimal, str]:
    return parse_amount(option, given[0]), parse_currency(option, given[1])


def _ahead(text: str, now: datetime) -> datetime:
    """A time to come: 12h, 7d, 2w from now, or the end of what a date names."""
    found = _AHEAD.fullmatch(text)
    if found is not None:
        return now + int(found[1]) * _UNITS[found[2]]
    try:
        return parse_end(text, now=now)
    except DataError as error:
        raise no_time("--until", error) from None


def log(name: str | None, user: str | None, limit: int) -> Result:
    from trademon.core.strategy_reports import StrategyLogReport  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        runs = [run for store in stores for run in store.strategy_runs(name, limit=limit)]
    runs.sort(key=lambda run: (run.started_at is not None, run.started_at))
    return Result(StrategyLogReport(tuple(runs[-limit:])))
