"""`trademon notify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trademon.cli.common import Result, User, parse_amount, run, run_async
from trademon.cli.flags import Flags, ListFlags, TableFlags, with_flags

if TYPE_CHECKING:
    from trademon.core.notices import Event, Mode
    from trademon.store.store import UserStore
    from trademon.wiring import Home

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
Channel = Annotated[str | None, typer.Option("--channel", metavar="C", help="Only this channel.")]
_NO_CHANNEL = "set TRADEMON_TELEGRAM_TOKEN and the user's --telegram-chat, or TRADEMON_NOTIFY_URLS"
OFF = "off"


@app.callback(epilog="Example: trademon notify test")
def notify() -> None:
    """Messages: what is told to whom, what waits, send it now."""


@app.command(epilog="Example: trademon notify send")
@with_flags
def send(
    flags: Flags,
    user: User = None,
    due: Annotated[bool, typer.Option("--due", hidden=True, help="Keep to the pauses between tries.")] = False,
) -> None:
    """Send what waits in the outbox. For cron: silent on success."""
    run("notify send", flags, lambda: _send(user, due=due))


def _send(user: str | None, *, due: bool) -> Result:
    from trademon.wiring import open_home  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        async with home.sender(stores) as sender:
            if not any(sender.channels_of(store) for store in stores):
                sys.stderr.write(f"trademon: there is no channel to send messages to ({_NO_CHANNEL})\n")
            report = await sender.send(at_once=not due)
        return Result(report, report.problems, report.status, report.exit_code, is_data=False)

    with open_home() as home:
        return run_async(lambda: work(home))


@app.command("test", epilog="Example: trademon notify test --channel telegram")
@with_flags
def try_channels(flags: Flags, user: User = None, channel: Channel = None) -> None:
    """Send one message through each channel, now."""
    run("notify test", flags, lambda: _test(user, channel))


def _test(user: str | None, channel: str | None) -> Result:
    from trademon.errors import ConfigError  # noqa: PLC0415
    from trademon.flows.notify import send_test  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        async with home.sender(stores) as sender:
            names = [one.name for store in stores for one in sender.channels_of(store)]
            if not names:
                raise ConfigError("there is no channel to send a message to", hint=_NO_CHANNEL)
            _check_channel(channel, names)
            report = await send_test(sender, channel)
        return Result(report, report.problems, report.status, report.exit_code)

    with open_home() as home:
        return run_async(lambda: work(home))


@app.command(epilog="Example: trademon notify outbox --json")
@with_flags
def outbox(
    flags: ListFlags,
    user: User = None,
    all_kept: Annotated[bool, typer.Option("--all", help="Also what was sent or refused.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")] = None,
) -> None:
    """What still waits, and why."""
    run("notify outbox", flags, lambda: _outbox(user, all_kept, limit))


def _outbox(user: str | None, all_kept: bool, limit: int | None) -> Result:
    from trademon.flows.notify import outbox as flow  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(flow(home.users(user), all_kept=all_kept, limit=limit))


@app.command("list", epilog="Example: trademon notify list")
@with_flags
def list_(flags: TableFlags, user: User = None) -> None:
    """The channels there are, and which events go to each."""
    run("notify list", flags, lambda: _list(user))


def _list(user: str | None) -> Result:
    from trademon.core.notice_reports import ChannelInfo, NotifyReport  # noqa: PLC0415
    from trademon.core.notices import EVENTS  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        channels, rows = home.channels(), []
        stores = home.users(user)
        for store in stores:
            modes, options = store.notify_modes(), store.notify_options()
            for one in channels.of(store.user, store.telegram_chat()):
                events = tuple((event, modes.of(event, one.name)) for event in EVENTS)
                rows.append(ChannelInfo(store.user, one.name, one.goes_to, events, one.name == options.fallback))
        options_of = tuple((store.user, store.notify_options()) for store in stores)
        return Result(NotifyReport(tuple(rows), options_of))


@app.command("set", epilog="Example: trademon notify set executions on --channel telegram")
@with_flags
def set_(
    flags: Flags,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="executions, summary, answers, errors or alerts.")],
    mode: Annotated[str, typer.Argument(metavar="MODE", help="on, silent or off.")],
    user: User = None,
    channel: Channel = None,
) -> None:
    """Switch an event on, silent or off, in one channel or in all."""
    run("notify set", flags, lambda: _set(event, mode, user, channel))


def _set(event: str, mode: str, user: str | None, channel: str | None) -> Result:
    from trademon.core.notices import EVENTS, MODES  # noqa: PLC0415

    chosen: Event = _one_of("event", event, EVENTS)
    how: Mode = _one_of("mode", mode, MODES)

    def change(home: Home, store: UserStore) -> str:
        if channel is not None:
            _check_channel(channel, _names(home, store))
        store.set_notify_mode(chosen, how, channel)
        return f"{chosen}: {how}" + (f" in {channel}" if channel else "")

    return _change(user, change)


@app.command(epilog="Example: trademon notify quiet 22:00-07:00 --zone Europe/Paris")
@with_flags
def quiet(
    flags: Flags,
    hours: Annotated[str, typer.Argument(metavar="HOURS", help="22:00-07:00, or off.")],
    user: User = None,
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="Z", help="The time zone of these hours and of messages.")
    ] = None,
) -> None:
    """The hours in which alerts alone go out and all else waits."""
    run("notify quiet", flags, lambda: _quiet(hours, zone, user))


def _quiet(text: str, zone: str | None, user: str | None) -> Result:
    from trademon.core.notices import parse_quiet, zone_of  # noqa: PLC0415

    hours = None if text == OFF else str(parse_quiet(text))
    changes: dict[str, Any] = {"quiet": hours}
    if zone is not None:
        zone_of(zone)
        changes["zone"] = zone

    def change(_home: Home, store: UserStore) -> str:
        store.set_notify_options(**changes)
        where = store.notify_options().zone or "UTC"
        return "no quiet hours" if hours is None else f"quiet from {hours.replace('-', ' to ')}, {where}"

    return _change(user, change)


@app.command(epilog="Example: trademon notify digest 6")
@with_flags
def digest(
    flags: Flags,
    hours: Annotated[str, typer.Argument(metavar="HOURS", help="Hours, or off.")],
    user: User = None,
) -> None:
    """Sum executions up in one message a broker, every so many hours."""
    run("notify digest", flags, lambda: _digest(hours, user))


def _digest(text: str, user: str | None) -> Result:
    from trademon.errors import UsageError  # noqa: PLC0415

    hours = None
    if text != OFF:
        hours = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
        if not 1 <= hours <= 168:
            raise UsageError(f"no digest of {text[:20]!r} hours", hint="1 to 168, or off")

    def change(_home: Home, store: UserStore) -> str:
        store.set_notify_options(digest_h=hours)
        return "executions are told as they happen" if hours is None else f"executions are summed up every {hours} h"

    return _change(user, change)


@app.command(epilog="Example: trademon notify fallback mailto")
@with_flags
def fallback(
    flags: Flags,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel, or off.")],
    user: User = None,
) -> None:
    """The channel for what another one refused or did not take for an hour. It gets nothing else."""
    run("notify fallback", flags, lambda: _fallback(channel, user))


def _fallback(channel: str, user: str | None) -> Result:
    def change(home: Home, store: UserStore) -> str:
        if channel != OFF:
            _check_channel(channel, _names(home, store))
        store.set_notify_options(fallback=None if channel == OFF else channel)
        return "no fallback channel" if channel == OFF else f"{channel} gets what other channels do not take"

    return _change(user, change)


@app.command(epilog="Example: trademon notify limit 500 --currency USDT")
@with_flags
def limit(
    flags: Flags,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="A loss as a plain number, or off.")],
    user: User = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="C", help="The currency it is in.")] = None,
) -> None:
    """Alert once a day (UTC) when all brokers together have realised that loss, in the books of that currency."""
    run("notify limit", flags, lambda: _limit(amount, currency, user))


def _limit(text: str, currency: str | None, user: str | None) -> Result:
    from trademon.errors import UsageError  # noqa: PLC0415

    amount = None if text == OFF else parse_amount("AMOUNT", text)
    if amount is not None and amount <= 0:
        raise UsageError("a limit of a loss is above 0", hint="trademon notify limit off takes it away")
    if amount is not None and not currency:
        raise UsageError("a limit needs a currency", hint=f"trademon notify limit {text} --currency USDT")

    def change(_home: Home, store: UserStore) -> str:
        coin = currency.upper() if currency and amount is not None else None
        store.set_notify_options(daily_loss=amount, daily_loss_currency=coin)
        return "no limit of daily losses" if amount is None else f"alerts at a loss of {text} {coin} in a day"

    return _change(user, change)


def _change(user: str | None, change: Any) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(Done(change(home, home.user(user))), is_data=False)


def _names(home: Home, store: UserStore) -> list[str]:
    return [one.name for one in home.channels().of(store.user, store.telegram_chat())]


def _check_channel(channel: str | None, names: Sequence[str]) -> None:
    from trademon.errors import UsageError  # noqa: PLC0415

    if channel is not None and channel not in names:
        hint = f"known: {', '.join(dict.fromkeys(names))}" if names else _NO_CHANNEL
        raise UsageError(f"there is no channel {channel[:40]!r}", hint=hint)


def _one_of(what: str, text: str, known: Sequence[Any]) -> Any:
    from trademon.core.symbols import nearest  # noqa: PLC0415
    from trademon.errors import UsageError  # noqa: PLC0415

    if text not in known:
        near = nearest(text, known)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(known)}"
        raise UsageError(f"there is no {what} {text[:40]!r}", hint=hint)
    return text
