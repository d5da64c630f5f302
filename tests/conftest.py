"""What tests of several rooms share."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, running

MEASURED = "measured"
"""The property of a test under which it tells what it measured, for the end of the run."""


# One seed for the chaos suite, whichever process of the run a test lands in: they all inherit it.
os.environ.setdefault("CHAOS_SEED", str(random.SystemRandom().randrange(10**6)))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a third of their time tests wait, for a process, a signal, a silent host."""
    told = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", "")
    if told.isdigit():
        return int(told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed, so that a run can be had again, and what tests measured."""
    told = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, text in report.user_properties
        if name == MEASURED
    ]
    if told:
        terminalreporter.write_line(f"chaos: CHAOS_SEED={os.environ['CHAOS_SEED']}")
        for line in told:
            terminalreporter.write_line(f"chaos: {line}")


@pytest.fixture(autouse=True)
def no_secret_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has for a secret may be an ordinary word to the next."""
    from trademon import redaction

    monkeypatch.setattr(redaction, "_known", redaction.Known())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started by the first test that asks for it."""
    with running() as server:
        yield server


@pytest.fixture
def asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes is asked again without the pause a real exchange is given."""
    from trademon.exchanges import ccxt_client, saxo_client

    for client in (ccxt_client, saxo_client):
        monkeypatch.setattr(client, "_PAUSES_S", (0.01, 0.02))
