"""One suite for every adapter, as far as its capabilities go: the same world gives the same values."""

from __future__ import annotations

import asyncio
import inspect
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.contract.conftest import signed_in
from tests.exchanges.helpers import collect, collect_until, fills_of, ids_of, wall_clock
from tests.saxo import FixedTokens
from trademon.core.coverage import Span, union
from trademon.core.model import Balance, Credentials, Fee, Fill
from trademon.core.times import MILLISECOND
from trademon.demo import faults
from trademon.demo.model import WorldOrder
from trademon.errors import AuthError, BadAnswer, HostAskedToWait, NetworkError, Transient, UsageError
from trademon.exchanges import registry
from trademon.exchanges.base import Capabilities, Exchange


def present() -> datetime:
    """A whole second, a moment ago, so that what is scripted has happened."""
    return wall_clock().replace(microsecond=0)


def script(world: Any, card: Any, now: datetime) -> list[Fill]:
    """Four fills of every kind of fee, and what an adapter has to make of them."""

    def fill(
        trade_id: str, side: Any, quantity: str, price: str, at: datetime, fee: str, coin: str, **more: Any
    ) -> Fill:
        order_id, coin = str(10_000 + int(trade_id)), card.fee_coin(coin)
        more |= {"fee": fee, "fee_currency": coin, "trade_id": trade_id, "order_id": order_id}
        world.trade(side, card.pair, quantity, price, at, **more)
        told = {"is_maker": more.get("is_maker", False)} | card.told
        return Fill(
            trade_id=trade_id,
            symbol=card.market.symbol,
            base=card.market.base,
            quote=card.market.quote,
            contract=card.market.contract,
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(price),
            executed_at=at,
            fees=(Fee(Decimal(fee), coin),),
            order_id=order_id,
            **told,
        )

    in_base = "BTC" if card.has_coins else "USDT"
    return [
        fill("501", "buy", "0.5", "60000.12", now - timedelta(hours=30), "0.0005", in_base),
        fill("502", "sell", "0.1", "61000", now - timedelta(hours=20) + 7 * MILLISECOND, "6.1", "USDT"),
        fill("503", "sell", "0.1", "61000", now - timedelta(hours=20) + 7 * MILLISECOND, "0.01", card.own_coin),
        fill("504", "buy", "0.00000001", "59999.99", now - timedelta(seconds=5), "-0.00000001", "USDT", is_maker=True),
    ]


def as_told(fill: Fill) -> dict[str, Any]:
    """Every field an exchange can tell, but the raw row and the kind of order."""
    names = [n for n in Fill.__dataclass_fields__ if n not in ("raw", "order_type")]
    return {name: getattr(fill, name) for name in names}


async def read(exchange: Exchange, card: Any, span: Span, anchor: str | None = None) -> list[Fill]:
    fills = fills_of(await collect(exchange.fetch_fills(card.market, span, anchor=anchor)))
    return sorted(fills, key=lambda f: int(f.trade_id))


# --- what it says of itself -----------------------------------------------------------------------------------------


def test_it_has_everything_the_protocol_names(exchange):
    """Methods by name and parameters, and a capability table."""
    assert isinstance(exchange.capabilities, Capabilities)
    assert exchange.requests == 0
    for name, told in inspect.getmembers(Exchange, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(type(exchange), name)).parameters) == list(
                inspect.signature(told).parameters
            )


async def test_the_clock_is_measured(exchange, demo):
    """An offset of an hour is found, and every question is taken afterwards."""
    demo.clock_offset = timedelta(hours=-1)
    assert abs(await exchange.sync_clock() - demo.clock_offset) < timedelta(seconds=1.2)  # some tell whole seconds
    assert abs(exchange.now() - demo.now()) < timedelta(seconds=1.2)
    await exchange.fetch_account(with_uid=True)


async def test_requests_are_counted(exchange, demo, world, card):
    """Each one that was sent."""
    world.add_order(waiting("900", present(), Decimal(100), Decimal(2), card.pair))
    await exchange.sync_clock()
    await exchange.fetch_markets()
    await exchange.fetch_account(with_uid=True)
    await exchange.fetch_open_orders({})
    assert exchange.requests == len(demo.requests) >= 4
    assert exchange.has_budget()


# --- what an account holds ------------------------------------------------------------------------------------------


async def test_whose_account_it_is(exchange, card):
    """The uid is there when it is asked for."""
    assert (await exchange.fetch_account(with_uid=True)).uid == card.uid
    assert (await exchange.fetch_account(with_uid=False)).uid in (card.uid, None)


