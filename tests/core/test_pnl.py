"""The P&L rules, each as a case a trader would write.

`book("fifo", "buy 1 @ 100 fee 0.01 BTC", "sell 0.99 @ 110")` books fills of BTC/USDT a second apart and tells the
figures: `gross 9.9, fees 1, net 8.9; flat`. A line may end with `id 9` and `at 1000` (milliseconds after ten).
`docs/accounting.md` tells the same cases in prose.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, FloatOperation, Inexact, localcontext

import pytest

from trademon.core.model import METHODS, Contract, Fee, Fill, Method, fill_order
from trademon.core.money import EXACT, ZERO, format_figure
from trademon.core.pnl import Book, Booked, fold

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
THIRD = "0." + "3" * 30


# --- the vocabulary -----------------------------------------------------------------------------------------------


def fill(words: str, n: int = 1) -> Fill:
    """`sell 0.9 @ 110 fee 0.1 BTC fee -0.01 USDT id 9 at 1000` as a fill."""
    side, quantity, _, price, *rest = words.replace(",", "").split()
    fees, trade_id, ms = [], str(n), n * 1000
    words_left = iter(rest)
    for word in words_left:
        if word == "fee":
            fees.append(Fee(Decimal(next(words_left)), next(words_left)))
        elif word == "id":
            trade_id = next(words_left)
        else:
            assert word == "at"
            ms = int(next(words_left))
    return Fill(
        trade_id=trade_id,
        symbol="BTC/USDT",
        base="BTC",
        quote="USDT",
        side="buy" if side == "buy" else "sell",
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=TEN + timedelta(milliseconds=ms),
        fees=tuple(fees),
    )


@dataclass
class Told:
    """A folded book, and its figures as one line."""

    book: Book
    booked: list[Booked]

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.realised, self.held, self.unmatched, self.unvalued)))

    @property
    def realised(self) -> str:
        tally = self.book.tally
        with localcontext(EXACT):
            return realised(tally.gross, tally.fees)

    @property
    def held(self) -> str:
        lots = self.book.open_lots
        if not lots:
            return "flat"
        with localcontext(EXACT):
            cost, fees = sum((lot.cost for lot in lots), ZERO), sum((lot.fees for lot in lots), ZERO)
        how = "long" if self.book.open_quantity > 0 else "short"
        carried = f" fees {format_figure(fees)}" if fees else ""
        return f"{how} {format_figure(abs(self.book.open_quantity))} for {format_figure(cost)}{carried}"

    @property
    def unmatched(self) -> str:
        tally = self.book.tally
        if not tally.unmatched_quantity:
            return ""
        fees = f" fees {format_figure(tally.unmatched_fees)}" if tally.unmatched_fees else ""
        return (
            f"unmatched {format_figure(tally.unmatched_quantity)} for {format_figure(tally.unmatched_proceeds)}{fees}"
        )

    @property
    def unvalued(self) -> str:
        coins = sorted(self.book.tally.unvalued.items())
        return ", ".join(f"unvalued {format_figure(amount)} {coin}" for coin, amount in coins)

    @property
    def last(self) -> str:
        """What the last fill realised, lot by lot."""
        disposal = self.booked[-1].disposal
        if disposal is None:
            return ""
        with localcontext(EXACT):
            return ", ".join(
                f"{format_figure(p.quantity)} of {p.lot_fill_id}: {realised(p.gross, p.fees)}" for p in disposal.parts
            )


def realised(gross: Decimal, fees: Decimal) -> str:
    return f"gross {format_figure(gross)}, fees {format_figure(fees)}, net {format_figure(gross - fees)}"


def book(method: Method, *lines: str, signed: bool = False) -> Told:
    """Fold the lines as trademon does: sorted by `fill_order`, numbered from 1 as they were written."""
    fills = [(n, fill(line, n)) for n, line in enumerate(lines, start=1)]
    account = Book(method, signed)
    return Told(account, list(fold(account, sorted(fills, key=lambda entry: fill_order(entry[1])))))


def spot(*lines: str) -> str:
    return str(book("fifo", *lines))


def swap(*lines: str) -> str:
    return str(book("fifo", *lines, signed=True))


# --- the founding case --------------------------------------------------------------------------------------------

FOUNDING = ("buy 0.001 @ 45,000", "buy 0.002 @ 46,000", "sell 0.0015 @ 47,000")


@pytest.mark.parametrize(
    ("method", "gross", "left"),
    [
        ("fifo", "2.5", "long 0.0015 for 69"),  # 0.001 x 2,000 + 0.0005 x 1,000
        ("lifo", "1.5", "long 0.0015 for 68"),  # 0.0015 x 1,000
        ("hifo", "1.5", "long 0.0015 for 68"),  # the dearest is the newest here
        ("average", "2", "long 0.0015 for 68.5"),  # 70.5 - half of (45 + 92)
    ],
)
def test_the_founding_case(method: Method, gross: str, left: str):
    """Two buys and a sale that closes one and a half of them: 2.50 by fifo, 2.00 by average."""
    assert str(book(method, *FOUNDING)) == f"gross {gross}, fees 0, net {gross}; {left}"


def test_nothing_traded_is_nothing_earned():
    """A book without fills has figures, all of them zero."""
    assert spot() == "gross 0, fees 0, net 0; flat"


def test_a_buy_alone_earns_nothing():
    """The fee of a buy waits in its lot."""
    assert spot("buy 1 @ 100 fee 0.1 USDT") == "gross 0, fees 0, net 0; long 1 for 100 fees 0.1"


# --- fees ---------------------------------------------------------------------------------------------------------


def test_a_quote_fee_stands_beside_the_gross():
    """Price difference 10; both fees count once the lot is closed."""
    assert spot("buy 1 @ 100 fee 0.1 USDT", "sell 1 @ 110 fee 0.11 USDT") == "gross 10, fees 0.21, net 9.79; flat"


def test_a_base_fee_on_a_buy_lowers_what_is_received():
    """0.99 BTC arrive; the missing 0.01 is a fee of 1 USDT; 108.9 in and 100 out are 8.9."""
    bought = "buy 1 @ 100 fee 0.01 BTC"
    assert spot(bought) == "gross 0, fees 0, net 0; long 0.99 for 99 fees 1"
    assert spot(bought, "sell 0.99 @ 110") == "gross 9.9, fees 1, net 8.9; flat"


def test_a_base_fee_on_a_sell_raises_what_is_given():
    """1 BTC leaves for 0.9 sold: gross 10 on all of it, and the 0.1 is a fee of 11; 99 in and 100 out are -1."""
    assert spot("buy 1 @ 100", "sell 0.9 @ 110 fee 0.1 BTC") == "gross 10, fees 11, net -1; flat"


def test_a_third_coin_fee_is_listed_and_in_no_figure():
    """What a BNB was worth is not known here: it is unvalued, not zero and not guessed."""
    assert spot("buy 1 @ 2,000 fee 0.002 BNB", "sell 1 @ 2,100 fee 0.001 BNB") == (
        "gross 100, fees 0, net 100; flat; unvalued 0.003 BNB"
    )


def test_unvalued_fees_of_different_coins_are_not_added_up():
    """Each coin has its own sum."""
    assert spot("buy 1 @ 10 fee 1 BNB fee 2 KCS", "buy 1 @ 10 fee 3 BNB") == (
        "gross 0, fees 0, net 0; long 2 for 20; unvalued 4 BNB, unvalued 2 KCS"
    )


def test_several_fees_on_one_fill_each_count_their_own_way():
    """Quote, base and third coin at once: 1 + 0.1 x 100 = 11 carried, 0.9 held, the BNB listed."""
    assert spot("buy 1 @ 100 fee 1 USDT fee 0.1 BTC fee 0.5 BNB") == (
        "gross 0, fees 0, net 0; long 0.9 for 90 fees 11; unvalued 0.5 BNB"
    )


def test_two_fees_in_one_currency_are_their_sum():
    """An exchange may charge a fee and give a rebate on the same fill."""
    assert spot("buy 1 @ 100 fee 1 USDT fee -0.4 USDT", "sell 1 @ 100") == "gross 0, fees 0.6, net -0.6; flat"


def test_a_rebate_is_a_negative_fee():
    """A maker who is paid earns more than the price difference."""
    assert spot("buy 1 @ 100 fee -0.02 USDT", "sell 1 @ 110 fee -0.02 USDT") == "gross 10, fees -0.04, net 10.04; flat"


def test_a_rebate_in_base_adds_to_what_is_received():
    """1.01 BTC arrive for 100 USDT: the hundredth is a rebate of 1."""
    assert spot("buy 1 @ 100 fee -0.01 BTC", "sell 1.01 @ 100") == "gross 0, fees -1, net 1; flat"


def test_a_fee_of_zero_is_no_fee_in_any_coin():
    """Nothing is listed as unvalued for nothing."""
    assert spot("buy 1 @ 100 fee 0 BNB fee 0 USDT fee 0.000 BTC") == "gross 0, fees 0, net 0; long 1 for 100"


def test_a_base_fee_as_large_as_the_buy_leaves_only_the_fee():
    """All that was bought went to the exchange: no lot, 100 spent."""
    assert spot("buy 1 @ 100 fee 1 BTC") == "gross 0, fees 100, net -100; flat"


def test_a_base_fee_larger_than_the_buy_takes_from_the_lots():
    """Buy 1, pay 1.5 BTC: half a BTC of an older lot goes too. -90 - 100 = net - 45 that is still held."""
    told = book("fifo", "buy 1 @ 90", "buy 1 @ 100 fee 1.5 BTC")
    assert str(told) == "gross 5, fees 150, net -145; long 0.5 for 45"
    assert told.last == "0.5 of 1: gross 5, fees 150, net -145"


def test_a_base_fee_larger_than_the_buy_without_lots_is_unmatched():
    """On spot, half a BTC that nobody is known to have bought went to the exchange."""
    assert spot("buy 1 @ 100 fee 1.5 BTC") == "gross 0, fees 0, net 0; flat; unmatched 0.5 for 50 fees 150"


def test_a_base_rebate_larger_than_the_sale_opens_a_lot():
    """Sell 1, be given 1.5 BTC: half a BTC is held, and 100 USDT came in beside it."""
    assert spot("sell 1 @ 100 fee -1.5 BTC") == "gross 0, fees 0, net 0; long 0.5 for 50 fees -150"


def test_a_gift_has_a_price_of_zero_and_all_of_the_sale_is_gain():
    """An acquisition for nothing is known to have cost nothing, which is not the same as unknown."""
    assert spot("buy 1 @ 0", "sell 1 @ 100 fee 0.1 USDT") == "gross 100, fees 0.1, net 99.9; flat"


def test_a_base_fee_at_a_price_of_zero_costs_nothing():
    """It still lowers the quantity."""
    assert spot("buy 1 @ 0 fee 0.5 BTC", "sell 0.5 @ 10") == "gross 5, fees 0, net 5; flat"


# --- parts of lots ------------------------------------------------------------------------------------------------


def test_a_partial_sale_takes_its_share_of_the_buying_fee():
    """A third of the lot takes a third of the fee of 1 and the whole selling fee; two thirds stay."""
    told = book("fifo", "buy 3 @ 10 fee 1 USDT", "sell 1 @ 12 fee 0.5 USDT")
    assert told.realised == "gross 2, fees 0.8" + "3" * 29 + ", net 1.1" + "6" * 28 + "7"
    assert told.held == "long 2 for 20 fees 0." + "6" * 29 + "7"


def test_thirds_leave_nothing_behind_once_the_lot_is_closed():
    """The last part takes the remainder: gross 6, fees 1 + 0.5, not a digit more."""
    assert spot("buy 3 @ 10 fee 1 USDT", "sell 1 @ 12 fee 0.5 USDT", "sell 1 @ 12", "sell 1 @ 12") == (
        "gross 6, fees 1.5, net 4.5; flat"
    )


def test_a_sale_over_several_lots_shares_its_fee_between_them():
    """A fee of 0.4 over 1 and 3: a quarter and three quarters, each beside its own lot's fee."""
    told = book("fifo", "buy 1 @ 10 fee 1 USDT", "buy 3 @ 11", "sell 4 @ 12 fee 0.4 USDT")
    assert told.last == "1 of 1: gross 2, fees 1.1, net 0.9, 3 of 2: gross 3, fees 0.3, net 2.7"
    assert str(told) == "gross 5, fees 1.4, net 3.6; flat"


