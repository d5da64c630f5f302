"""A raw answer is checked before it is believed: hostile values end in BadAnswer, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.exchanges.helpers import BTC, NOW, Row, binance_row, bitget_row
from trademon.core.model import Fee, Fill
from trademon.core.times import from_ms, to_ms
from trademon.errors import BadAnswer
from trademon.exchanges import binance, bitget, validate


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


# What JSON can carry (an int of more than 4,300 digits, a NaN and a float cannot pass the transport, but may yet come
# from a `feeDetail`, which is JSON in a text).
NO_NUMBER = {
    "nothing": None,
    "empty": "",
    "blank": " ",
    "NaN": "NaN",
    "sNaN": "sNaN",
    "Infinity": "Infinity",
    "minus infinity": "-inf",
    "1e400": "1e400",
    "1e-400": "1e-400",
    "float": 1.5,
    "float NaN": float("nan"),
    "float infinity": float("inf"),
    "true": True,
    "false": False,
    "huge int": 10**4000,
    "huge negative int": -(10**4000),
    "arabic digits": "٣",
    "full-width digits": "１２",
    "superscript": "²",
    "hexadecimal": "0x10",
    "underscore": "1_000",
    "comma": "1,000",
    "two signs": "--1",
    "90 digits": "9" * 90,
    "5000 digits": "1" * 5000,
    "NUL inside": "1\x002",
    "list": [],
    "object": {},
    "list of a number": ["1"],
    "nested": nested(500),
    "Decimal NaN": Decimal("NaN"),
    "Decimal sNaN": Decimal("sNaN"),
    "Decimal infinity": Decimal("Infinity"),
    "Decimal 1e400": Decimal("1e400"),
}
NUMBERS: dict[str, Callable[[Row, str], object]] = {
    "decimal": validate.decimal,
    "positive": validate.positive,
    "not_negative": validate.not_negative,
    "time_ms": validate.time_ms,
}
cases = pytest.mark.parametrize("value", NO_NUMBER.values(), ids=NO_NUMBER)


@pytest.mark.parametrize("parse", NUMBERS.values(), ids=NUMBERS)
@cases
def test_what_is_no_number_is_neither_an_amount_nor_a_time(parse: Callable[[Row, str], object], value: object):
    """No float, no bool, no NaN, nothing out of range or with digits of another script becomes money or a moment."""
    with pytest.raises(BadAnswer, match="field x"):
        parse({"x": value}, "x")


@pytest.mark.parametrize("parse", [*NUMBERS.values(), validate.text, validate.identifier, validate.flag])
def test_a_missing_field_is_named(parse: Callable[[Row, str], object]):
    """The error says which field was not there."""
    with pytest.raises(BadAnswer, match="field qty"):
        parse({"other": "1"}, "qty")


def test_amounts_stay_exact():
    """Text, whole numbers and decimals come through digit by digit."""
    row = {"a": "0.123456789012345678", "b": 7, "c": Decimal("1.10"), "d": "-3E-7", "e": "0", "f": "0.00000000"}
    assert [validate.decimal(row, name) for name in "abcd"] == [
        Decimal("0.123456789012345678"),
        Decimal(7),
        Decimal("1.10"),
        Decimal("-0.0000003"),
    ]
    assert validate.not_negative(row, "e") == validate.not_negative(row, "f") == 0


@pytest.mark.parametrize("value", ["0", "-0", "0.0", "-1", -1, "-0.00000001"])
def test_a_quantity_that_is_not_above_zero_is_refused(value: object):
    """A fill of nothing, or of less, would turn a book around."""
    with pytest.raises(BadAnswer, match="not above zero"):
        validate.positive({"qty": value}, "qty")


def test_a_price_may_be_zero_and_not_below():
    """Something can be had for nothing; a negative price is no price."""
    assert validate.not_negative({"price": "0.0"}, "price") == 0
    with pytest.raises(BadAnswer, match="below zero"):
        validate.not_negative({"price": "-0.1"}, "price")


@pytest.mark.parametrize("value", ["1700000000000.0", "1.7e12", -1, "-1", to_ms(NOW) * 1000, "0" * 20, Decimal(5)])
def test_a_time_is_whole_milliseconds_of_our_age(value: object):
    """Neither seconds with a point nor microseconds nor a time before 1970 pass for milliseconds."""
    with pytest.raises(BadAnswer):
        validate.time_ms({"time": value}, "time")


def test_a_time_is_the_same_as_number_and_as_text():
    """Binance writes milliseconds as a number, Bitget as a text."""
    assert validate.time_ms({"t": to_ms(NOW)}, "t") == validate.time_ms({"t": str(to_ms(NOW))}, "t") == NOW


NO_ID = {
    "nothing": None,
    "empty": "",
    "float": 1.0,
    "decimal": Decimal(1),
    "true": True,
    "false": False,
    "negative": -1,
    "list": [1],
    "object": {"id": 1},
    "81 characters": "1" * 81,
    "line feed": "1\n",
    "escape": "\x1b[31m",
    "right-to-left": "\u202e1",
    "lone surrogate": "\ud800",
    "nested": nested(500),
}


@pytest.mark.parametrize("value", NO_ID.values(), ids=NO_ID)
def test_what_cannot_name_a_trade_is_no_id(value: object):
    """An id is a whole number or a short printable text."""
    with pytest.raises(BadAnswer, match="no id"):
        validate.identifier({"id": value}, "id")


def test_ids_are_the_same_as_number_and_as_text():
    """The recorded answers hold as text what comes as a number."""
    assert validate.identifier({"id": 28457}, "id") == validate.identifier({"id": "28457"}, "id") == "28457"
    assert validate.identifier({"id": 0}, "id") == "0"


def test_an_id_as_a_number_is_as_short_as_one_as_a_text():
    """4,000 digits are no id, however they are written."""
    with pytest.raises(BadAnswer):
        validate.identifier({"id": 10**3999}, "id")


@pytest.mark.parametrize("value", ["007", "-7"])
def test_one_trade_has_one_spelling(value: str):
    """Otherwise "7" and "007" would be booked as two fills."""
    with pytest.raises(BadAnswer):
        validate.identifier({"id": value}, "id")


@pytest.mark.parametrize("value", [None, "", 1, 1.5, True, [], {}, ["a"], "x" * 201, nested(500)])
def test_what_is_no_text_is_refused(value: object):
    """Neither nothing nor a number nor pages of text."""
    with pytest.raises(BadAnswer, match="no text"):
        validate.text({"x": value}, "x")


def test_a_text_can_be_written_down():
    """JSON can spell half a character; it must not get as far as the store."""
    with pytest.raises(BadAnswer):
        validate.text({"coin": json.loads('"\\ud800"')}, "coin")


@pytest.mark.parametrize("value", [None, 0, 1, "true", "false", "", [], {}, 1.0, nested(500)])
def test_a_flag_is_true_or_false_and_nothing_like_it(value: object):
    """`isBuyer: "false"` is truthy in Python: it would turn a sale into a purchase."""
    with pytest.raises(BadAnswer, match="neither true nor false"):
        validate.flag({"isBuyer": value}, "isBuyer")


@pytest.mark.parametrize("value", [None, "", "hold", "buy ", 1, True, ["buy"], {"buy": 1}, "ｂｕｙ"])
def test_a_choice_is_one_of_those_allowed(value: object):
    """Whatever its case, and nothing else."""
    allowed = {"buy": "b", "sell": "s"}
    assert [validate.one_of({"side": text}, "side", allowed) for text in ("buy", "BUY", "Sell")] == ["b", "b", "s"]
    with pytest.raises(BadAnswer, match="none of buy, sell"):
        validate.one_of({"side": value}, "side", allowed)


@pytest.mark.parametrize("answer", [None, {}, "", "[]", 1, True, Decimal(1)])
def test_rows_are_a_list(answer: object):
    """`null` and `{}` are not "no trades"."""
    with pytest.raises(BadAnswer, match="expected a list"):
        validate.as_rows(answer, "myTrades")


@pytest.mark.parametrize("row", [None, [], "x", 1, True])
def test_rows_are_objects(row: object):
    """One that is not spoils the page: what else is missing cannot be known."""
    with pytest.raises(BadAnswer, match="expected objects"):
        validate.as_rows([{"id": 1}, row], "myTrades")


@pytest.mark.parametrize("answer", [None, [], "", 1, True])
def test_an_object_is_an_object(answer: object):
    """As above, for single answers."""
    with pytest.raises(BadAnswer, match="expected an object"):
        validate.as_object(answer, "account")


def test_an_error_shows_only_a_few_characters_of_what_stood_there():
    """A page of somebody's HTML in a log helps nobody."""
    with pytest.raises(BadAnswer) as caught:
        validate.text({"x": ["secret" * 1000]}, "x")
    assert len(caught.value.message) < 120


