"""Every code the table names ends in the error whose owner mends it."""

from __future__ import annotations

import pytest

from trademon.errors import ActionNeeded, BadAnswer, ClockSkew, NetworkError
from trademon.exchanges import binance, bitget, saxo_client
from trademon.exchanges.remedies import REFUSALS, remedy_for
from trademon.exchanges.transport import Answer

EXPLAIN = {"Binance": binance.explain, "Bitget": bitget.explain, "Saxo": saxo_client.explain}
ROWS = [(exchange, code) for exchange, table in REFUSALS.items() for code in table]


@pytest.mark.parametrize(("exchange", "code"), ROWS)
def test_a_code_of_the_table_is_one_line_with_the_code_in_it(exchange: str, code: str) -> None:
    """Through the adapter's own reading of the answer, whatever HTTP says beside it."""
    written: object = int(code) if exchange == "Binance" else code
    for status in (400, 401, 503):
        body = {"code": written, "msg": "words of the exchange"}
        if exchange == "Saxo":
            body = {"ErrorInfo": {"ErrorCode": written, "Message": "words of the exchange"}}
        error = EXPLAIN[exchange](Answer(status, {}, body, True))
        assert error is not None
        assert (code in error.message, exchange in error.message, "\n" in error.line) == (True, True, False)
        assert isinstance(error, NetworkError | ClockSkew | ActionNeeded)


@pytest.mark.parametrize(
    ("exchange", "code", "kind"),
    [
        ("Binance", "-2015", ActionNeeded),  # ccxt: to be tried again, once a call had gone well
        ("Bitget", "40010", NetworkError),  # ccxt: a wrong key
        ("Bitget", "40085", ActionNeeded),
        ("Binance", "-1021", ClockSkew),
        ("Bitget", "40008", ClockSkew),
        ("Binance", "-1121", BadAnswer),
        ("Bitget", "99999", BadAnswer),
    ],
)
def test_where_ccxt_misleads_and_where_nothing_is_known(exchange: str, code: str, kind: type[Exception]) -> None:
    """A code that is not in the table changes nothing and says what the exchange said."""
    error = remedy_for(exchange, code, 400, "its words")
    assert type(error) is kind or isinstance(error, kind)
    assert "its words" in error.message or code in REFUSALS[exchange]


def test_a_person_is_told_what_to_do_and_the_others_are_not() -> None:
    """A hint stands only where somebody acts."""
    for exchange, code in ROWS:
        error = remedy_for(exchange, code, 400, "")
        assert (error.hint is not None) == isinstance(error, ActionNeeded)


def test_a_server_in_trouble_is_no_fault_of_the_question() -> None:
    """5xx with a code nobody knows."""
    assert isinstance(remedy_for("Binance", "-7777", 502, ""), NetworkError)