def test_a_fee_over_three_lots_has_three_parts_that_add_up():
    """A third, a third, and what is left of the selling fee: 1 altogether, to the last digit."""
    told = book("fifo", "buy 1 @ 10", "buy 1 @ 11", "buy 1 @ 12", "sell 3 @ 12 fee 1 USDT")
    disposal = told.booked[-1].disposal
    assert disposal is not None
    with localcontext(EXACT):
        assert sum((part.fees for part in disposal.parts), ZERO) == disposal.fees == 1
    assert [format_figure(part.fees) for part in disposal.parts] == [THIRD] * 3


def test_average_forgets_what_was_sold():
    """Net 5, then 1. An average over all purchases ever made would set 31 against 20 and say 11."""
    rounds = ("buy 1 @ 10", "sell 1 @ 15", "buy 1 @ 30", "sell 1 @ 31")
    assert book("average", *rounds[:2]).realised == "gross 5, fees 0, net 5"
    assert str(book("average", *rounds)) == "gross 6, fees 0, net 6; flat"
    assert book("average", *rounds).last == "1 of 3: gross 1, fees 0, net 1"


def test_average_pools_the_fees_as_well():
    """Fees of 1 and 2 over 4 held: a sale of one takes 0.75."""
    assert str(book("average", "buy 1 @ 10 fee 1 USDT", "buy 3 @ 10 fee 2 USDT", "sell 1 @ 12")) == (
        "gross 2, fees 0.75, net 1.25; long 3 for 30 fees 2.25"
    )


