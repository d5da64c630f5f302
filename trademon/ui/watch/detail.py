"""A row opened: all that is known of it, as lines that scroll."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.automation_reports import RoundsReport
from trademon.core.lot_reports import ExplainReport, LotsReport
from trademon.core.reports import Problem
from trademon.core.times import DAY_US, to_us
from trademon.core.watch_figures import RANGES, SymbolEarned, summarize
from trademon.core.watch_reports import BrokerDetail, Detail, WatchBroker, WatchState
from trademon.ui.automation_tables import render_rounds
from trademon.ui.coverage_tables import render_coverage
from trademon.ui.grid import Column, Grid, Row, flow, wrap
from trademon.ui.lot_tables import render_explain, render_lots
from trademon.ui.text import format_age, format_stamp, joined, plain
from trademon.ui.watch.brokers import RANGE_WORDS, state_words
from trademon.ui.watch.frame import Look, money
from trademon.ui.watch.lists import Key, PanelName, broker_key, problem_key, symbol_key
from trademon.ui.watch.problems import sign
from trademon.ui.watch.spark import spark
from trademon.ui.watch.view import View

_MOST_ERRORS = 8


def detail(state: WatchState, view: View, found: Detail | None, look: Look) -> tuple[str, list[Text]]:
    """The title, and all lines within `look.inner` cells. `found` None where it is still being read."""
    panel, key = view.opened or ("executions", ())
    title = " ".join(str(part) for part in key if isinstance(part, str) and part) or panel
    if panel == "problems":
        return "needs a look", _problem_lines(state, key, look)
    if panel == "symbols":
        return title, _symbol_lines(state, key, look)
    above = _broker_lines(state, key, look) if panel == "brokers" else []
    if found is None:
        return title, [*above, *wrap(plain("reading", "dim"), look.inner)]
    if isinstance(found, Problem):
        return title, [*above, *_said(found, look)]
    return _title_of(panel, found, title), [*above, *lines_of(_rendered(found, look), look.inner)]


def _title_of(panel: PanelName, found: Detail, title: str) -> str:
    if isinstance(found, ExplainReport):
        return f"execution {found.fill.id}, by {found.method}"
    if isinstance(found, LotsReport):
        return f"{title}, lots by {found.method}"
    return "rounds" if panel == "automation" else title


def _rendered(found: Detail, look: Look) -> RenderableType:
    if isinstance(found, ExplainReport):
        return render_explain(found, look.glyphs)
    if isinstance(found, LotsReport):
        return render_lots(found, look.glyphs)
    if isinstance(found, RoundsReport):
        return render_rounds(found, look.glyphs)
    if isinstance(found, BrokerDetail):
        return Group(*_account_lines(found), Text(), render_coverage(found.coverage, look.glyphs))
    return plain(found.line)


def lines_of(shown: RenderableType, width: int) -> list[Text]:
    """What a report's renderer returns, as lines of at most `width` cells."""
    if isinstance(shown, Group):
        return [line for part in shown.renderables for line in lines_of(part, width)]
    if isinstance(shown, Grid):
        return replace(shown, remedy="a wider terminal").lines(width)
    return wrap(shown, width) if isinstance(shown, Text) else wrap(plain(str(shown)), width)


# --- a broker -----------------------------------------------------------------------------------------------------


def _broker_lines(state: WatchState, key: Key, look: Look) -> list[Text]:
    """How its looks went, and what was wrong lately."""
    broker = next((b for b in state.brokers if broker_key(b) == key), None)
    if broker is None:
        return [plain("it is no longer there", "dim")]
    lines = flow(list(_facts(broker, look)), look.inner, indent=2, gap=3)
    errors = [e for e in state.errors if (e.user, e.broker) == (broker.user, broker.name)]
    lines += [Text(), plain("errors lately", "bold") if errors else plain("no errors since the start", "dim")]
    for error in errors[:_MOST_ERRORS]:
        lines += _said(error, look)
    if len(errors) > _MOST_ERRORS:
        lines.append(plain(f"and {len(errors) - _MOST_ERRORS} earlier ones", "dim"))
    return [*lines, Text()]


def _facts(broker: WatchBroker, look: Look) -> Iterator[Text]:
    yield state_words(broker, look)
    if broker.note:
        yield plain(broker.note)
    if broker.last_good_at is not None:
        age = format_age((look.now - broker.last_good_at).total_seconds())
        yield plain(f"last good look {format_stamp(broker.last_good_at)}, {age} ago")
    if broker.seconds is not None:
        yield plain(f"it took {int(broker.seconds * 1000):,} ms", "dim")
    if broker.errors_in_row:
        yield plain(f"{broker.errors_in_row:,} errors in a row", "red")
    if broker.open_orders is not None:
        yield plain(f"{broker.open_orders:,} open orders", "dim")
    if broker.budget is not None:
        used, limit = broker.budget
        yield plain(f"{used:,} of {limit:,} of this minute's budget used, by all programs at this address", "dim")
    if broker.next_at is not None:
        yield plain(f"asked again in {format_age((broker.next_at - look.now).total_seconds())}", "dim")


