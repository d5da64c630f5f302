"""What `broker login` and `broker refresh` do: a person signs in, and the session is kept alive."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from trademon.cli.common import Result, run_async
from trademon.core.model import Broker
from trademon.core.session_reports import LoginReport, RefreshReport
from trademon.errors import ConfigError, UsageError
from trademon.redaction import write_address
from trademon.settings import child_environment, secret_from
from trademon.store.store import UserStore
from trademon.wiring import Home, open_home

REDIRECT = "http://localhost/trademon"
"""What the app is registered with where nothing else is said; the port is not part of that."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})

Open = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """`code`: what a person came back with from a sign-in begun before; `redirect`: as the app is registered; `port`:
    where the browser is waited for, 0 for any; `token_env`: holds a developer token of the simulation instead;
    `json`: stdout is for one document, so that the address goes to stderr."""

    code: str | None = None
    redirect: str = REDIRECT
    port: int = 0
    browser: bool = True
    timeout_s: float = 300.0
    token_env: str | None = None
    json: bool = False


def login(name: str, user: str | None, options: LoginOptions) -> Result:
    """Sign in: by the browser, by a pasted address, or with the code of a sign-in begun before."""
    from trademon.flows.login import check_signs_in, keep_developer_token  # noqa: PLC0415

    parts = urlsplit(options.redirect)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise UsageError("--redirect is no address", hint=f"write it as the app is registered, as in {REDIRECT}")
    with open_home() as home:
        store = home.user(user)
        broker = store.broker(name)
        check_signs_in(broker)
        store.credentials(broker)  # a key that is missing is said before a browser opens
        if options.token_env is not None:
            report = keep_developer_token(store, broker, home.clock(), secret_from(options.token_env))
        elif options.code is not None:
            report = _end(home, store, broker, options.code)
        else:
            open_browser = _find_browser() if options.browser and parts.hostname in _LOOPBACK else None
            if open_browser is None:
                report = _end(home, store, broker, _ask_for_address(home, store, broker, options))
            else:
                report = run_async(lambda: _by_browser(home, store, broker, options, open_browser))
    return Result(report, is_data=False)


def _end(home: Home, store: UserStore, broker: Broker, given: str) -> LoginReport:
    from trademon.flows.login import end_login  # noqa: PLC0415

    async def work() -> LoginReport:
        async with home.network() as ports:
            return await end_login(store, broker, ports, given)

    return run_async(work)


async def _by_browser(
    home: Home, store: UserStore, broker: Broker, options: LoginOptions, open_browser: Open
) -> LoginReport:
    """Send the browser off and wait for it at the door."""
    from trademon.exchanges.loopback import open_door  # noqa: PLC0415
    from trademon.flows.login import begin_login, end_login  # noqa: PLC0415

    registered = urlsplit(options.redirect)
    async with home.network() as ports:
        async with open_door(registered.path, port=options.port or registered.port or 0) as (port, visited):
            redirect = registered._replace(netloc=f"{registered.hostname}:{port}").geturl()
            started = begin_login(store, broker, ports, redirect)
            sys.stderr.write("Sign in at this address, in the browser that opens:\n")
            write_address(sys.stderr, started.address)
            open_browser(started.address)
            try:
                async with asyncio.timeout(options.timeout_s):
                    given = await visited
            except TimeoutError:
                hint = f"without a browser here: trademon broker login {broker.name} --no-browser"
                raise ConfigError("the browser did not come back", hint=hint, broker=broker.name) from None
        return await end_login(store, broker, ports, given)


def _ask_for_address(home: Home, store: UserStore, broker: Broker, options: LoginOptions) -> str:
    """Show where to sign in, and read where the browser ended. Where nobody answers, another run can end it."""
    from trademon.flows.login import begin_login  # noqa: PLC0415

    async def begin() -> str:
        async with home.network() as ports:
            return begin_login(store, broker, ports, options.redirect).address

    sys.stderr.write("Sign in at this address, in any browser:\n")
    sys.stderr.flush()
    write_address(sys.stderr if options.json else sys.stdout, run_async(begin))
    sys.stderr.write(
        f"Then paste the address that the browser ended at ({options.redirect}?...); it may show an error there.\n"
    )
    sys.stderr.flush()
    given = _read_line()
    if not given:
        hint = f"trademon broker login {broker.name} --code 'ADDRESS OR CODE', within the hour"
        raise ConfigError("the sign-in is begun and not ended", hint=hint, broker=broker.name)
    return given


def _read_line() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    from trademon.cli.ask import NoAnswer, ask_hidden  # noqa: PLC0415 - only where a person is asked

    try:
        return ask_hidden("Address (not shown)", may_be_empty=True)
    except NoAnswer:
        return ""


def _find_browser() -> Open | None:
    """What opens an address in a browser with windows; None where there is none, as over ssh."""
    import webbrowser  # noqa: PLC0415 - only where one is opened

    has_windows = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )
    if not has_windows:
        return None
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None

    def open_address(address: str) -> bool:
        kept = dict(os.environ)
        os.environ.clear()
        os.environ.update(child_environment())  # what it starts inherits no key
        try:
            return browser.open(address)
        finally:
            os.environ.clear()
            os.environ.update(kept)

    return open_address


def refresh(name: str | None, user: str | None) -> Result:
    """Renew the tokens of one broker, or of all that need a sign-in."""
    from trademon.flows.login import check_signs_in  # noqa: PLC0415
    from trademon.flows.scan import Target  # noqa: PLC0415
    from trademon.flows.tokens import AT_ONCE, keep_sessions  # noqa: PLC0415

    async def work(home: Home) -> RefreshReport:
        stores = home.users(user) if name is None else (home.user(user),)
        targets = [Target(store, broker) for store in stores for broker in store.brokers()]
        if name is None:
            targets = [t for t in targets if t.broker.enabled and t.store.session_state(t.broker) is not None]
        else:
            check_signs_in(stores[0].broker(name))
            targets = [t for t in targets if t.broker.name == name]
        async with home.network() as ports:
            return RefreshReport(await keep_sessions(targets, ports, older_than=AT_ONCE))

    with open_home() as home:
        report = run_async(lambda: work(home))
    # Cron runs this every few minutes: what was told once and nobody has mended is not mailed each time.
    is_asked = name is not None or sys.stdout.isatty()
    told = [b.problem for b in report.brokers if b.problem and (is_asked or b.is_news or not b.is_lost)]
    return Result(report, told, report.status, report.exit_code, is_data=False)
