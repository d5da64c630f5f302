"""A verification as a person reads it: a row a broker, then a row a coin that differs, its cause below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.reports import left_alone
from trademon.core.verify_reports import BrokerVerify, CoinDrift, StatedPnl, VerifyReport
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    ADD_BROKER,
    UNICODE,
    Glyphs,
    count,
    format_money,
    format_quantity,
    format_stamp,
    money_style,
    plain,
    sentence,
    several,
)

NO_BROKERS: Final = f"no brokers yet: {ADD_BROKER}"
_BROKER_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("state"),
    Column("coins", "right", leaves=1),
    Column("agreed at"),
)
_COIN_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("coin"),
    Column("difference", "point"),
    Column("expected", "point", leaves=2),
    Column("live", "point", leaves=1),
)
_CAUSES: Final[Mapping[str, str]] = {
    "unread_symbol": "a gap",
    "missing_trade": "a missing trade",
    "other_coin": "another coin's fill",
    "dust": "dust",
    "earn": "earn",
    "pending": "pending",
    "unread_stream": "a move that is not read",
    "unknown": "unknown",
}


def render_verify(report: VerifyReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """What agrees and what does not; where nothing differs, the brokers alone."""
    if not report.brokers:
        return sentence(": ".join(left_alone(report.disabled)) if report.disabled else NO_BROKERS)
    named = several(one.user for one in report.brokers)
    brokers = tuple(_broker_row(one, glyphs, named=named) for one in report.brokers)
    parts: list[RenderableType] = [Grid(_BROKER_COLUMNS, brokers, glyphs.rule)]
    coins = tuple(_coin_row(one, coin, glyphs, named=named) for one in report.brokers for coin in one.coins)
    if coins:
        said = "difference: what the account holds less what stored history makes of it"
        parts += [Text(), Grid(_COIN_COLUMNS, coins, glyphs.rule), sentence(said, "dim")]
    return Group(*parts)


def _broker_row(one: BrokerVerify, glyphs: Glyphs, *, named: bool) -> Row:
    said = [_mended(coin) for coin in one.mended] + list(one.notes) + [_stated(row) for row in one.stated]
    if one.problem is not None and one.status == "failed":
        said.append(one.problem.message + (f" {glyphs.then} {one.problem.hint}" if one.problem.hint else ""))
    return Row(
        (
            plain(one.user if named else ""),
            plain(one.broker),
            _state(one, glyphs),
            plain(f"{one.compared:,}" if one.compared_well else "", "dim"),
            plain(format_stamp(one.agreed_at) if one.agreed_at else glyphs.none),
        ),
        plain("; ".join(said)) if said else None,
    )


def _state(one: BrokerVerify, glyphs: Glyphs) -> Text:
    if one.status == "agrees":
        return plain(f"{glyphs.ok} agrees", "green")
    if one.status == "recorded":
        return plain(f"{glyphs.ok} recorded", "green")
    if one.status == "drift":
        differ = f"{count(len(one.coins), 'coin')} {'differs' if len(one.coins) == 1 else 'differ'}"
        return plain(f"{glyphs.warn} {differ}", "yellow")
    if one.status == "failed":
        return plain(f"{glyphs.fail} failed", "red")
    return plain(f"{glyphs.warn} held by another run" if one.busy else f"{glyphs.idle} skipped", "cyan")


def _coin_row(one: BrokerVerify, coin: CoinDrift, glyphs: Glyphs, *, named: bool) -> Row:
    return Row(
        (
            plain(one.user if named else ""),
            plain(one.broker),
            plain(coin.coin),
            plain(_signed(coin), money_style(coin.difference)),
            plain(format_quantity(coin.expected)),
            plain(format_quantity(coin.live)),
        ),
        plain(f"{_between(coin)} {glyphs.then} {_CAUSES[coin.cause]}: {coin.detail}"),
    )


def _between(coin: CoinDrift) -> str:
    """When it began; a day that both ends share is said once."""
    since, until = format_stamp(coin.since), format_stamp(coin.until)
    return f"between {since} and {until[11:] if until[:10] == since[:10] else until}"


def _mended(coin: CoinDrift) -> str:
    return f"{_signed(coin)} {coin.coin} differed ({_CAUSES[coin.cause]}: {coin.detail})"


def _stated(row: StatedPnl) -> str:
    """`EUR/USD: it states +29.00 USD for 1 position closed since ..., ours is the same`."""
    said = format_money(row.stated, row.currency)
    closed = f"{count(row.positions, 'position')} closed since {format_stamp(row.since)}"
    if not row.difference:
        return f"{row.symbol}: it states {said} for {closed}, as we do"
    ours, off = format_money(row.ours, row.currency), format_money(row.difference, row.currency)
    return f"{row.symbol}: it states {said} for {closed}, ours is {ours}: {off} apart"


def _signed(coin: CoinDrift) -> str:
    return ("+" if coin.difference > 0 else "") + format_quantity(coin.difference)
