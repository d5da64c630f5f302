"""The framed parts of the dashboard: brokers, executions, what needs a look. Each is a list of lines of one width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from trademon.core.reports import ExecutionRow, Problem, takes_files
from trademon.core.watch_reports import BrokerState, WatchBroker
from trademon.ui.grid import Column, Row, flow, set_rows, wrap
from trademon.ui.text import (
    Glyphs,
    clip,
    format_age,
    format_amount,
    format_clock,
    format_fee,
    format_price,
    format_quantity,
    joined,
    money_style,
    plain,
    quote_of,
)

WIDE: Final = 100
_NAME_CELLS: Final = 24
_SYMBOL_CELLS: Final = 36
_NOTE_CELLS: Final = 44
_BORDERS: Final = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What all panels share: `width` of the screen in cells, the signs, the time, whether users are mixed."""

    width: int
    glyphs: Glyphs
    now: datetime
    users_mixed: bool

    @property
    def wide(self) -> bool:
        return self.width >= WIDE

    @property
    def inner(self) -> int:
        """Cells between the borders and their spaces."""
        return self.width - 4

    @property
    def gap(self) -> int:
        return 2 if self.wide else 1

    def owner(self, broker: str | None, user: str | None) -> str:
        """`main`, or `ann/main` where rows of several users are mixed."""
        name = clip(broker or "", _NAME_CELLS, self.glyphs)
        return f"{clip(user, _NAME_CELLS, self.glyphs)}/{name}" if self.users_mixed and user else name


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before its height is known: `title_row` counts to the height, `blocks` are whole rows of 1 to n lines.

    `left_out` counts rows that were never set, because the screen is too low for them anyway.
    """

    title: str
    title_row: Text | None
    blocks: list[list[Text]]
    left_out: int = 0
    words_for_rest: str = ""

    @property
    def height(self) -> int:
        """Lines it takes to show all blocks, borders included."""
        return _BORDERS + (self.title_row is not None) + sum(len(b) for b in self.blocks)


def draw(panel: Panel, height: int, look: Look) -> list[Text]:
    """The panel on exactly `height` lines; what does not fit is counted in the lower border."""
    body = [panel.title_row] if panel.title_row is not None else []
    room = height - _BORDERS - len(body)
    shown = 0
    for block in panel.blocks:
        if len(block) > room and shown:
            break
        body += block[:room]
        room -= len(block)
        shown += 1
    body += [Text() for _ in range(room)]
    rest = len(panel.blocks) - shown + panel.left_out
    foot = f"+ {rest:,} more{panel.words_for_rest}" if rest else ""
    return frame(panel.title, body, foot, look)


def frame(title: str, body: Sequence[Text], foot: str, look: Look) -> list[Text]:
    """Borders around `body`, the title in the upper one, `foot` in the lower."""
    top_left, top_right, low_left, low_right, across, down = tuple(look.glyphs.borders)
    top = _edge(top_left, top_right, across, f" {title} " if title else "", look.width, left=True)
    low = _edge(low_left, low_right, across, f" {foot} " if foot else "", look.width, left=False)
    return [top, *(_sides(line, down, look.inner) for line in body), low]


def _edge(first: str, last: str, across: str, words: str, width: int, *, left: bool) -> Text:
    fill = width - 3 - cell_len(words)
    line = Text(no_wrap=True, end="")
    line.append(first + across * (1 if left else fill), "dim")
    line.append(words, "" if left else "dim")
    line.append(across * (fill if left else 1) + last, "dim")
    return line


def _sides(line: Text, down: str, inner: int) -> Text:
    body = line.copy()
    body.truncate(inner, overflow="crop", pad=True)
    return Text(no_wrap=True, end="").append(down, "dim").append(" ").append_text(body).append(" ").append(down, "dim")


# --- brokers ------------------------------------------------------------------------------------------------------

_BROKER_COLUMNS: Final = (
    Column("broker"),
    Column("state"),
    Column("", leaves=4),
    Column("seen", "right", leaves=3),
    Column("next", "right", leaves=5),
    Column("errors", "right", leaves=6),
    Column("ms", "right", leaves=8),
    Column("open", "right", leaves=7),
    Column("complete since", leaves=2),
    Column("P&L", "point"),
)
# Worst first: what a person must do stands on top when not all brokers fit.
_SEVERITY: Final[tuple[BrokerState, ...]] = ("action", "failed", "waiting", "new", "busy", "scanning", "ok")


def healthy(broker: WatchBroker) -> bool:
    """Whether its last answer was good, or another run is looking after it."""
    return broker.state in ("ok", "busy") or (broker.state == "scanning" and not broker.errors_in_row)


def brokers_panel(
    brokers: Sequence[WatchBroker], total: int, room: int, look: Look, manual: Sequence[str] = ()
) -> Panel:
    """One row a broker; when they are more than `room`, those in trouble come first."""
    shown = list(brokers)
    if len(shown) > room:
        shown.sort(key=lambda b: _SEVERITY.index(b.state))
    rows = [_broker_row(b, look) for b in shown[:room]]
    titles, blocks = set_rows(_BROKER_COLUMNS, rows, look.inner, gap=look.gap, titles=look.wide)
    if not brokers:
        words = takes_files(manual) if manual else "no broker yet: trademon broker add NAME --exchange binance"
        return Panel("brokers", None, [wrap(plain(words), look.inner)])
    return Panel("brokers", titles, blocks, max(total, len(brokers)) - len(rows))


def _broker_row(broker: WatchBroker, look: Look) -> Row:
    none = look.glyphs.none
    note = "" if broker.state == "action" else clip(broker.note or "", _NOTE_CELLS, look.glyphs)
    milliseconds = none if broker.seconds is None else f"{int(broker.seconds * 1000):,}"
    orders = none if broker.open_orders is None else f"{broker.open_orders:,}"
    name = Text(no_wrap=True, end="").append(look.owner(broker.name, broker.user))
    if broker.exchange != broker.name:
        name.append(" " + clip(broker.exchange, _NAME_CELLS, look.glyphs), "dim")
    return Row(
        (
            name,
            state_words(broker, look),
            plain(note, "dim"),
            _seen(broker, look),
            _next(broker, look),
            plain(f"{broker.errors_in_row:,}" if look.wide else "", "red" if broker.errors_in_row else "dim"),
            plain(milliseconds if look.wide else "", "dim"),
            plain(orders if look.wide else "", "dim"),
            _complete(broker, look),
            _net(broker.net, look),
        )
    )


def _seconds(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _seen(broker: WatchBroker, look: Look) -> Text:
    """How long ago it answered; in words where no title says so."""
    if broker.last_good_at is None:
        return plain("never" if look.wide else "", "dim")
    age = format_age(_seconds(broker.last_good_at, look.now))
    return plain(age if look.wide else f"{age} ago", "dim")


def _next(broker: WatchBroker, look: Look) -> Text:
    """How long until it is asked again."""
    if not look.wide or broker.next_at is None:
        return plain("", "dim")
    return plain(format_age(max(0.0, _seconds(look.now, broker.next_at))), "dim")


def state_words(broker: WatchBroker, look: Look) -> Text:
    """Sign and word; the colour only repeats them."""
    g = look.glyphs
    wait = f" {format_age(_seconds(look.now, broker.next_at))}" if broker.next_at else ""
    times = f" {g.more}{broker.errors_in_row:,}" if broker.errors_in_row > 1 else ""
    words: dict[BrokerState, tuple[str, str]] = {
        "new": (f"{g.idle} not asked yet", "dim"),
        "scanning": (f"{g.ok} asking", "cyan"),
        "ok": (f"{g.ok} ok", "green"),
        "failed": (f"{g.fail} failed{times}", "red"),
        "waiting": (f"{g.warn} waits{wait}", "cyan"),
        "busy": (f"{g.ok} another run", "cyan"),
        "action": (f"{g.fail} {clip(broker.note or 'needs you', _NAME_CELLS, g)}", "red"),
    }
    return plain(*words[broker.state])


def _complete(broker: WatchBroker, look: Look) -> Text:
    """Since when nothing is missing; in words where no title says so."""
    if broker.complete_since is None:
        return plain("not yet" if look.wide else "history not complete", "dim")
    day = f"{broker.complete_since.astimezone():%Y-%m-%d}"
    return plain(day if look.wide else f"complete since {day}", "dim")


def _net(net: Sequence[tuple[str, Decimal]], look: Look) -> Text:
    if not net:
        return plain(look.glyphs.none, "dim")
    line = Text(no_wrap=True, end="")
    for currency, value in net:
        line.append("  " if line.plain else "")
        line.append_text(money(value, currency))
    return line


def money(value: Decimal, currency: str, style: str = "") -> Text:
    """The figure in its colour, its unit dim."""
    figure = plain(format_amount(value, currency), f"{style} {money_style(value)}".strip())
    return joined(figure, plain(f" {currency}", "dim"))


# --- executions ---------------------------------------------------------------------------------------------------

_EXECUTION_COLUMNS: Final = (
    Column("time"),
    Column("broker", leaves=3),
    Column("symbol"),
    Column("side"),
    Column("quantity", "point"),
    Column(""),
    Column("price", "point"),
    Column("fee", "point", leaves=5),
    Column("P&L", "point"),
)


def executions_panel(executions: Sequence[ExecutionRow], total: int, room: int, look: Look, *, brokers: int) -> Panel:
    """Newest first, quantity and price aligned on the decimal point."""
    if not executions:
        return Panel("executions", None, [wrap(plain(_waiting_for(brokers), "dim"), look.inner)])
    rows = [_execution_row(e, look) for e in executions[:room]]
    titles, blocks = set_rows(_EXECUTION_COLUMNS, rows, look.inner, gap=look.gap, titles=look.wide)
    left = max(total, len(executions)) - len(rows)
    return Panel("executions", titles, blocks, left)


def _waiting_for(brokers: int) -> str:
    if not brokers:
        return "executions appear here once there is a broker to watch"
    return "no execution yet: the next buy or sell shows here seconds after the exchange reports it"


def _execution_row(row: ExecutionRow, look: Look) -> Row:
    fill = row.fill
    fees = ((fill.fee, fill.fee_currency), *fill.more_fees)
    return Row(
        (
            plain(format_clock(fill.executed_at, now=look.now), "dim"),
            plain(look.owner(fill.broker, fill.user)),
            plain(clip(fill.symbol, _SYMBOL_CELLS, look.glyphs), "bold"),
            plain(clip(fill.side, 5, look.glyphs)),
            plain(format_quantity(fill.quantity)),
            plain("" if look.wide else "@", "dim"),
            plain(format_price(fill.price)),
            plain(" + ".join(format_fee(amount, currency) for amount, currency in fees), "dim"),
            _result(row, look),
        ),
        _missing(row),
    )


def _result(row: ExecutionRow, look: Look) -> Text:
    """What it realised; `?` where it sold only what has no known cost, a dot where it closed nothing."""
    if row.net is None:
        return plain("?", "cyan") if row.unmatched else plain(look.glyphs.idle, "dim")
    if look.wide or row.currency != quote_of(row.fill.symbol):
        return money(row.net, row.currency)
    return plain(format_amount(row.net, row.currency), money_style(row.net))


def _missing(row: ExecutionRow) -> Text | None:
    """What of this execution is in no figure."""
    said = [f"? {format_quantity(row.unmatched)} without cost"] if row.unmatched else []
    said += ["? fee unvalued"] if row.unvalued else []
    return plain(", ".join(said), "cyan") if said else None


# --- needs a look -------------------------------------------------------------------------------------------------


def problems_panel(problems: Sequence[Problem], room: int, look: Look) -> Panel | None:
    """The latest faults, each once, with what mends it; None when there is nothing to look at.

    Args:
        problems: Newest first.
        room: Lines for the problems, borders not counted.
        look: Width, signs, time.
    """
    if not problems:
        return None
    blocks: list[list[Text]] = []
    counted = _counted(problems)
    for problem, times in counted:
        left = room - sum(len(b) for b in blocks)
        block = _problem_block(problem, times, left, look)
        if blocks and len(block) > left:
            break
        blocks.append(block)
    return Panel("needs a look", None, blocks, len(counted) - len(blocks))


def _counted(problems: Iterable[Problem]) -> list[tuple[Problem, int]]:
    """Each problem once, at its newest, with how often it was seen; what a person must act on comes first."""
    seen: dict[tuple[str | None, str | None, str], tuple[Problem, int]] = {}
    for problem in problems:
        key = (problem.user, problem.broker, problem.message)
        first, times = seen.get(key, (problem, 0))
        seen[key] = (first, times + 1)
    return sorted(seen.values(), key=lambda found: found[0].exit_code != 4)


def _problem_block(problem: Problem, times: int, room: int, look: Look) -> list[Text]:
    """When, who, what, and what to do: on one line where it fits. The remedy is shown whole before the rest is."""
    when = plain(f"{format_clock(problem.at, now=look.now)} " if problem.at else "", "dim")
    what = joined(when, _problem_words(problem, times, look))
    then = plain(f"{look.glyphs.then} {problem.hint}", "cyan") if problem.hint else None
    lines = flow([what, then] if then else [what], look.inner, indent=2)
    if len(lines) <= max(room, 1):
        return lines
    remedy = flow([then], look.inner, first=2, indent=4) if then else []
    kept = wrap(what, look.inner - 2)[: max(1, room - len(remedy))]
    kept[-1] = _ended(kept[-1], look)
    return kept + remedy


def _problem_words(problem: Problem, times: int, look: Look) -> Text:
    owner = look.owner(problem.broker, problem.user) if problem.broker else ""
    again = f" ({look.glyphs.more}{times:,})" if times > 1 else ""
    sign = plain(f"{look.glyphs.fail} ", "red") if problem.exit_code == 4 else plain(f"{look.glyphs.warn} ", "cyan")
    return joined(sign, plain(f"{owner}: " if owner else "", "bold"), plain(problem.message + again))


def _ended(line: Text, look: Look) -> Text:
    """A line of a text that goes on, ended between words with the sign for it."""
    return line.append(f" {look.glyphs.cut}", "dim")