def test_average_over_thirds_balances_to_the_last_digit():
    """A pool of 10 over 3 is cut three times and comes out even."""
    assert str(book("average", "buy 1 @ 3", "buy 2 @ 3.5", "sell 1 @ 4", "sell 1 @ 4", "sell 1 @ 4")) == (
        "gross 2, fees 0, net 2; flat"
    )


# --- more sold than held ------------------------------------------------------------------------------------------


def test_what_is_sold_beyond_the_lots_of_a_spot_book_is_unmatched():
    """Gross 50 on the one that was held; the other has proceeds and no known cost, and is in no figure."""
    assert spot("buy 1 @ 100", "sell 2 @ 150") == "gross 50, fees 0, net 50; flat; unmatched 1 for 150"


@pytest.mark.parametrize("method", METHODS)
def test_a_sale_without_any_lot_is_wholly_unmatched(method: Method):
    """No method invents a cost, and the fee goes where the sale goes."""
    assert str(book(method, "sell 2 @ 150 fee 0.3 USDT")) == (
        "gross 0, fees 0, net 0; flat; unmatched 2 for 300 fees 0.3"
    )


def test_the_fee_of_a_sale_is_shared_between_what_matched_and_what_did_not():
    """Half of the sale met a lot, so half of its fee counts."""
    assert spot("buy 1 @ 100", "sell 2 @ 150 fee 0.3 USDT") == (
        "gross 50, fees 0.15, net 49.85; flat; unmatched 1 for 150 fees 0.15"
    )


