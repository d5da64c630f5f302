"""An empty store for each test, copied from one that was migrated once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.flows.desk import NOON, Desk, HandClock
from trademon.core.times import to_ms
from trademon.exchanges.ccxt_client import load_ccxt_class
from trademon.exchanges.registry import ADAPTERS, NEEDS_SIGN_IN, Connections
from trademon.store.store import Store


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop what is marked `nightly` unless the command line names marks itself; give it time."""
    long = [item for item in items if item.get_closest_marker("nightly")]
    for item in long:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(1800))
    if long and not config.getoption("markexpr"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store with one user and nothing else."""
    directory = tmp_path_factory.mktemp("empty")
    Store(f"sqlite:///{directory / 'trademon.db'}", key_file=directory / "master.key", clock=lambda: NOON).close()
    return directory


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    directory = tmp_path / "store"
    shutil.copytree(empty_store, directory)
    store = Store(f"sqlite:///{directory / 'trademon.db'}", key_file=directory / "master.key", clock=clock)
    yield store
    store.close()


@pytest.fixture
def _hand_clock_in_ccxt(monkeypatch: pytest.MonkeyPatch, clock: HandClock) -> None:
    """ccxt dates what it signs by the machine's clock and waits between requests; here the hand clock holds."""

    async def no_wait(self: object, cost: object = None) -> None:
        """The servers of these tests have no rates."""

    for name in set(ADAPTERS) - NEEDS_SIGN_IN:  # ccxt does not know the others
        monkeypatch.setattr(load_ccxt_class(name), "milliseconds", staticmethod(lambda: to_ms(clock.at)))
        monkeypatch.setattr(load_ccxt_class(name), "throttle", no_wait)


@pytest.fixture
async def desk(store: Store, clock: HandClock, tmp_path: Path, _hand_clock_in_ccxt: None) -> AsyncIterator[Desk]:
    """The store's one user, and a way to the exchanges a test serves."""
    async with contextlib.AsyncExitStack() as closing:
        connections = await closing.enter_async_context(Connections(clock))
        user = store.for_user(store.users()[0].name)
        yield Desk(store, user, clock, connections, tmp_path / "locks", closing)


@pytest.fixture(params=["binance", "bitget"])
def exchange(request: pytest.FixtureRequest) -> str:
    """Each exchange in turn."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _quick(asked_again_at_once: None) -> None:
    """Servers in trouble are many here."""
