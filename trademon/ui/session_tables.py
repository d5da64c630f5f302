"""Sign-ins as a person reads them."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType

from trademon.core.session_reports import KeptSession, LoginReport, RefreshReport
from trademon.ui.text import UNICODE, Glyphs, format_stamp, sentence


def render_refresh(report: RefreshReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A line a broker; one that failed is told on stderr."""
    if not report.brokers:
        return sentence("no broker is signed in: trademon broker login NAME")
    return Group(*(sentence(_kept(b)) for b in report.brokers if b.problem is None))


def _kept(kept: KeptSession) -> str:
    if kept.note:
        return f"{kept.broker}: skipped: {kept.note}"
    done = "renewed" if kept.is_renewed else "renewed a moment ago"
    if kept.refresh_until is None:
        return f"{kept.broker}: good until {_moment(kept.access_until)}, and cannot be renewed"
    return f"{kept.broker}: {done}; the session lives until {_moment(kept.refresh_until)} unless it is renewed again"


def render_login(report: LoginReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """What to do so that it lasts, and when to come back."""
    said = sentence(f"{report.broker} is signed in")
    if report.refresh_until is None:
        return Group(
            said, sentence(f"{glyphs.then} until {_moment(report.access_until)}; it cannot be renewed", "cyan")
        )
    advice = (
        f"trademon watch keeps it alive, or trademon broker refresh from cron every 10 minutes; without either it ends "
        f"at {_moment(report.refresh_until)}. Signing in again is advised by {format_stamp(report.due_at)[:10]}."
    )
    return Group(said, sentence(f"{glyphs.then} {advice}", "cyan"))


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else format_stamp(at)
