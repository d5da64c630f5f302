"""The only place that builds the real objects: settings to store, network and demo."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.core.hints import note_user, note_users
from trademon.core.model import Broker, Credentials
from trademon.core.strategy_reports import HaltReport
from trademon.core.symbols import match_symbol, nearest, with_sides
from trademon.errors import ConfigError, StoreError, TrademonError, UnknownName, UsageError
from trademon.exchanges.registry import DEMO, NEEDS_SIGN_IN, WITHOUT_API, Connections, check_takes_orders
from trademon.settings import Settings, load_settings, shown_url
from trademon.store.halts import FILE_NAME, halt_by_file, halted_by_file
from trademon.store.store import Store, UserStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from trademon.demo.server import DemoAccount, DemoServer
    from trademon.exchanges.base import Exchange
    from trademon.exchanges.order_client import OrderDesk
    from trademon.exchanges.saxo_login import SaxoLogin
    from trademon.flows.notify import Sender
    from trademon.flows.ports import Ports
    from trademon.flows.scan import Target
    from trademon.notify.channels import Channels

Clock = Callable[[], datetime]
DEMO_HISTORY = timedelta(hours=72)


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """An opened store with the settings it was opened by."""

    settings: Settings
    store: Store
    clock: Clock = utc_now

    def user(self, name: str | None) -> UserStore:
        """The one user a command acts for: the named one, the only one, or the one named after the OS account."""
        found = self._one(name)
        note_user(found.user)
        return found

    def _one(self, name: str | None) -> UserStore:
        if name or self.settings.user:
            return self._named(name)
        names = [u.name for u in self.store.users() if u.active]
        if not names:
            raise ConfigError("no user is active", hint="trademon user add NAME, or trademon user enable NAME")
        if len(names) == 1:
            return self.store.for_user(names[0])
        own = self.own_user
        if own in names:
            return self.store.for_user(own)
        raise UsageError(f"there are {len(names)} users", hint=f"say which one: --user {' or --user '.join(names[:4])}")

    @property
    def own_user(self) -> str:
        """The user who would be named after the OS account; there may be none of that name."""
        return os.environ.get("USER") or os.environ.get("LOGNAME") or ""

    def users(self, name: str | None) -> tuple[UserStore, ...]:
        """The users a report or a pass covers: the named one, or all that are active."""
        if name or self.settings.user:
            return (self.user(name),)
        return tuple(self.store.for_user(u.name) for u in self.store.users() if u.active)

    def currencies(self, stores: Sequence[UserStore]) -> list[str]:
        """The reporting currency of each of these users.

        Raises:
            UsageError: one of them has none.
        """
        own = {store.user: self.store.users(store.user)[0].currency for store in stores}
        for user, currency in own.items():
            if currency is None:
                hint = f"say which one: --in EUR, or once: trademon user set {user} --currency EUR"
                raise UsageError(f"{user} has no reporting currency", hint=hint)
        return [currency.upper() for currency in own.values() if currency is not None]

    def pinned(self, name: str | None) -> str | None:
        """The user that a command is about alone, None where it is about all. Raises UnknownName."""
        return self._named(name).user if name or self.settings.user else None

    def _named(self, name: str | None) -> UserStore:
        try:
            return self.store.for_user(name or self.settings.user or "")
        except UnknownName as error:
            if name is None:
                error.message += " (TRADEMON_USER says so)"
            raise

    @contextlib.asynccontextmanager
    async def network(self, candidate: Credentials | None = None) -> AsyncIterator[Ports]:
        """Ports with a way to the exchanges, for the length of a run. `candidate` signs in place of stored keys: one is
        examined before it is stored."""
        from trademon.flows.ports import Ports, Trading  # noqa: PLC0415 - what only reads the store needs no network
        from trademon.flows.tokens import Tokens  # noqa: PLC0415

        async with Connections(self.clock) as connections, _DemoHost(self.clock) as demo:

            async def open_exchange(store: UserStore, broker: Broker) -> Exchange:
                if broker.exchange in WITHOUT_API:
                    raise UsageError(
                        f"{broker.name} has no API to ask",
                        hint=f"trademon fills import FILE.csv --broker {broker.name}",
                    )
                if broker.exchange == DEMO:
                    account, base_url = await demo.account_of(broker)
                    keys = Credentials(account.api_key, account.api_secret, account.passphrase)
                    return connections.open(account.exchange, keys, base_url=base_url)
                return connections.open(
                    broker.exchange,
                    candidate or store.credentials(broker),
                    market=broker.market,
                    base_url=broker.base_url,
                    sandbox=broker.sandbox,
                    tokens=Tokens(store, broker, ports) if broker.exchange in NEEDS_SIGN_IN else None,
                )

            def open_login(store: UserStore, broker: Broker) -> SaxoLogin:
                return connections.login(store.credentials(broker), base_url=broker.base_url, sandbox=broker.sandbox)

            def open_orders(store: UserStore, broker: Broker, clock: Clock) -> OrderDesk:
                check_takes_orders(broker.exchange, broker.market)
                keys = store.credentials(broker)
                return connections.open_orders(broker.exchange, keys, clock, base_url=broker.base_url)

            trading = Trading(open_orders, self.halt_file, self.private_paths)
            ports = Ports(open_exchange, self.store.locks, self.clock, trading=trading, open_login=open_login)
            yield ports

    @property
    def halt_file(self) -> Path:
        """While it is there, no order leaves this machine."""
        return self.settings.state_dir / FILE_NAME

    @property
    def private_paths(self) -> tuple[Path, ...]:
        """Where keys and the store are: what no strategy's code may read."""
        settings = self.settings
        places = [settings.data_dir, settings.state_dir, settings.config_dir, settings.key_file, Path.cwd() / ".env"]
        return (*places, *((settings.credentials_dir,) if settings.credentials_dir else ()))

    @contextlib.asynccontextmanager
    async def sender(self, stores: Sequence[UserStore]) -> AsyncIterator[Sender]:
        """What sends these users' messages, for the length of a run.

        Raises:
            ConfigError: a setting of a channel cannot be used.
        """
        from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
        from trademon.flows.notify import Sender, SendPorts  # noqa: PLC0415

        channels = self.channels()
        try:
            yield Sender(
                stores,
                lambda store: channels.of(store.user, store.telegram_chat()),
                SendPorts(self.store.locks, self.clock),
                capabilities_of,
                show_user=len(self.store.users()) > 1,
            )
        finally:
            await channels.close()

    def channels(self) -> Channels:
        """The ways to people that the settings name. Raises ConfigError where one of them cannot be used."""
        from trademon.notify.channels import Channels  # noqa: PLC0415 - only where something is sent

        settings = self.settings
        return Channels(_revealed(settings.telegram_token), settings.telegram_base_url, _revealed(settings.notify_urls))


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


