"""What `broker add` and `broker set` do: check every option before anything is asked for or written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trademon.cli.ask import NotAgreed, agree, ask_hidden, can_ask, say
from trademon.cli.common import Result, parse_moment, run_async
from trademon.cli.key_guide import how_to_make_key
from trademon.core.hints import to_copy
from trademon.core.key_rights import in_words
from trademon.core.model import Broker, Credentials, MarketType, Method
from trademon.core.money import parse_decimal
from trademon.core.reports import Done
from trademon.errors import Busy, ConfigError, DataError, UnknownName, UsageError
from trademon.exchanges.registry import (
    DEMO,
    HAS_SANDBOX,
    NEEDS_NO_SECRET,
    NEEDS_SIGN_IN,
    WITHOUT_API,
    check_exchange,
    markets_of,
    names_accounts,
    needs_password,
)
from trademon.settings import secret_from
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.wiring import Home, open_home

if TYPE_CHECKING:
    from trademon.flows.key_rights import KeyExam

_TWICE = (
    "{name}: {exchange} does not say whose a key is. If it opens the account that the removed {name} had, what that "
    "one found counts a second time: trademon broker remove '{name} (removed)' --with-fills"
)
DEFAULT_HISTORY = timedelta(hours=24)
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----\s[A-Za-z0-9+/=\s]+\s-----END [A-Z ]+-----\s*")
_NAME = re.compile(r"[\w.-]{1,40}")
_CURRENCY = re.compile(r"[A-Za-z0-9]{1,20}", re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Environment variables that hold the key; `ask` asks for it on the terminal instead."""

    api_key: str | None
    api_secret: str | None
    password: str | None
    ask: bool = False

    @property
    def given(self) -> bool:
        return any((self.api_key, self.api_secret, self.password))


def add_broker(
    name: str,
    exchange: str,
    market: str,
    user: str | None,
    base_url: str | None,
    keys: KeyNames,
    symbols: list[str],
    since: str | None,
    method: Method | None,
    capital: str | None = None,
    *,
    allow_withdraw: bool = False,
    sandbox: bool = False,
    agree_to: Callable[[KeyExam | None], None] | None = None,
) -> Result:
    """Add it, once everything about it was found good. A key that can withdraw is refused; one that could not be
    examined, or that the exchange refuses, is stored and said: it may be meant for another address than this one.
    `agree_to` hears what the exchange said of the key before anything is stored, None where it was not asked; what it
    raises stores nothing.
    """
    check_broker_name(name)
    exchange = check_exchange(exchange)
    kind = check_market(exchange, market)
    if sandbox and exchange not in HAS_SANDBOX:
        hint = f"known of {', '.join(sorted(HAS_SANDBOX))}; --base-url names another host"
        raise UsageError(f"--sandbox: no test environment of {exchange} is known", hint=hint)
    base_url = check_base_url(base_url)
    amount, currency = read_capital(capital)
    with open_home() as home:
        store = home.user(user)
        now = home.clock()
        start = parse_moment("--since", since, now=now) if since else now - DEFAULT_HISTORY
        if any(b.name == name for b in store.brokers()):
            raise UsageError(
                f"{store.user} already has a broker {name!r}", hint=f"trademon broker set {name} changes it"
            )
        left = store.fills_of(store.removed_brokers(name))
        credentials = None if exchange in (*WITHOUT_API, DEMO) else read_keys(exchange, keys)
        exam = None
        if credentials is not None and exchange not in NEEDS_SIGN_IN:  # an app's key opens nothing by itself
            draft = Broker(0, name, store.user, exchange, kind, start, now, base_url)
            exam = _examine(home, store, draft, credentials)
            exam.check(name, withdraw_allowed=allow_withdraw)
        if agree_to is not None:
            agree_to(exam)
        broker = store.add_broker(
            name,
            exchange=exchange,
            market=kind,
            since=start,
            base_url=base_url,
            symbols=[s.strip().upper() for s in symbols],
            method=method,
            credentials=credentials,
            initial_capital=amount,
            capital_currency=currency,
            sandbox=sandbox,
        )
        warned = _keep(home, store, broker, exam, allow_withdraw=allow_withdraw)
        if left and not names_accounts(exchange):
            warned += (_TWICE.format(name=name, exchange=exchange),)
    said = f"added broker {name} ({exchange})"
    if left:
        fills, are = ("1 fill", "is") if left == 1 else (f"{left:,} fills", "are")
        said += f"; {fills} of a removed broker {name} {are} still stored"
    return Result(Done(said, to_copy(_next_step(name, exchange)), warnings=warned), is_data=False, warnings=warned)