def test_a_buy_after_an_unmatched_sale_does_not_pay_for_it():
    """The unmatched one is not a short: the later lot is whole."""
    assert spot("sell 1 @ 150", "buy 1 @ 100") == "gross 0, fees 0, net 0; long 1 for 100; unmatched 1 for 150"


# --- short --------------------------------------------------------------------------------------------------------


def test_a_signed_book_may_go_short():
    """Sold at 110 and bought back at 100."""
    assert swap("sell 2 @ 110 fee 0.2 USDT") == "gross 0, fees 0, net 0; short 2 for 220 fees 0.2"
    assert swap("sell 2 @ 110 fee 0.2 USDT", "buy 2 @ 100 fee 0.2 USDT") == "gross 20, fees 0.4, net 19.6; flat"


def test_a_short_loses_when_the_price_rises():
    """The sign of the difference turns with the side."""
    assert swap("sell 1 @ 100", "buy 1 @ 130") == "gross -30, fees 0, net -30; flat"


def test_a_flip_closes_and_opens_in_one_fill():
    """Long 1, sell 3: closes 1 with a third of the fee, opens short 2 that carries the rest."""
    told = book("fifo", "buy 1 @ 100", "sell 3 @ 110 fee 0.3 USDT", signed=True)
    assert str(told) == "gross 10, fees 0.1, net 9.9; short 2 for 220 fees 0.2"
    assert told.booked[-1].opened is not None


