"""Saxo's executions: pieces, corrections, what the daily reports add, and instruments as a person names them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.exchanges.helpers import Handler, collect_until, ids_of
from tests.exchanges.saxo_bank import (
    AAPL,
    ES,
    EURUSD,
    NOW,
    Bank,
    activity,
    ago,
    booking,
    details,
    fills_of,
    open_saxo,
    pages_of,
    trade,
)
from trademon.core.coverage import Span, union
from trademon.core.model import Balance, Contract, Fee, KeyRights
from trademon.errors import BadAnswer, NetworkError
from trademon.exchanges.base import FillPage
from trademon.exchanges.saxo import Saxo
from trademon.exchanges.saxo_activities import FROM_AUDIT, FROM_REPORT, WITH_COSTS
from trademon.exchanges.saxo_instruments import parse_instrument

Open = Callable[[Bank], Awaitable[Saxo]]


@pytest.fixture
def start(session: aiohttp.ClientSession, serve: Callable[[Handler], Awaitable[str]]) -> Open:
    """A bank to the adapter that asks it."""
    return lambda bank: open_saxo(session, serve, bank)


def facts(fills: Any) -> list[tuple[Any, ...]]:
    return [(f.trade_id, f.side, f.quantity, f.price) for f in fills]


# --- the audit ------------------------------------------------------------------------------------------------------


async def test_a_partly_filled_order_is_its_pieces_and_a_last_fill_is_no_whole(start: Open) -> None:
    """Each entry's own amount and price; steps that execute nothing are none; the cumulative amount is not counted."""
    at = ago(hours=2)
    bank = Bank(
        activities=[
            activity(1, at, "Placed", Amount=100),
            activity(2, at, "Working", Amount=100),
            activity(3, at, "Fill", FillAmount=30, FilledAmount=30, ExecutionPrice=99.5, PositionId="p1"),
            activity(4, at, "Fill", FillAmount=20.5, FilledAmount=50.5, ExecutionPrice=99.6, PositionId="p2"),
            activity(5, at, "DoneForDay", FilledAmount=50.5),
            activity(6, at, "FinalFill", FillAmount=49.5, FilledAmount=100, ExecutionPrice=99.7, PositionId="p3"),
        ]
    )
    fills = await fills_of(await start(bank))
    assert facts(fills) == [
        ("3", "buy", Decimal(30), Decimal("99.5")),
        ("4", "buy", Decimal("20.5"), Decimal("99.6")),
        ("6", "buy", Decimal("49.5"), Decimal("99.7")),
    ]
    assert {(f.order_id, f.order_type, f.symbol, f.quote, f.executed_at) for f in fills} == {
        ("1000", "market", "AAPL:xnas", "USD", at)
    }
    assert [(f.fees, f.revision) for f in fills] == [((), FROM_AUDIT)] * 3  # what they cost is not told yet


async def test_an_order_that_was_cancelled_in_part_keeps_what_it_executed(start: Open) -> None:
    """Its end is no execution."""
    at = ago(hours=2)
    bank = Bank(
        activities=[
            activity(1, at, "Placed"),
            activity(2, at, "Fill", FillAmount=4, FilledAmount=4, BuySell="Sell"),
            activity(3, at, "Cancelled", FilledAmount=4),
        ]
    )
    assert facts(await fills_of(await start(bank))) == [("2", "sell", Decimal(4), Decimal(100))]


async def test_a_correction_takes_the_place_of_what_it_corrects(start: Open) -> None:
    """An entry that fills again what was filled keeps the first one's id and time: one execution, not two."""
    at = ago(hours=2)
    bank = Bank(
        activities=[
            activity(1, at, "Placed"),
            activity(2, at, "Fill", FillAmount=6, FilledAmount=6, PositionId="p1"),
            activity(3, at, "FinalFill", FillAmount=4, FilledAmount=10, PositionId="p2"),
            activity(4, ago(minutes=3), "FinalFill", FillAmount=6, FilledAmount=10, PositionId="p1", ExecutionPrice=98),
        ]
    )
    saxo = await start(bank)
    assert facts(await fills_of(saxo)) == [
        ("2", "buy", Decimal(6), Decimal(98)),
        ("3", "buy", Decimal(4), Decimal(100)),
    ]
    # A look at the last minutes alone brings the corrected one, too, with the time it was executed at.
    recent = await fills_of(await start(bank), minutes=15)
    assert [(f.trade_id, f.price, f.executed_at) for f in recent] == [("2", Decimal(98), at)]


