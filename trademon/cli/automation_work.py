"""What `automation` does: arms rounds, sees to it that a scheduler is at work, is that scheduler, does what is due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path

from trademon.cli import systemd
from trademon.cli.common import Result
from trademon.cli.sending import sending
from trademon.core.automation_reports import RoundsReport, Scheduler
from trademon.core.reports import Done, Status
from trademon.core.rounds import Round
from trademon.core.schedule import State, check_minutes
from trademon.errors import Busy, ConfigError, TrademonError
from trademon.flows import automation as flow
from trademon.flows.ports import Ports
from trademon.progress import heard_by
from trademon.redaction import RedactedFormatter
from trademon.settings import Settings, child_environment
from trademon.store.lease import hold, holder
from trademon.store.store import UserStore
from trademon.wiring import Home, open_home

SCHEDULER = "scheduler"
"""What the scheduler of a machine holds, in the state directory, whatever the store is."""
START_S = 15.0
_LOG_BYTES, _LOGS = 2_000_000, 3


def change(
    user: str | None, *, state: State | None = None, minutes: int | None = None, cron: bool = False, spawn: bool = False
) -> Result:
    """Change the schedules of one user or of all, and say what holds now. `spawn`: a scheduler shall be at work."""
    if minutes is not None:
        check_minutes(minutes)
    with open_home() as home:
        stores = home.users(user)
        default = home.settings.default_minutes
        new = [store.set_schedule(state=state, every_minutes=minutes, default=default) for store in stores]
        said = "; ".join(f"rounds of {one.user}: {one.state}, every {one.every_minutes} min" for one in new)
        if cron:
            return Result(Done(said, cron_line(home.settings)))
        if not spawn:
            return Result(Done(said), is_data=False)
        pid = see_to_scheduler(home.settings)
        return Result(Done(f"{said}; the scheduler is process {pid}", "trademon automation status"), is_data=False)


def scheduler_of(settings: Settings) -> Scheduler:
    """Whether this machine's scheduler is at work."""
    told = holder(settings.state_dir, SCHEDULER)
    if told is None:
        return Scheduler(is_alive=False)
    number = told.rpartition(" ")[2]
    return Scheduler(is_alive=True, pid=int(number) if number.isdigit() else None)