def test_a_flip_from_short_to_long():
    """And the other way round, through several lots."""
    assert swap("sell 1 @ 100", "sell 1 @ 90", "buy 3 @ 80 fee 0.3 USDT") == (
        "gross 30, fees 0.2, net 29.8; long 1 for 80 fees 0.1"
    )


def test_hifo_on_a_short_book_takes_the_highest_price_first():
    """The rule is the price, on either side."""
    assert str(book("hifo", "sell 1 @ 90", "sell 1 @ 100", "buy 1 @ 80", signed=True)) == (
        "gross 20, fees 0, net 20; short 1 for 90"
    )


def test_an_average_short_is_a_pool_too():
    """Two sales at 90 and 110 are two at 100."""
    assert str(book("average", "sell 1 @ 90", "sell 1 @ 110", "buy 1 @ 95", signed=True)) == (
        "gross 5, fees 0, net 5; short 1 for 100"
    )


def test_a_base_fee_on_a_short_sale_deepens_the_short():
    """Sold 1 and owed 0.1 more: short 1.1."""
    assert swap("sell 1 @ 100 fee 0.1 BTC") == "gross 0, fees 0, net 0; short 1.1 for 110 fees 10"


def test_a_base_fee_on_a_buy_that_covers_leaves_a_little_short():
    """Of 1 bought back only 0.9 arrives."""
    assert swap("sell 1 @ 100", "buy 1 @ 90 fee 0.1 BTC") == "gross 9, fees 9, net 0; short 0.1 for 10"


# --- order --------------------------------------------------------------------------------------------------------


def test_fills_of_one_millisecond_are_booked_by_number():
    """Trade 9 was before trade 10, so fifo sells the lot at 100 first."""
    for lines in itertools.permutations(["buy 1 @ 100 id 9 at 0", "buy 1 @ 200 id 10 at 0", "sell 1 @ 300 id 11 at 0"]):
        assert book("fifo", *lines).realised == "gross 200, fees 0, net 200"
        assert book("lifo", *lines).realised == "gross 100, fees 0, net 100"


