"""What the dashboard costs: a frame, a program that is left open, and a day of it.

    python benchmarks/watch.py [--seconds 60] [--cycles 1000] [--brokers 10]

Three parts. A frame: processor time to build and paint one, a second after the last. At rest: `trademon watch` as a
program of its own on a pseudo-terminal of 120 by 35, ten brokers at an exchange on loopback, in which nothing is
executed; its processor time over so many seconds, first looking every 10 s, then paused, which leaves the screen alone.
A day: 1,000 cycles on a clock of its own, 86 s apart, with executions in every one, painted after each; memory on the
way.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import io
import os
import platform
import pty
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fcntl import ioctl
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.live import Live

from tests.flows.test_watch import BTC, Account, Time, trade
from tests.ui.world import MANY_BOOKS, broker, many_executions, screen
from trademon.core.model import Credentials
from trademon.core.watch_reports import WatchState
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.flows.ports import Ports
from trademon.flows.watch import Watch, WatchOptions
from trademon.settings import load_settings
from trademon.store.store import Store, UserStore
from trademon.ui.watch.layout import Memo, render_dashboard
from trademon.wiring import open_home

TICKS = os.sysconf("SC_CLK_TCK")
SIZES = ((80, 24), (120, 35), (200, 60))


# --- a frame ------------------------------------------------------------------------------------------------------


def frame_ms(state: WatchState, width: int, height: int, frames: int = 100) -> float:
    """Processor milliseconds of a frame, each a second after the last, as `ui/watch/screen.py` paints it."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system="256")
    memo, spent = Memo(), 0.0
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for n in range(frames):
            now = dataclasses.replace(state, now=state.now + timedelta(seconds=n))
            began = time.process_time()
            live.update(render_dashboard(now, width=width, height=height, memo=memo), refresh=True)
            spent += time.process_time() - began
    return spent / frames * 1000


# --- at rest ------------------------------------------------------------------------------------------------------


def quiet_account(n: int, exchange: str) -> DemoAccount:
    """An account with 40 executions of two symbols in its last two hours, and nothing since."""
    world = ScriptedWorld(clock=lambda: datetime.now(UTC), deposits={"USDT": Decimal(1_000_000)})
    began = datetime.now(UTC) - timedelta(hours=2)
    for i in range(40):
        side = world.buy if i % 2 == 0 else world.sell
        side("ETH/USDT" if i % 4 < 2 else "BTC/USDT", "1", str(3000 + i), began + timedelta(minutes=2 * i))
    key = (f"key{n:02}" * 16)[:64]
    return DemoAccount(exchange, key, f"secret-{n}", "phrase" if exchange == "bitget" else "", str(1000 + n), world)


def at_rest(brokers: int, seconds: float) -> None:
    """The program itself: processor time while it looks, and while it is paused."""
    accounts = [quiet_account(n, ("binance", "bitget")[n % 2]) for n in range(brokers)]
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    server = DemoServer(accounts, clock=lambda: datetime.now(UTC))
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    with tempfile.TemporaryDirectory(prefix="trademon-bench-") as home:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRADEMON_")}
        environment |= {"TRADEMON_HOME": home, "TERM": "xterm-256color"}
        with open_home(load_settings({"TRADEMON_HOME": home}, directory=Path(home))) as opened:
            for account in accounts:
                add_broker(opened.user(None), account, server.base_url)
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 35, 120, 0, 0))
        command = [sys.executable, "-m", "trademon", "watch"]
        child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        try:
            drain(ours, 40)  # the first looks: everything is read and booked
            looking = share(child.pid, ours, seconds)
            os.write(ours, b"p")
            drain(ours, 5)
            paused = share(child.pid, ours, seconds)
            resident = memory_mb(child.pid)
            os.write(ours, b"q")
            drain(ours, 3)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)
    print(f"  paused: the screen alone   {paused:6.2f} % of a core")
    print(f"  looking every 10 s         {looking:6.2f} % of a core   {resident:,.0f} MB")


