"""What the TAB key offers: the names that are stored, as far as they can be looked up at once and without a trace.

A shell runs trademon anew for each TAB. What goes wrong then is nothing that anybody wants to read on a half-written
line: it offers nothing. A foreign name may hold anything, and what a shell puts on its line it also runs: only names of
harmless letters are offered.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from trademon.store.names import Kind

_HARMLESS = re.compile(r"[\w.:/-]+")
_PATIENCE_S = 1.0
"""How long a store on a server is waited for."""


def users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Whoever is in the store; where TRADEMON_USER pins a user, that one alone."""
    return _beginning_with(incomplete, _stored("user", None))


def brokers(ctx: typer.Context, incomplete: str) -> list[str]:
    """The brokers of the user that the line is about, or of all."""
    return _beginning_with(incomplete, _stored("broker", _user_of(ctx)))


def strategies(ctx: typer.Context, incomplete: str) -> list[str]:
    """The strategies of the user that the line is about, or of all."""
    return _beginning_with(incomplete, _stored("strategy", _user_of(ctx)))


def symbols(ctx: typer.Context, incomplete: str) -> list[str]:
    """Symbols that were traded; once a name is begun that none of them has, those that an exchange lists."""
    traded = _spelt_as(incomplete, _stored("symbol", _user_of(ctx)))
    return traded or (_spelt_as(incomplete, _stored("listed", _user_of(ctx))) if incomplete else [])


def exchanges(ctx: typer.Context, incomplete: str) -> list[str]:
    """Those with an adapter of their own; once a name is begun, those of ccxt."""
    from trademon.exchanges.ccxt_ids import ccxt_ids  # noqa: PLC0415
    from trademon.exchanges.registry import KNOWN  # noqa: PLC0415

    return _beginning_with(incomplete, KNOWN) or _beginning_with(incomplete, tuple(sorted(ccxt_ids())))


def markets(ctx: typer.Context, incomplete: str) -> list[str]:
    from trademon.core.model import MARKET_TYPES  # noqa: PLC0415

    return _beginning_with(incomplete, MARKET_TYPES)


def zones(ctx: typer.Context, incomplete: str) -> list[str]:
    from zoneinfo import available_timezones  # noqa: PLC0415

    return _beginning_with(incomplete, ("local", *sorted(available_timezones())))


def _user_of(ctx: typer.Context) -> str | None:
    name = ctx.params.get("user")
    return name if isinstance(name, str) else None


def _beginning_with(begun: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name.startswith(begun)]


def _spelt_as(begun: str, names: tuple[str, ...]) -> list[str]:
    """Symbols as whoever types spells them, since a shell takes only what goes on from there: `btc` is followed by
    `btc/usdt`, `BTCU` by `BTCUSDT`."""
    from trademon.core.symbols import compact  # noqa: PLC0415

    spellings = (lambda name: name, compact, str.lower, lambda name: compact(name).lower())
    return next((found for spell in spellings if (found := _beginning_with(begun, tuple(map(spell, names))))), [])


def _stored(kind: Kind, user: str | None) -> tuple[str, ...]:
    try:
        from trademon.settings import load_settings  # noqa: PLC0415
        from trademon.store.names import stored_names  # noqa: PLC0415

        settings = load_settings()
        with contextlib.nullcontext() if settings.store_url.startswith("sqlite") else _waiting(_PATIENCE_S):
            names = stored_names(settings.store_url, kind, user=user or settings.user)
    except Exception:  # noqa: BLE001 - no store, another schema, a wrong setting: there is nothing to offer
        return ()
    return tuple(name for name in names if _HARMLESS.fullmatch(name))


@contextlib.contextmanager
def _waiting(seconds: float) -> Iterator[None]:
    """Nobody waits for a server with a finger on the TAB key: after that time it has no names."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