def test_a_late_fill_gives_the_same_figures_as_one_in_time():
    """The result is a function of the set of fills, not of the order in which they became known."""
    lines = [
        "buy 1 @ 100 at 1 id 1",
        "buy 2 @ 120 fee 0.1 BTC at 2 id 2",
        "sell 2 @ 130 at 3 id 3",
        "buy 1 @ 9 at 4 id 4",
    ]
    for method in METHODS:
        assert len({str(book(method, *known)) for known in itertools.permutations(lines)}) == 1


# --- how it is told, and exactness --------------------------------------------------------------------------------


def test_each_fill_tells_what_it_did():
    """Opening, closing and unmatched are apart, each with the store's id of the fill."""
    bought, sold = book("fifo", "buy 1 @ 100", "sell 2 @ 150").booked
    assert bought.opened is not None
    assert (bought.opened.fill_id, bought.disposal, bought.unmatched) == (1, None, None)
    assert sold.opened is None
    assert sold.disposal is not None
    assert sold.unmatched is not None
    assert (sold.disposal.fill_id, sold.unmatched.fill_id) == (2, 2)
    assert (sold.disposal.proceeds, sold.disposal.quantity) == (150, 1)
    assert sold.disposal.executed_at == sold.fill.executed_at


def test_the_tally_counts_fills_and_disposals():
    """A buy is no disposal, and neither is a sale that met no lot."""
    tally = book("fifo", "buy 1 @ 100", "sell 1 @ 110", "sell 1 @ 110").book.tally
    assert (tally.fills, tally.disposals) == (3, 1)


def test_open_cost_includes_the_fees_carried():
    """99 for the coins and 1 for the fee."""
    assert book("fifo", "buy 1 @ 100 fee 0.01 BTC").book.open_cost == 100


