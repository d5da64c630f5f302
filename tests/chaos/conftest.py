"""The seed, the two forms of each test, and homes and exchanges to be maltreated.

A plain run takes the short form, a tenth of the counts; `-m nightly` takes the full one. `CHAOS_SEED` sets the seed,
which stands at the end of every run with what was measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.chaos.house import ChaosClock, House
from tests.chaos.ledger import Ledger, draw
from tests.cli.shell import ServerThread, now
from tests.conftest import MEASURED
from trademon.demo.model import Execution
from trademon.demo.server import DemoAccount

SEED = int(os.environ["CHAOS_SEED"])
"""Set for the whole run, by whoever started it or by tests/conftest.py."""
FORMS = [pytest.param(False, id="short"), pytest.param(True, id="full", marks=pytest.mark.nightly)]
FULL_TIMEOUT_S = 1800
Serve = Callable[..., ServerThread]
Measured = Callable[[str], None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop the full form unless the command line names marks itself; give it time."""
    long = [item for item in items if item.get_closest_marker("nightly")]
    for item in long:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(FULL_TIMEOUT_S))
    if long and not config.getoption("markexpr"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(params=FORMS)
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the counts are the full ones."""
    return bool(request.param)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """A generator of the test's own: one test alone draws what it draws among all."""
    sys.stdout.write(f"CHAOS_SEED={SEED}\n")  # shown where a test fails
    return Random(f"{SEED}:{request.node.name}")


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Takes what a test measured, for the end of the run."""
    started = time.monotonic()

    def note(text: str) -> None:
        told = f"{request.node.name}: {text}, {time.monotonic() - started:.1f} s"
        request.node.user_properties.append((MEASURED, told))

    return note


@pytest.fixture(scope="session")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has one user, without a broker."""
    house = House(tmp_path_factory.mktemp("used") / "home")
    house.home.mkdir()
    with house.opened():
        return house.home


@pytest.fixture
def clock() -> ChaosClock:
    return ChaosClock()


@pytest.fixture
def build(used_home: Path, clock: ChaosClock, tmp_path: Path) -> Callable[[str], House]:
    """A factory: a name to a home of that name."""
    return lambda name: House(used_home, clock, used_home).copy(tmp_path / name)


@pytest.fixture
def house(build: Callable[[str], House]) -> House:
    return build("home")


@pytest.fixture
def serve(clock: ChaosClock) -> Iterator[Serve]:
    """A factory: accounts to a server of theirs on the test's clock."""
    with ExitStack() as stack:

        def start(*accounts: DemoAccount) -> ServerThread:
            running = stack.enter_context(ServerThread(*accounts, clock=clock))
            # Hundreds of scans in a minute are the tests' idea: each has a minute's budget of its own.
            running.server.binance._count = lambda question, weight: None  # type: ignore[method-assign]
            return running

        yield start


@cache
def _history(count: int) -> Sequence[Execution]:
    end = now() - timedelta(minutes=1)
    return draw(Random(f"{SEED}:history"), count, end - timedelta(days=3), end)


@pytest.fixture
def world(full: bool) -> Ledger:
    """10,000 fills of the last three days; 1,000 in the short form. The same ones in every test."""
    return Ledger(_history(10_000 if full else 1_000))