def _account_lines(found: BrokerDetail) -> Iterator[Text]:
    info = found.info
    named = f", for {', '.join(info.symbols)}" if info.symbols else ""
    yield plain(f"{info.exchange} {info.market}, history since {format_stamp(info.since)}{named}; {info.fills:,} fills")
    if found.last_error:
        yield plain(f"its last look failed: {found.last_error}", "red")
    for at, reason in found.refused:
        yield plain(f"{format_stamp(at)} an answer was not believed: {reason}", "cyan")


# --- problems, symbols --------------------------------------------------------------------------------------------


def _said(problem: Problem, look: Look) -> list[Text]:
    """A problem whole: when, what, and what mends it."""
    when = plain(f"{format_stamp(problem.at)} " if problem.at else "", "dim")
    lines = wrap(joined(sign(problem, look), when, plain(problem.message)), look.inner)
    return lines + (wrap(plain(f"  {look.glyphs.then} {problem.hint}", "cyan"), look.inner) if problem.hint else [])


def _problem_lines(state: WatchState, key: Key, look: Look) -> list[Text]:
    """Each time it was seen, newest first."""
    found = [p for p in (*state.problems, *state.errors) if problem_key(p) == key]
    if not found:
        return wrap(plain("it is over", "green"), look.inner)
    head = look.owner(found[0].broker, found[0].user)
    times = sorted({p.at for p in found if p.at is not None}, reverse=True)
    lines = [plain(head, "bold")] if head else []
    lines += [*_said(found[0], look), Text()]
    return lines + [plain(f"seen {format_stamp(at)}", "dim") for at in times]


_RANGES = (Column("time"), Column("", leaves=1), Column("sales", "right"), Column("P&L", "point"))


def _symbol_lines(state: WatchState, key: Key, look: Look) -> list[Text]:
    """What it brought within each range, and each of its last days."""
    today = to_us(look.now) // DAY_US
    rows = [_range_row(row, words, look) for words, row in _in_ranges(state, key, today)]
    lines = Grid(_RANGES, tuple(rows), look.glyphs.rule).lines(look.inner) if rows else []
    said = f"by {state.shown_method}, realised and net of fees; days are UTC; {look.glyphs.about}: not all is known"
    return lines + wrap(plain(said, "dim"), look.inner)


def _in_ranges(state: WatchState, key: Key, today: int) -> Iterator[tuple[str, SymbolEarned]]:
    books = [book for book in state.earned if (book.user, book.broker, book.symbol, book.currency) == key]
    for range_ in RANGES:
        for row in summarize(books, range_, today).symbols:
            if symbol_key(row) == key:
                yield RANGE_WORDS[range_], row


def _range_row(row: SymbolEarned, words: str, look: Look) -> Row:
    net = money(row.earned.net, row.earned.currency)
    about = plain(f" {look.glyphs.about}" if row.earned.incomplete else "", "cyan")
    curve = spark(row.curve, min(40, max(8, look.inner // 3)), look.glyphs)
    return Row((plain(words), curve, plain(f"{row.disposals:,}"), joined(net, about)))


# --- help ---------------------------------------------------------------------------------------------------------

_HELP: Sequence[tuple[str, str]] = (
    ("", "keys"),
    ("tab, left, right", "from panel to panel; a panel that is folded away opens when it is reached"),
    ("up, down, page up, page down, home, end", "from row to row"),
    ("enter", "the row opened: a broker's coverage and errors, an execution down to its lots, a position's lots"),
    ("esc", "back; forgets the filter"),
    ("/", "only rows with these letters in them; problems are always shown"),
    ("p", "pause: nobody is asked any more, sign-ins are kept alive; again: go on"),
    ("s", "scan now, also what is asked less often because it failed; also while paused"),
    ("m", "figures by another method; books, each execution's P&L and what is open stay as they are kept"),
    ("u", "one currency alone, executions too; amounts of different currencies are never added up"),
    ("r", "the time of P&L figures: today, 7 d, 30 d, all; days are UTC days, today is one of them"),
    ("q", "quit; what is being written is written first"),
    ("", "signs"),
    ("{ok} {warn} {fail}", "well; wait or look; failed, or a person must act"),
    ("{about}", "a sale without a known cost, or a fee without a price, is in no figure"),
    ("?", "what was sold has no known cost: trademon lots open enters one"),
    ("{idle} {none}", "nothing was closed; nothing is known"),
    ("", "figures"),
    ("today, 7 d, 30 d, total", "realised P&L net of fees, by currency"),
    ("open", "what closing everything at last prices would bring; they are asked for once a minute"),
    ("in a row", "errors of a broker since its last good answer; the first lines count all since the start"),
    ("budget", "how much of its host's minute is used up, by all programs at this address"),
    ("complete since", "no execution is missing from then on; trademon coverage shows gaps"),
)


def help_lines(look: Look) -> list[Text]:
    """Every key and sign."""
    g = look.glyphs
    lines: list[Text] = []
    for key, words in _HELP:
        if not key:
            lines += [*([Text()] if lines else []), plain(words, "bold")]
            continue
        name = key.format(ok=g.ok, warn=g.warn, fail=g.fail, about=g.about, idle=g.idle, none=g.none)
        column = 26 if look.inner >= 70 else 12
        for n, part in enumerate(wrap(plain(words), max(10, look.inner - column))):
            beside = name if not n else ""
            if len(beside) >= column:
                lines.append(plain(beside, "cyan"))
                beside = ""
            lines.append(joined(plain(beside.ljust(column), "cyan"), part))
    return lines