async def test_an_order_from_before_the_stretch_is_read_whole(start: Open) -> None:
    """Its newest entry may be a correction: here one is, and one is a piece that fills the rest. Once a pass."""
    bank = Bank(activities=[activity(1, ago(days=9), "Placed"), activity(2, ago(days=9)), activity(3, ago(hours=1))])
    saxo = await start(bank)
    assert facts(await fills_of(saxo)) == [("2", "buy", Decimal(10), Decimal(100))]
    await fills_of(saxo)
    assert len(bank.paths("orderactivities")) == 2
    later = activity(3, ago(hours=1), FillAmount=3, FilledAmount=13)
    bank = Bank(activities=[activity(1, ago(days=9), "Placed"), activity(2, ago(days=9), "Fill"), later])
    assert facts(await fills_of(await start(bank))) == [("3", "buy", Decimal(3), Decimal(100))]


async def test_what_is_taken_back_is_a_fill_of_the_other_side(start: Open) -> None:
    """An amount below zero."""
    bank = Bank(
        activities=[
            activity(1, ago(hours=2), "Placed"),
            activity(2, ago(hours=2)),
            activity(3, ago(hours=1), "Fill", FillAmount=-10, FilledAmount=0),
        ]
    )
    assert facts(await fills_of(await start(bank))) == [
        ("2", "buy", Decimal(10), Decimal(100)),
        ("3", "sell", Decimal(10), Decimal(100)),
    ]


async def test_an_entry_that_fills_nothing_new_and_corrects_nothing_is_not_believed(start: Open) -> None:
    """Neither is one number with two contents."""
    at = ago(hours=2)
    odd = [
        activity(1, at, "Placed"),
        activity(2, at, "Fill", FillAmount=3, FilledAmount=3),
        activity(3, at, "Fill", FillAmount=2, FilledAmount=5),
        activity(4, at, "Fill", FillAmount=4, FilledAmount=5, PositionId="other"),
    ]
    with pytest.raises(BadAnswer, match="fills nothing new"):
        await fills_of(await start(Bank(activities=odd)))
    with pytest.raises(BadAnswer, match="two contents"):
        await fills_of(await start(Bank(activities=[activity(2, at), activity(2, at, ExecutionPrice=101)])))


async def test_the_audit_is_read_once_for_all_instruments(start: Open) -> None:
    """What a pass asks of each symbol is served from what the first question brought."""
    fx = {"AssetType": "FxSpot", "Uic": 21, "OrderId": "7", "DisplayAndFormat": {"Currency": "USD", "Symbol": "EURUSD"}}
    bank = Bank(activities=[activity(1, ago(hours=2)), activity(2, ago(hours=1), **fx)])
    saxo = await start(bank)
    assert await saxo.fetch_traded_symbols(ago(days=3)) == {"211:Stock", "21:FxSpot"}
    asked = len(bank.paths("orderactivities"))
    assert [f.trade_id for f in await fills_of(saxo, days=2)] == ["1"]
    (currency,) = await fills_of(saxo, EURUSD, days=2)
    assert (currency.trade_id, currency.symbol, currency.contract) == ("2", "EUR/USD", Contract("USD"))
    whole = sum("OrderId" in query for query in bank.paths("orderactivities"))
    assert len(bank.paths("orderactivities")) == asked + whole


async def test_a_long_stretch_is_proved_in_parts_and_no_further_than_now(start: Open) -> None:
    """Two years at most, newest first; nothing is claimed of the future."""
    saxo = await start(Bank(activities=[activity(1, ago(days=700)), activity(2, ago(days=1), OrderId="2")]))
    span = Span(ago(days=900), NOW + timedelta(days=1))
    pages = [page async for page in saxo.fetch_fills(AAPL, span, anchor=None)]
    (covered,) = union(page.covered for page in pages)
    assert covered == Span(ago(days=730) + timedelta(minutes=1), NOW)
    assert len(pages) == 8
    assert [f.trade_id for page in pages for f in page.fills] == ["2", "1"]


