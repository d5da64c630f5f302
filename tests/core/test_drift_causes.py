"""The likeliest cause of a drift: what speaks for each, and that nothing is claimed where nothing does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trademon.core.coverage import Span
from trademon.core.drift_causes import Drift, Evidence, find_causes
from trademon.core.model import Market
from trademon.core.replay import Step

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPAN = Span(TEN, TEN + HOUR)
READ = (Span(TEN - HOUR, TEN + 9 * HOUR),)
MARKETS = tuple(
    Market(f"{base}/{quote}", base, quote, base + quote)
    for base, quote in (("BTC", "USDT"), ("ETH", "USDT"), ("ETH", "BTC"), ("BNB", "USDT"), ("BNB", "ETH"))
)
ALL_READ = {m.symbol: READ for m in MARKETS}
PRICES = {"BTC/USDT": Decimal(50000), "ETH/USDT": Decimal(3000), "ETH/BTC": Decimal("0.06"), "BNB/USDT": Decimal(600)}


def drift(coin: str, difference: str, *, live: str = "1000", changes: tuple[str, ...] = ()) -> Drift:
    steps = tuple(Decimal(c) for c in changes) or (Decimal(difference),)
    total, off = Decimal(live), Decimal(difference)
    return Drift(coin, total - off, total, off, SPAN, steps)


def cause(*drifts: Drift, **more: Any) -> tuple[str, str]:
    """Of the first of these drifts."""
    facts: dict[str, Any] = {"markets": MARKETS, "covered": ALL_READ, "prices": PRICES}
    return find_causes(drifts, Evidence(**facts | more))[0]


def test_a_symbol_that_was_not_read_is_named_where_both_its_coins_moved() -> None:
    """The other markets of either coin are not."""
    covered = {**ALL_READ, "ETH/USDT": (Span(TEN - HOUR, TEN + HOUR / 2),)}
    found = cause(drift("ETH", "1"), drift("USDT", "-3000"), covered=covered)
    assert found[0] == "unread_symbol"
    assert "ETH/USDT was not read" in found[1]
    assert cause(drift("ETH", "1"), drift("USDT", "-3000"))[0] == "missing_trade"


def test_an_absurd_price_is_no_trade() -> None:
    """A bitcoin for three dollars: the two moved for other reasons."""
    found = cause(drift("BTC", "1"), drift("USDT", "-3"))
    assert found[0] == "unread_stream"


def test_a_third_coin_that_is_down_beside_a_trade_is_its_fee() -> None:
    """The coin that fees are paid in is not a cause of its own."""
    found = cause(drift("BNB", "-0.001"), drift("ETH", "1"), drift("USDT", "-3000"))
    assert found == ("missing_trade", "the fee of a trade that is not stored: see ETH")


def test_a_fill_stored_under_another_coin_is_named() -> None:
    """The same amount, once too much and once too little."""
    stored = Step(TEN + HOUR / 2, (("BTC", Decimal(2)), ("USDT", Decimal(-9))), "fill 7 of BTC/USDT")
    for first, second in ((drift("WBTC", "2"), drift("BTC", "-2")), (drift("BTC", "-2"), drift("WBTC", "2"))):
        found = cause(first, second, steps=[stored])
        assert found[0] == "other_coin"
        assert "fill 7 of BTC/USDT" in found[1]


def test_what_dust_explains_is_no_partner_of_a_trade() -> None:
    """The bit of BNB that came for dust was not bought with what else is gone."""
    gone = (drift("ETH", "-0.001", live="0"), drift("XYZ", "-1", live="0"))
    found = cause(drift("USDT", "-12500"), drift("BNB", "0.0098"), *gone, prices={})
    assert found[0] == "unread_stream"


def test_dust_is_small_and_gone_to_the_last_digit() -> None:
    """What is worth more, or is left in part, was no dust."""
    up = drift("BNB", "0.005")
    assert cause(drift("ETH", "-0.001", live="0"), up)[0] == "dust"
    assert cause(up, drift("ETH", "-0.001", live="0"))[0] == "dust"
    assert cause(drift("ETH", "-0.001", live="0.5"), drift("BNB", "0.005"))[0] != "dust"
    assert cause(drift("ETH", "-1", live="0"), drift("BNB", "5"))[0] == "missing_trade"
    assert cause(drift("XYZ", "-1", live="0"), drift("BNB", "5"))[0] == "unread_stream"
    assert cause(drift("XYZ", "-1", live="0"), drift("ABC", "-1", live="0"), drift("BNB", "5"))[0] == "dust"


def test_earn_is_known_by_its_own_coins() -> None:
    """LDBTC beside BTC, and LDBTC alone where BTC is a coin."""
    assert cause(drift("BTC", "-1"), drift("LDBTC", "1"))[0] == "earn"
    assert cause(drift("LDBTC", "0.00001"))[0] == "earn"
    assert cause(drift("LDO", "5"))[0] == "unread_stream"


def test_rewards_are_small_and_come_again() -> None:
    """Once is no rhythm, and what takes half of the coin is no reward."""
    assert cause(drift("ETH", "0.3", changes=("0.1", "0.2")))[0] == "earn"
    assert cause(drift("ETH", "0.3", changes=("0.3",)))[0] == "unread_stream"
    assert cause(drift("ETH", "0.3", live="0.6", changes=("0.1", "0.2")))[0] == "unknown"
    assert cause(drift("ETH", "0.3", changes=("0.5", "-0.2")))[0] == "unknown"


def test_what_could_not_be_read_and_what_is_on_its_way_come_before_guesses() -> None:
    """A pending withdrawal explains what is missing, a pending deposit what is too much, never the other way."""
    assert cause(drift("ETH", "1"), unread="deposits could not be read: no") == (
        "unread_stream",
        "deposits could not be read: no",
    )
    assert cause(drift("ETH", "-1"), waiting={"withdrawal": TEN})[0] == "pending"
    assert cause(drift("ETH", "1"), waiting={"withdrawal": TEN})[0] == "unread_stream"
    assert cause(drift("ETH", "1"), waiting={"deposit": TEN})[0] == "pending"
    assert cause(drift("ETH", "-1"), waiting={"withdrawal": TEN + 2 * HOUR})[0] == "unread_stream"


def test_a_round_trip_in_a_traded_symbol_that_was_not_read_is_named() -> None:
    """Only the coin it is paid with differs; where the order history was read, there was none."""
    covered = {**ALL_READ, "ETH/USDT": ()}
    traded = {"ETH/USDT": TEN - HOUR}
    found = cause(drift("USDT", "-3"), covered=covered, traded=traded)
    assert found == ("unread_symbol", "ETH/USDT not read in all of that time")
    assert cause(drift("USDT", "-3"), covered=covered, traded=traded, orders=READ)[0] == "unread_stream"


def test_markets_never_traded_are_told_and_not_blamed() -> None:
    """There are hundreds of them: a move between wallets is likelier."""
    found = cause(drift("USDT", "-3"), covered={})
    assert found[0] == "unread_stream"
    assert "not read in all of that time: BNB/USDT, BTC/USDT, ETH/USDT" in found[1]


@pytest.mark.parametrize("others", [("ADA", "5"), ("ADA", "-5")])
def test_coins_that_moved_without_a_pattern_are_unknown_or_a_conversion(others: tuple[str, str]) -> None:
    """Two in one direction say nothing; two against each other a conversion."""
    found = cause(drift("XYZ", "5"), drift(*others))
    assert found[0] == ("unknown" if others[1] == "5" else "unread_stream")


def test_drifts_of_other_hours_do_not_explain_each_other() -> None:
    """A trade moves both of its coins at once."""
    early = Drift("ETH", Decimal(1), Decimal(2), Decimal(1), Span(TEN - 9 * HOUR, TEN - 8 * HOUR), (Decimal(1),))
    assert find_causes([early, drift("USDT", "-3000")], Evidence(MARKETS, covered=ALL_READ))[0][0] == "unread_stream"
