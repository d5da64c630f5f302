"""What commands share: options that several take, the error boundary, and how a report leaves."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from trademon.cli import complete
from trademon.cli.flags import Flags
from trademon.core.hints import one_command
from trademon.core.model import Method
from trademon.core.reports import Problem, Status
from trademon.core.times import parse_begin, parse_end
from trademon.errors import ConfigError, DataError, TrademonError, UsageError, explained
from trademon.redaction import OutputFailed, RedactedFormatter

T = TypeVar("T")
User = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Only this user's rows.", autocompletion=complete.users)
]
Brokers = Annotated[
    list[str] | None,
    typer.Option(
        "--broker", metavar="NAME", help="Only this broker; may be repeated.", autocompletion=complete.brokers
    ),
]
Symbols = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol",
        metavar="S",
        help="Only this symbol, BTC/USDT or BTCUSDT; may be repeated.",
        autocompletion=complete.symbols,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="T",
        help="From then on: 24h, 7d, 2w, today, yesterday, an ISO time or date, or the beginning of 2026, 2026-Q3, "
        "2026-11. All UTC.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="T",
        help="Before then. 2026, 2026-Q3, 2026-11, today and yesterday are included to their end; a date alone, as in "
        "2026-11-21, is its midnight.",
    ),
]
Period = Annotated[
    str | None,
    typer.Option("--period", metavar="P", help="All of a 2026, 2026-Q3, 2026-11, 2026-11-21, today or yesterday."),
]
TIME_HINT = "write 24h, 7d, today, 2026, 2026-Q3, 2026-11 or 2026-11-21"

MethodOption = Annotated[
    Method | None, typer.Option("--method", help="fifo, lifo, hifo or average.", metavar="M", case_sensitive=False)
]

DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Say what would be done, and write nothing.")]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command has to say. `is_data`: it was asked for data, which is printed in a pipe too; otherwise success
    is silent without a terminal, for cron. `warnings` are lines on stderr, of what is no failure and must be heard."""

    report: Any
    problems: Sequence[Problem] = ()
    status: Status = "success"
    exit_code: int = 0
    is_data: bool = True
    write: Callable[[], None] | None = None
    warnings: Sequence[str] = ()
    dry_run: bool = False
    """Nothing of it was kept: that is said, and whoever asks for a dry run wants to read it in a pipe, too."""
    is_told: bool = False
    """The table says each problem beside what it is of: whoever reads both streams on a terminal has it once."""


def run(command: str, flags: Flags, work: Callable[[], Result]) -> NoReturn:
    """Do the work, print what it found, and end with its exit code. The error boundary of every command."""
    with one_command():
        _run(command, flags, work)


def _run(command: str, flags: Flags, work: Callable[[], Result]) -> NoReturn:
    _set_up_logging(flags)
    try:
        refuse_two_forms(flags)
        with _shown_in_zone(flags):
            with _progress(flags):
                result = work()
            with _writing_out():
                _show(command, flags, result)
                sys.stdout.flush()
    except TrademonError as error:
        if flags.debug:
            traceback.print_exc()
        _fail(command, flags, Problem.of(error))
    except BrokenPipeError:
        # Whoever reads us has gone: nothing is wrong, and Python must not complain about it at exit.
        _give_up_stdout()
        raise typer.Exit(0) from None
    except (KeyboardInterrupt, typer.Exit, OutputFailed):
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours ends as one line too
        if flags.debug:
            traceback.print_exc()
        _fail(command, flags, Problem.of(explained(error)))
    raise typer.Exit(result.exit_code)