@contextlib.contextmanager
def open_home(
    settings: Settings | None = None, *, first_user: str | None = None, dry_run: bool = False
) -> Iterator[Home]:
    """The store of these settings (by default those of the environment), opened and migrated. `first_user`: what the
    user of a new one is called, by default as the OS account. `dry_run`: all is done as ever and nothing of it is kept.

    Raises:
        StoreError: a dry run is asked for where to open the store would write.
    """
    settings = settings or load_settings()
    if dry_run:
        _check_can_rehearse(settings.store_url)
    store = Store(
        settings.store_url,
        key_file=settings.key_file,
        key_is_credential=settings.key_is_credential,
        clock=utc_now,
        first_user=first_user,
    )
    try:
        with store.rehearsal() if dry_run else contextlib.nullcontext():
            note_users(len(store.users()))
            yield Home(settings, store)
    finally:
        store.close()


def _check_can_rehearse(url: str) -> None:
    from trademon.store.look import schema_at  # noqa: PLC0415 - only for a dry run
    from trademon.store.migrations import HEAD  # noqa: PLC0415

    schema = schema_at(url)
    if schema is None:
        raise StoreError(f"there is no store yet at {shown_url(url)}", hint="a dry run makes none")
    if schema != HEAD:
        raise StoreError(
            f"the store has schema {schema}, not {HEAD}, and a dry run brings it to none", hint="trademon db upgrade"
        )


HALT_PATIENCE_S = 3.0
"""How long `halt` waits for the store; the file stops orders by then."""


def halt_everything(settings: Settings, reason: str) -> HaltReport:
    """No order leaves any more: the file first, which needs nothing but a disk, then the store, as far as it answers.

    Raises:
        StoreError: neither could be written.
    """
    file, now = settings.state_dir / FILE_NAME, utc_now()
    failed: StoreError | None = None
    try:
        halt_by_file(file, now, reason)
    except StoreError as error:
        failed = error
    told: list[HaltReport] = []
    wrong: list[str] = []

    def tell_store() -> None:
        try:
            with open_home(settings) as home:
                home.store.set_halt(reason)
                users = [home.store.for_user(user.name) for user in home.store.users()]
                waiting = sum(len(user.strategy_orders(mode="live", statuses=("open",))) for user in users)
                told.append(HaltReport(home.store.halted(), None, waiting))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the file has stopped orders
            wrong.append(error.message if isinstance(error, TrademonError) else type(error).__name__)

    # A thread that is not waited for: a store that is locked, or a server that is gone, holds nobody up.
    thread = threading.Thread(target=tell_store, daemon=True)
    thread.start()
    thread.join(HALT_PATIENCE_S)
    if told:
        by_file = halted_by_file(file) if failed is None else None
        return replace(told[0], file=by_file, note=None if failed is None else failed.line)
    why = wrong[0] if wrong else f"it did not answer within {HALT_PATIENCE_S:g} s"
    if failed is not None:
        raise StoreError(f"NOT halted: {failed.message}, and the store: {why}", hint=f"touch {file}")
    return HaltReport(None, halted_by_file(file), note=f"the store could not be told: {why}")


