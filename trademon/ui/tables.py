"""Reports as a person reads them in a terminal. State is a sign and a word, money a sign and a colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.automation_reports import AutomationStatus, RoundsReport, RunReport
from trademon.core.cash_reports import CashImportReport, CashReport
from trademon.core.coverage_reports import CoverageReport
from trademon.core.db_reports import ConfigReport, DbStatus, PathsReport
from trademon.core.doctor_reports import DoctorReport
from trademon.core.hints import to_copy
from trademon.core.holding_reports import BalancesReport, OrdersReport, PositionsReport
from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.core.key_rights import in_words
from trademon.core.lot_reports import CompareReport, ExplainReport, LotsReport, WhatIfReport
from trademon.core.notice_reports import NotifyReport, OutboxReport, SendReport
from trademon.core.pnl_reports import PnlReport
from trademon.core.price_reports import PriceFetchReport, PricesReport
from trademon.core.reports import (
    DEFAULT_LANGUAGE,
    BrokerInfo,
    BrokerScan,
    BrokersReport,
    BrokerTest,
    Done,
    FillRow,
    FillsReport,
    ImportReport,
    RebuildReport,
    ScanReport,
    UserInfo,
    UsersReport,
    left_alone,
    takes_files,
)
from trademon.core.session_reports import LoginReport, RefreshReport
from trademon.core.strategy_reports import (
    HaltReport,
    StrategiesReport,
    StrategyLogReport,
    StrategyReport,
    StrategyRunsReport,
)
from trademon.core.transfer_reports import TransfersReport
from trademon.core.verify_reports import VerifyReport
from trademon.ui.automation_tables import render_automation_status, render_rounds, render_run
from trademon.ui.cash_tables import render_cash, render_cash_import
from trademon.ui.coverage_tables import render_coverage
from trademon.ui.db_tables import render_config, render_db_status, render_paths
from trademon.ui.doctor_tables import render_doctor
from trademon.ui.grid import Column, Grid, Row, flow
from trademon.ui.holding_tables import render_balances, render_orders, render_positions
from trademon.ui.key_tables import render_key_status, render_keys_rotated
from trademon.ui.lot_tables import render_compare, render_explain, render_lots, render_what_if
from trademon.ui.notify_tables import render_notify, render_outbox, render_send
from trademon.ui.pnl_tables import render_pnl
from trademon.ui.price_tables import render_price_fetch, render_prices
from trademon.ui.session_tables import render_login, render_refresh
from trademon.ui.strategy_tables import (
    render_halt,
    render_strategies,
    render_strategy,
    render_strategy_log,
    render_strategy_runs,
)
from trademon.ui.text import (
    ADD_BROKER,
    UNICODE,
    Glyphs,
    count,
    format_fee,
    format_price,
    format_quantity,
    format_seconds,
    format_stamp,
    market_places,
    plain,
    sentence,
    several,
    shared_stamps,
    to_begin,
)
from trademon.ui.transfer_tables import render_transfers
from trademon.ui.verify_tables import render_verify
from trademon.ui.zone import shown_zone, zone_note

NO_BROKERS: Final = f"no brokers yet: {ADD_BROKER}"
NO_FILLS: Final = f"no fills yet: {to_begin('trademon scan', no_broker=True)}"
NO_USERS: Final = "no users yet: trademon user add NAME"


def render(report: object, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Any report of this room, by its type."""
    return _RENDERERS[type(report)](report, glyphs)


class _ZoneLine:
    """In which zone the times above it are, where there are any. They may be written while they are printed."""

    def __rich_console__(self, console: Any, options: Any) -> Any:
        zone = shown_zone()
        if zone is not None:
            yield sentence(f"times: {zone}", "dim")
            if note := zone_note():
                yield sentence(note, "yellow")


def with_zone(parts: RenderableType) -> RenderableType:
    """What was rendered, and below it the zone of its times."""
    return Group(parts, _ZoneLine())


def _stored(fills: int) -> str:
    return "1 fill is" if fills == 1 else f"{fills:,} fills are"


# --- fills --------------------------------------------------------------------------------------------------------

