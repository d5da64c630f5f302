"""Stores of their own, in an SQLite file and on a PostgreSQL. One of each is made by the real migrations a session; the
others are copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.store.world import KINDS, OPENED, open_store
from trademon.store.database import Database
from trademon.store.store import Store, UserStore


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    """Whatever a test opened is closed, so that no connection outlives its database."""
    yield
    while OPENED:
        OPENED.pop().close()


def make_fresh(where: Path | str) -> None:
    """A store as the first use leaves it, closed: its user is `ann`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getuser", lambda: "ann")
        open_store(where).close()
    OPENED.pop()


@pytest.fixture(scope="session")
def fresh_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store file with the user `ann`."""
    path = tmp_path_factory.mktemp("fresh") / "trademon.db"
    make_fresh(path)
    return path


@pytest.fixture(scope="session")
def fresh_database(postgres: Postgres) -> str:
    """The same on the server."""
    url = postgres.make()
    make_fresh(url)
    return url


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What is behind the store: a test that asks for one runs on both."""
    return str(request.param)


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
def server_url(postgres: Postgres, fresh_database: str) -> Iterator[str]:
    """A store on the server with the user `ann`."""
    url = postgres.make(fresh_database)
    yield url
    while OPENED:
        OPENED.pop().close()
    postgres.drop(url)


@pytest.fixture
def new_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Makes a store with the user `ann` as often as it is called, and says where it is."""
    made: list[str] = []

    def in_a_file() -> str:
        made.append(f"sqlite:///{tmp_path / f'{len(made)}.db'}")
        shutil.copy(request.getfixturevalue("fresh_store"), made[-1].removeprefix("sqlite:///"))
        return made[-1]

    def on_the_server() -> str:
        server: Postgres = request.getfixturevalue("postgres")
        if made:
            server.drop(made.pop())  # one at a time: a thousand of them need some space
        made.append(server.make(request.getfixturevalue("fresh_database")))
        return made[-1]

    yield on_the_server if kind == "postgresql" else in_a_file
    while OPENED:
        OPENED.pop().close()
    if kind == "postgresql" and made:
        request.getfixturevalue("postgres").drop(made.pop())


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """Where a store with the user `ann` is."""
    if kind == "postgresql":
        return str(request.getfixturevalue("server_url"))
    return f"sqlite:///{request.getfixturevalue('path')}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An opened store with the user `ann`."""
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def ann(store: Store) -> UserStore:
    """What ann has: nothing yet."""
    return store.for_user("ann")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The database of `store`, to look at what is in it."""
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def file(path: Path) -> Iterator[Database]:
    """The database in a file, for what only a file has."""
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()