@contextlib.asynccontextmanager
async def open_demo() -> AsyncIterator[Home]:
    """A store of its own with two accounts at an exchange of its own, both gone afterwards. No key is needed."""
    import tempfile  # noqa: PLC0415

    from trademon.demo.server import DemoServer, demo_accounts  # noqa: PLC0415 - only for the demo

    accounts = demo_accounts(utc_now)
    with (
        tempfile.TemporaryDirectory(prefix="trademon-demo-") as directory,
        open_home(load_settings({"TRADEMON_HOME": directory}, directory=Path(directory))) as home,
    ):
        async with DemoServer(accounts, clock=utc_now) as server:
            user = home.user(None)
            for account in accounts:
                _add_demo_broker(user, account, server.base_url)
            yield home


def _add_demo_broker(user: UserStore, account: DemoAccount, base_url: str) -> None:
    user.add_broker(
        account.exchange,
        exchange=account.exchange,
        market="spot",
        since=utc_now() - DEMO_HISTORY,
        base_url=base_url,
        symbols=(),
        method=None,
        credentials=Credentials(account.api_key, account.api_secret, account.passphrase),
    )


class _DemoHost:
    """The embedded exchange of `--exchange demo` brokers, started when the first of them is opened."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._servers: dict[int, tuple[DemoAccount, DemoServer]] = {}

    async def __aenter__(self) -> _DemoHost:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _account, server in self._servers.values():
            await server.stop()

    async def account_of(self, broker: Broker) -> tuple[DemoAccount, str]:
        """The broker's demo account, the same world in every run, and where it is served."""
        from trademon.demo.server import DemoServer, demo_accounts  # noqa: PLC0415

        if broker.id not in self._servers:
            account = demo_accounts(self._clock, seed=broker.id, started_at=broker.created_at)[0]
            account = replace(account, uid=str(1_000_000 + broker.id))
            server = DemoServer([account], clock=self._clock)
            await server.start()
            self._servers[broker.id] = account, server
        account, server = self._servers[broker.id]
        return account, server.base_url


def resolve_symbols(stores: Sequence[UserStore], wanted: Sequence[str]) -> tuple[str, ...]:
    """The shown form of each symbol a person wrote; of a contract that is held both ways, its two sides as well.

    Raises:
        UsageError: one is known neither from a fill nor from an exchange of these users; not where nothing is known.
    """
    known = {symbol for store in stores for symbol in store.symbols()}
    resolved = []
    for text in wanted:
        found = match_symbol(text, known)
        sides = [s for s in with_sides(found) if s in known and s != found] if found else []
        resolved += sides
        if found is None and known:
            near = nearest(text, known)
            hint = f"did you mean {near}?" if near else "trademon fills shows what was traded"
            raise UsageError(f"unknown symbol {text!r}", hint=hint)
        resolved.append(found or text)
    return tuple(resolved)


def check_brokers(stores: Sequence[UserStore], wanted: Sequence[str]) -> None:
    """Raises UnknownName for a broker that none of these users has."""
    known = {broker.name for store in stores for broker in store.brokers()}
    for name in wanted:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else "trademon broker list shows them"
            raise UnknownName(f"there is no broker {name!r}", hint=hint)


def pick_targets(stores: Sequence[UserStore], wanted: Sequence[str], *, with_manual: bool = False) -> list[Target]:
    """The brokers of a pass: the named ones, or all that are enabled and have an API; `with_manual`: or have none."""
    from trademon.flows.scan import Target  # noqa: PLC0415 - what only reads the store needs no network

    check_brokers(stores, wanted)
    brokers = [Target(store, broker) for store in stores for broker in store.brokers()]
    if wanted:
        for target in brokers:
            if target.broker.name in wanted and target.broker.exchange in WITHOUT_API and not with_manual:
                name = target.broker.name
                raise UsageError(f"{name} has no API to ask", hint=f"trademon fills import FILE.csv --broker {name}")
        return [t for t in brokers if t.broker.name in wanted]
    return [t for t in brokers if t.broker.enabled and (with_manual or t.broker.exchange not in WITHOUT_API)]


def targets_with_api(stores: Sequence[UserStore], wanted: Sequence[str]) -> list[Target]:
    """The brokers that can be asked, disabled ones too: the named ones, or all.

    Raises:
        UnknownName: none of these users has a broker of that name.
    """
    from trademon.flows.scan import Target  # noqa: PLC0415

    check_brokers(stores, wanted)
    brokers = [Target(store, broker) for store in stores for broker in store.brokers()]
    return [t for t in brokers if t.broker.exchange not in WITHOUT_API and (not wanted or t.broker.name in wanted)]
