"""`trademon db`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trademon.cli.common import DryRun, Result, run
from trademon.cli.flags import Flags, TimeFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
MB = 1_000_000


@app.callback(epilog="Example: trademon db backup /mnt/backup/trademon.db")
def db() -> None:
    """The store: its state, whole copies of it, and how one is brought back."""


@app.command(epilog="Example: trademon db status --json")
@with_flags
def status(flags: TimeFlags) -> None:
    """Where the store is, how large, and whether it is whole."""
    run("db status", flags, _status)


def _status() -> Result:
    from trademon.core.db_reports import DbStatus, StoreCopy  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        health, store = home.store.health(), home.store
        users = store.users()
        found = sorted(store.path.parent.glob(f"{store.path.name}.before-*")) if store.is_file else []
        copies = tuple(
            StoreCopy(str(p), p.stat().st_size, datetime.fromtimestamp(p.stat().st_mtime, UTC)) for p in found
        )
        report = DbStatus(
            store.place,
            health.schema,
            health.size_bytes,
            len(users),
            sum(user.brokers for user in users),
            health.fills,
            health.faults,
            copies,
        )
    return Result(report, status="failed" if health.faults else "success", exit_code=4 if health.faults else 0)


@app.command(epilog="Example: trademon db upgrade")
@with_flags
def upgrade(flags: Flags, dry_run: DryRun = False) -> None:
    """Bring the store to this release's schema. Every command does it by itself, after a copy."""
    run("db upgrade", flags, _rehearse_upgrade if dry_run else _upgrade)


def _rehearse_upgrade() -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.settings import load_settings, shown_url  # noqa: PLC0415
    from trademon.store import migrations  # noqa: PLC0415
    from trademon.store.look import schema_at  # noqa: PLC0415

    url = load_settings().store_url
    schema, place = schema_at(url), shown_url(url)
    if schema is None:
        said = f"{place} is made with schema {migrations.HEAD}"
    elif schema == migrations.HEAD:
        said = f"{place} has schema {schema} already: nothing is done"
    else:
        said = f"{place} is brought from schema {schema} to {migrations.HEAD}, after a copy beside it"
    return Result(Done(said), is_data=False, dry_run=True)


def _upgrade() -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(Done(f"{home.store.place} has schema {home.store.health().schema}"), is_data=False)


@app.command("backup", epilog="Example: trademon db backup /mnt/backup/trademon.db")
@with_flags
def back_up(flags: Flags, file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.")]) -> None:
    """Write a whole copy of the store, while others work on it. An older copy of that name gives way to it.

    The key file is not in it: keep that apart.
    """
    run("db backup", flags, lambda: _back_up(file))


def _back_up(file: Path) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.store import copies  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        size = copies.back_up(home.store.path, file)
        said = f"{file}: {size / MB:,.1f} MB; what opens the keys in it is {home.settings.key_file}"
    return Result(Done(said), is_data=False)


@app.command(epilog="Example: trademon db restore /mnt/backup/trademon.db")
@with_flags
def restore(
    flags: Flags,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `db backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Put a copy in the place of the store. All that is stored now is kept beside it."""
    run("db restore", flags, lambda: _rehearse_restore(file) if dry_run else _restore(file, yes=yes))


def _rehearse_restore(file: Path) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.store import copies  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home(dry_run=True) as home:
        path, here = home.store.path, home.store.health().fills
    schema, fills = copies.examine(file), copies.count_fills(file)
    said = (
        f"{file} (schema {schema}, {fills:,} fills) comes in the place of {path} ({here:,} fills), "
        f"which is kept as {copies.kept_as(path)}"
    )
    return Result(Done(said), is_data=False, dry_run=True)


def _restore(file: Path, *, yes: bool) -> Result:
    from trademon.cli.common import confirm  # noqa: PLC0415
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.store import copies  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        path, locks = home.store.path, home.store.locks
        assert isinstance(locks, Path)  # a store with a path is a file
        copies.examine(file)
        if not yes:
            confirm(f"Put {file} in the place of all that is stored in {path}?")
        kept = copies.restore(path, locks, file)
    with open_home():  # one of an older release is brought up to date now
        return Result(Done(f"restored from {file}; the store as it was is {kept}", "trademon sync"), is_data=False)
