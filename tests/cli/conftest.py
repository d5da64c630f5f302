"""A home directory for each test, copied from one in which the store was made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.shell import SECRETS, ServerThread, Shell, now
from tests.cli.telegram import TelegramThread
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount


@pytest.fixture(scope="session")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has one user, without a broker."""
    root = tmp_path_factory.mktemp("used")
    shell = Shell(root / "home", root)
    shell.run("user", "list", USER="ann", LOGNAME="ann").check(0)
    return shell.home


@pytest.fixture
def shell(used_home: Path, tmp_path: Path) -> Shell:
    shutil.copytree(used_home, tmp_path / "home")
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "home", tmp_path / "work")


@pytest.fixture
def fresh(tmp_path: Path) -> Shell:
    """A home that does not exist yet."""
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "home", tmp_path / "work")


def founding_world() -> ScriptedWorld:
    """The founding case, an hour ago."""
    world = ScriptedWorld(clock=now, deposits={"USDT": Decimal(10_000)})
    start = now().replace(microsecond=0) - timedelta(hours=1)
    world.buy("BTC/USDT", "0.001", "45000", start)
    world.buy("BTC/USDT", "0.002", "46000", start + timedelta(minutes=1))
    world.sell("BTC/USDT", "0.0015", "47000", start + timedelta(minutes=2))
    return world


@pytest.fixture
def exchange() -> Iterator[ServerThread]:
    """The founding case at an exchange like Binance, and an empty account at one like Bitget."""
    accounts = [
        DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", founding_world()),
        DemoAccount("bitget", SECRETS["K"], SECRETS["S"], SECRETS["P"], "22", ScriptedWorld(clock=now)),
    ]
    with ServerThread(*accounts) as running:
        yield running


@pytest.fixture
def telegram() -> Iterator[TelegramThread]:
    with TelegramThread() as running:
        yield running