@contextmanager
def _writing_out() -> Iterator[None]:
    """Where stdout takes no more (a full disk behind a `>`), that is said on stderr, and the run has failed."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        _give_up_stdout()
        print_warning(f"the output cannot be written: {error.strerror} (what was done is stored)")
        raise typer.Exit(1) from None


def _give_up_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(command: str, flags: Flags, problem: Problem) -> NoReturn:
    with _writing_out():
        _show(command, flags, Result(None, (problem,), "failed", problem.exit_code))
    raise typer.Exit(problem.exit_code)


def _show(command: str, flags: Flags, result: Result) -> None:
    if result.write is not None:
        result.write()
    elif flags.json:
        from trademon.ui.json_out import dump, envelope, to_json  # noqa: PLC0415

        data = {} if result.report is None else to_json(result.report)
        data |= {"dry_run": True} if result.dry_run else {}
        sys.stdout.write(dump(envelope(command, result.status, data, result.problems)) + "\n")
    elif result.report is not None and not flags.quiet and flags.is_plain:
        from trademon.ui.tsv import tsv  # noqa: PLC0415

        for line in tsv(result.report):
            sys.stdout.write(line)
    elif result.report is not None and not flags.quiet and (result.is_data or result.dry_run or sys.stdout.isatty()):
        if result.dry_run:
            sys.stdout.write("A dry run, nothing was written. Without --dry-run:\n")
        _show_table(flags, result.report)
        if result.is_told and sys.stdout.isatty() and sys.stderr.isatty():
            return
    _tell(result)


def _tell(result: Result) -> None:
    """On stderr, what must be heard and what failed."""
    for warning in result.warnings:
        print_warning(warning)
    for problem in result.problems:
        if problem.kind != Stopped.kind:  # who stopped it knows
            print_problem(problem)


def _show_table(flags: Flags, report: Any) -> None:
    """As a person reads it, with the zone of its times below it; on a terminal page by page where it is long."""
    from trademon.settings import child_environment, load_settings  # noqa: PLC0415
    from trademon.ui.console import console_glyphs  # noqa: PLC0415
    from trademon.ui.pager import show  # noqa: PLC0415
    from trademon.ui.tables import render, with_zone  # noqa: PLC0415

    console = flags.console()
    parts = with_zone(render(report, console_glyphs(console)))
    if flags.may_page and console.is_terminal:
        show(console, parts, load_settings().pager, child_environment())
    else:
        console.print(parts)


def _shown_in_zone(flags: Flags) -> AbstractContextManager[object]:
    """The zone of `--tz`, else of TRADEMON_TZ, else the machine's, for a person. Documents and lines for programs know
    UTC alone, but a zone that is none is refused with them, too.

    A setting that names none is said where times are shown, and stops nothing: neither `halt` nor a scan in cron may
    fail for the look of a table.

    Raises:
        UsageError: `--tz` names no zone.
    """
    if flags.json and flags.zone is None:
        return nullcontext()
    from trademon.settings import load_settings  # noqa: PLC0415
    from trademon.ui.zone import Zone, find_zone, shown_in  # noqa: PLC0415

    if flags.zone is not None:
        return shown_in(find_zone(flags.zone))
    try:
        return shown_in(find_zone(load_settings().tz))
    except UsageError as error:
        return shown_in(Zone(note=f"TRADEMON_TZ: {error.message} ({error.hint})"))


@contextmanager
def _progress(flags: Flags) -> Iterator[None]:
    """Long work shows how far it is, to a person who waits at a terminal."""
    if flags.json or flags.quiet or not sys.stderr.isatty():
        yield
        return
    from trademon.progress import heard_by  # noqa: PLC0415
    from trademon.ui.console import make_console  # noqa: PLC0415
    from trademon.ui.progress import SteadyConsole, bars  # noqa: PLC0415

    console = make_console(no_color=flags.no_color, stderr=True, kind=SteadyConsole)
    with bars(console) as listener, heard_by(listener):
        yield


def print_warning(text: str) -> None:
    """One line on stderr."""
    from trademon.ui.foreign import clean  # noqa: PLC0415

    sys.stderr.write(f"trademon: {clean(text)}\n")


def print_problem(problem: Problem) -> None:
    """One line on stderr: what, which broker, what to do."""
    print_warning(problem.line)


def _set_up_logging(flags: Flags) -> None:
    level = logging.DEBUG if flags.debug or flags.verbose > 1 else logging.INFO if flags.verbose else logging.WARNING
    # Of the libraries below only warnings, however much is asked for: at DEBUG some of them log what they send.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactedFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("trademon").setLevel(level)


class Stopped(TrademonError):
    """A signal ended the run, after the write in hand."""

    kind = "stopped"

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}", hint="what was read so far is stored")
        self.exit_code = 128 + number


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to its end; SIGINT, SIGTERM and SIGHUP cancel it, after the write in hand, and end with 128 + the signal."""

    import asyncio  # noqa: PLC0415 - 20 ms that most commands do without

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        got: list[int] = []

        def stop(number: int) -> None:
            got.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop, number)
        try:
            return await work()
        except asyncio.CancelledError:
            if got:
                raise Stopped(got[0]) from None
            raise

    return asyncio.run(guarded())


