"""Numbers, ages and foreign text as they are shown."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.ui.world import NOW
from trademon.ui.foreign import clean
from trademon.ui.text import (
    ASCII,
    UNICODE,
    clip,
    format_age,
    format_amount,
    format_average,
    format_clock,
    format_money,
    format_price,
    format_quantity,
    glyphs_for,
    market_places,
    quote_of,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.00150", "0.0015"),
        ("5000", "5,000"),
        ("1E-18", "0.000000000000000001"),
        ("1E+3", "1,000"),
        ("123456789012345678901234567890.123456789012345678901234567891", None),
    ],
)
def test_a_quantity_keeps_every_significant_digit(value: str, shown: str | None) -> None:
    """Thousands apart, no exponent, no trailing zeros, nothing rounded even at sixty digits."""
    text = format_quantity(Decimal(value))
    assert shown is None or text == shown
    assert Decimal(text.replace(",", "")) == Decimal(value)


@pytest.mark.parametrize(
    ("value", "shown"), [("47000", "47,000.00"), ("0.08120", "0.0812"), ("1.5", "1.50"), ("0", "0.00")]
)
def test_a_price_has_at_least_two_decimals(value: str, shown: str) -> None:
    """A price reads as money, and a small one keeps its digits."""
    assert format_price(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("2431.774", "USDT", "+2,431.77 USDT"),
        ("-7.125", "EUR", "-7.12 EUR"),
        ("0", "USDT", "0.00 USDT"),
        ("-0.0", "USDT", "0.00 USDT"),
        ("0.004", "USDT", "+0.004 USDT"),
        ("-0.00001234", "EUR", "-0.000012 EUR"),
        ("0.00123456", "BTC", "+0.00123456 BTC"),
        ("1E-12", "BTC", "+0.000000000001 BTC"),
        ("1", "btc", "+1.00000000 btc"),
        ("3E-59", "USDT", "0.00 USDT"),
    ],
)
def test_money_is_rounded_for_its_currency_but_never_to_nothing(value: str, currency: str, shown: str) -> None:
    """Two decimals for fiat and its coins, eight for others; what is not zero shows digits (a remainder of a division
    behind the thirtieth place is zero)."""
    assert format_money(Decimal(value), currency) == shown


def test_money_without_sign_still_says_when_it_is_negative() -> None:
    """`sign=False` drops the plus, never the minus."""
    assert format_amount(Decimal(3), "EUR", sign=False) == "3.00"
    assert format_amount(Decimal(-3), "EUR", sign=False) == "-3.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("44180.5287654321", "44,180.53"), ("0.0000123456789", "0.0000123457"), ("2.3333333", "2.33333"), ("0", "0.00")],
)
def test_an_average_keeps_six_significant_digits(value: str, shown: str) -> None:
    """A quotient has no last digit, so it is rounded, the less the smaller it is."""
    assert format_average(Decimal(value)) == shown


@pytest.mark.parametrize(
    "bad",
    [
        "\x1b",
        "\x00",
        "\x7f",
        "\x85",
        "\x9b",
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200d",
        "\ufeff",
        "\u2028",
        "\ud800",
        "\ufe0f",
    ],
)
def test_clean_removes_what_a_terminal_would_act_upon(bad: str) -> None:
    """C0, C1, DEL, bidi, zero-width and lone surrogates go, the text around them stays."""
    assert clean(f"BTC{bad}/USDT").replace(" ", "") == "BTC/USDT"


def test_clean_keeps_words_apart_and_foreign_letters() -> None:
    """A line break is a space, and neither Chinese nor accents are harmed."""
    assert clean("a\tb\r\nc") == "a b  c"
    assert clean("币安人生 é 🚀 [/]") == "币安人生 é 🚀 [/]"


def test_a_long_name_is_clipped_by_cells() -> None:
    """A Chinese name of twelve cells is cut to eight or less, and says so."""
    assert clip("币安人生币安", 8) == "币安人…"
    assert clip("short", 8) == "short"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (41.9, "41 s"), (120, "2 m"), (11520, "3 h 12 m"), (7200, "2 h"), (180000, "2 d 2 h")],
)
def test_an_age_reads_as_its_two_largest_units(seconds: float, shown: str) -> None:
    """Short under an hour, and never negative when clocks disagree."""
    assert format_age(seconds) == shown


def test_a_clock_says_the_day_when_it_was_another() -> None:
    """Today's times are times, older ones dates."""
    assert format_clock(NOW, now=NOW) == "14:02:14"
    assert format_clock(NOW - timedelta(days=1), now=NOW) == "2026-11-20"


def test_signs_follow_what_the_stream_can_carry() -> None:
    """ASCII, Latin-1 and unknown encodings get plain signs, which are plain indeed."""
    assert glyphs_for("utf-8") is UNICODE
    for encoding in ("ascii", "latin-1", "no-such", None):
        assert glyphs_for(encoding) is ASCII
    assert all(getattr(ASCII, name).isascii() for name in ASCII.__slots__)


def test_the_quote_of_a_symbol() -> None:
    """Spot, contract, and a symbol that does not say."""
    assert [quote_of(s) for s in ("BTC/USDT", "BTC/USD:BTC", "[/]", "AAPL:xnas")] == ["USDT", "USD", "]", ""]


def test_prices_of_one_market_have_the_same_decimals() -> None:
    """As many as one of them needs, each market by itself; a quotient does not count, nor one that is not known."""
    prices = [("A/B", "0.0519"), ("A/B", "0.05193"), ("C/D", "1000"), ("C/D", "1e3"), ("E/F", "2.5")]
    told = [(symbol, Decimal(price)) for symbol, price in [*prices, ("E/F", "0." + "3" * 30)]]
    places = market_places([*told, ("G/H", None)])
    assert places == {"A/B": 5, "C/D": 2, "E/F": 2, "G/H": 2}
    assert format_price(Decimal("0.0519"), places["A/B"]) == "0.05190"
    assert format_price(Decimal("0.051931"), places["A/B"]) == "0.051931"