async def test_balances_are_totals_with_the_locked_part(exchange, world, card):
    """What an open order holds back is locked, where it is, and still owned; what is not held is not listed. A futures
    wallet is what it is without open gains."""
    now = present()
    if card.market.contract is not None:
        world.buy(card.pair, "1", "100", now, fee="0.5")
        world.buy(card.pair, "1", "300", now, fee="0")
        (held,) = (await exchange.fetch_account(with_uid=False)).balances
        assert (held.coin, held.total) == ("USDT", Decimal(1000))
        return
    world.deposits |= {"USDT": Decimal("1000.5"), "ETH": Decimal(0), "BTC": Decimal("0.12345678")}
    world.add_order(waiting("900", now, Decimal(100), Decimal(2), card.pair))
    balances = {b.coin: b for b in (await exchange.fetch_account(with_uid=False)).balances}
    locked = Decimal(200) if card.has_coins else Decimal(0)
    assert balances == {
        "USDT": Balance("USDT", Decimal("1000.5") - locked, locked),
        "BTC": Balance("BTC", Decimal("0.12345678"), Decimal(0)),
    }


def waiting(order_id: str, at: datetime, price: Decimal, quantity: Decimal, symbol: str) -> WorldOrder:
    return WorldOrder(order_id, f"c{order_id}", symbol, "buy", "LIMIT", price, quantity, at, at, "NEW")


async def test_open_orders_are_those_that_wait(exchange, world, card):
    """Over all symbols, with what is filled so far; ended ones are not among them."""
    now = present()
    world.add_order(waiting("901", now - timedelta(days=3), Decimal("59000.5"), Decimal("0.2"), card.pair))
    world.add_order(waiting("902", now, Decimal(3000), Decimal(1), "ETH/USDT"))
    world.buy(card.pair, "0.1", "60000", now)  # a market order, filled
    orders = {o.order_id: o for o in await exchange.fetch_open_orders({card.market.exchange_symbol: card.market})}
    assert orders.keys() == {"901", "902"}
    one = orders["901"]
    assert (one.symbol, one.side, one.order_type) == (card.market.symbol, "buy", "limit")
    assert (one.quantity, one.filled, one.price) == (Decimal("0.2"), Decimal(0), Decimal("59000.5"))
    assert one.created_at == now - timedelta(days=3)
    assert orders["902"].symbol == card.wire("ETH/USDT")  # not among the markets given


async def test_markets_tell_both_coins(exchange, world, card):
    """The shown symbol and the exchange's spelling; all that is listed, or what the account touches."""
    world.buy(card.pair, "1", "1", present() - timedelta(hours=1))
    await exchange.fetch_traded_symbols(present() - timedelta(days=1))
    markets = await exchange.fetch_markets()
    assert card.market in markets
    assert len({m.exchange_symbol for m in markets}) == len(markets)
    assert (len(markets) > 50) == exchange.capabilities.lists_all