def parse_period(since: str | None, until: str | None, *, now: datetime) -> tuple[datetime | None, datetime | None]:
    """`--since` and `--until` as times; UsageError for one that is none."""
    times: list[datetime | None] = []
    for option, text, parse in (("--since", since, parse_begin), ("--until", until, parse_end)):
        try:
            times.append(None if text is None else parse(text, now=now))
        except DataError as error:
            raise no_time(option, error) from None
    start, end = times
    if start is not None and end is not None and start >= end:
        raise UsageError("--since is not before --until", hint="no time lies between them")
    return start, end


def refuse_options(ctx: typer.Context) -> None:
    """Options written before a subcommand would be passed over: whoever wrote `--user bob` there means it."""
    given = [
        name for name in ctx.params if str(getattr(ctx.get_parameter_source(name), "name", "DEFAULT")) != "DEFAULT"
    ]
    if given:
        option = "--" + given[0].replace("_", "-")
        where = f"trademon {ctx.info_name} {ctx.invoked_subcommand}"
        raise_usage(f"{option} stands before {ctx.invoked_subcommand!r}", hint=f"write it after: {where} {option} ...")


def raise_usage(message: str, hint: str) -> NoReturn:
    """End with a usage error where no command is running yet."""
    error = UsageError(message, hint=hint)
    print_problem(Problem.of(error))
    raise typer.Exit(error.exit_code)


def parse_amount(option: str, text: str) -> Decimal:
    """An amount from the command line, exactly; UsageError for what is none."""
    from trademon.core.money import parse_decimal  # noqa: PLC0415

    try:
        return parse_decimal(text, what=option)
    except DataError as error:
        raise UsageError(error.message, hint="write a plain number, as in 0.5") from None


def parse_moment(option: str, text: str, *, now: datetime) -> datetime:
    """A time from the command line, in the words that --since takes; UsageError for what is none."""
    try:
        return parse_begin(text, now=now)
    except DataError as error:
        raise no_time(option, error) from None


def no_time(asked: str, error: DataError) -> UsageError:
    """That what was written to an option, or answered to a question, is no time; with what to write."""
    return UsageError(f"{asked}: {error.message}", hint=error.hint or TIME_HINT)


def parse_currency(option: str, text: str) -> str:
    """A currency from the command line; UsageError for what is none."""
    currency = text.strip().upper()
    if not currency.isalnum() or not currency.isascii():
        raise UsageError(f"{option} is no currency: {text[:20]!r}", hint=f"write {option} EUR")
    return currency


def parse_id(what: str, text: str, hint: str) -> int:
    """The number that a list shows; UsageError for other words."""
    if not (text.isascii() and text.isdigit() and len(text) <= 40):
        raise UsageError(f"{what} is a number, not {text[:40]!r}", hint=hint)
    return int(text)


def refuse_two_forms(flags: Flags, *, csv: bool = False) -> None:
    """Stdout holds one form: whoever asks for two gets neither."""
    forms = {"--csv": csv, "--json": flags.json, "--plain": flags.is_plain}
    asked = [name for name, is_asked in forms.items() if is_asked]
    if len(asked) > 1:
        raise UsageError(f"{asked[0]} and {asked[1]} exclude each other", hint="leave one of them away")


def confirm(question: str) -> None:
    """Ask on the terminal; ConfigError where there is none to ask on, an end without a deed after a no."""
    from trademon.cli.ask import agree, can_ask  # noqa: PLC0415 - only where a person is asked

    if not can_ask():
        raise ConfigError("this asks for a confirmation and there is no terminal", hint="add --yes")
    if not agree(question):
        raise typer.Exit(1)
