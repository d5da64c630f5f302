"""Which symbols are asked for in one look, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trademon.core.model import Market
from trademon.core.symbol_plan import COLD_EVERY, HOT, WARM_EVERY, Signs, plan_symbols

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)
A_MINUTE_AGO = NOW - timedelta(minutes=1)


def market(symbol: str) -> Market:
    base, _, quote = symbol.partition("/")
    return Market(symbol, base, quote, base + quote)


MARKETS = tuple(
    market(s) for s in ("ADA/BTC", "ADA/TRY", "ADA/USDT", "BTC/USDT", "ETH/BTC", "ETH/USDC", "ETH/USDT", "XRP/XMR")
)
LOOKED = {m.symbol: A_MINUTE_AGO for m in MARKETS}


def must(**signs: object) -> tuple[str, ...]:
    return plan_symbols(Signs(**signs), MARKETS, now=NOW).must  # type: ignore[arg-type]


def walk(**signs: object) -> tuple[str, ...]:
    return plan_symbols(Signs(**signs), MARKETS, now=NOW).walk  # type: ignore[arg-type]


def sweep(**signs: object) -> tuple[str, ...]:
    return plan_symbols(Signs(**signs), MARKETS, now=NOW).sweep  # type: ignore[arg-type]


def test_what_is_named_and_what_has_an_open_order_is_always_asked():
    """Both, however lately they were asked for and whether or not they are listed."""
    looked = LOOKED | {"GONE/USDT": A_MINUTE_AGO}
    assert must(named=["ETH/BTC"], hinted=["GONE/USDT"], looked=looked) == ("ETH/BTC", "GONE/USDT")


def test_what_was_not_asked_for_longest_goes_first():
    """Never asked, then by the last look to the microsecond, then by name: a look cut short reaches all in turn."""
    moment = timedelta(microseconds=1)
    looked = {"ETH/USDT": LONG_AGO, "ADA/BTC": A_MINUTE_AGO, "BTC/USDT": A_MINUTE_AGO, "ADA/TRY": A_MINUTE_AGO + moment}
    named = [*looked, "XRP/XMR", "GONE/USDT"]
    order = ("GONE/USDT", "XRP/XMR", "ETH/USDT", "ADA/BTC", "BTC/USDT", "ADA/TRY")
    assert must(named=named, looked=looked) == must(named=named[::-1], looked=looked) == order


def test_what_a_sign_pointed_at_lately_is_asked_again():
    """Its fills may be late: though it was asked a minute ago, though nothing changed since."""
    plan = plan_symbols(Signs(pending=["ADA/TRY"], looked=LOOKED), MARKETS, now=NOW)
    assert (plan.must, plan.sweep) == (("ADA/TRY",), ())
    assert plan.signs == frozenset()  # an old sign is no new one, or it would be pending for ever


def test_what_is_incomplete_is_asked_whenever_it_was_asked_last():
    """A gap of a traded symbol is walked before one of a symbol never traded is swept: both as the budget allows."""
    signs = Signs(incomplete=["ETH/USDT", "ADA/TRY"], traded={"ETH/USDT": LONG_AGO}, looked=LOOKED)
    plan = plan_symbols(signs, MARKETS, now=NOW)
    assert (plan.must, plan.walk, plan.sweep) == ((), ("ETH/USDT",), ("ADA/TRY",))


def test_a_plan_names_what_a_changed_balance_points_at():
    """Only that: what is asked because of its name, an open order or its age is no sign."""
    signs = Signs(
        named=["XRP/XMR"],
        hinted=["ETH/BTC"],
        traded={"ETH/USDC": LONG_AGO, "ETH/USDT": NOW},
        looked=LOOKED,
        changed=["ADA", "BTC"],
    )
    plan = plan_symbols(signs, MARKETS, now=NOW)
    assert plan.signs == {"ADA/BTC"}
    assert set(plan.must) == {"XRP/XMR", "ETH/BTC", "ETH/USDT", "ADA/BTC"}


def test_a_change_that_nothing_explains_points_at_what_was_traded_for_it():
    """Bought and sold again between two looks only USDT moved. BNB, which pays fees, explains nothing; ADA does."""
    traded = {"ETH/USDT": LONG_AGO}
    assert walk(traded=traded, looked=LOOKED, changed=["USDT"]) == ("ETH/USDT",)
    assert must(traded=traded, looked=LOOKED, changed=["USDT"]) == ()
    assert must(traded=traded, looked=LOOKED, changed=["USDT", "ADA"]) == ("ADA/USDT",)
    assert walk(traded=traded, looked=LOOKED, changed=["USDT", "ADA"]) == ()
    with_fees = Signs(traded=traded, looked=LOOKED, changed=["USDT", "BNB"])
    plan = plan_symbols(with_fees, (*MARKETS, market("BNB/USDT")), now=NOW)
    assert plan.signs == {"BNB/USDT", "ETH/USDT"}


def test_what_was_asked_since_the_balances_were_seen_needs_no_walk_again():
    """The budget ended half way: the next look goes on with those that had no say yet."""
    traded = {"ETH/USDT": LONG_AGO, "ADA/USDT": LONG_AGO, "BTC/USDT": LONG_AGO}
    looked = LOOKED | {"ETH/USDT": A_MINUTE_AGO + timedelta(seconds=30), "BTC/USDT": LONG_AGO}
    signs = {"traded": traded, "looked": looked, "changed": ["USDT"], "seen_at": A_MINUTE_AGO}
    assert walk(**signs) == ("BTC/USDT", "ADA/USDT")


def test_what_a_sign_points_at_is_asked_before_what_is_only_hot():
    """However long the hot ones were not asked."""
    traded = {"ETH/USDT": NOW, "BTC/USDT": NOW}
    looked = LOOKED | {"ETH/USDT": LONG_AGO}
    assert must(traded=traded, looked=looked, hinted=["BTC/USDT"]) == ("BTC/USDT", "ETH/USDT")


def test_a_symbol_traded_within_three_days_is_asked_every_time():
    """Up to and including three days: it is hot."""
    assert must(traded={"ETH/USDT": NOW - HOT}, looked=LOOKED) == ("ETH/USDT",)


def test_a_symbol_traded_before_that_is_asked_every_hour():
    """Warm: due an hour after the last look, not a moment earlier; at once where there never was a look; and only as
    the budget allows, the longest unasked first."""
    traded = {"ETH/USDT": LONG_AGO}
    assert walk(traded=traded, looked=LOOKED | {"ETH/USDT": NOW - WARM_EVERY}) == ("ETH/USDT",)
    just_not = NOW - WARM_EVERY + timedelta(microseconds=1)
    assert walk(traded=traded, looked=LOOKED | {"ETH/USDT": just_not}) == ()
    assert walk(traded=traded) == ("ETH/USDT",)
    assert must(traded=traded) == ()


def test_a_traded_symbol_whose_coin_changed_is_asked_now():
    """A warm symbol gets hot when the balance of its base coin moved, whatever moved the quote."""
    assert must(traded={"ETH/USDT": LONG_AGO, "ADA/USDT": LONG_AGO}, looked=LOOKED, changed=["ETH"]) == ("ETH/USDT",)


def test_a_pair_of_coins_that_both_changed_is_asked_now():
    """A purchase moves two coins: the pair is asked for at once though it was never traded before."""
    assert must(looked=LOOKED, changed=["ADA", "BTC"]) == ("ADA/BTC",)


def test_the_quote_alone_makes_no_pair_urgent():
    """Each purchase moves USDT: that alone points at nothing."""
    assert must(looked=LOOKED, changed=["USDT"]) == ()


def test_what_was_never_asked_is_swept_the_likeliest_first():
    """Changed coins, then pairs of two held coins, then held bases, then the rest; common quotes first in each."""
    order = sweep(held=["ETH", "BTC"], changed=["ADA"])
    assert order == (
        *("ADA/USDT", "ADA/BTC", "ADA/TRY"),
        *("ETH/BTC",),
        *("BTC/USDT", "ETH/USDT", "ETH/USDC"),
        *("XRP/XMR",),
    )


def test_a_cold_symbol_is_asked_once_a_day():
    """Due a day after its last look; within its rank, those never asked go before those asked long ago."""
    assert sweep(looked=LOOKED) == ()
    assert sweep(looked=LOOKED | {"XRP/XMR": NOW - COLD_EVERY}) == ("XRP/XMR",)
    assert sweep(looked=LOOKED | {"XRP/XMR": NOW - COLD_EVERY + timedelta(seconds=1)}) == ()
    looked = {m.symbol: LONG_AGO for m in MARKETS if m.symbol != "ETH/USDT"}
    assert sweep(looked=looked)[0] == "ETH/USDT"


def test_nothing_is_asked_twice_in_one_look():
    """What must be asked is not swept."""
    plan = plan_symbols(Signs(named=["ETH/USDT"], held=["ETH"]), MARKETS, now=NOW)
    assert not set(plan.must) & set(plan.sweep)
    assert sorted((*plan.must, *plan.sweep)) == sorted(m.symbol for m in MARKETS)


def test_without_any_sign_and_market_there_is_nothing_to_ask():
    """An exchange that lists nothing."""
    plan = plan_symbols(Signs(), (), now=NOW)
    assert (plan.must, plan.sweep) == ((), ())


_symbols = st.sets(st.sampled_from([m.symbol for m in MARKETS]))
_coins = st.sets(st.sampled_from(["ADA", "BTC", "ETH", "USDT", "XRP"]))
_times = st.datetimes(datetime(2026, 1, 1), NOW.replace(tzinfo=None), timezones=st.just(UTC))  # noqa: DTZ001


@given(_symbols, _symbols, _coins, _coins, st.dictionaries(st.sampled_from([m.symbol for m in MARKETS]), _times))
def test_a_plan_is_a_function_of_the_signs_alone(
    named: set[str], hinted: set[str], held: set[str], changed: set[str], looked: dict[str, datetime]
):
    """Each symbol at most once, and the order of the markets changes nothing."""
    signs = Signs(named=named, hinted=hinted, held=held, changed=changed, looked=looked, traded=looked)
    plan = plan_symbols(signs, MARKETS, now=NOW)
    assert plan == plan_symbols(signs, MARKETS[::-1], now=NOW)
    assert plan.signs <= {*plan.must, *plan.walk}
    everything = (*plan.must, *plan.walk, *plan.sweep)
    assert len(set(everything)) == len(everything)
    assert named | hinted <= {*plan.must}
    assert not set(plan.sweep) - {m.symbol for m in MARKETS}
