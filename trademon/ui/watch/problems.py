"""The panels of what needs a look, with what mends it, and of the rounds that are done unattended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.text import Text

from trademon.core.automation_reports import AutomationStatus, UserAutomation
from trademon.core.reports import Problem
from trademon.ui.grid import flow, wrap
from trademon.ui.text import format_age, format_clock, format_percent, format_seconds, joined, plain, several
from trademon.ui.watch.frame import Look, Page, Panel, words_panel


def problems_panel(rows: Sequence[tuple[Problem, int]], page: Page, room: int, look: Look) -> Panel:
    """The faults of `page`, each once, with what mends it.

    Args:
        rows: What `lists.listed_problems` found.
        page: Which of them.
        room: Lines for all of them, borders not counted.
        look: Width, signs, time.
    """
    if not rows:
        return words_panel("needs a look", plain("nothing does", "dim"), look)
    blocks: list[list[Text]] = []
    for problem, times in page.of(rows):
        left = room - sum(len(b) for b in blocks)
        blocks.append(_block(problem, times, max(1, left), look))
    return Panel("needs a look", None, blocks, page, loud=True)


def _block(problem: Problem, times: int, room: int, look: Look) -> list[Text]:
    """When, who, what, and what to do: on one line where it fits. The remedy is shown whole before the rest is."""
    when = plain(f"{format_clock(problem.at, now=look.now)} " if problem.at else "", "dim")
    what = joined(when, _words(problem, times, look))
    then = plain(f"{look.glyphs.then} {problem.hint}", "cyan") if problem.hint else None
    lines = flow([what, then] if then else [what], look.inner, indent=2)
    if len(lines) <= max(room, 1):
        return lines
    remedy = flow([then], look.inner, first=2, indent=4) if then else []
    kept = wrap(what, max(1, look.inner - 2))[: max(1, room - len(remedy))]
    kept[-1] = kept[-1].append(f" {look.glyphs.cut}", "dim")
    return kept + remedy


def _words(problem: Problem, times: int, look: Look) -> Text:
    owner = look.owner(problem.broker, problem.user) if problem.broker else ""
    again = f" ({look.glyphs.more}{times:,})" if times > 1 else ""
    return joined(sign(problem, look), plain(f"{owner}: " if owner else "", "bold"), plain(problem.message + again))


def sign(problem: Problem, look: Look) -> Text:
    """Whether a person must act, or time may mend it."""
    return plain(f"{look.glyphs.fail} ", "red") if problem.exit_code == 4 else plain(f"{look.glyphs.warn} ", "cyan")


# --- automation ---------------------------------------------------------------------------------------------------


def automation_panel(status: AutomationStatus | None, page: Page, look: Look) -> Panel:
    """A line a user: whether rounds are on, the next one, and how the last ones went."""
    if status is None or not status.users:
        return words_panel("automation", plain("no rounds are on: trademon automation start", "dim"), look)
    named = several(user.schedule.user for user in status.users)
    blocks = [_user_lines(user, status, look, named=named) for user in page.of(status.users)]
    return Panel("automation", None, blocks, page)


def _user_lines(user: UserAutomation, status: AutomationStatus, look: Look, *, named: bool) -> list[Text]:
    parts = [plain(user.schedule.user, "bold")] if named else []
    schedule, g = user.schedule, look.glyphs
    if schedule.state == "stopped":
        return flow([*parts, plain(f"{g.idle} off: trademon automation start", "dim")], look.inner, indent=2)
    is_on = schedule.state == "active"
    words = f"{g.ok} active every {schedule.every_minutes} m"
    if not is_on:
        words = f"{g.warn} paused: trademon automation resume"
    parts.append(plain(words, "green" if is_on else "cyan"))
    if is_on and not status.scheduler.is_alive:
        parts.append(plain(f"{g.warn} no scheduler at work here", "cyan"))
    if (coming := _next(user, look)) is not None:
        parts.append(coming)
    if (last := _last(user, look)) is not None:
        parts.append(last)
    if user.rates.month is not None:
        parts.append(plain(f"{format_percent(user.rates.month * 100)} good in 30 d", "dim"))
    return flow(parts, look.inner, indent=2, gap=3)


def _next(user: UserAutomation, look: Look) -> Text | None:
    if user.running is not None:
        return plain(f"at work for {format_age((look.now - user.running.started_at).total_seconds())}", "cyan")
    at = user.schedule.next_at
    if at is None:
        return None
    wait = (at - look.now).total_seconds()
    return plain("next now" if wait <= 0 else f"next {format_clock(at, now=look.now)}, in {format_age(wait)}")


def _last(user: UserAutomation, look: Look) -> Text | None:
    last = user.last
    if last is None or last.outcome is None:
        return None
    took = ""
    if last.finished_at is not None:
        took = f" in {format_seconds(Decimal(str((last.finished_at - last.started_at).total_seconds())))}"
    good = last.outcome == "success"
    mark = "" if good else f"{look.glyphs.fail if last.outcome == 'failed' else look.glyphs.warn} "
    words = f"{mark}last {last.outcome} {format_clock(last.started_at, now=look.now)}{took}"
    return plain(words, "dim" if good else "red" if last.outcome == "failed" else "cyan")