# --- rows of fills, mutated -----------------------------------------------------------------------------------------

GOOD_BINANCE = binance_row(7, NOW)
GOOD_BITGET = bitget_row(7, NOW)
DROP = object()
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=12),
    st.sampled_from(list(NO_NUMBER.values())),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.integers(min_value=0, max_value=to_ms(NOW) * 2).map(str),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner)),
)


def mutated(row: Row, name: str, value: object) -> Row:
    return {k: v for k, v in row.items() if k != name} if value is DROP else row | {name: value}


def number(value: object) -> Decimal:
    """What the exchange means by it, read without the code under test."""
    assert not isinstance(value, bool | float | list | dict)
    return Decimal(str(value))


def check_binance(fill: Fill, row: Row) -> None:
    """Every field that money or identity hangs on says what the row says."""
    assert row["symbol"] == "BTCUSDT"
    assert (fill.trade_id, fill.order_id) == (str(row["id"]), str(row["orderId"]))
    assert fill.side == {True: "buy", False: "sell"}[row["isBuyer"]]
    assert fill.quantity == number(row["qty"]) > 0
    assert fill.price == number(row["price"]) >= 0
    assert fill.fees == (Fee(number(row["commission"]), row["commissionAsset"]),)
    assert fill.executed_at == from_ms(int(number(row["time"])))
    assert fill.is_maker is row["isMaker"]