def add_broker(user: UserStore, account: DemoAccount, base_url: str) -> None:
    user.add_broker(
        f"{account.exchange}-{account.uid}",
        exchange=account.exchange,
        market="spot",
        since=datetime.now(UTC) - timedelta(days=1),
        base_url=base_url,
        symbols=(),
        method=None,
        credentials=Credentials(account.api_key, account.api_secret, account.passphrase),
    )


def share(pid: int, terminal: int, seconds: float) -> float:
    """Processor time of a process as a share of a core, in percent."""
    before, began = spent_s(pid), time.monotonic()
    drain(terminal, seconds)
    return (spent_s(pid) - before) / (time.monotonic() - began) * 100


def spent_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


def drain(terminal: int, seconds: float) -> None:
    """Take what is painted, as a terminal would."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            with suppress(OSError):
                os.read(terminal, 65536)


# --- a day --------------------------------------------------------------------------------------------------------


@dataclass
class Day:
    """A watch on a clock of its own: every sleep is over at once."""

    user: UserStore
    locks: Path
    time: Time

    def watch(self, cycles: int, paint: Callable[[WatchState], None]) -> Watch:
        accounts = {}
        for name in ("one", "two"):
            self.user.add_broker(
                name,
                exchange="bitget",
                market="spot",
                since=self.time.clock() - timedelta(hours=1),
                base_url=None,
                symbols=(BTC.symbol,),
                method=None,
                credentials=None,
            )
            accounts[name] = Account(self.time, fills=[])

        async def open_exchange(_store: UserStore, told: object) -> Account:
            account = accounts[told.name]  # type: ignore[attr-defined]
            # What an exchange would have of this cycle alone: the stand-in tells all it has each time.
            first = int(self.time.s) * 10 + (0 if told.name == "one" else 5)  # type: ignore[attr-defined]
            account.fills = [trade(first + n, "buy" if n % 2 else "sell", "100", self.time.s - 5 + n) for n in range(5)]
            return account

        ports = Ports(open_exchange, self.locks, self.time.clock, self.time.monotonic, self.time.sleep)  # type: ignore[arg-type]
        options = WatchOptions(interval_s=86_400 // cycles, cycles=cycles)
        return Watch((self.user,), ports, options, "bench", lambda _: None, paint)


def a_day(cycles: int) -> None:
    """Memory after each tenth of the cycles."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=35, color_system="256")
    memo, marks = Memo(), {cycles * n // 10 for n in (1, 2, 5, 8, 10)}
    rows: list[str] = []
    with tempfile.TemporaryDirectory(prefix="trademon-bench-") as place:
        clock = Time()
        store = Store(f"sqlite:///{place}/t.db", key_file=Path(place) / "key", clock=clock.clock)
        day = Day(store.for_user(store.users()[0].name), Path(place) / "locks", clock)

        def paint(state: WatchState) -> None:
            console.print(render_dashboard(state, width=120, height=35, memo=memo))
            console.file.seek(0)
            console.file.truncate()  # type: ignore[attr-defined]
            if state.cycle in marks and state.cycle_seconds is not None:
                marks.discard(state.cycle)
                gc.collect()
                rows.append(f"{memory_mb(os.getpid()):.0f} MB after {state.cycle:,} ({state.executions_total:,} fills)")

        began = time.process_time()
        asyncio.run(day.watch(cycles, paint).run())
        store.close()
    print("  " + "\n  ".join(rows))
    print(f"  {(time.process_time() - began) / cycles * 1000:.0f} ms CPU a cycle, painted after each of its steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--brokers", type=int, default=10)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    rows = tuple(broker(f"account-{n:02}") for n in range(options.brokers))
    state = screen(brokers=rows, executions=many_executions(500), executions_total=10_000, earned=MANY_BOOKS)
    print(f"a frame, {options.brokers} brokers, 10,000 executions, 40 symbols")
    for width, height in SIZES:
        print(f"  {width}x{height:<4} {frame_ms(state, width, height):5.1f} ms CPU")
    print(f"at rest, {options.brokers} brokers, over {options.seconds:g} s each")
    at_rest(options.brokers, options.seconds)
    print(f"a day in {options.cycles:,} cycles, ten executions in each")
    a_day(options.cycles)


if __name__ == "__main__":
    main()
