"""`trademon paths`."""

from __future__ import annotations

import typer

from trademon.cli.common import Result, run
from trademon.cli.flags import TableFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon paths")
@with_flags
def paths(flags: TableFlags) -> None:
    """Where things lie: the store, the key file, logs, settings."""
    run("paths", flags, _paths)


def _paths() -> Result:
    from trademon.core.db_reports import PathsReport  # noqa: PLC0415
    from trademon.settings import load_settings, shown_url  # noqa: PLC0415

    settings = load_settings()
    return Result(
        PathsReport(
            (
                ("store", shown_url(settings.store_url)),
                ("data", str(settings.data_dir)),
                ("state", str(settings.state_dir)),
                ("config", str(settings.config_dir)),
                ("settings", str(settings.config_dir / "config.env")),
                ("key file", str(settings.key_file)),
                ("scheduler log", str(settings.state_dir / "automation.log")),
            )
        )
    )