_FILL_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("symbol"),
    Column("side"),
    Column("quantity", "point"),
    Column("price", "point"),
    Column("fee", "point"),
    Column("id", "right", leaves=1),
)


def render_fills(report: FillsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Newest at the bottom, beside the prompt; says when older ones were left out and how to see them."""
    if not report.fills:
        if report.stored and not report.total:
            return sentence(f"nothing matches; {_stored(report.stored)} stored (trademon fills shows them)")
        return sentence(NO_FILLS if not report.total else "none of the fills is shown: a higher --limit shows them")
    title, stamps = shared_stamps([format_stamp(f.executed_at) for f in report.fills])
    columns = (Column(title), *_FILL_COLUMNS)
    places = market_places((f.symbol, f.price) for f in report.fills)
    rows = tuple(_fill_row(f, at, places[f.symbol]) for f, at in zip(report.fills, stamps, strict=True))
    grid = _without("user", report.fills, Grid(columns, rows, glyphs.rule))
    if report.total <= len(report.fills):
        return grid
    shown = f"the newest {len(report.fills):,} of {count(report.total, 'fill')}"
    return Group(grid, sentence(f"{shown}; all of them: trademon fills --limit {report.total}", "dim"))


def _fill_row(fill: FillRow, at: str, places: int) -> Row:
    more = " + ".join(format_fee(amount, currency) for amount, currency in fill.more_fees)
    return Row(
        (
            plain(at),
            plain(fill.user),
            plain(fill.broker),
            plain(fill.symbol),
            plain(fill.side),
            plain(format_quantity(fill.quantity)),
            plain(format_price(fill.price, places)),
            plain(format_fee(fill.fee, fill.fee_currency) if fill.is_cost_told else "not told"),
            plain(str(fill.id), "dim"),
        ),
        plain(f"and a fee of {more}") if more else None,
    )


def _without(title: str, owned: Sequence[FillRow | BrokerScan | BrokerInfo], grid: Grid) -> Grid:
    """`grid` without that column where all rows belong to one user."""
    if several(row.user for row in owned):
        return grid
    keep = [i for i, column in enumerate(grid.columns) if column.title != title]
    rows = tuple(row.only(keep) for row in grid.rows)
    return Grid(tuple(grid.columns[i] for i in keep), rows, grid.rule)


# --- scan ---------------------------------------------------------------------------------------------------------

_SCAN_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("state"),
    Column("new fills", "right"),
    Column("requests", "right", leaves=2),
    Column("took", "right", leaves=1),
    Column("complete since", leaves=3),
)


def render_scan(report: ScanReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a broker with its fault below it, then the sum."""
    if not report.brokers:
        if report.disabled:
            return sentence(": ".join(left_alone(report.disabled)))
        return sentence(takes_files(report.manual) if report.manual else NO_BROKERS)
    grid = Grid(_SCAN_COLUMNS, tuple(_scan_row(b, glyphs) for b in report.brokers), glyphs.rule)
    good = sum(b.status == "ok" for b in report.brokers)
    brokers = f"{good} of {count(len(report.brokers), 'broker')} ok"
    return Group(_without("user", report.brokers, grid), sentence(f"{count(report.new_fills, 'new fill')}, {brokers}"))


def _scan_row(scan: BrokerScan, glyphs: Glyphs) -> Row:
    said = [scan.note] if scan.note else []
    if scan.alert:
        said.append(f"{glyphs.warn} {scan.alert.message} {glyphs.then} {scan.alert.hint}")
    if scan.problem:
        said.append(scan.problem.message + (f" {glyphs.then} {scan.problem.hint}" if scan.problem.hint else ""))
    return Row(
        (
            plain(scan.user),
            plain(scan.broker),
            _scan_state(scan, glyphs),
            plain(f"{scan.new_fills:,}"),
            plain(f"{scan.requests:,}", "dim"),
            plain(format_seconds(scan.seconds), "dim"),
            plain(format_stamp(scan.complete_since) if scan.complete_since else "not yet", "dim"),
        ),
        plain("; ".join(said)) if said else None,
    )


def _scan_state(scan: BrokerScan, glyphs: Glyphs) -> Text:
    if scan.status == "ok":
        return plain(f"{glyphs.ok} ok", "green")
    if scan.status == "failed":
        return plain(f"{glyphs.fail} failed", "red")
    return plain(f"{glyphs.warn} held by another run" if scan.busy else f"{glyphs.warn} skipped", "cyan")


# --- brokers, users -----------------------------------------------------------------------------------------------

_BROKER_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("exchange"),
    Column("market", leaves=1),
    Column("state"),
    Column("key", leaves=3),
    Column("fills", "right"),
    Column("complete since"),
    Column("last answer", leaves=2),
)


