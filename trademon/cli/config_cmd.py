"""`trademon config`."""

from __future__ import annotations

import typer

from trademon.cli.common import Debug, Flags, Json, NoColor, Quiet, Result, Verbose, run

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback(epilog="Example: trademon config show")
def config() -> None:
    """The settings that hold here."""


@app.command(epilog="Example: trademon config show --json")
def show(
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Each setting, its value and where that comes from. Passwords and tokens are not shown."""
    run("config show", Flags(json, quiet, verbose, debug, no_color), _show)


def _show() -> Result:
    from trademon.core.db_reports import ConfigReport, SettingRow  # noqa: PLC0415
    from trademon.settings import explain_settings  # noqa: PLC0415

    return Result(ConfigReport(tuple(SettingRow(*row) for row in explain_settings())))