def test_dust_beside_a_fortune():
    """1e-18 BTC and 1e15 BTC in one book, at prices of twelve decimals: not a digit is lost."""
    told = book(
        "fifo",
        "buy 1e15 @ 0.000000000001",
        "buy 1e-18 @ 123456.789012345678",
        "sell 1e15 @ 0.000000000003",
        "sell 1e-18 @ 123456.789012345679",
    )
    assert (
        str(told) == "gross 2000.000000000000000000000000000001, fees 0, net 2000.000000000000000000000000000001; flat"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("signed", [False, True])
def test_no_float_takes_part_in_a_fold(method: Method, signed: bool):
    """Under a context that raises on every float and every rounding, the fold runs through."""
    lines = ["buy 3 @ 10 fee 1 USDT", "sell 1 @ 12 fee 0.1 BTC", "buy 7 @ 11 fee 0.01 BNB", "sell 11 @ 13 fee -1 USDT"]
    with localcontext(Context(prec=28, traps=[FloatOperation, Inexact])):
        told = book(method, *lines, signed=signed)
        figures = [told.book.tally.gross, told.book.tally.fees, told.book.open_cost]
    assert all(type(figure) is Decimal for figure in figures)


def test_the_fold_does_not_leave_its_context_behind_between_fills():
    """It is a generator: whoever consumes it keeps their own context."""
    with localcontext(Context(prec=28)) as mine:
        before = str(mine)
        account = Book("fifo")
        for _ in fold(account, [(1, fill("buy 3 @ 10 fee 1 USDT", 1)), (2, fill("sell 1 @ 12", 2))]):
            with localcontext() as now:
                assert str(now) == before


def test_a_book_stopped_and_brought_back_goes_on_as_if_nothing_had_happened():
    """The open lots, oldest first, are all it needs."""
    lines = ["buy 1 @ 100 fee 0.1 USDT", "buy 2 @ 90", "sell 1.5 @ 95", "buy 1 @ 120", "sell 2 @ 110 fee 0.01 BTC"]
    for method in METHODS:
        whole, first = book(method, *lines), book(method, *lines[:3])
        second = Book(method, restored=first.book.open_lots, tally=first.book.tally)
        for _ in fold(second, [(n, fill(lines[n - 1], n)) for n in (4, 5)]):
            pass
        assert str(Told(second, [])) == str(whole)


# --- found wanting ------------------------------------------------------------------------------------------------


def test_a_book_of_many_digits_is_brought_back_exactly():
    """The sum of the restored lots has 29 digits; rounded to 28 it is more than the lots hold."""
    first = book("fifo", "buy 1e15 @ 1", "buy 0.00000000000070000 @ 1").book
    second = Book("fifo", restored=first.open_lots)
    booked = list(fold(second, [(3, fill("sell 2e15 @ 1", 3))]))
    assert booked[0].disposal is not None
    assert booked[0].disposal.quantity == first.open_quantity


def test_a_short_position_of_many_digits_is_told_exactly():
    """`open_quantity` of a short is the lots' quantity with a minus, to the last digit."""
    account = book("fifo", "sell 1e15 @ 1", "sell 1e-18 @ 1", signed=True).book
    assert format_figure(account.open_quantity) == "-1000000000000000.000000000000000001"


def test_the_net_of_a_disposal_is_exact_whatever_the_context():
    """A third of a fee has more digits than Python's own context keeps."""
    disposal = book("fifo", "buy 3 @ 10 fee 1 USDT", "sell 1 @ 12").booked[-1].disposal
    assert disposal is not None
    with localcontext(EXACT):
        net = disposal.gross - disposal.fees
    assert disposal.net == net


def test_a_buy_eaten_up_by_its_fee_tells_of_the_fee():
    """A roll-up by day is made of what each fill did: the sum over `Booked` must be the tally."""
    told = book("fifo", "buy 1 @ 100 fee 1 BTC")
    fees = [part.fees for b in told.booked for part in (b.disposal, b.unmatched, b.opened) if part is not None]
    fees += [b.loose_fees for b in told.booked]
    assert sum(fees, ZERO) == told.book.tally.fees == 100


# --- one position side ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("only", ["long", "short"])
def test_a_book_of_one_position_side_never_opens_the_other(method, only):
    """What closes more than is known is unmatched, in the direction its money went; what comes after opens anew."""
    opens, closes, sign = ("buy", "sell", 1) if only == "long" else ("sell", "buy", -1)
    contract = Contract("USDT")
    history = [
        replace(fill(f"{opens} 1 @ 100", 1), contract=contract),
        replace(fill(f"{closes} 3 @ 110 fee 0.3 USDT", 2), contract=contract),
        replace(fill(f"{opens} 2 @ 120", 3), contract=contract),
    ]
    book = Book(method, signed=True, only=only)
    done = list(fold(book, enumerate(history, start=1)))
    assert book.tally.gross == sign * 10
    assert (book.tally.unmatched_quantity, book.tally.unmatched_proceeds) == (2, sign * 220)
    assert (book.tally.fees, book.tally.unmatched_fees) == (Decimal("0.1"), Decimal("0.2"))
    assert done[1].unmatched is not None
    assert done[1].unmatched.proceeds == sign * 220
    assert book.side == opens
    assert book.open_quantity == sign * 2
    assert book.open_cost == 240


@pytest.mark.parametrize("only", ["long", "short"])
def test_an_inverse_contract_of_one_side_leaves_nothing_by_its_price(only):
    """Its price is below zero inside the fold, which in a spot book stands for coins that leave."""
    opens, closes = ("buy", "sell") if only == "long" else ("sell", "buy")
    contract = Contract("BTC", inverse=True)
    history = [
        replace(fill(f"{opens} 1000 @ 1000", 1), contract=contract),
        replace(fill(f"{closes} 3000 @ 1250", 2), contract=contract),
    ]
    book = Book("fifo", signed=True, only=only)
    list(fold(book, enumerate(history, start=1)))
    assert abs(book.tally.gross) == Decimal("0.2")
    assert (book.tally.unmatched_quantity, book.open_quantity) == (2000, 0)
