"""`trademon strategy`: strategies, on paper until they are armed."""

from __future__ import annotations

from typing import Annotated

import typer

from trademon.cli import complete
from trademon.cli.common import User, refuse_options, run
from trademon.cli.flags import Flags, ListFlags, TimeFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The strategy's name.", autocompletion=complete.strategies)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.callback(epilog="Example: trademon strategy add dca trademon.strategies.examples.dca --param amount=25")
@with_flags
def strategy(ctx: typer.Context, flags: ListFlags, user: User = None) -> None:
    """Strategies: they decide, trademon checks and records. On paper until you arm one. Alone it lists them."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy", flags, lambda: work.list_strategies(user))


@app.command(epilog="Example: trademon strategy add dca trademon.strategies.examples.dca --param amount=25")
@with_flags
def add(
    flags: Flags,
    name: Name,
    path_or_module: Annotated[
        str, typer.Argument(metavar="PATH_OR_MODULE", help="A Python file, or a module: its file is read.")
    ],
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter of it; may be repeated.")
    ] = None,
    broker: Annotated[
        list[str] | None,
        typer.Option(
            "--broker",
            metavar="NAME",
            help="A broker it looks at; may be repeated. Without: all.",
            autocompletion=complete.brokers,
        ),
    ] = None,
    paper_fee: Annotated[
        str, typer.Option("--paper-fee", metavar="RATE", help="What a paper fill costs: 0.001 is 0.1 % of its value.")
    ] = "0.001",
    user: User = None,
) -> None:
    """Add a strategy, on paper. It sends nothing until you arm it."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run(
        "strategy add",
        flags,
        lambda: work.add_strategy(name, path_or_module, user, param or [], broker or [], paper_fee),
    )


@app.command("list", epilog="Example: trademon strategy list --json")
@with_flags
def list_(flags: ListFlags, user: User = None) -> None:
    """List the strategies, and what each would have earned on paper."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy list", flags, lambda: work.list_strategies(user))


@app.command(epilog="Example: trademon strategy show dca")
@with_flags
def show(flags: TimeFlags, name: Name, user: User = None) -> None:
    """Show one: its parameters and limits, its newest orders, what came of them."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy show", flags, lambda: work.show_strategy(name, user))


@app.command("run", epilog="Example: trademon strategy run dca")
@with_flags
def run_(flags: TimeFlags, name: Name, user: User = None) -> None:
    """Run one now: on paper, or for real where it is armed."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy run", flags, lambda: work.run_one(name, user))


@app.command(epilog="Example: trademon strategy enable dca")
@with_flags
def enable(flags: Flags, name: Name, user: User = None) -> None:
    """Run it in every round again."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy enable", flags, lambda: work.switch(name, user, on=True))


@app.command(epilog="Example: trademon strategy disable dca")
@with_flags
def disable(flags: Flags, name: Name, user: User = None) -> None:
    """Do not run it any more; it keeps what it is armed with, and sends nothing."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy disable", flags, lambda: work.switch(name, user, on=False))


@app.command(epilog="Example: trademon strategy remove dca")
@with_flags
def remove(flags: Flags, name: Name, user: User = None, yes: Yes = False) -> None:
    """Disarm and forget it. Its orders stay in the store."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy remove", flags, lambda: work.remove(name, user, yes=yes))


@app.command(
    epilog="Example: trademon strategy arm dca --max-order 100 USDT --orders-a-day 5 --max-daily-loss 50 USDT "
    "--symbol BTC/USDT --broker main --until 7d"
)
@with_flags
def arm(
    flags: Flags,
    name: Name,
    max_order: Annotated[
        tuple[str, str], typer.Option("--max-order", metavar="N CUR", help="The largest order: 100 USDT.")
    ],
    orders_a_day: Annotated[
        int, typer.Option("--orders-a-day", metavar="N", help="Orders it may send in a UTC day, filled or not.")
    ],
    max_daily_loss: Annotated[
        tuple[str, str],
        typer.Option("--max-daily-loss", metavar="N CUR", help="No order after such a loss in a UTC day: 50 USDT."),
    ],
    symbol: Annotated[
        list[str],
        typer.Option(
            "--symbol", metavar="S", help="A symbol it may trade; may be repeated.", autocompletion=complete.symbols
        ),
    ],
    broker: Annotated[
        list[str],
        typer.Option(
            "--broker",
            metavar="NAME",
            help="A broker it may trade at; may be repeated.",
            autocompletion=complete.brokers,
        ),
    ],
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Not after then: 12h, 7d, 2026-12, an ISO time (UTC).")
    ] = None,
    rights_unknown_ok: Annotated[
        bool, typer.Option("--rights-unknown-ok", help="Also where the exchange does not say what the key may do.")
    ] = False,
    user: User = None,
    yes: Yes = False,
) -> None:
    """Let it send real orders, within these limits. Every limit is checked before every order."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run(
        "strategy arm",
        flags,
        lambda: work.arm(
            *(name, user, max_order, orders_a_day, max_daily_loss, symbol, broker, until),
            rights_unknown_ok=rights_unknown_ok,
            yes=yes,
        ),
    )


@app.command(epilog="Example: trademon strategy disarm dca")
@with_flags
def disarm(flags: Flags, name: Name, user: User = None) -> None:
    """Take the right to send orders away again: on paper from now on."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy disarm", flags, lambda: work.disarm(name, user))


@app.command(epilog="Example: trademon strategy log dca --limit 50")
@with_flags
def log(
    flags: ListFlags,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this strategy's runs.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=5000, help="The newest N runs.")] = 20,
    user: User = None,
) -> None:
    """How its runs went, oldest first."""
    from trademon.cli import strategy_work as work  # noqa: PLC0415

    run("strategy log", flags, lambda: work.log(name, user, limit))
