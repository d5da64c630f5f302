"""Symbols are known by either spelling and shown in one."""

from __future__ import annotations

import itertools

import pytest

from trademon.core.symbols import compact, make_symbol, match_symbol, nearest

KNOWN = ["BTC/USDT", "ETH/USDT", "ETH/BTC", "BTC/USDT:USDT"]


@pytest.mark.parametrize("text", ["BTC/USDT", "btc/usdt", "BTCUSDT", "btcusdt", "BTC-USDT", "btc_usdt", "  BTCUSDT\n"])
def test_every_spelling_of_a_symbol_meets_in_one(text: str):
    """Case, separator and blanks around it do not matter."""
    assert compact(text) == "BTCUSDT"
    assert match_symbol(text, KNOWN) == "BTC/USDT"


@pytest.mark.parametrize("text", ["BTC/USDT:USDT", "btcusdt:usdt"])
def test_a_contract_is_not_the_pair_it_is_named_after(text: str):
    """The settlement coin is part of the name."""
    assert match_symbol(text, KNOWN) == "BTC/USDT:USDT"


@pytest.mark.parametrize("text", ["", "BTC", "BTCUSD", "USDTBTC", "BTC/USDT/X"])
def test_an_unknown_symbol_is_none_and_not_a_guess(text: str):
    """A part of a name is no match."""
    assert match_symbol(text, KNOWN) is None


def test_no_known_symbols_match_nothing():
    """An account without fills knows no symbol."""
    assert match_symbol("BTCUSDT", []) is None
    assert nearest("BTCUSDT", []) is None


def test_a_spelling_two_symbols_share_goes_to_the_one_written_with_it():
    """`AB/C` and `A/BC` are both `ABC`; the separator decides, and without one the first in order."""
    for known in itertools.permutations(["AB/C", "A/BC"]):
        assert match_symbol("AB/C", known) == "AB/C"
        assert match_symbol("a/bc", known) == "A/BC"
        assert match_symbol("abc", known) == "A/BC"


@pytest.mark.parametrize(("typo", "meant"), [("BTCUSTD", "BTC/USDT"), ("eth-usd", "ETH/USDT"), ("ETHBTCC", "ETH/BTC")])
def test_a_slip_finds_the_name_that_was_meant(typo: str, meant: str):
    """One letter off is worth a question."""
    assert nearest(typo, KNOWN) == meant


def test_a_name_like_no_other_is_not_guessed_at():
    """No 'did you mean' is better than a silly one."""
    assert nearest("DOGEEUR", ["BTC/USDT"]) is None


def test_the_shown_form_has_a_slash_and_names_the_settlement():
    """`BASE/QUOTE`, and `:SETTLE` for a contract."""
    assert make_symbol("BTC", "USDT") == "BTC/USDT"
    assert make_symbol("BTC", "USDT", "USDT") == "BTC/USDT:USDT"
    assert make_symbol("BTC", "USD", None) == "BTC/USD"
