"""What `user add`, `set`, `enable`, `disable` and `remove` do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from trademon.cli.broker_work import alone
from trademon.cli.common import Result, confirm, parse_currency
from trademon.core.model import Method
from trademon.core.reports import Done
from trademon.errors import UnknownName, UsageError
from trademon.notify.language import LANGUAGES
from trademon.store.store import Store, UserStore
from trademon.ui.text import count
from trademon.wiring import open_home

_NAME = re.compile(r"[\w.@-]{1,60}")
_CHAT = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
# As BCP 47 writes the common ones: a language, and where it matters a script and a region.
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may choose, as it stands on the command line; None is not named, '' takes a choice back."""

    method: Method | None
    currency: str | None
    telegram_chat: str | None
    language: str | None

    def checked(self) -> dict[str, str | None]:
        """Those that are named, as they are stored. Raises UsageError for one that cannot be."""
        found: dict[str, str | None] = {} if self.method is None else {"method": self.method}
        if self.currency is not None:
            found["currency"] = parse_currency("--currency", self.currency) if self.currency else None
        if self.telegram_chat is not None:
            found["telegram_chat"] = _chat(self.telegram_chat) if self.telegram_chat else None
        if self.language is not None:
            found["language"] = parse_language(self.language) if self.language else None
        return found


def parse_language(text: str) -> str:
    """`de`, `pt-BR`, `zh-Hant-TW`, in the case that is usual; UsageError for what is no code of a language."""
    match = _LANGUAGE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--language is no code of a language: {text[:20]!r}", hint="write en or fr")
    language, script, region = match.groups()
    parts = (language.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def _untranslated(chosen: Mapping[str, str | None]) -> str:
    """That a language which was chosen is kept, and messages are in English all the same."""
    language = chosen.get("language")
    if language is None or language in LANGUAGES:
        return ""
    return (
        f"; messages to them are in English, since {language} is not translated (there are {' and '.join(LANGUAGES)})"
    )


def _chat(text: str) -> str:
    if not _CHAT.fullmatch(text.strip()):
        raise UsageError(
            f"--telegram-chat is no chat: {text[:40]!r}", hint="write its number, as in -100123456, or @name"
        )
    return text.strip()


def check_user_name(name: str) -> str:
    """Raises UsageError for what no user can be called."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:60]!r} is no user name", hint="letters, digits and . _ - @")
    return name


def add_user(name: str, choices: Choices, *, restore: bool) -> Result:
    """Add them, or bring back one who was removed."""
    check_user_name(name)
    chosen = choices.checked()
    with open_home() as home:
        if restore:
            fills = home.store.restore_user(name, **chosen)
            home.store.for_user(name).keep_methods()
            done = f"brought back user {name} with {count(fills, 'fill')}; the keys are gone"
        else:
            _refuse_double(home.store, name)
            defaults = dict.fromkeys(("method", "currency", "telegram_chat", "language"))
            home.store.add_user(name, **{**defaults, **chosen})  # type: ignore[arg-type]
            done = f"added user {name}"
        done += _untranslated(chosen)
    return Result(Done(done, f"trademon broker add NAME --exchange binance --user {name}"), is_data=False)


def _refuse_double(store: Store, name: str) -> None:
    """Raises UsageError where somebody's name differs by capitals alone: one would be taken for the other."""
    for user in store.users():
        if user.name != name and user.name.casefold() == name.casefold():
            raise UsageError(f"there is a user {user.name!r} already", hint="capitals alone tell nobody apart")


def set_user(name: str, choices: Choices) -> Result:
    """Change what was named, leave the rest."""
    changes = choices.checked()
    if not changes:
        raise UsageError("nothing to change was named", hint="trademon user set --help")
    with open_home() as home:
        home.store.set_user(name, **changes)
        home.store.for_user(name).keep_methods()
    return Result(Done(f"changed user {name}{_untranslated(changes)}"), is_data=False)


def switch_user(name: str, *, on: bool) -> Result:
    """Active or not."""
    with open_home() as home:
        last = not on and _is_last(home.store, name)
        home.store.set_user(name, active=on)
    told = f"user {name} is " + ("active again" if on else "left alone from now on, unless a command names them")
    return Result(Done(told + (f"; {_NOBODY}" if last else ""), _ANOTHER if last else None), is_data=False)


_NOBODY = "no user is active now: nothing is watched"
_ANOTHER = "trademon user add NAME, or trademon user enable NAME"


def _is_last(store: Store, name: str) -> bool:
    return [user.name for user in store.users() if user.active] == [name]


def remove_user(name: str, *, yes: bool, with_fills: bool, dry_run: bool = False) -> Result:
    """Forget them, once a person has said so and nobody is at work on their brokers."""
    with open_home(dry_run=dry_run) as home:
        try:
            user: UserStore | None = home.store.for_user(name)
        except UnknownName:
            if not with_fills:
                raise
            user = None  # one who is removed already, perhaps
        last = _is_last(home.store, name)
        if not yes and not dry_run:
            confirm(_question(name, user, last=last, with_fills=with_fills))
        with alone(home, user.brokers() if user is not None and not dry_run else ()):
            deleted = home.store.remove_user(name, with_fills=with_fills)
        kept = user is not None and not with_fills and _is_kept(home.store, name)
    fate = (
        "the fills stay in the store" if kept else f"{count(deleted, 'fill')} deleted" if deleted else "it had no fills"
    )
    next_step = f"trademon user add {name} --restore brings them back" if kept else None
    told = f"removed user {name}; {fate}" + (f"; {_NOBODY}" if last else "")
    return Result(Done(told, _ANOTHER if last else next_step), is_data=False, dry_run=dry_run)


def _question(name: str, user: UserStore | None, *, last: bool, with_fills: bool) -> str:
    brokers = 0 if user is None else len(user.brokers())
    forget = f"Forget user {name} and the keys of {count(brokers, 'broker')}?"
    alone = " It is the last active user: nothing will be watched." if last else ""
    fate = "All that is stored of them is deleted, too, for good." if with_fills else "Their fills stay, hidden."
    return f"{forget}{alone} {fate}"


def _is_kept(store: Store, name: str) -> bool:
    """Whether a user who was just removed can be brought back."""
    try:
        store.for_user(name)
    except UnknownName as error:
        return "was removed" in error.message
    return False
