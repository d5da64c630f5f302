"""What `trademon init` asks and does: a store, a broker whose key works, a first look. Each part is what the command of
its own does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from trademon.cli.ask import NotAgreed, agree, ask, can_ask, say
from trademon.cli.broker_login import LoginOptions, login
from trademon.cli.broker_questions import complete_broker
from trademon.cli.broker_work import KeyNames, add_broker, agree_to_key
from trademon.cli.common import Result, parse_moment
from trademon.cli.passes import run_pass
from trademon.cli.user_work import check_user_name
from trademon.core.reports import Done, ScanReport
from trademon.core.symbols import nearest
from trademon.errors import AuthError, ConfigError, UsageError
from trademon.exchanges.registry import HAS_SANDBOX, NEEDS_SIGN_IN, WITHOUT_API, capabilities_of
from trademon.flows.key_rights import KeyExam
from trademon.flows.ports import Ports
from trademon.flows.scan import Target
from trademon.flows.sync import sync
from trademon.settings import Settings, load_settings, shown_url
from trademon.store.sqlite import file_of
from trademon.store.store import account_name
from trademon.wiring import open_home, utc_now

_INSTEAD = "trademon broker add NAME --exchange binance --api-key-env KEY --api-secret-env SECRET"

_HISTORY = "Its history from"


@dataclass(frozen=True, slots=True)
class Place:
    """The store before it is opened: `shown` is where, `is_new` that it is a file which is not there yet."""

    shown: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """The account that is to be added."""

    name: str
    exchange: str
    market: str
    user: str
    base_url: str | None
    since: str | None
    sandbox: bool


def set_up(user: str | None, base_url: str | None) -> Result:
    """Ask, and do what was agreed to.

    Raises:
        ConfigError: there is no terminal to ask on.
        NoAnswer, NotAgreed: nothing that was not agreed to is written.
    """
    if not can_ask():
        raise ConfigError("init asks questions, and there is no terminal", hint=_INSTEAD)
    settings = load_settings()
    place = _place(settings)
    say(
        "trademon keeps what it reads of your accounts on this machine, and sends it nowhere.",
        f"  store      {place.shown}{', which is not there yet' if place.is_new else ''}",
        f"  key file   {settings.key_file}",
        "             It opens the exchange keys in the store: keep copies of the two apart.",
        "  elsewhere  Ctrl-C now, and set TRADEMON_HOME to a directory of yours.",
        "",
    )
    owner, taken = _open_store(settings, place, user)
    if taken:
        say(f"{owner} has {', '.join(taken)}.")
        if not agree("Add another account?", default=True):
            return Result(Done(f"nothing was added for {owner}", "trademon watch"), is_data=False)
    name, exchange, market = complete_broker(None, None, None, taken=taken)
    sandbox = exchange in HAS_SANDBOX and agree(f"The simulation of {exchange}, not a live account?")
    since = None if exchange in WITHOUT_API else ask(f"{_HISTORY} (24h, 30d, 2026-01-01)", _time, default="7d")
    draft = Draft(name, exchange, market, owner, base_url, since, sandbox)
    _add(draft)
    return _first_look(draft)


def _place(settings: Settings) -> Place:
    url = settings.store_url
    if not url.startswith("sqlite"):
        return Place(shown_url(url), is_new=False)
    path = file_of(url)
    return Place(str(path), not path.exists())


def _open_store(settings: Settings, place: Place, user: str | None) -> tuple[str, tuple[str, ...]]:
    """Whose account it is to be, and the names of those they have. A new store is made once that was agreed to.

    Raises:
        NotAgreed: it was not; nothing is made.
    """
    first = user or settings.user
    if place.is_new:
        first = first or ask("Your name in it", check_user_name, default=account_name())
        if not agree("Make it there?", default=True):
            raise NotAgreed("nothing was written", hint="trademon init begins again")
    with open_home(settings, first_user=first) as home:
        names = [u.name for u in home.store.users() if u.active]
        if user is None and settings.user is None and len(names) > 1:
            user = ask(f"Whose account: {', '.join(names)}", partial(_one_of, names), default=home.own_user)
        store = home.user(user)
        return store.user, tuple(broker.name for broker in store.brokers())


def _one_of(names: list[str], name: str) -> str:
    if name not in names:
        near = nearest(name, names)
        hint = f"did you mean {near}?" if near else "trademon user add NAME adds one"
        raise UsageError(f"there is no user {name!r}", hint=hint)
    return name


def _time(text: str) -> str:
    parse_moment(_HISTORY, text, now=utc_now())
    return text


def _add(draft: Draft) -> None:
    """Ask for a key until one is good or is given up, then add the broker."""
    said_no = NotAgreed("the account was not added", hint="trademon init begins again")

    def agree_to(exam: KeyExam | None) -> None:
        agree_to_key(exam)
        kind = f"{draft.exchange} {draft.market}" + (", simulation" if draft.sandbox else "")
        if not agree(f"Add {draft.name} ({kind}) for {draft.user}?", default=True):
            raise said_no

    keys, d = KeyNames(None, None, None), draft
    while True:
        try:
            add_broker(
                *(d.name, d.exchange, d.market, d.user, d.base_url, keys, [], d.since, None),
                sandbox=d.sandbox,
                agree_to=agree_to,
            )
            return
        except (AuthError, ConfigError, NotAgreed) as error:  # it can withdraw, is none, or is refused
            if error is said_no:
                raise
            say(error.line)
            if not agree("Another key?", default=True):
                raise said_no from None


def _first_look(draft: Draft) -> Result:
    """Sign in where that is needed, read everything once, and say what there is to do from now on."""
    name, user = draft.name, draft.user
    if draft.exchange in WITHOUT_API:
        done = Done(f"added {name} for {user}", f"trademon fills import FILE.csv --broker {name}")
        return Result(done, is_data=False)
    if draft.exchange in NEEDS_SIGN_IN:
        if not agree("Sign in now, in the browser?", default=True):
            done = Done(f"added {name} for {user}", f"trademon broker login {name}, then trademon sync")
            return Result(done, is_data=False)
        login(name, user, LoginOptions())
    say(f"Reading {name} for the first time ...")
    looked = run_pass("sync", user, [name], _read)
    say(
        "",
        "  trademon pnl                            what it earned, and what is not known",
        "  trademon automation start --every 30    rounds while nobody looks",
        "  trademon db backup FILE                 a copy of the store",
        "",
    )
    found = "its first look failed" if looked.problems else f"{looked.report.new_fills} executions are stored"
    return replace(looked, report=Done(f"{name} of {user} is set up; {found}", "trademon watch"))


async def _read(targets: Sequence[Target], ports: Ports, _: datetime | None) -> ScanReport:
    return await sync(targets, ports, capabilities_of=capabilities_of)
