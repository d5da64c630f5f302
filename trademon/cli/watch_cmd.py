"""`trademon watch`: the dashboard on a terminal, lines without one, JSON lines on request."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trademon.cli.common import Result, User, run
from trademon.cli.flags import Flags, TimeFlags, with_flags
from trademon.progress import heard_by

if TYPE_CHECKING:
    from trademon.core.automation_reports import AutomationStatus
    from trademon.core.watch_reports import WatchEvent, WatchState
    from trademon.flows.watch import Watch, WatchOptions
    from trademon.wiring import Home

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@dataclasses.dataclass(frozen=True)
class _WatchFlags(TimeFlags):
    """Those of a command that goes on: it has no document to end with."""

    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for each event.")] = False


@app.command(epilog="Example: trademon watch --demo")
@with_flags
def watch(
    flags: _WatchFlags,
    interval: Annotated[float, typer.Option("--interval", min=1, max=3600, metavar="S", help="Seconds.")] = 10,
    user: User = None,
    cycles: Annotated[int | None, typer.Option("--cycles", min=1, metavar="N", help="End after N scans.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="One line an event, on a terminal too.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="An exchange and a store of its own, no keys.")] = False,
    one_by_one: Annotated[bool, typer.Option("--one-by-one", help="Scan one broker after the other.")] = False,
) -> None:
    """Scan every few seconds and show what happens. `q` leaves, `?` shows all keys."""
    from trademon.flows.watch import WatchOptions  # noqa: PLC0415

    options = WatchOptions(interval_s=interval, cycles=cycles, one_by_one=one_by_one)
    # The events of --json are the output: no envelope follows them, but one tells of a failure to start.
    run(
        "watch",
        flags,
        lambda: Result(None, exit_code=_to_its_end(_watch(flags, options, user, plain, demo)), write=_nothing),
    )


def _to_its_end(watching: Coroutine[Any, Any, int]) -> int:
    """How it ended. Its scans draw no bars into what it shows."""
    with heard_by(None):
        return asyncio.run(watching)


def _nothing() -> None:
    """All was written while it happened."""


async def _watch(flags: Flags, options: WatchOptions, user: str | None, plain: bool, demo: bool) -> int:
    async with _home(demo) as home, home.network() as ports:
        from trademon.cli.sending import sending  # noqa: PLC0415
        from trademon.flows.watch import Watch  # noqa: PLC0415

        stores = home.users(user)
        title = f"{stores[0].user} (demo)" if demo else ", ".join(store.user for store in stores)
        watch = Watch(stores, ports, options, title, _nothing_to_tell, _nothing_to_show)
        signals = _Signals(watch)
        console = flags.console()
        from trademon.ui.console import can_draw  # noqa: PLC0415
        from trademon.wiring import open_home  # noqa: PLC0415

        # A demo has nobody to tell. A counted run, which is a script's, sends what its last scan had to tell, too.
        counted = options.cycles is not None
        async with sending(home, lambda: stores, last=counted) if not demo else contextlib.nullcontext():
            if not flags.json and not plain and can_draw(console):
                from trademon.cli.automation_work import scheduler_of  # noqa: PLC0415
                from trademon.cli.watch_screen import watch_on_screen  # noqa: PLC0415
                from trademon.flows.automation import status  # noqa: PLC0415

                def rounds() -> AutomationStatus:
                    scheduler, minutes = scheduler_of(home.settings), home.settings.default_minutes
                    return status(stores, home.store.locks, scheduler, now=ports.clock(), default_minutes=minutes)

                watch.automation = rounds
                with open_home(home.settings) as beside:
                    await watch_on_screen(watch, console, [beside.store.for_user(store.user) for store in stores])
            else:
                watch.on_event = _event_writer(flags, show_user=len(stores) > 1)
                await watch.run()
        return signals.exit_code or (watch.exit_code() if options.cycles is not None else 0)


@contextlib.asynccontextmanager
async def _home(demo: bool) -> AsyncIterator[Home]:
    from trademon.wiring import open_demo, open_home  # noqa: PLC0415

    if demo:
        async with open_demo() as home:
            yield home
    else:
        with open_home() as home:
            yield home


class _Signals:
    """SIGINT, SIGTERM and SIGHUP stop the watch after the write in hand; the second time at once."""

    def __init__(self, watch: Watch) -> None:
        self.exit_code = 0
        self._watch = watch
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, number)

    def _stop(self, number: int) -> None:
        if self.exit_code:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.exit_code = 128 + number
        self._watch.stop.set()


def _event_writer(flags: Flags, *, show_user: bool) -> Callable[[WatchEvent], None]:
    """Writes each event as it comes. What was executed before the watch began is counted, not told line by line."""
    from trademon.ui.json_out import dump_line  # noqa: PLC0415
    from trademon.ui.lines import format_event  # noqa: PLC0415
    from trademon.ui.watch_json import watch_event_to_json  # noqa: PLC0415

    started: list[WatchEvent] = []
    earlier = 0

    def write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def tell(event: WatchEvent) -> None:
        nonlocal earlier
        if flags.json:
            write(dump_line(watch_event_to_json(event)))
            return
        if event.event == "start":
            started.append(event)
        row = event.execution
        if row is not None and started and row.fill.executed_at < started[0].at:
            earlier += 1
            return
        if earlier and event.event != "fill":
            write(format_event(dataclasses.replace(event, event="fill", text=_earlier(earlier))))
            earlier = 0
        if not (flags.quiet and event.ok):
            write(format_event(event, show_user=show_user))

    return tell


def _earlier(count: int) -> str:
    return f"{count} execution{'' if count == 1 else 's'} from before the start"


def _nothing_to_tell(event: WatchEvent) -> None:
    """The dashboard shows states, not events."""


def _nothing_to_show(state: WatchState) -> None:
    """Lines tell events, not states."""