async def test_pages_are_walked_at_the_place_that_was_asked(start: Open) -> None:
    """The address an answer names is not followed: a token goes nowhere else."""
    rows = [activity(n, ago(hours=5) + n * timedelta(seconds=1), OrderId=str(n)) for n in range(1, 40)]
    bank = Bank(activities=rows, largest_page=7)
    fills = await fills_of(await start(bank))
    assert [f.trade_id for f in fills] == [str(n) for n in range(1, 40)]


# --- the daily reports ----------------------------------------------------------------------------------------------


async def test_the_report_tells_what_a_fill_cost(start: Open) -> None:
    """By the bookings of its trade: fees, taxes, in their currency; a rebate is below zero. What is no cost is none."""
    bank = Bank(
        activities=[activity(1, ago(hours=30))],
        trades=[trade(1, ago(hours=30))],
        bookings=[
            booking(1, -4.5),
            booking(1, -0.5, BkAmountType="Exchange Fee", AmountClass="NotAssigned"),
            booking(1, -2, BkAmountType="Stamp Duty", Currency="GBP"),
            booking(1, -1000, BkAmountType="Share Amount", AmountClass="NotAssigned"),
            booking(9, -7),
        ],
    )
    (fill,) = await fills_of(await start(bank))
    assert (fill.trade_id, fill.revision) == ("1", WITH_COSTS)
    assert fill.fees == (Fee(Decimal("5.0"), "USD"), Fee(Decimal(2), "GBP"))


async def test_costs_that_are_booked_on_several_days_add_up_however_the_days_are_read(start: Open) -> None:
    """A stretch is read in parts, newest first, which overlap: what the newer one told of a trade stays, and what both
    tell counts once. Of a stretch that ended days ago bookings are read beyond its end."""
    at = ago(days=100)
    bank = Bank(
        activities=[activity(1, at)],
        trades=[trade(1, at)],
        bookings=[
            booking(1, -4.5, Date=f"{at + timedelta(days=late):%Y-%m-%d}", BkAmountType=f"Fee {late}")
            for late in (0, 1, 3)
        ],
    )
    whole = (Fee(Decimal("13.5"), "USD"),)
    for days in range(92, 104):  # so that the border between two parts lies at, before and behind each booking
        saxo = await start(bank)
        pages: list[FillPage] = []
        for span in (Span(ago(days=days), NOW), Span(ago(days=110), ago(days=days))):
            pages += [page async for page in saxo.fetch_fills(AAPL, span, anchor=None)]
        assert [fill.fees for page in pages for fill in page.fills] == [whole], days
    alone = [p async for p in (await start(bank)).fetch_fills(AAPL, Span(ago(days=110), ago(days=99)), anchor=None)]
    assert [fill.fees for page in alone for fill in page.fills] == [whole]


async def test_without_bookings_the_difference_tells_where_it_can(start: Open) -> None:
    """What was booked less what it was worth, of a share in the account's own currency; of others nothing is known."""
    refused = {"bookings": lambda: web.Response(status=403, text="{}", content_type="application/json")}
    bank = Bank(activities=[activity(1, ago(hours=30))], trades=[trade(1, ago(hours=30))], refusals=dict(refused))
    (fill,) = await fills_of(await start(bank))
    assert (fill.fees, fill.revision) == ((Fee(Decimal(5), "USD"),), WITH_COSTS)
    foreign = trade(1, ago(hours=30), AccountCurrency="DKK", BookedAmountAccountCurrency=-7000)
    bank = Bank(activities=[activity(1, ago(hours=30))], trades=[foreign], refusals=dict(refused))
    (fill,) = await fills_of(await start(bank))
    assert (fill.fees, fill.revision) == ((), FROM_REPORT)


async def test_a_trade_that_the_back_office_corrected_is_the_corrected_one(start: Open) -> None:
    """Found by its position, or by its order and amount where there is none."""
    for found_by in ({"PositionId": "77"}, {"PositionId": None}):
        bank = Bank(
            activities=[activity(1, ago(hours=30), **found_by)], trades=[trade(77, ago(hours=30), Price=101.25)]
        )
        (fill,) = await fills_of(await start(bank))
        assert facts([fill]) == [("1", "buy", Decimal(10), Decimal("101.25"))]
        assert fill.executed_at == ago(hours=30)


