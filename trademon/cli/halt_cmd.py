"""`trademon halt`: no order leaves any more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trademon.cli.common import Result, run
from trademon.cli.flags import Flags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon halt --reason 'the market is closed'")
@with_flags
def halt(
    flags: Flags,
    off: Annotated[bool, typer.Option("--off", help="Let orders leave again.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only say whether orders may leave.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever asks later.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --off: do not ask.")] = False,
) -> None:
    """Stop every order of every strategy, at once: nothing is asked, no network is needed, and a store that is locked
    or broken does not matter.

    A file in the state directory stops this machine, a flag in the store every machine that uses it; either is enough.
    Orders that wait at an exchange stay there. It lasts until --off.
    """
    run("halt", flags, lambda: _halt(reason, off=off, show=show, yes=yes))


def _halt(reason: str, *, off: bool, show: bool, yes: bool) -> Result:
    from trademon.core.reports import Problem  # noqa: PLC0415
    from trademon.errors import UsageError  # noqa: PLC0415
    from trademon.settings import load_settings  # noqa: PLC0415
    from trademon.wiring import halt_everything  # noqa: PLC0415

    if off or show:
        if off and show:
            raise UsageError("--off and --show exclude each other", hint="leave one of them away")
        return _end(yes=yes) if off else _show()
    settings = load_settings()
    words = " ".join("".join(c if c.isprintable() else " " for c in reason).split())[:200]
    report = halt_everything(settings, words)
    if report.note is None:
        return Result(report, is_data=False)
    # Beside a file of this machine the halt file is enough; other machines of a server go on.
    is_whole = report.file is not None and settings.store_url.startswith("sqlite")
    if is_whole:
        sys.stderr.write(f"trademon: halted; {report.note}\n")
        return Result(report, is_data=False)
    problem = Problem("store", f"halted here alone: {report.note}" if report.file else report.note)
    return Result(report, (problem,), "partial", 3, is_data=False)


def _show() -> Result:
    from trademon.core.strategy_reports import HaltReport  # noqa: PLC0415
    from trademon.store.halts import halted_by_file  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(HaltReport(home.store.halted(), halted_by_file(home.halt_file)))


def _end(*, yes: bool) -> Result:
    from trademon.cli.common import confirm  # noqa: PLC0415
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.store.halts import end_halt_by_file, halted_by_file  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        if home.store.halted() is None and halted_by_file(home.halt_file) is None:
            return Result(Done("nothing is halted"), is_data=False)
        if not yes:
            armed = [s.name for user in home.users(None) for s in user.strategies() if s.arming and s.is_enabled]
            whose = f" ({', '.join(armed)})" if armed else ""
            confirm(f"Let armed strategies{whose} send orders again?")
        # The store first: if that fails, the file still stops this machine.
        was = home.store.end_halt()
        was = end_halt_by_file(home.halt_file) or was
    return Result(Done("orders may leave again" if was else "nothing was halted"), is_data=False)
