"""The panel of brokers: state, age, what is complete since when, and what each earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.text import Text

from trademon.core.reports import takes_files
from trademon.core.watch_figures import Earned, Summary
from trademon.core.watch_reports import BrokerState, WatchBroker, WatchState
from trademon.ui.grid import Column, Row, set_rows
from trademon.ui.text import clip, format_age, joined, plain
from trademon.ui.watch.frame import NAME_CELLS, Look, Page, Panel, money, words_panel
from trademon.ui.zone import local

_NOTE_CELLS: Final = 44
_COLUMNS: Final = (
    Column("broker"),
    Column("state"),
    Column("", leaves=5),
    Column("seen", "right", leaves=3),
    Column("next", "right", leaves=4),
    Column("in a row", "right", leaves=6),
    Column("ms", "right", leaves=8),
    Column("open", "right", leaves=7),
    Column("budget", "right", leaves=9),
    Column("complete since", leaves=2),
)
RANGE_WORDS: Final = {"today": "today", "7d": "7 d", "30d": "30 d", "all": "all"}


def healthy(broker: WatchBroker) -> bool:
    """Whether its last answer was good, or another run is looking after it."""
    return broker.state in ("ok", "busy") or (broker.state == "scanning" and not broker.errors_in_row)


def brokers_panel(
    rows: Sequence[WatchBroker], page: Page, state: WatchState, summary: Summary, look: Look, *, only: str | None
) -> Panel:
    """The rows of `page`; `only` is the one currency to show, None all of them."""
    if not rows:
        words = "no broker yet: trademon broker add NAME --exchange binance"
        if state.manual:
            words = takes_files(state.manual)
        elif state.brokers:
            words = "no broker with that in it"
        return words_panel("brokers", plain(words), look)
    shown = page.of(rows)
    nets = {(b.user, b.name): _nets(summary.brokers.get((b.user, b.name), ()), only) for b in shown}
    currencies = _columns_for(nets.values(), [one.currency for one in summary.total], look)
    earned = f"P&L {RANGE_WORDS[summary.range]}"
    titles = [*[""] * (len(currencies) - 1), earned]
    columns = (*_COLUMNS, *(Column(title, "point") for title in titles))
    cells = [_broker_row(b, nets[b.user, b.name], currencies, look, paused=state.is_paused) for b in shown]
    title_row, blocks = set_rows(columns, cells, look.inner, gap=look.gap, titles=look.wide)
    # Without a row of titles the range stands in the panel's own: a figure is never without its time.
    return Panel("brokers" if look.wide else f"brokers, {earned}", title_row, blocks, page)


def _nets(earned: Sequence[Earned], only: str | None) -> dict[str, Earned]:
    return {one.currency: one for one in earned if only in (None, one.currency)}


def _columns_for(nets: Iterable[Mapping[str, Earned]], order: Sequence[str], look: Look) -> list[str]:
    """The currencies with a column of their own, those of most brokers first: a figure stands under its own kind alone.
    What has no column is beside or below its row."""
    counts = Counter(currency for of_broker in nets for currency in of_broker)
    most = 1 if look.width < 72 else 2 if look.width < 140 else 4
    return sorted(counts, key=lambda currency: (-counts[currency], order.index(currency)))[:most] or [""]


def _broker_row(
    broker: WatchBroker, nets: Mapping[str, Earned], currencies: Sequence[str], look: Look, *, paused: bool
) -> Row:
    none = look.glyphs.none
    note = "" if broker.state == "action" else clip(broker.note or "", _NOTE_CELLS, look.glyphs)
    milliseconds = none if broker.seconds is None else f"{int(broker.seconds * 1000):,}"
    orders = none if broker.open_orders is None else f"{broker.open_orders:,}"
    name = Text(no_wrap=True, end="").append(look.owner(broker.name, broker.user))
    if broker.exchange != broker.name:
        name.append(" " + clip(broker.exchange, NAME_CELLS, look.glyphs), "dim")
    money_cells = [_net(nets[c], look) if c in nets else plain("") for c in currencies]
    if not nets:
        money_cells[0] = plain(none, "dim")
    beside = [_net(one, look) for currency, one in nets.items() if currency not in currencies]
    return Row(
        (
            name,
            state_words(broker, look),
            plain(note, "dim"),
            _seen(broker, look),
            _next(broker, look, paused=paused),
            plain(f"{broker.errors_in_row:,}" if look.wide else "", "red" if broker.errors_in_row else "dim"),
            plain(milliseconds if look.wide else "", "dim"),
            plain(orders if look.wide else "", "dim"),
            _budget(broker, look),
            _complete(broker, look),
            *money_cells,
        ),
        Text("  ").join(beside) if beside else None,
    )


def _net(earned: Earned, look: Look) -> Text:
    figure = money(earned.net, earned.currency)
    return joined(figure, plain(f" {look.glyphs.about}", "cyan")) if earned.incomplete else figure


def seconds_between(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _seen(broker: WatchBroker, look: Look) -> Text:
    """How long ago it answered; in words where no title says so."""
    if broker.last_good_at is None:
        return plain("never" if look.wide else "", "dim")
    age = format_age(seconds_between(broker.last_good_at, look.now))
    return plain(age if look.wide else f"{age} ago", "dim")


def _next(broker: WatchBroker, look: Look, *, paused: bool) -> Text:
    """How long until it is asked again."""
    if not look.wide:
        return plain("")
    if broker.next_at is None:
        return plain("paused" if paused else "now", "dim")
    return plain(format_age(max(0.0, seconds_between(look.now, broker.next_at))), "dim")


def _budget(broker: WatchBroker, look: Look) -> Text:
    """How much of its host's minute is used up, by all programs at this address."""
    if not look.wide or broker.budget is None or not broker.budget[1]:
        return plain("")
    used = -(-100 * broker.budget[0] // broker.budget[1])
    return plain(f"{used} %", "cyan" if used >= 80 else "dim")


def state_words(broker: WatchBroker, look: Look) -> Text:
    """Sign and word; the colour only repeats them."""
    g = look.glyphs
    wait = f" {format_age(seconds_between(look.now, broker.next_at))}" if broker.next_at else ""
    times = f" {g.more}{broker.errors_in_row:,}" if broker.errors_in_row > 1 else ""
    words: dict[BrokerState, tuple[str, str]] = {
        "new": (f"{g.idle} not asked yet", "dim"),
        "scanning": (f"{g.ok} asking", "cyan"),
        "ok": (f"{g.ok} ok", "green"),
        "failed": (f"{g.fail} failed{times}", "red"),
        "waiting": (f"{g.warn} waits{wait}", "cyan"),
        "busy": (f"{g.ok} another run", "cyan"),
        "action": (f"{g.fail} {clip(broker.note or 'needs you', NAME_CELLS, g)}", "red"),
    }
    return plain(*words[broker.state])


def _complete(broker: WatchBroker, look: Look) -> Text:
    """Since when nothing is missing; in words where no title says so."""
    if broker.complete_since is None:
        return plain("not yet" if look.wide else "history not complete", "dim")
    day = f"{local(broker.complete_since):%Y-%m-%d}"
    return plain(day if look.wide else f"complete since {day}", "dim")
