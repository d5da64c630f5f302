"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started by the first test that asks for it."""
    with running() as server:
        yield server


@pytest.fixture
def asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes is asked again without the pause a real exchange is given."""
    from trademon.exchanges import ccxt_client

    monkeypatch.setattr(ccxt_client, "_PAUSES_S", (0.01, 0.02))