async def test_what_no_order_made_is_in_the_report_alone(start: Open) -> None:
    """A trade that was cancelled and made anew by the bank, a corporate action; of an order's trades none is added."""
    bank = Bank(
        activities=[activity(1, ago(hours=30))],
        trades=[
            trade(1, ago(hours=30)),
            trade(2, ago(hours=20), Amount=-10, OrderId=None, ToolId="11"),
            trade(3, ago(hours=20), Price=99, OrderId="0", ToolId="11"),
            trade(4, ago(hours=20), OrderId="555"),
        ],
    )
    assert facts(await fills_of(await start(bank))) == [
        ("1", "buy", Decimal(10), Decimal(100)),
        ("trade-2", "sell", Decimal(10), Decimal(100)),
        ("trade-3", "buy", Decimal(10), Decimal(99)),
    ]


async def test_a_short_look_does_not_ask_for_reports(start: Open) -> None:
    """They come once a day; who looks every few seconds asks for them once an hour."""
    bank = Bank(activities=[activity(1, ago(minutes=5))])
    await pages_of(await start(bank), minutes=15)
    assert bank.paths("/reports/") == []


async def test_a_report_that_is_not_to_be_had_holds_no_execution_up(start: Open) -> None:
    """One an app may not read leaves costs untold; one that makes no sense is said after the executions, once."""
    for status in (403, 404, 401):
        bank = Bank(activities=[activity(1, ago(hours=30))])
        bank.refusals["/reports/"] = lambda status=status: web.Response(status=status)
        (fill,) = await fills_of(await start(bank))
        assert fill.revision == FROM_AUDIT
    for body, kind in (('{"Data": [{}]}', BadAnswer), ("<html>", BadAnswer), ("", NetworkError)):
        bank = Bank(activities=[activity(1, ago(hours=30))])
        bank.refusals["/reports/"] = lambda body=body: web.Response(
            status=200 if body else 503, text=body, content_type="application/json"
        )
        saxo = await start(bank)
        seen = await collect_until(kind, saxo.fetch_fills(AAPL, Span(ago(days=3), NOW), anchor=None))
        assert ids_of(seen) == [1]
        assert [f.trade_id for f in await fills_of(saxo)] == ["1"]


# --- instruments and holdings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "symbol", "currency", "more", "shown", "base", "contract"),
    [
        ("Stock", "AAPL:xnas", "USD", {}, "AAPL:xnas", "AAPL:xnas", None),
        ("Etf", "VWCE:xetr", "EUR", {}, "VWCE:xetr", "VWCE:xetr", None),
        ("FxSpot", "EURUSD", "USD", {}, "EUR/USD", "EUR", Contract("USD")),
        ("FxForwards", "EURUSD", "USD", {}, "EUR/USD:forwards", "EUR", Contract("USD")),
        ("CfdOnStock", "AAPL:xnas", "USD", {}, "AAPL:xnas:cfd", "AAPL:xnas", Contract("USD")),
        ("CfdOnIndex", "GER40.I", "EUR", {"ContractSize": 1}, "GER40.I:cfd", "GER40.I", Contract("EUR")),
        ("ContractFutures", "ESM6:xcme", "USD", {"ContractSize": 50}, None, None, Contract("USD", Decimal(50))),
        ("StockOption", "AAPL/20M26C200:xcbf", "USD", {"ContractSize": 100}, None, None, Contract("USD", Decimal(100))),
        ("Bond", "", "EUR", {}, "Bond:9", "Bond:9", None),
    ],
)  # fmt: skip
def test_instruments_are_named_as_a_person_would(
    kind: str, symbol: str, currency: str, more: Any, shown: str | None, base: str | None, contract: Contract | None
) -> None:
    """What is bought for cash is held; what is on margin is a contract, and may be short."""
    found = parse_instrument(f"9:{kind}", details(9, kind, symbol, currency, **more), is_whole=True)
    market = found.market
    assert (market.symbol, market.base, market.quote) == (shown or symbol, base or symbol, currency)
    assert (market.exchange_symbol, market.contract) == (f"9:{kind}", contract)