def see_to_scheduler(settings: Settings) -> int | None:
    """Start a scheduler where none is at work, and wait until it is; its process.

    Raises:
        TrademonError: it ended at once, with what it said.
    """
    found = scheduler_of(settings)
    if found.is_alive:
        return found.pid
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    said = settings.state_dir / "automation.err"
    # Whom a shell acts for is no business of the scheduler, which does the rounds of everybody; nor are its keys.
    environ = {name: value for name, value in child_environment().items() if name != "TRADEMON_USER"}
    with said.open("wb") as out:
        said.chmod(0o600)
        child = subprocess.Popen(
            [sys.executable, "-m", "trademon", "automation", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environ,
            start_new_session=True,
        )
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        found = scheduler_of(settings)
        if found.is_alive:
            return found.pid
        if child.poll() is not None:
            break
        time.sleep(0.05)
    last = said.read_text(errors="replace").strip().splitlines()[-1:]
    raise TrademonError(f"the scheduler did not start: {''.join(last) or 'it says nothing'}", hint=f"see {said}")


def cron_line(settings: Settings) -> str:
    """The line for crontab(5) that does the rounds that are due: asked every five minutes, it decides itself."""
    program = shutil.which(sys.argv[0]) or f"{shlex.quote(sys.executable)} -m trademon"
    home = f"TRADEMON_HOME={shlex.quote(str(settings.home))} " if settings.home else ""
    return f"*/5 * * * * {home}{program} automation run"


def run_due(user: str | None, *, force: bool) -> Result:
    """The rounds that are due, done now."""
    from trademon.cli.common import run_async  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        async with home.network() as ports, sending(home, lambda: home.users(user), last=True, apart=True) as sent:
            rounds = _rounds(home, ports, _After(home, stores))
            report = await flow.run_due(stores, rounds, force=force)
        if report.off and not report.rounds:  # said in cron too: a schedule that does nothing is no schedule
            users = ", ".join(report.off)
            sys.stderr.write(f"trademon: the rounds of {users} are not on (trademon automation start --cron)\n")
        # A round is as good as its tasks; but whom no message reaches must hear of it from cron.
        problems = (*report.problems, *sent.needs_person)
        code = 4 if sent.needs_person else report.exit_code
        return Result(report, problems, report.status, code, is_data=False)

    with open_home() as home:
        return run_async(lambda: work(home))


def _rounds(home: Home, ports: Ports, after: _After) -> flow.Rounds:
    """Rounds as the settings want them."""
    settings = home.settings
    return flow.Rounds(ports, settings.default_minutes, after.tell, kept=timedelta(days=settings.keep_days))


def show_status(user: str | None) -> Result:
    with open_home() as home:
        return Result(
            flow.status(
                home.users(user),
                home.store.locks,
                scheduler_of(home.settings),
                now=home.clock(),
                default_minutes=home.settings.default_minutes,
            )
        )


def show_rounds(user: str | None, *, since: str | None, limit: int, outcome: Status | None) -> Result:
    from trademon.cli.common import parse_moment  # noqa: PLC0415

    with open_home() as home:
        now = home.clock()
        start = parse_moment("--since", since, now=now) if since else None
        found = [
            one
            for store in home.users(user)
            for one in flow.rounds_of(store, home.store.locks, now=now, since=start, limit=limit, outcome=outcome)
        ]
        newest = sorted(found, key=lambda one: (one.started_at, one.id), reverse=True)[:limit]
        log = _log_file(home.settings)
        asked = since is not None or outcome is not None
        return Result(RoundsReport(tuple(newest), str(log) if log.exists() else None, is_part=asked))


def serve(user: str | None, *, in_front: bool) -> int:
    """Be the scheduler, until a signal or until nobody's rounds are on; returns the exit code.

    Raises:
        Busy: another one is at work on this machine.
    """
    with open_home() as home, contextlib.ExitStack() as held:
        try:
            held.enter_context(hold(home.settings.state_dir, SCHEDULER))
        except Busy:
            at_work = scheduler_of(home.settings).pid
            raise Busy(
                f"a scheduler is at work here already{f', process {at_work}' if at_work else ''}",
                hint="it does everybody's rounds; trademon automation stop ends it",
            ) from None
        _log_to_file(home.settings, in_front=in_front)
        with heard_by(None):  # its rounds draw no bars between the lines of the log
            return asyncio.run(_serve(home, user))


async def _serve(home: Home, user: str | None) -> int:
    async with home.network() as ports, sending(home, lambda: home.users(user), last=False, apart=True):
        after = _After(home, ())
        rounds = _rounds(home, ports, after)
        keeper = flow.Keeper(lambda: home.users(user), rounds, on_tick=lambda: systemd.tell("WATCHDOG=1"))
        got: list[int] = []

        def stop(number: int) -> None:
            got.append(number)
            keeper.stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        systemd.tell("READY=1")
        await keeper.run()
        systemd.tell("STOPPING=1")
        return 128 + got[0] if got else 0


class _After:
    """What is told outside of trademon after a round."""

    def __init__(self, home: Home, stores: Sequence[UserStore]) -> None:
        self._home = home
        self._stores = stores

    async def tell(self, ended: Round) -> None:
        settings = self._home.settings
        if settings.metrics_file is not None:
            self._write_metrics(settings.metrics_file)
        if settings.heartbeat_url and ended.outcome == "success":
            from trademon.notify.heartbeat import ping  # noqa: PLC0415

            await ping(settings.heartbeat_url)

    def _write_metrics(self, path: Path) -> None:
        """Written beside and moved into place: whoever reads it reads it whole."""
        from trademon.ui.metrics_out import format_metrics  # noqa: PLC0415

        home = self._home
        report = flow.status(
            self._stores or home.users(None),
            home.store.locks,
            scheduler_of(home.settings),
            now=home.clock(),
            default_minutes=home.settings.default_minutes,
        )
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_text(format_metrics(report.users))
            draft.chmod(0o644)  # whoever collects it is another user
            draft.replace(path)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}", hint="see TRADEMON_METRICS_FILE") from None


def _log_file(settings: Settings) -> Path:
    return settings.state_dir / "automation.log"


def _log_to_file(settings: Settings, *, in_front: bool) -> None:
    handler = RotatingFileHandler(_log_file(settings), maxBytes=_LOG_BYTES, backupCount=_LOGS, delay=True)
    handler.setFormatter(RedactedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("trademon")
    logger.addHandler(handler)
    logger.setLevel(settings.log_level)
    logger.propagate = in_front
