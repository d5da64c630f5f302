"""`trademon broker`: the accounts that are watched."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from trademon.cli import complete
from trademon.cli.common import DryRun, MethodOption, Result, Since, User, run, run_async
from trademon.cli.flags import Flags, ListFlags, TimeFlags, with_flags
from trademon.core.reports import Done

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The broker's name.", autocompletion=complete.brokers)]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Replaces scheme and host of every address.")
]
KeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", metavar="V", help="Environment variable that holds the API key.")
]
SecretEnv = Annotated[
    str | None, typer.Option("--api-secret-env", metavar="V", help="Environment variable that holds the API secret.")
]
PasswordEnv = Annotated[
    str | None,
    typer.Option("--api-password-env", metavar="V", help="Environment variable with the passphrase."),
]
SymbolNames = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol",
        metavar="S",
        help="A symbol to ask for in every pass; may be repeated.",
        autocompletion=complete.symbols,
    ),
]
Capital = Annotated[
    str | None,
    typer.Option("--initial-capital", metavar="N", help="What the account began with, for returns: '10000 USDT'."),
]


AllowWithdraw = Annotated[
    bool, typer.Option("--allow-withdraw-key", help="Take a key that can withdraw, which is refused otherwise.")
]


@app.callback(epilog="Example: trademon broker add main --exchange binance --since 7d")
def broker() -> None:
    """The accounts that are watched."""


@app.command(epilog="Example: trademon broker add main --exchange binance --since 7d")
@with_flags
def add(
    flags: Flags,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What you call it.")] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="ID",
            help="binance, bitget, saxo, a ccxt id, manual, demo.",
            autocompletion=complete.exchanges,
        ),
    ] = None,
    user: User = None,
    market: Annotated[
        str | None,
        typer.Option(
            "--market",
            metavar="M",
            help="spot (default) or swap (futures); if manual, margin too.",
            autocompletion=complete.markets,
        ),
    ] = None,
    base_url: BaseUrl = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="The exchange's own test environment (Saxo: SIM).")
    ] = False,
    api_key_env: KeyEnv = None,
    api_secret_env: SecretEnv = None,
    api_password_env: PasswordEnv = None,
    symbol: SymbolNames = None,
    since: Since = None,
    method: MethodOption = None,
    initial_capital: Capital = None,
    allow_withdraw_key: AllowWithdraw = False,
) -> None:
    """Add an account. Its key is asked for without an echo, or read from the environment variables you name.

    What is missing is asked for on a terminal. A key that can only read is all that is needed, and one that can
    withdraw is refused. --since is where its history begins for us (by default a day ago).
    """
    from trademon.cli.broker_questions import complete_broker  # noqa: PLC0415
    from trademon.cli.broker_work import KeyNames, add_broker, agree_to_key  # noqa: PLC0415

    keys = KeyNames(api_key_env, api_secret_env, api_password_env)
    run(
        "broker add",
        flags,
        lambda: add_broker(
            *complete_broker(name, exchange, market),
            user,
            base_url,
            keys,
            symbol or [],
            since,
            method,
            initial_capital,
            allow_withdraw=allow_withdraw_key,
            sandbox=sandbox,
            agree_to=None if keys.given else agree_to_key,
        ),
    )


@app.command("set", epilog="Example: trademon broker set main --api-key-env KEY --api-secret-env SECRET")
@with_flags
def set_(
    flags: Flags,
    name: Name,
    user: User = None,
    base_url: BaseUrl = None,
    api_key_env: KeyEnv = None,
    api_secret_env: SecretEnv = None,
    api_password_env: PasswordEnv = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Ask for a new key, without an echo.")] = False,
    symbol: SymbolNames = None,
    since: Since = None,
    method: MethodOption = None,
    initial_capital: Capital = None,
    allow_withdraw_key: AllowWithdraw = False,
) -> None:
    """Change an account: a new key, other options. A new key is examined as a first one is."""
    from trademon.cli.broker_work import KeyNames, set_broker  # noqa: PLC0415

    keys = KeyNames(api_key_env, api_secret_env, api_password_env, ask=new_key)
    run(
        "broker set",
        flags,
        lambda: set_broker(
            name,
            user,
            base_url,
            keys,
            symbol,
            since,
            method,
            initial_capital,
            allow_withdraw=allow_withdraw_key,
        ),
    )


@app.command("list", epilog="Example: trademon broker list")
@with_flags
def list_(flags: ListFlags, user: User = None) -> None:
    """List the accounts and how their last looks went."""
    run("broker list", flags, lambda: _list(user))


def _list(user: str | None) -> Result:
    from trademon.core.reports import BrokersReport  # noqa: PLC0415
    from trademon.exchanges.registry import NEEDS_SIGN_IN  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        infos = [info for store in home.users(user) for info in store.broker_infos()]
        return Result(BrokersReport(tuple(replace(i, needs_sign_in=i.exchange in NEEDS_SIGN_IN) for i in infos)))


@app.command("test", epilog="Example: trademon broker test main")
@with_flags
def try_(flags: Flags, name: Name, user: User = None) -> None:
    """Ask the exchange whether the key works, and what it may do. Stores no fill. Ends with 4 for a key that can
    withdraw."""
    run("broker test", flags, lambda: _test(name, user))


def _test(name: str, user: str | None) -> Result:
    from trademon.core.reports import outcome  # noqa: PLC0415
    from trademon.flows.broker_test import ask_broker  # noqa: PLC0415
    from trademon.wiring import Home, open_home  # noqa: PLC0415

    async def work(home: Home) -> Result:
        store = home.user(user)
        async with home.network() as ports:
            test = await ask_broker(store, store.broker(name), ports)
            return Result(test, test.problems, outcome(0, test.problems), test.exit_code)

    with open_home() as home:
        return run_async(lambda: work(home))


@app.command(epilog="Example: trademon broker login saxo --no-browser")
@with_flags
def login(
    flags: TimeFlags,
    name: Name,
    user: User = None,
    code: Annotated[
        str | None,
        typer.Option(
            "--code", metavar="CODE", help="End a sign-in that was begun: the address you came to, or its code."
        ),
    ] = None,
    no_browser: Annotated[
        bool,
        typer.Option(
            "--no-browser", help="Show the address, and take the one that your own browser ended at: over ssh."
        ),
    ] = False,
    redirect: Annotated[
        str | None,
        typer.Option("--redirect", metavar="URL", help="As the app is registered (http://localhost/trademon)."),
    ] = None,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Where the browser is waited for; any by default."),
    ] = 0,
    token_env: Annotated[
        str | None,
        typer.Option("--token-env", metavar="V", help="Environment variable with a developer token of the simulation."),
    ] = None,
) -> None:
    """Sign in where the exchange wants a person. In the browser that opens, or by a pasted address (Saxo)."""
    from trademon.cli.broker_login import REDIRECT, LoginOptions, login  # noqa: PLC0415

    options = LoginOptions(code, redirect or REDIRECT, port, not no_browser, token_env=token_env, json=flags.json)
    run("broker login", flags, lambda: login(name, user, options))


@app.command(epilog="Example: trademon broker refresh")
@with_flags
def refresh(
    flags: TimeFlags,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The broker's name; all of them without.", autocompletion=complete.brokers),
    ] = None,
    user: User = None,
) -> None:
    """Renew the tokens of a sign-in, which end after minutes. watch does it by itself, cron every ten minutes."""
    from trademon.cli.broker_login import refresh  # noqa: PLC0415

    run("broker refresh", flags, lambda: refresh(name, user))


@app.command(epilog="Example: trademon broker enable main")
@with_flags
def enable(flags: Flags, name: Name, user: User = None) -> None:
    """Watch an account again."""
    run("broker enable", flags, lambda: _switch(name, user, on=True))


@app.command(epilog="Example: trademon broker disable main")
@with_flags
def disable(flags: Flags, name: Name, user: User = None) -> None:
    """Leave an account alone; what is stored of it stays."""
    run("broker disable", flags, lambda: _switch(name, user, on=False))


def _switch(name: str, user: str | None, *, on: bool) -> Result:
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        store = home.user(user)
        store.set_broker(store.broker(name), enabled=on)
    return Result(Done(f"broker {name} is {'watched again' if on else 'left alone from now on'}"), is_data=False)


@app.command(epilog="Example: trademon broker remove main")
@with_flags
def remove(
    flags: Flags,
    name: Name,
    user: User = None,
    with_fills: Annotated[bool, typer.Option("--with-fills", help="Delete what was executed in it, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Forget an account's key and name. Its fills stay, and count in every total, unless you say --with-fills: also
    later, when it is already removed."""
    run("broker remove", flags, lambda: _remove(name, user, yes=yes, with_fills=with_fills, dry_run=dry_run))


def _remove(name: str, user: str | None, *, yes: bool, with_fills: bool, dry_run: bool) -> Result:
    from trademon.cli.broker_work import alone, find_to_remove  # noqa: PLC0415
    from trademon.cli.common import confirm  # noqa: PLC0415
    from trademon.ui.text import count  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home(dry_run=dry_run) as home:
        store = home.user(user)
        found = find_to_remove(store, name, with_fills=with_fills)
        if not yes and not dry_run:
            fate = "Its fills are deleted, too, for good." if with_fills else "Its fills stay."
            confirm(f"Forget the key and the name of broker {name}? {fate}")
        # Whoever is at work would store some of them again.
        with alone(home, found if with_fills and not dry_run else ()):
            deleted = sum(store.remove_broker(broker, with_fills=with_fills) for broker in found)
    fate = f"{count(deleted, 'fill')} deleted" if with_fills else "its fills stay in the store"
    return Result(Done(f"removed broker {name}; {fate}"), is_data=False, dry_run=dry_run)