async def test_an_exchange_that_lists_nothing_has_not_answered(make, serve, card):
    """No market at all, in a good answer: an error, so that the markets known before are kept."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(card.nothing)

    with pytest.raises(BadAnswer, match="empty"):
        await make(base_url=await serve(handler)).fetch_markets()


async def test_traded_symbols_are_named_where_orders_name_them(exchange, world, card):
    """An order that was cancelled without a fill counts; where it cannot be asked the answer is empty."""
    now = present()
    world.sell("ETH/USDT", "0.1", "3000", now - timedelta(days=30))
    world.buy(card.pair, "0.1", "60000", now - timedelta(days=2))
    since = now - timedelta(days=5)
    first, second = card.market.exchange_symbol, card.wire("ETH/USDT")
    expected = {first} if exchange.capabilities.orders_name_symbols else set()
    if exchange.capabilities.names_by_fills and exchange.capabilities.has_positions:
        expected |= {second}  # it is held
    assert await exchange.fetch_traded_symbols(since) == expected
    expected = {first, second} if exchange.capabilities.orders_name_symbols else set()
    assert await exchange.fetch_traded_symbols(now - timedelta(days=1000)) == expected


# --- fills ----------------------------------------------------------------------------------------------------------


async def test_the_same_world_gives_the_same_fills(exchange, world, card):
    """Side, quantity, price, fees as costs in their coin, time to the millisecond, ids and maker."""
    now = present()
    scripted = script(world, card, now)
    fills = await read(exchange, card, Span(now - timedelta(days=3), now))
    assert [as_told(fill) for fill in fills] == [as_told(fill) for fill in scripted]
    assert all(fill.raw.startswith("{") for fill in fills)


async def test_the_kind_of_order_is_to_be_had(exchange, world, card):
    """In the fill, or by asking for its order."""
    now = present()
    script(world, card, now)
    fills = await read(exchange, card, Span(now - timedelta(days=3), now))
    told = {fill.order_type for fill in fills}
    types = await exchange.fetch_order_types(card.market, [fill.order_id for fill in fills])
    if exchange.capabilities.fills_name_order_type:
        assert told == {"market"}
    elif card.tells_order_type:
        assert told == {"market"} or types == {fill.order_id: "market" for fill in fills}
    else:
        assert (told, types) == ({""}, {})


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1000, 1001, 1234])
async def test_each_fill_comes_once_over_pages(exchange, world, card, count):
    """Page borders of both sizes, five fills to a millisecond, and the whole span is proved."""
    now = present()
    for n in range(count):
        world.buy(card.pair, "0.001", "60000", now - timedelta(hours=3) + n // 5 * MILLISECOND, trade_id=str(1 + n))
    span = Span(now - timedelta(hours=20), now)
    pages = await collect(exchange.fetch_fills(card.market, span, anchor=None))
    assert ids_of(pages) == [*range(1, count + 1)]
    assert union(page.covered for page in pages) == (span,)


async def test_a_walk_goes_on_from_a_known_fill(exchange, world, card):
    """With an anchor, known or not, what lies in the span comes once; the one before it may, and is not proved."""
    now = present()
    script(world, card, now)
    span = Span(now - timedelta(hours=25), now)
    for anchor in ("501", "424242"):
        pages = await collect(exchange.fetch_fills(card.market, span, anchor=anchor))
        assert [i for i in ids_of(pages) if i != 501] == [502, 503, 504]
        assert ids_of(pages).count(501) <= 1
        assert union(page.covered for page in pages) == (span,)


async def test_a_span_in_the_past_has_its_own_fills(exchange, world, card):
    """Older and newer ones may come with them; none of its own is missing, and it is proved and no more than it."""
    now = present()
    script(world, card, now)
    span = Span(now - timedelta(hours=21), now - timedelta(hours=1))
    pages = await collect(exchange.fetch_fills(card.market, span, anchor=None))
    assert {"502", "503"} <= {f.trade_id for f in fills_of(pages)} <= {"501", "502", "503", "504"}
    assert union(page.covered for page in pages) == (span,)


async def test_what_has_not_happened_yet_is_not_claimed(exchange, world, card):
    """A span into the future is proved up to the question and no further."""
    now = present()
    world.buy(card.pair, "1", "1", now - timedelta(hours=1))
    pages = await collect(
        exchange.fetch_fills(card.market, Span(now - timedelta(days=1), now + timedelta(days=1)), anchor=None)
    )
    (covered,) = union(page.covered for page in pages)
    assert now <= covered.end <= wall_clock() + timedelta(seconds=1)


async def test_history_reaches_as_far_as_it_says(exchange, world, card):
    """A fill from just within the reach is found; where there is a limit, time beyond it is not claimed."""
    now = present()
    reach = exchange.capabilities.history
    world.buy(card.pair, "1", "1", now - (reach or timedelta(days=700)) + timedelta(hours=1), trade_id="1")
    span = Span(now - timedelta(days=800), now)
    pages = await collect(exchange.fetch_fills(card.market, span, anchor=None))
    assert ids_of(pages) == [1]
    (covered,) = union(page.covered for page in pages)
    if reach is None:
        assert covered == span
    else:
        assert abs(covered.start - (now - reach)) < timedelta(minutes=1)


# --- when things go wrong -------------------------------------------------------------------------------------------

BAD_BODIES = {
    "html": (faults.html_with_200(), BadAnswer),
    "null": (faults.null_body(), BadAnswer),
    "empty object": (faults.empty_object(), BadAnswer),
    "nothing": (faults.status(200), BadAnswer),
    "cut": (faults.cut_json(), BadAnswer),
    "redirect": (faults.redirect("http://127.0.0.1:1/"), BadAnswer),
    "unavailable": (faults.status(503), NetworkError),
    "reset": (faults.reset(), NetworkError),
    "hang": (faults.hang(), NetworkError),
    "nested": (faults.status(200, body="[" * 100_000), BadAnswer),
    "a list of nothing": (faults.status(200, body="[null]"), BadAnswer),
    "a number": (faults.status(200, body="7"), BadAnswer),
}


@pytest.mark.parametrize("bad", BAD_BODIES)
async def test_a_bad_answer_is_an_error_and_never_a_value(make, demo, world, card, bad):
    """Every question: no page, no balance, no list of orders comes of it; the next good answer is whole."""
    fault, kind = BAD_BODIES[bad]
    now = present()
    script(world, card, now)
    span = Span(now - timedelta(days=3), now)
    exchange = make(deadline_s=0.3 if bad == "hang" else 5.0)
    demo.faults.append(fault)
    for question in (
        exchange.sync_clock,
        exchange.fetch_markets,
        lambda: exchange.fetch_account(with_uid=True),
        lambda: exchange.fetch_open_orders({}),
        lambda: collect(exchange.fetch_fills(card.market, span, anchor=None)),
    ):
        with pytest.raises(kind) as caught:
            await question()
        assert isinstance(caught.value, Transient)
    demo.faults.clear()
    assert len(await read(exchange, card, span)) == 4


async def test_a_page_cut_in_the_middle_of_a_walk_keeps_what_was_proved(exchange, demo, world, card):
    """The pages before it are true; the walk ends in an error, so nothing is taken for complete."""
    now = present()
    for n in range(2600):
        world.buy(card.pair, "0.001", "60000", now - timedelta(hours=3) + n * MILLISECOND, trade_id=str(1 + n))
    span = Span(now - timedelta(hours=20), now)
    struck = 0

    async def third(request: Any) -> Any:
        nonlocal struck
        struck += card.fills_path in request.path
        return await faults.cut_json()(request) if struck == 4 else None

    demo.faults.append(third)
    pages = await collect_until(BadAnswer, exchange.fetch_fills(card.market, span, anchor=None))
    got = set(ids_of(pages))
    for covered in union(page.covered for page in pages):
        assert {int(e.trade_id) for e in world.executions(now) if covered.start <= e.executed_at < covered.end} <= got
    assert union(page.covered for page in pages) != (span,)


async def test_a_refused_key_is_for_a_person_to_mend(exchange, demo, card):
    """With a hint; before and after good answers."""
    await exchange.fetch_account(with_uid=False)
    demo.faults.append(card.refuse())
    with pytest.raises(AuthError) as caught:
        await exchange.fetch_account(with_uid=False)
    assert (caught.value.exit_code, caught.value.kind) == (4, "auth")
    assert caught.value.hint


@pytest.mark.parametrize("wrong", ["api_key", "api_secret", "password"])
async def test_each_wrong_credential_is_an_auth_error(make, name, card, wrong):
    """The exchange itself finds it, and its code is understood."""
    if wrong == "password" and not registry.needs_password(name):
        pytest.skip("this exchange has no passphrase")
    if wrong == "api_secret" and name in registry.NEEDS_NO_SECRET:
        pytest.skip("this exchange needs no secret")
    values = {field: getattr(card.key, field) for field in ("api_key", "api_secret", "password")} | {wrong: "wrong"}
    with pytest.raises(AuthError):
        await make(Credentials(**values)).fetch_account(with_uid=True)


@pytest.mark.parametrize("status", [429, 418])
async def test_too_many_requests_is_a_wait(exchange, demo, status):
    """Until the time that the exchange named."""
    demo.faults.append(faults.status(status, {"Retry-After": "7"}, "{}"))
    before = wall_clock()
    with pytest.raises(HostAskedToWait) as caught:
        await exchange.fetch_account(with_uid=False)
    assert before + timedelta(seconds=7) <= caught.value.until <= wall_clock() + timedelta(seconds=7)


async def test_closing_leaves_no_connection_open(kind, name, card, demo):
    """What was opened by a run is closed with it: the adapter, its client, the session and every connection."""
    async with registry.Connections(wall_clock) as connections:
        tokens = FixedTokens(signed_in(demo)) if name in registry.NEEDS_SIGN_IN else None
        exchange = connections.open(name, card.key, market=kind[1], base_url=demo.base_url, tokens=tokens)
        await exchange.sync_clock()
        await asyncio.gather(*(exchange.fetch_account(with_uid=False) for _ in range(3)))
        session = connections._session
        assert isinstance(session, aiohttp.ClientSession)
        connector = session.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        await exchange.close()
        assert not session.closed  # other accounts share it
    assert session.closed
    assert connector.closed
    assert not connector._conns


def test_every_adapter_is_in_this_suite():
    """An adapter that is registered and has no card here fails; and two of ccxt's without one of their own."""
    from tests.contract.conftest import CARDS

    assert CARDS.keys() >= registry._CLASSES.keys()
    assert {("okx", "spot"), ("kraken", "spot")} <= CARDS.keys() - registry._CLASSES.keys()
    assert not {name for name, _ in CARDS} & set(registry.WITHOUT_API)


async def test_an_account_without_an_api_says_what_it_takes():
    """`manual` can be of any market and asked nothing: files are brought in."""
    assert registry.markets_of("manual") == ("spot", "margin", "swap")
    assert registry.capabilities_of("manual") is None
    async with registry.Connections(wall_clock) as connections:
        with pytest.raises(UsageError, match="no API") as caught:
            connections.open("manual", Credentials())
    assert "fills import" in str(caught.value.hint)