def check_broker_name(name: str) -> str:
    """Raises UsageError for what no broker can be called."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:40]!r} is no broker name", hint="letters, digits and . _ -")
    return name


def check_market(exchange: str, market: str) -> MarketType:
    """Raises UsageError for a kind of market that is not read of that exchange."""
    for known in markets_of(exchange):
        if known == market:
            return known
    hint = f"of {exchange} these are: {', '.join(markets_of(exchange))}"
    raise UsageError(f"--market {market} of {exchange} is not read by this release", hint=hint)


def agree_to_key(exam: KeyExam | None) -> None:
    """Say what a key came to, to whoever has just typed it, and ask where it is of no use as it is.

    Raises:
        NotAgreed: they would not have it stored.
    """
    if exam is None:
        return
    if exam.refused is not None:
        say(exam.refused.line)
        if not agree("Store it all the same? It may be meant for another machine's address."):
            raise NotAgreed("the key was not stored")
    elif exam.unasked is not None:
        say(f"its key could not be examined: {exam.unasked}")
        if not agree("Store it all the same?", default=True):
            raise NotAgreed("the key was not stored")
    else:
        rights = "what it may do, the exchange does not say" if exam.rights is None else in_words(exam.rights)
        say(f"The key works: account {exam.uid or 'without a name'}, {rights}.")


def _examine(home: Home, store: UserStore, broker: Broker, credentials: Credentials) -> KeyExam:
    from trademon.flows.key_rights import examine  # noqa: PLC0415 - only where a key is given

    async def work() -> KeyExam:
        async with home.network(credentials) as ports:
            return await examine(store, broker, ports)

    return run_async(work)


def _keep(
    home: Home, store: UserStore, broker: Broker, exam: KeyExam | None, *, allow_withdraw: bool
) -> tuple[str, ...]:
    """Store what was said of a key that is stored now; what a person should know of it."""
    if exam is None:
        return ()
    if exam.rights is not None:
        store.save_key_rights(broker, exam.rights, home.clock(), withdraw_allowed=allow_withdraw)
    elif allow_withdraw:
        store.allow_withdraw_key(broker)
    return exam.warnings(broker.name, withdraw_allowed=allow_withdraw)


def set_broker(
    name: str,
    user: str | None,
    base_url: str | None,
    keys: KeyNames,
    symbols: list[str] | None,
    since: str | None,
    method: Method | None,
    capital: str | None = None,
    *,
    allow_withdraw: bool = False,
) -> Result:
    """Change what was named, leave the rest. A new key is examined as by `add_broker`; one of another account is
    said."""
    changes: dict[str, Any] = {}
    if base_url is not None:
        changes["base_url"] = check_base_url(base_url)
    if symbols is not None:
        changes["symbols"] = tuple(s.strip().upper() for s in symbols)
    if method is not None:
        changes["method"] = method
    if capital is not None:
        changes["initial_capital"], changes["capital_currency"] = read_capital(capital)
    with open_home() as home:
        store = home.user(user)
        broker = store.broker(name)
        if since is not None:
            changes["since_at"] = parse_moment("--since", since, now=home.clock())
        credentials = read_keys(broker.exchange, keys) if keys.given or keys.ask else None
        if not changes and credentials is None and not allow_withdraw:
            raise UsageError("nothing to change was named", hint="trademon broker set --help")
        exam = None
        if credentials is not None and broker.exchange not in (*WITHOUT_API, DEMO, *NEEDS_SIGN_IN):
            exam = _examine(
                home, store, replace(broker, base_url=changes.get("base_url", broker.base_url)), credentials
            )
            exam.check(name, withdraw_allowed=allow_withdraw)
        warned = _other_account(store, broker, exam)
        store.set_broker(broker, credentials=credentials, **changes)
        warned += _keep(home, store, broker, exam, allow_withdraw=allow_withdraw)
        if allow_withdraw and credentials is None:
            store.allow_withdraw_key(broker)
        store.keep_methods()
    done = Done(
        f"changed broker {name}",
        to_copy(_next_after(broker, changes, has_new_key=credentials is not None)),
        warnings=warned,
    )
    return Result(done, is_data=False, warnings=warned)


def _next_after(broker: Broker, changes: Mapping[str, object], *, has_new_key: bool) -> str | None:
    """What a change asks for: a new key or address a try, another beginning or symbol a scan, other options nothing."""
    if has_new_key and broker.exchange in NEEDS_SIGN_IN:
        return f"trademon broker login {broker.name}"
    if has_new_key or "base_url" in changes:
        return f"trademon broker test {broker.name}"
    if changes.keys() & {"since_at", "symbols"} and broker.exchange not in WITHOUT_API:
        return "trademon scan reads what is missing now"
    return None


def _other_account(store: UserStore, broker: Broker, exam: KeyExam | None) -> tuple[str, ...]:
    """That a new key opens another account than the one before."""
    before = store.account_uid(broker)
    if exam is None or exam.uid is None or before is None or exam.uid == before:
        return ()
    stays = "what is stored of that one stays as it is, what is read from now on is the new one's"
    return (f"{broker.name}: this key opens account {exam.uid}, not {before} as the one before: {stays}",)


def find_to_remove(store: UserStore, name: str, *, with_fills: bool) -> tuple[Broker, ...]:
    """The broker of that name; where there is none any more, those whose fills it left.

    Raises:
        UnknownName: there is none, or it is removed and its fills are to stay.
    """
    try:
        return (store.broker(name),)
    except UnknownName as error:
        removed = store.removed_brokers(name.removesuffix(" (removed)"))
        if not removed:
            raise
        if not with_fills:
            hint = f"its fills are deleted by trademon broker remove {removed[0].name} --with-fills"
            raise UnknownName(f"{error.message}: it was removed before", hint=hint) from None
        return removed


@contextlib.contextmanager
def alone(home: Home, brokers: Iterable[Broker]) -> Iterator[None]:
    """Nobody is at work on these brokers meanwhile. Raises Busy where somebody is."""
    with contextlib.ExitStack() as held:
        for broker in brokers:
            try:
                held.enter_context(hold(home.store.locks, f"broker-{broker.id}"))
            except Busy:
                raise Busy(f"a run is at work on {broker.name}: nothing was removed", hint="try again") from None
        yield


def read_capital(text: str | None) -> tuple[Decimal | None, str | None]:
    """`10000 USDT` or a plain `10000`: an amount, and its currency where it says one."""
    if text is None:
        return None, None
    number, _, currency = text.strip().partition(" ")
    try:
        amount = parse_decimal(number, what="--initial-capital")
    except DataError as error:
        raise UsageError(error.message, hint="write '10000 USDT'") from None
    if amount <= 0:
        raise UsageError("--initial-capital is not above zero", hint="write '10000 USDT'")
    if currency and not _CURRENCY.fullmatch(currency.strip()):
        raise UsageError(f"--initial-capital has no currency {currency[:40]!r}", hint="write '10000 USDT'")
    return amount, currency.strip().upper() or None


def check_base_url(url: str | None) -> str | None:
    """An address with a host; plain http only on this machine."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError(f"--base-url {url[:60]!r} is no address", hint="write https://host or http://127.0.0.1:port")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError("--base-url with plain http is for loopback only", hint="use https")
    return f"{parts.scheme}://{parts.netloc}"