def render_brokers(report: BrokersReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a broker; what is missing before it can be asked stands below it."""
    if not report.brokers:
        return sentence(NO_BROKERS)
    grid = Grid(_BROKER_COLUMNS, tuple(_broker_row(b, glyphs) for b in report.brokers), glyphs.rule)
    return _without("user", report.brokers, grid)


def _broker_row(info: BrokerInfo, glyphs: Glyphs) -> Row:
    state, remedy = _broker_state(info, glyphs)
    return Row(
        (
            plain(info.user),
            plain(info.name),
            plain(info.exchange),
            plain(info.market),
            state,
            _key_cell(info),
            plain(f"{info.fills:,}"),
            plain(format_stamp(info.complete_since) if info.complete_since else "not yet"),
            plain(format_stamp(info.last_good_at) if info.last_good_at else "never"),
        ),
        plain(to_copy(remedy, user=info.user) or "") if remedy else None,
    )


def _key_cell(info: BrokerInfo) -> Text:
    if info.key is None or info.key.read_at is None:
        return plain("")
    return plain(in_words(info.key.rights), "red" if info.key.is_danger else "")


def _broker_state(info: BrokerInfo, glyphs: Glyphs) -> tuple[Text, str]:
    """The state as sign and word, and the command that mends it, if one does."""
    if not info.enabled:
        return plain(f"{glyphs.idle} disabled", "dim"), f"trademon broker enable {info.name}"
    if info.exchange == "manual":
        return plain(f"{glyphs.ok} imports only", "green"), ""
    trouble = _broker_trouble(info, glyphs)
    if trouble is not None:
        return plain(f"{glyphs.fail} {trouble[0]}", "red"), trouble[1]
    if info.last_good_at is None:
        return plain(f"{glyphs.idle} not asked yet", "dim"), "trademon scan"
    return plain(f"{glyphs.ok} ok", "green"), ""


def _broker_trouble(info: BrokerInfo, glyphs: Glyphs) -> tuple[str, str] | None:
    """Why it cannot be looked at, or was not of late, and the command that mends it."""
    if not info.has_key and info.exchange != "demo":
        return "no key", f"trademon broker set {info.name} --new-key"
    if info.waits_for_person:
        return "not signed in", f"trademon broker login {info.name}"
    if info.errors_in_row:
        return f"failed {glyphs.more}{info.errors_in_row}", f"trademon broker test {info.name}"
    return None


_USER_COLUMNS: Final = (
    Column("user"),
    Column("state"),
    Column("method"),
    Column("currency"),
    Column("language", leaves=2),
    Column("telegram", leaves=3),
    Column("brokers", "right"),
    Column("last good scan"),
    Column("since", leaves=1),
)


def render_users(report: UsersReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a user."""
    if not report.users:
        return sentence(NO_USERS)
    return Grid(_USER_COLUMNS, tuple(_user_row(u, glyphs) for u in report.users), glyphs.rule)


def _user_row(info: UserInfo, glyphs: Glyphs) -> Row:
    state = plain(f"{glyphs.ok} active", "green") if info.active else plain(f"{glyphs.idle} inactive", "dim")
    return Row(
        (
            plain(info.name),
            state,
            plain(info.method or "default"),
            plain(info.currency or glyphs.none),
            plain(info.language or DEFAULT_LANGUAGE),
            plain(info.telegram_chat or glyphs.none),
            plain(f"{info.brokers:,}"),
            plain(format_stamp(info.last_good_at) if info.last_good_at else "never"),
            plain(format_stamp(info.created_at)),
        )
    )


# --- single answers -----------------------------------------------------------------------------------------------


class _Flowing:
    """Text parts that flow over as many lines as the width asks for."""

    def __init__(self, *parts: Text) -> None:
        self.parts = parts

    def __rich_console__(self, console: Any, options: Any) -> Any:
        for line in flow(self.parts, options.max_width, indent=2):
            line.end = "\n"
            yield line


def render_broker_test(test: BrokerTest, glyphs: Glyphs = UNICODE) -> RenderableType:
    """What the broker answered, in two lines, and what there is to note, a line each."""
    head = plain(f"{glyphs.ok} {test.broker} answers", "green")
    whom = plain(f"{test.exchange} account {test.account}")
    holds = plain(f"{count(test.coins, 'coin')}, {count(test.open_orders, 'open order')}")
    key = plain("" if test.key is None or test.key.read_at is None else f"key: {in_words(test.key.rights)}")
    clock = plain(f"clock {format(test.clock_offset_s, '+,f')} s", "dim")
    notes = [sentence(f"{glyphs.warn} {note}", "cyan") for note in test.notes]
    said = (head, whom, holds, *([key] if key.plain else []), clock)
    return Group(_Flowing(*said, plain(f"took {format_seconds(test.seconds)}", "dim")), *notes)


def render_import(report: ImportReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """How many rows were read, how many of them were new or corrected, and contracts without a size."""
    known = "" if report.new_fills or report.corrected else "; all of them were stored before"
    corrected = f", {report.corrected:,} corrected" if report.corrected else ""
    said = f"{count(report.rows, 'row')} read, {count(report.new_fills, 'new fill')}{corrected}{known}"
    line = sentence(f"{report.broker}: {said}")
    return line if report.note is None else Group(line, sentence(f"{glyphs.warn} {report.note}", "cyan"))


def render_rebuild(report: RebuildReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """What was derived, and what came out otherwise."""
    done = sentence(f"{count(report.books, 'book')} of {count(report.fills, 'fill')} derived again")
    if not report.changed:
        return Group(done, sentence(f"{glyphs.ok} every figure as it was stored", "green"))
    names = ", ".join(f"{broker} {symbol}" for _, broker, symbol in report.changed)
    return Group(done, sentence(f"{glyphs.warn} other figures than were stored: {names}", "yellow"))


def render_done(report: Done, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The change, and below it what to do next."""
    said = sentence(report.message)
    return Group(said, sentence(f"{glyphs.then} {report.next_step}", "cyan")) if report.next_step else said


_RENDERERS: Final[Mapping[type, Callable[[Any, Glyphs], RenderableType]]] = {
    FillsReport: render_fills,
    PnlReport: render_pnl,
    ScanReport: render_scan,
    BrokersReport: render_brokers,
    UsersReport: render_users,
    BrokerTest: render_broker_test,
    ImportReport: render_import,
    RebuildReport: render_rebuild,
    LotsReport: render_lots,
    ExplainReport: render_explain,
    CompareReport: render_compare,
    WhatIfReport: render_what_if,
    CashReport: render_cash,
    CashImportReport: render_cash_import,
    CoverageReport: render_coverage,
    DbStatus: render_db_status,
    PathsReport: render_paths,
    ConfigReport: render_config,
    AutomationStatus: render_automation_status,
    RoundsReport: render_rounds,
    RunReport: render_run,
    DoctorReport: render_doctor,
    BalancesReport: render_balances,
    PositionsReport: render_positions,
    OrdersReport: render_orders,
    KeyStatus: render_key_status,
    KeysRotated: render_keys_rotated,
    TransfersReport: render_transfers,
    VerifyReport: render_verify,
    PricesReport: render_prices,
    PriceFetchReport: render_price_fetch,
    OutboxReport: render_outbox,
    SendReport: render_send,
    NotifyReport: render_notify,
    StrategiesReport: render_strategies,
    StrategyReport: render_strategy,
    StrategyRunsReport: render_strategy_runs,
    StrategyLogReport: render_strategy_log,
    HaltReport: render_halt,
    RefreshReport: render_refresh,
    LoginReport: render_login,
    Done: render_done,
}
