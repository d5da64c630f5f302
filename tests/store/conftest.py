"""Stores in files of their own. One is made by the real migrations a session; the others are copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.world import OPENED, open_store
from trademon.store.database import Database
from trademon.store.store import Store, UserStore


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    """Whatever a test opened is closed, so that no connection outlives its file."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(scope="session")
def fresh_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store file as the first use leaves it, closed: its user is `ann`."""
    path = tmp_path_factory.mktemp("fresh") / "trademon.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getuser", lambda: "ann")
        open_store(path).close()
    return path


@pytest.fixture
def new_path(fresh_store: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a store file of that name, empty but for the user `ann`."""

    def make(name: str = "trademon") -> Path:
        path = tmp_path / f"{name}.db"
        shutil.copy(fresh_store, path)
        return path

    return make


@pytest.fixture
def path(new_path: Callable[..., Path]) -> Path:
    """A store file with the user `ann`."""
    return new_path()


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An opened store with the user `ann`."""
    opened = open_store(path)
    yield opened
    opened.close()


@pytest.fixture
def ann(store: Store) -> UserStore:
    """What ann has: nothing yet."""
    return store.for_user("ann")


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """The database of `store`, to look at what is in it."""
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()
