"""Each deliberate error says who acts next, by its exit code and its kind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trademon import errors
from trademon.errors import ActionNeeded, HostAskedToWait, TrademonError, Transient

EXIT_CODES = {
    errors.UsageError: 2,
    errors.DataError: 1,
    errors.ConfigError: 4,
    errors.UnknownName: 4,
    errors.AuthError: 4,
    errors.StoreError: 4,
    errors.NetworkError: 1,
    errors.BadAnswer: 1,
    errors.ClockSkew: 1,
    errors.Busy: 75,
}


@pytest.mark.parametrize("error", EXIT_CODES, ids=lambda error: error.__name__)
def test_the_exit_code_hangs_on_the_class(error: type[TrademonError]):
    """Scripts rely on it, so no flow chooses it."""
    assert error("x").exit_code == EXIT_CODES[error]
    assert error("x").kind


def test_what_a_person_must_mend_and_what_mends_itself_are_apart():
    """No error is both."""
    for error in EXIT_CODES:
        assert not (issubclass(error, ActionNeeded) and issubclass(error, Transient))
        assert issubclass(error, ActionNeeded) == (error.exit_code == 4)


def test_the_line_says_what_and_what_to_do():
    """The hint follows the message where there is one."""
    assert errors.AuthError("b1 refuses the key", hint="trademon broker set b1").line == (
        "b1 refuses the key: trademon broker set b1"
    )
    assert errors.NetworkError("no answer").line == "no answer"


def test_a_host_that_asks_to_wait_says_until_when():
    """The time is kept for the scheduler and told to the person."""
    until = datetime(2026, 1, 1, 10, 5, tzinfo=UTC)
    error = HostAskedToWait("binance asks to wait", until=until, broker="b1")
    assert error.until == until
    assert error.line == "binance asks to wait: waits until 10:05:00 UTC"