def test_a_future_of_unknown_size_is_refused_and_prices_become_money() -> None:
    """A figure with a size that was guessed would be wrong by a factor of fifty."""
    with pytest.raises(BadAnswer, match="how much one"):
        parse_instrument("9:ContractFutures", details(9, "ContractFutures", "ES", "USD"), is_whole=True)
    pence = parse_instrument("9:Stock", details(9, "Stock", "VOD:xlon", "GBP", PriceToContractFactor=0), is_whole=True)
    assert pence.factor == 1
    told = parse_instrument(
        "9:Stock", details(9, "Stock", "VOD:xlon", "GBP", PriceToContractFactor=Decimal("0.01")), is_whole=True
    )
    assert told.factor == Decimal("0.01")
    assert parse_instrument("9:Bond", details(9, "Bond", "X", "EUR"), is_whole=True).factor == Decimal("0.01")


async def test_a_contract_that_has_ended_has_the_size_its_trades_were_worth(start: Open) -> None:
    """Saxo does not describe it any more; where no trade tells, it stays unknown and is named."""
    option = {"AssetType": "StockOption", "Uic": 998, "OrderId": "3"}
    display = {"Currency": "USD", "Symbol": "AAPL/20M26C200:xcbf"}
    done = activity(
        3, ago(days=40), FillAmount=2, FilledAmount=2, ExecutionPrice=1.35, DisplayAndFormat=display, **option
    )
    for value, size in ((-270, 100), (-271.4, None), (None, None)):
        bank = Bank(
            activities=[done],
            trades=[trade(3, ago(days=40), Amount=2, Price=1.35, TradedValue=value, **option)],
            bookings=[booking(3, -2.5)],
        )
        saxo = await start(bank)
        assert await saxo.fetch_traded_symbols(ago(days=60)) == {"998:StockOption"}
        if size is None:
            with pytest.raises(BadAnswer, match="empty"):
                await saxo.fetch_markets()
            continue
        (market,) = await saxo.fetch_markets()
        assert (market.symbol, market.contract) == (display["Symbol"], Contract("USD", Decimal(size)))
        (fill,) = await fills_of(saxo, market, days=60)
        assert (fill.quantity, fill.contract, fill.fees) == (
            Decimal(2),
            Contract("USD", Decimal(size)),
            (Fee(Decimal("2.5"), "USD"),),
        )


async def test_prices_in_pence_are_booked_in_pounds_and_futures_by_their_size(start: Open) -> None:
    """The price in the currency of the book; the amount counts contracts."""
    bank = Bank(
        activities=[
            activity(1, ago(hours=2), "Placed"),
            activity(2, ago(hours=2), ExecutionPrice=7250.5),
            activity(3, ago(hours=2), OrderId="2", AssetType="ContractFutures", Uic=700, FillAmount=2, FilledAmount=2),
        ],
        details=[
            details(211, "Stock", "VOD:xlon", "GBP", PriceToContractFactor=0.01),
            details(700, "ContractFutures", "ESM6:xcme", "USD", ContractSize=50),
        ],
    )
    saxo = await start(bank)
    assert [f.price for f in await fills_of(saxo)] == [Decimal("72.505")]
    (future,) = await fills_of(saxo, ES)
    assert (future.quantity, future.price, future.contract) == (Decimal(2), Decimal(100), Contract("USD", Decimal(50)))


async def test_markets_are_what_the_account_touches(start: Open) -> None:
    """Its positions, orders and executions; one that is gone is named by its rows, one without a size left out."""
    bank = Bank(
        activities=[
            activity(1, ago(hours=2)),
            activity(2, ago(hours=2), OrderId="2", Uic=999, DisplayAndFormat={"Currency": "DKK", "Symbol": "OLD:xcse"}),
            activity(3, ago(hours=2), OrderId="3", Uic=998, AssetType="StockOption"),
        ]
    )
    bank.answers["/port/v1/netpositions/me"] = [net_position(21, "FxSpot", "EURUSD", -1000)]
    saxo = await start(bank)
    await saxo.fetch_traded_symbols(ago(days=1))
    assert {(m.symbol, m.exchange_symbol) for m in await saxo.fetch_markets()} == {
        ("AAPL:xnas", "211:Stock"),
        ("OLD:xcse", "999:Stock"),
        ("EUR/USD", "21:FxSpot"),
    }


def net_position(uic: int, kind: str, symbol: str, amount: float, **view: Any) -> dict[str, Any]:
    return {
        "DisplayAndFormat": {"Currency": "USD", "Symbol": symbol},
        "NetPositionBase": {"Amount": amount, "AssetType": kind, "Uic": uic},
        "NetPositionId": f"{symbol}__{kind}",
        "NetPositionView": {"AverageOpenPrice": 1.1, "CurrentPrice": 1.2, "ProfitLossOnTrade": -3.5} | view,
    }


