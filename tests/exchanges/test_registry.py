"""Names to adapters."""

from __future__ import annotations

import pytest

from tests.exchanges.helpers import wall_clock
from tests.saxo import FixedTokens
from trademon.core.model import Credentials
from trademon.errors import UsageError
from trademon.exchanges.registry import (
    ADAPTERS,
    HAS_SANDBOX,
    KNOWN,
    NEEDS_NO_SECRET,
    NEEDS_PASSWORD,
    NEEDS_SIGN_IN,
    Connections,
    check_exchange,
)


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_name_is_accepted(name):
    """Adapters, the one without an API and the demo."""
    assert check_exchange(name) == name


@pytest.mark.parametrize(
    ("name", "hint"), [("binanse", "did you mean 'binance'"), ("nothing-like-it", "known: binance")]
)
def test_an_unknown_name_is_a_usage_error_with_a_way_out(name, hint):
    """A typing mistake is answered with what was probably meant."""
    with pytest.raises(UsageError) as caught:
        check_exchange(name)
    assert hint in str(caught.value.hint)
    assert caught.value.exit_code == 2


async def test_every_adapter_opens_and_the_others_say_what_to_do():
    """`manual` has nothing to ask: fills are imported."""
    async with Connections(wall_clock) as connections:
        for name in ADAPTERS:
            tokens = FixedTokens("t") if name in NEEDS_SIGN_IN else None
            assert connections.open(name, Credentials("k", "s", "p"), tokens=tokens).requests == 0
        with pytest.raises(UsageError, match="no API") as caught:
            connections.open("manual", Credentials())
    assert "import" in str(caught.value.hint)


def test_who_needs_a_passphrase_is_an_adapter():
    """Else nobody would ask for it."""
    assert set(ADAPTERS) >= NEEDS_PASSWORD | NEEDS_NO_SECRET | NEEDS_SIGN_IN | HAS_SANDBOX
