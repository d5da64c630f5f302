"""docs/dashboard.svg: the screen of `watch --demo`, drawn by what draws it on a terminal.

The demo's world is the same for one seed and one beginning, and the clock stands: so is the picture. What a machine
took for it is replaced by figures that never change.
"""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from trademon.core.model import Credentials
from trademon.core.watch_reports import WatchState
from trademon.demo.server import DemoAccount, DemoServer, demo_accounts
from trademon.exchanges.registry import capabilities_of
from trademon.flows.positions import positions
from trademon.flows.watch import Watch, WatchOptions
from trademon.settings import load_settings
from trademon.store.store import Store, UserStore
from trademon.ui.watch.layout import render_dashboard
from trademon.ui.zone import find_zone, shown_in
from trademon.wiring import DEMO_HISTORY, Home

WIDTH: Final = 120
HEIGHT: Final = 35
_BEGAN: Final = datetime(2026, 11, 21, 14, 0, 0, tzinfo=UTC)
_NOW: Final = _BEGAN + timedelta(minutes=6)
_UP: Final = timedelta(hours=3, minutes=12)
_CYCLES: Final = 1152
_TOOK: Final = (Decimal("0.081"), Decimal("0.183"))
# Readable on light and dark pages; the reds and greens differ in brightness, too.
_THEME: Final = TerminalTheme(
    (16, 20, 27),
    (205, 211, 221),
    [
        (16, 20, 27),
        (235, 110, 110),
        (120, 200, 130),
        (222, 184, 98),
        (110, 160, 235),
        (200, 140, 220),
        (95, 190, 205),
        (205, 211, 221),
    ],
)
# As rich draws it, without the font that its own format has fetched from another host.
_FORMAT: Final = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
    aria-label="The dashboard of trademon watch over its demo">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
    font-family: "DejaVu Sans Mono", ui-monospace, Menlo, Consolas, "Liberation Mono", monospace;
}}
.{unique_id}-matrix {{ font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(slots=True)
class _Clock:
    """A clock that stands until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def dashboard_picture() -> str:
    """The picture as SVG, without an address of anything outside it."""
    console = Console(
        record=True, width=WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    with shown_in(find_zone("UTC")):
        console.print(render_dashboard(asyncio.run(demo_state()), width=WIDTH, height=HEIGHT))
    svg = console.export_svg(title="trademon watch --demo", theme=_THEME, code_format=_FORMAT, unique_id="trademon")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


async def demo_state() -> WatchState:
    """What the dashboard shows of the demo some minutes after it began."""
    clock = _Clock(_BEGAN)
    accounts = demo_accounts(clock, started_at=_BEGAN)
    with _home(clock) as home:
        # A clock that stands never leaves the second whose requests are counted.
        async with DemoServer(accounts, clock=clock, has_rates=False) as server, home.network() as ports:
            user = home.user(None)
            for account in accounts:
                _add_broker(user, account, server.base_url)
            options = WatchOptions(cycles=1, one_by_one=True)
            while clock.now < _NOW:  # the budget of a minute is not enough to ask for every symbol
                clock.now += timedelta(minutes=1)
                watch = Watch((user,), ports, options, "you (demo)", lambda _: None, lambda _: None)
                await watch.run()
            held = await positions((user,), (), ports, capabilities_of=capabilities_of)
    return _with_even_times(replace(watch.state(), positions=held))


@contextmanager
def _home(clock: _Clock) -> Iterator[Home]:
    """A store of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="trademon-picture-") as directory:
        settings = load_settings({"TRADEMON_HOME": directory}, directory=Path(directory))
        store = Store(settings.store_url, key_file=settings.key_file, key_is_credential=False, clock=clock)
        try:
            yield Home(settings, store, clock)
        finally:
            store.close()


def _add_broker(user: UserStore, account: DemoAccount, base_url: str) -> None:
    user.add_broker(
        account.exchange,
        exchange=account.exchange,
        market="spot",
        since=_BEGAN - DEMO_HISTORY,
        base_url=base_url,
        symbols=(),
        method=None,
        credentials=Credentials(account.api_key, account.api_secret, account.passphrase),
    )


def _with_even_times(state: WatchState) -> WatchState:
    """The state without what this machine took for it."""
    next_at = _NOW + timedelta(seconds=6)
    brokers = tuple(
        replace(broker, seconds=took, next_at=next_at, last_good_at=_NOW - timedelta(seconds=4))
        for broker, took in zip(state.brokers, _TOOK, strict=True)
    )
    return replace(
        state,
        now=_NOW,
        started_at=_NOW - _UP,
        cycle=_CYCLES,
        cycle_seconds=sum(_TOOK, Decimal(0)),
        next_at=next_at,
        brokers=brokers,
    )