async def test_balances_are_the_cash_of_every_account_and_the_shares(start: Open) -> None:
    """Accounts in one currency are one; what is on margin is not held; blocked cash is locked."""
    bank = Bank()
    bank.answers["/port/v1/accounts/me"] = [{"AccountKey": f"a/{n}", "Currency": "x"} for n in range(3)]
    cash = iter([("EUR", 100.25, 0), ("USD", 10, -4), ("EUR", 0.75, 0)])

    def balance() -> web.Response:
        currency, total, blocked = next(cash)
        return web.json_response({"Currency": currency, "CashBalance": total, "CashBlocked": blocked})

    bank.refusals["/port/v1/balances"] = balance
    bank.answers["/port/v1/netpositions/me"] = [
        net_position(211, "Stock", "AAPL:xnas", 7),
        net_position(21, "FxSpot", "EURUSD", 100_000),
        net_position(212, "Stock", "GONE:xnas", 0),
    ]
    view = await (await start(bank)).fetch_account(with_uid=True)
    assert view.uid == "1"
    assert set(view.balances) == {
        Balance("EUR", Decimal("101.00"), Decimal(0)),
        Balance("USD", Decimal(6), Decimal(4)),
        Balance("AAPL:xnas", Decimal(7), Decimal(0)),
    }
    assert [q["AccountKey"] for q in bank.paths("/balances")] == ["a/0", "a/1", "a/2"]


async def test_positions_are_net_and_in_units(start: Open) -> None:
    """One that is closed is none; a future counts what its contracts stand for; without a price none is stated."""
    bank = Bank()
    bank.answers["/port/v1/netpositions/me"] = [
        net_position(21, "FxSpot", "EURUSD", -100_000),
        net_position(700, "ContractFutures", "ESM6:xcme", 2, CurrentPrice=0),
        net_position(211, "Stock", "AAPL:xnas", 0),
    ]
    short, future = await (await start(bank)).fetch_positions({"21:FxSpot": EURUSD})
    assert (short.symbol, short.side, short.quantity, short.currency) == ("EUR/USD", "short", Decimal(100_000), "USD")
    assert (short.entry_price, short.mark_price, short.unrealised) == (Decimal("1.1"), Decimal("1.2"), Decimal("-3.5"))
    assert (future.side, future.quantity, future.mark_price) == ("long", Decimal(100), None)


async def test_rights_are_the_persons_and_no_more_is_said_of_the_app(start: Open) -> None:
    """Whether money may be moved is known only where it may not."""
    for told, expected in (
        ({"CanTrade": True, "CanManageCashTransfers": True}, KeyRights(can_trade=True)),
        ({"CanTrade": False, "CanManageCashTransfers": False}, KeyRights(can_trade=False, can_withdraw=False)),
        ({}, KeyRights()),
    ):
        bank = Bank(answers={"/root/v1/user": {"AccessRights": told}})
        assert await (await start(bank)).fetch_rights() == expected
    assert await (await start(Bank(answers={"/root/v1/user": {}}))).fetch_rights() is None


async def test_candles_of_currencies_are_the_middle(start: Open) -> None:
    """And of shares the first price that was paid."""
    minute = timedelta(minutes=1)
    bank = Bank()
    bank.answers["/chart/v3/charts"] = {
        "Data": [
            {"Time": "2026-05-04T10:01:00.000000Z", "OpenBid": 1.1, "OpenAsk": 1.3},
            {"Time": "2026-05-04T10:00:00.000000Z", "OpenBid": 1.0, "OpenAsk": 1.2},
        ]
    }
    saxo = await start(bank)
    candles = await saxo.fetch_candles(EURUSD, ago(hours=2), 2, minute)
    assert [(c.opened_at, c.open) for c in candles] == [
        (ago(hours=2), Decimal("1.1")),
        (ago(minutes=119), Decimal("1.2")),
    ]
    assert bank.paths("/chart/")[0] == {
        "Uic": "21",
        "AssetType": "FxSpot",
        "Horizon": "1",
        "Mode": "From",
        "Time": "2026-05-04T10:00:00.000000Z",
        "Count": "2",
    }
    assert await saxo.fetch_candles(EURUSD, NOW + minute, 2, minute) == ()
