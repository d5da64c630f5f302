"""Nothing that could change an account leaves, whichever way it is asked of ccxt."""

from __future__ import annotations

import contextlib

import pytest
from aiohttp import web

from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY
from trademon.exchanges import binance_wallet, bitget_wallet
from trademon.exchanges.ccxt_client import _credentials, load_ccxt_class
from trademon.exchanges.ccxt_ids import ccxt_ids
from trademon.exchanges.ccxt_table import spec_of
from trademon.exchanges.read_paths import ENDPOINTS, POST_READS, WouldWrite, check_endpoint, check_request
from trademon.exchanges.registry import KNOWN

ORDERS = {
    "binance": ("private_post_order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}),
    "bitget": ("private_spot_post_v2_spot_trade_place_order", {"symbol": "BTCUSDT", "side": "buy", "size": "1"}),
}
KEYS = {"binance": BINANCE_KEY, "bitget": BITGET_KEY}
both = pytest.mark.parametrize("exchange", sorted(ORDERS))


@pytest.fixture
def heard() -> list[str]:
    """What reached the exchange."""
    return []


@pytest.fixture
async def client(open_client, serve, heard, exchange):
    async def handler(request: web.Request) -> web.Response:
        heard.append(f"{request.method} {request.path}")
        return web.json_response({})

    return open_client(exchange, await serve(handler))


@both
async def test_an_order_is_refused_by_its_endpoints_name(client, heard, exchange):
    """Before ccxt builds anything; a fault of ours, with exit code 1."""
    endpoint, params = ORDERS[exchange]
    with pytest.raises(WouldWrite, match="only reads") as caught:
        await client.call(endpoint, params, KEYS[exchange])
    assert (heard, caught.value.exit_code) == ([], 1)


@both
async def test_an_order_that_ccxt_itself_sends_does_not_leave(client, heard, exchange):
    """By its raw endpoint and by its unified method, past the names: the request is stopped where it is sent."""
    endpoint, params = ORDERS[exchange]
    token = _credentials.set(KEYS[exchange])
    try:
        with pytest.raises(WouldWrite, match="POST"):
            await getattr(client._ccxt, endpoint)(dict(params))
        market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
        precision = {"amount": 0.001, "price": 0.01}
        bare = {"swap": False, "future": False, "option": False, "margin": False, "contract": False}
        info = {"orderTypes": ["LIMIT"]}
        client._ccxt.set_markets([market | bare | {"precision": precision, "limits": {}, "active": True, "info": info}])
        client._ccxt.options["uta"] = False
        with pytest.raises(WouldWrite, match="POST"):
            await client._ccxt.create_order("BTC/USDT", "limit", "buy", 1, 100)
        with pytest.raises(WouldWrite):
            await client._ccxt.cancel_order("1", "BTC/USDT")
    finally:
        _credentials.reset(token)
    assert heard == []


@both
async def test_what_the_adapters_ask_are_endpoints_of_ccxt_that_read(exchange):
    """Each name is one of ccxt's, and its method is GET; the wallets' are among them."""
    ccxt_class = load_ccxt_class(exchange)
    for name in ENDPOINTS[exchange]:
        assert "_get_" in name
        assert hasattr(ccxt_class, name), name
    wallet = binance_wallet._ENDPOINTS if exchange == "binance" else bitget_wallet.ENDPOINTS
    assert set(wallet.values()) <= ENDPOINTS[exchange]


def test_a_get_that_is_not_on_the_list_is_refused_too():
    """A withdrawal's endpoint, whatever its method; an exchange without an adapter of its own has no list."""
    for name in ("sapi_post_capital_withdraw_apply", "sapi_get_capital_config_getall"):
        with pytest.raises(WouldWrite, match=name):
            check_endpoint("binance", name)
    check_endpoint("kraken", "private_post_balance")


def test_a_post_passes_only_where_it_is_known_to_read():
    """Kraken asks everything by POST: its balances pass, its orders do not; nor does its balance elsewhere."""
    check_request("kraken", "POST", "https://api.kraken.com/0/private/Balance")
    check_request("okx", "GET", "https://www.okx.com/api/v5/account/balance?ccy=BTC")
    for exchange, method, path in (
        ("kraken", "POST", "/0/private/AddOrder"),
        ("kraken", "POST", "/0/private/Withdraw"),
        ("kraken", "DELETE", "/0/private/Balance"),
        ("okx", "POST", "/0/private/Balance"),
        ("okx", "PUT", "/api/v5/account/balance"),
        ("okx", "get", "/api/v5/trade/order"),
    ):
        with pytest.raises(WouldWrite, match=path):
            check_request(exchange, method, f"https://example.com{path}")
    for paths in POST_READS.values():
        assert not [p for p in paths if any(word in p for word in ("Add", "Cancel", "Edit", "Transfer", "Token"))]


def test_a_path_that_ends_with_a_stroke_stands_for_what_is_below_it_and_no_more():
    check_request("bitfinex", "POST", "https://api.bitfinex.com/v2/auth/r/trades/tBTCUSD/hist")
    for exchange, path in (
        ("bitfinex", "/v2/auth/w/order/submit"),
        ("bitstamp", "/api/v2/open_orders_x/"),
        ("gemini", "/v1/order/new"),
        ("whitebit", "/api/v4/orders/bulk"),
        ("p2b", "/api/v2/order/new"),
    ):
        with pytest.raises(WouldWrite, match=path):
            check_request(exchange, "POST", f"https://example.com{path}")


BY_POST = sorted(POST_READS.keys() - {"hyperliquid"})  # which signs with a wallet


@pytest.mark.parametrize("exchange", BY_POST)
async def test_what_is_read_of_an_exchange_by_post_may_leave(exchange):
    """Balances and fills, as ccxt itself builds the requests."""
    assert await _refused_reads(exchange) == []


@pytest.mark.nightly
async def test_of_no_exchange_that_can_be_added_a_reading_is_refused():
    """Else a scan would say that something was about to be written."""
    named = {name for name in ccxt_ids() if name not in KNOWN and spec_of(name) is not None}
    assert {name: refused for name in sorted(named) if (refused := await _refused_reads(name))} == {}


async def _refused_reads(exchange: str) -> list[str]:
    """What ccxt asks for the holdings and fills of a market that is not let through."""
    sent: list[tuple[str, str]] = []

    class Sent(Exception):
        pass

    async def fetch(url: str, method: str = "GET", headers: object = None, body: object = None) -> None:
        sent.append((method, url))
        raise Sent

    ccxt = load_ccxt_class(exchange)({"apiKey": "account-" + "a" * 24, "secret": "YWJj" * 8, "password": "p"})
    ccxt.fetch = fetch
    bare = dict.fromkeys(("swap", "future", "option", "margin", "contract"), False)
    name = {"id": "BTCUSDT", "lowercaseId": "btcusdt", "uppercaseId": "BTCUSDT", "numericId": 1}
    coins = {"symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT"}
    kind = {"spot": True, "type": "spot", "active": True, "precision": {}, "limits": {}, "info": {}}
    ccxt.set_markets([name | coins | kind | bare])
    for question, args in (("fetch_balance", ()), ("fetch_my_trades", ("BTC/USDT",))):
        with contextlib.suppress(Exception):  # it goes no further than the first request, if it comes to that
            await getattr(ccxt, question)(*args)
    refused = []
    for method, url in sent:
        try:
            check_request(exchange, method, url)
        except WouldWrite:
            refused.append(f"{method} {url}")
    if exchange in BY_POST:
        assert {method for method, _ in sent} >= {"POST"}
    return refused