def check_bitget(fill: Fill, row: Row) -> None:
    """As above; the fee is a cost when it is negative."""
    assert row["symbol"] == "BTCUSDT"
    assert (fill.trade_id, fill.order_id) == (str(row["tradeId"]), str(row["orderId"]))
    assert fill.side == row["side"].lower()
    assert fill.quantity == number(row["size"]) > 0
    assert fill.price == number(row["priceAvg"]) >= 0
    detail = row["feeDetail"]
    assert fill.fees == (Fee(-number(detail["totalFee"]), detail["feeCoin"]),)
    assert fill.executed_at == from_ms(int(number(row["cTime"])))


@given(name=st.sampled_from(sorted(GOOD_BINANCE)), value=junk | st.just(DROP))
@example(name="isBuyer", value="false")
@example(name="id", value=True)
def test_a_mutated_binance_row_is_the_right_fill_or_a_bad_answer(name: str, value: object):
    """One field dropped or replaced by anything: never a wrong fill, never another exception."""
    row = mutated(GOOD_BINANCE, name, value)
    try:
        fill = binance.parse_fill(row, BTC)
    except BadAnswer:
        return
    check_binance(fill, row)


@given(name=st.sampled_from(sorted(set(GOOD_BITGET) - {"feeDetail"})), value=junk | st.just(DROP))
def test_a_mutated_bitget_row_is_the_right_fill_or_a_bad_answer(name: str, value: object):
    """One field dropped or replaced by anything: never a wrong fill, never another exception."""
    row = mutated(GOOD_BITGET, name, value)
    try:
        fill = bitget.parse_fill(row, BTC)
    except BadAnswer:
        return
    check_bitget(fill, row)


@given(name=st.sampled_from(["totalFee", "feeCoin"]), value=junk | st.just(DROP))
def test_a_mutated_bitget_fee_is_the_right_fee_or_a_bad_answer(name: str, value: object):
    """The fee's amount or coin dropped or replaced by anything."""
    row = GOOD_BITGET | {"feeDetail": mutated(GOOD_BITGET["feeDetail"], name, value)}
    try:
        fill = bitget.parse_fill(row, BTC)
    except BadAnswer:
        return
    check_bitget(fill, row)


def is_amount(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite()


@given(detail=junk)
@example(detail='{"totalFee":NaN,"feeCoin":"USDT"}')
@example(detail='{"totalFee":-0.5,"feeCoin":"USDT","deduction":"no"}')
@example(detail="[" * 100_000)
@example(detail="{'totalFee': 1}")
def test_any_fee_detail_is_fees_or_a_bad_answer(detail: object):
    """Whatever stands there, amounts come out as finite decimals or not at all."""
    try:
        fees = bitget.parse_fees(detail)
    except BadAnswer:
        return
    assert all(is_amount(fee.amount) and fee.currency for fee in fees)


def test_a_fee_with_an_absurd_exponent_is_a_bad_answer():
    """A number in `feeDetail`'s JSON text that is beyond even Decimal."""
    with pytest.raises(BadAnswer):
        bitget.parse_fees('{"feeCoin":"USDT","totalFee":1e99999999999999999999}')


def test_a_bitget_fill_without_its_fee_is_a_bad_answer():
    """A field that is gone says nothing; that there was no fee would have to be said."""
    with pytest.raises(BadAnswer):
        bitget.parse_fill(mutated(GOOD_BITGET, "feeDetail", DROP), BTC)


@pytest.mark.parametrize("value", [DROP, None, 1, "maybe"], ids=["missing", "null", "number", "other"])
def test_a_bitget_fee_that_does_not_say_how_it_was_paid_is_a_bad_answer(value: object):
    """The sign of a positive amount depends on `deduction` alone."""
    detail = {"deduction": "yes", "feeCoin": "BGB", "totalDeductionFee": "0", "totalFee": "0.0015"}
    with pytest.raises(BadAnswer):
        bitget.parse_fees(mutated(detail, "deduction", value))


@pytest.mark.parametrize("parse", [binance.parse_fill, bitget.parse_fill])
def test_a_row_of_another_symbol_is_refused(parse: Callable[[Row, Any], Fill]):
    """An exchange that answers something else than asked is not believed in anything."""
    good = GOOD_BINANCE if parse is binance.parse_fill else GOOD_BITGET
    with pytest.raises(BadAnswer, match="asked for BTCUSDT"):
        parse(good | {"symbol": "ETHUSDT"}, BTC)


def test_the_raw_row_is_kept_as_one_line():
    """What was believed can be looked up later, decimals digit by digit."""
    raw = binance.parse_fill(GOOD_BINANCE | {"extra": Decimal("0.10")}, BTC).raw
    assert json.loads(raw) == GOOD_BINANCE | {"extra": "0.10"}
    assert "\n" not in raw
