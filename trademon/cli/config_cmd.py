"""`trademon config`."""

from __future__ import annotations

import typer

from trademon.cli.common import Result, run
from trademon.cli.flags import TableFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback(epilog="Example: trademon config show")
def config() -> None:
    """The settings that hold here."""


@app.command(epilog="Example: trademon config show --json")
@with_flags
def show(flags: TableFlags) -> None:
    """Each setting, its value and where that comes from. Passwords and tokens are not shown."""
    run("config show", flags, _show)


def _show() -> Result:
    from trademon.core.db_reports import ConfigReport, SettingRow  # noqa: PLC0415
    from trademon.settings import explain_settings  # noqa: PLC0415

    return Result(ConfigReport(tuple(SettingRow(*row) for row in explain_settings())))
