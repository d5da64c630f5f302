"""The way orders take: what is sent, what comes of every kind of answer, and that nothing else leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trademon.core.model import Credentials, Market
from trademon.core.order_rules import OrderRequest
from trademon.demo import faults, order_faults
from trademon.demo.model import Market as DemoMarket
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.errors import BadAnswer, HostAskedToWait, NetworkError, StrategyError, UsageError
from trademon.exchanges import binance_orders, bitget_orders, order_client
from trademon.exchanges.order_client import OrderClient, OrderRefused, UnknownOutcome
from trademon.exchanges.registry import Connections

SECRET = "the-very-secret-value"
KEYS = {"binance": "K" * 64, "bitget": "bg_key"}
BTC = Market("BTC/USDT", "BTC", "USDT", "BTCUSDT")
D = Decimal


def now() -> datetime:
    return datetime.now(UTC)


def free() -> None:
    """A gate that lets everything through."""


@dataclass
class Counter:
    desk: Any
    server: DemoServer
    world: ScriptedWorld
    exchange: str


@pytest.fixture(params=["binance", "bitget"])
async def counter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter]:
    """An account that may trade, and the way its orders take."""
    monkeypatch.setattr(order_client, "_PAUSES_S", (0.0, 0.0))
    name = str(request.param)
    market = DemoMarket("BTC", "USDT", D(50_000), D("0.01"), D("0.001"))
    world = ScriptedWorld(clock=now, deposits={"USDT": D(10_000), "BTC": D(1)}, markets=(market,))
    account = DemoAccount(name, KEYS[name], SECRET, "pass", "11", world, can_trade=True)  # type: ignore[arg-type]
    async with DemoServer([account], clock=now) as server, Connections(now) as connections:
        keys = Credentials(KEYS[name], SECRET, "pass")
        desk = connections.open_orders(name, keys, now, base_url=server.base_url, deadline_s=0.5)
        yield Counter(desk, server, world, name)


def market_buy(amount: str = "100") -> OrderRequest:
    return OrderRequest(BTC, "buy", "market", None, D(amount), None, D(amount))


async def test_every_kind_of_order_arrives_as_it_was_meant(counter: Counter) -> None:
    desk, world = counter.desk, counter.world
    await desk.place(market_buy(), "tm-a-1", free)
    await desk.place(OrderRequest(BTC, "sell", "market", D("0.004"), None, None, D(200)), "tm-a-2", free)
    await desk.place(OrderRequest(BTC, "buy", "limit", D("0.003"), None, D("40000.01"), D(120)), "tm-a-3", free)
    await desk.place(OrderRequest(BTC, "sell", "limit", D("0.005"), None, D("60000"), D(300)), "tm-a-4", free)
    orders = {order.client_id: order for order in world.orders()}
    assert [(o.side, o.type, o.quantity, o.price, o.status) for _, o in sorted(orders.items())] == [
        ("buy", "MARKET", D("0.002"), D(0), "FILLED"),
        ("sell", "MARKET", D("0.004"), D(0), "FILLED"),
        ("buy", "LIMIT", D("0.003"), D("40000.01"), "NEW"),
        ("sell", "LIMIT", D("0.005"), D(60000), "NEW"),
    ]
    found = [await desk.find(BTC, f"tm-a-{n}") for n in (1, 2, 3, 4)]
    assert [(f.status, f.filled, f.filled_value) for f in found] == [
        ("filled", D("0.002"), D(100)),
        ("filled", D("0.004"), D(200)),
        ("open", D(0), D(0)),
        ("open", D(0), D(0)),
    ]
    assert [f.order_id for f in found] == [orders[f"tm-a-{n}"].order_id for n in (1, 2, 3, 4)]
    assert await desk.find(BTC, "tm-a-5") is None
    await desk.cancel(BTC, "tm-a-3", free)
    assert (await desk.find(BTC, "tm-a-3")).status == "cancelled"


async def test_the_market_s_rules(counter: Counter) -> None:
    rules = await counter.desk.fetch_rules(BTC)
    assert (rules.quantity_step, rules.price_step) == (D("0.001"), D("0.01"))
    assert rules.is_trading
    assert rules.by_amount
    assert rules.min_notional == (5 if counter.exchange == "binance" else 1)
    with pytest.raises((BadAnswer, NetworkError)):
        await counter.desk.fetch_rules(Market("NO/USDT", "NO", "USDT", "NOUSDT"))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (market_buy("20000"), "alance"),
        (OrderRequest(BTC, "sell", "market", D("0.0005"), None, None, D(25)), "LOT_SIZE size"),
        (OrderRequest(BTC, "buy", "limit", D("0.001"), None, D("40000.001"), D(40)), "PRICE_FILTER price"),
        (market_buy("4"), "LOT_SIZE size"),
    ],
)
async def test_a_refusal_is_definite(counter: Counter, order: OrderRequest, said: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        await counter.desk.place(order, "tm-a-1", free)
    assert any(word in refused.value.message for word in said.split())
    assert counter.world.orders() == []


LOST = [
    order_faults.reset_after,
    order_faults.reset_before,
    order_faults.hang_after,
    order_faults.cut_after,
    order_faults.html_after,
]


@pytest.mark.parametrize("lose", LOST)
@pytest.mark.parametrize("what", ["place", "cancel"])
async def test_a_lost_answer_is_unknown_and_sent_once(counter: Counter, lose: Any, what: str) -> None:
    """aiohttp by itself would send a DELETE whose connection broke a second time."""
    desk = counter.desk
    if what == "cancel":
        await desk.place(OrderRequest(BTC, "buy", "limit", D("0.003"), None, D(40000), D(120)), "tm-a-1", free)
    counter.server.requests.clear()
    counter.server.faults[:] = [lose()]
    with pytest.raises(UnknownOutcome):
        await (desk.cancel(BTC, "tm-a-1", free) if what == "cancel" else desk.place(market_buy(), "tm-a-1", free))
    await asyncio.sleep(0.1)  # a request that hung is written down when its client has gone
    assert len(counter.server.order_requests) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 403, 404, 500, 502, 503, 504])
@pytest.mark.parametrize("body", ["", "null", "{}", "[]", "[1]", '"x"', '{"code": null}', '{"orderId": 5}'])
async def test_any_other_answer_says_nothing_about_an_order(counter: Counter, status: int, body: str) -> None:
    counter.server.faults[:] = [order_faults.status_before(status, body)]
    with pytest.raises(UnknownOutcome):
        await counter.desk.place(market_buy(), "tm-a-1", free)


async def test_what_the_exchange_calls_unknown_or_doubled_is_unknown(counter: Counter) -> None:
    await counter.desk.place(market_buy(), "tm-a-1", free)
    with pytest.raises(UnknownOutcome, match="uplicate"):
        await counter.desk.place(market_buy(), "tm-a-1", free)
    assert len(counter.world.orders()) == 1
    body = '{"code": -1006, "msg": "x"}' if counter.exchange == "binance" else '{"code": "40015", "msg": "x"}'
    for status in (400, 200, 500):
        counter.server.faults[:] = [order_faults.status_before(status, body)]
        with pytest.raises(UnknownOutcome):
            await counter.desk.place(market_buy(), "tm-a-2", free)


async def test_too_many_requests_is_a_refusal_with_a_time(counter: Counter) -> None:
    counter.server.faults[:] = [faults.status(429, {"Retry-After": "7"}, '{"code": -1003, "msg": "x"}')]
    before = now()
    with pytest.raises(HostAskedToWait) as wait:
        await counter.desk.place(market_buy(), "tm-a-1", free)
    assert 6 < (wait.value.until - before).total_seconds() < 9
    assert len(counter.server.order_requests) == 1


async def test_the_gate_is_asked_last_and_stops_it(counter: Counter) -> None:
    asked = 0

    def shut() -> None:
        nonlocal asked
        asked += 1
        raise StrategyError("halted")

    with pytest.raises(StrategyError, match="halted"):
        await counter.desk.place(market_buy(), "tm-a-1", shut)
    with pytest.raises(StrategyError, match="halted"):
        await counter.desk.cancel(BTC, "tm-a-1", shut)
    assert asked == 2
    assert list(counter.server.requests) == []


async def test_looking_up_is_asked_again_and_never_guesses(counter: Counter) -> None:
    await counter.desk.place(market_buy(), "tm-a-1", free)
    counter.server.faults[:] = [faults.reset(times=2)]
    assert (await counter.desk.find(BTC, "tm-a-1")).status == "filled"
    for fault in (faults.status(503), faults.html_with_200(), faults.null_body(), faults.empty_object()):
        counter.server.faults[:] = [fault]
        with pytest.raises((NetworkError, BadAnswer)):
            await counter.desk.find(BTC, "tm-a-1")


async def test_nothing_beside_its_list_leaves(counter: Counter) -> None:
    """Four endpoints; an order is refused where no gate stands, and whatever else is signed does not leave."""
    module: Any = binance_orders if counter.exchange == "binance" else bitget_orders
    assert {(e.method, e.path) for e in module.ENDPOINTS.values() if e.is_order} == (
        {("POST", "/api/v3/order"), ("DELETE", "/api/v3/order")}
        if counter.exchange == "binance"
        else {("POST", "/api/v2/spot/trade/place-order"), ("POST", "/api/v2/spot/trade/cancel-order")}
    )
    client: OrderClient = counter.desk._client
    with pytest.raises(AssertionError, match="through a gate"):
        await client.ask("place", {"symbol": "BTCUSDT"})
    client._endpoints["withdraw"] = order_client.Endpoint("POST", "/x", "order/test", module.ENDPOINTS["place"].api)
    with pytest.raises(AssertionError, match="not on the list"):
        await client.order("withdraw", {}, free)
    assert counter.server.order_requests == []


async def test_the_key_is_in_no_error(counter: Counter) -> None:
    body = f'{{"code": -2010, "msg": "no {SECRET} {KEYS[counter.exchange]}"}}'
    if counter.exchange == "bitget":
        body = body.replace("-2010", '"43012"')
    counter.server.faults[:] = [order_faults.status_before(400, body)]
    with pytest.raises(OrderRefused) as refused:
        await counter.desk.place(market_buy(), "tm-a-1", free)
    assert SECRET not in str(refused.value)
    assert KEYS[counter.exchange] not in str(refused.value)


async def test_a_key_that_may_not_trade_is_refused(counter: Counter) -> None:
    api = counter.server.binance if counter.exchange == "binance" else counter.server.bitget
    for key, account in list(api._accounts.items()):
        api._accounts[key] = DemoAccount(account.exchange, key, SECRET, "pass", "11", counter.world)
    with pytest.raises(OrderRefused):
        await counter.desk.place(market_buy(), "tm-a-1", free)
    assert counter.world.orders() == []


@pytest.mark.parametrize("name", ["manual", "demo", "saxo", "kraken"])
async def test_other_exchanges_take_no_orders(name: str) -> None:
    async with Connections(now) as connections:
        with pytest.raises(UsageError):
            connections.open_orders(name, Credentials("k", "s"), now)