def read_keys(exchange: str, names: KeyNames) -> Credentials:
    """The key, from the named environment variables or from a hidden prompt, never from the command line.

    Raises:
        ConfigError: a named variable is not set, or there is no terminal to ask on.
    """
    has_password, needs_secret = needs_password(exchange), exchange not in NEEDS_NO_SECRET
    if names.given:
        missing = [
            option
            for option, name, needed in (
                ("--api-key-env", names.api_key, True),
                ("--api-secret-env", names.api_secret, needs_secret),
                ("--api-password-env", names.password, has_password),
            )
            if needed and not name
        ]
        if missing:
            raise ConfigError(f"{exchange} needs {' and '.join(missing)} too")
        return _whole(
            Credentials(
                secret_from(names.api_key or ""),
                secret_from(names.api_secret) if names.api_secret else "",
                secret_from(names.password) if names.password else "",
            )
        )
    if not can_ask():
        options = "--api-key-env V" + " --api-secret-env V" * needs_secret + " --api-password-env V" * has_password
        raise ConfigError(
            f"no key was given for {exchange}", hint=f"name environment variables that hold it: {options}"
        )
    say(*how_to_make_key(exchange))
    key = ask_hidden("API key")
    secret = (
        ask_hidden("API secret") if needs_secret else ask_hidden("App secret (none: just Enter)", may_be_empty=True)
    )
    return _whole(Credentials(key, secret, ask_hidden("API passphrase") if has_password else ""))


def _whole(credentials: Credentials) -> Credentials:
    """A key with a line break or a space in it was pasted wrongly: said now, not at the first scan. A secret in PEM has
    both, is known by its first line, and may come with `\\n` in the place of its line breaks."""
    secret = credentials.api_secret
    pem = secret.replace("\\n", "\n") if secret.startswith("-----BEGIN ") else ""
    is_pem = _PEM.fullmatch(pem) is not None
    for value in (credentials.api_key, "" if is_pem else secret, credentials.password):
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigError(
                "the key has a character in it that no key has", hint="paste it again; nothing was stored"
            )
    return replace(credentials, api_secret=pem) if is_pem else credentials


def _next_step(name: str, exchange: str) -> str:
    if exchange in WITHOUT_API:
        return f"trademon fills import FILE.csv --broker {name}"
    if exchange in NEEDS_SIGN_IN:
        return f"trademon broker login {name}, then trademon scan"
    return f"trademon broker test {name}, then trademon scan"
