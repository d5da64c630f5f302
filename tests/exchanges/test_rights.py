"""What a key may do, as each exchange says it; what it does not say is not known, and nonsense is not believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, NOW, FakeClient, wall_clock
from trademon.core.model import KeyRights
from trademon.demo import faults
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.errors import BadAnswer, NetworkError
from trademon.exchanges.binance import Binance
from trademon.exchanges.binance_wallet import parse_rights as of_binance
from trademon.exchanges.bitget import Bitget
from trademon.exchanges.bitget_wallet import parse_rights as of_bitget

DOCUMENTED = {
    "ipRestrict": False,
    "createTime": 1623840271000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": True,
    "enableMargin": False,
    "enableFutures": False,
    "permitsUniversalTransfer": True,
    "enableSpotAndMarginTrading": False,
}
CREATED = datetime(2021, 6, 16, 10, 44, 31, tzinfo=UTC)
ADAPTERS: dict[str, Any] = {"binance": (Binance, BINANCE_KEY), "bitget": (Bitget, BITGET_KEY)}


def test_binances_documented_answer_reads_only():
    """Moving coins between one's own wallets is no withdrawal."""
    assert of_binance(dict(DOCUMENTED)) == KeyRights(False, False, False, CREATED, None)


@pytest.mark.parametrize(
    "flag", ["enableSpotAndMarginTrading", "enableMargin", "enableFutures", "enableVanillaOptions", "enableFixApiTrade"]
)
def test_any_right_to_trade_is_one(flag):
    """On whatever market; it ends when Binance says."""
    rights = of_binance(DOCUMENTED | {flag: True, "tradingAuthorityExpirationTime": 1628985600000, "ipRestrict": True})
    assert (rights.can_trade, rights.can_withdraw, rights.is_address_limited) == (True, False, True)
    assert rights.expires_at == datetime(2021, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd",
    [
        {"enableWithdrawals": "false"},
        {"enableWithdrawals": None},
        {"enableWithdrawals": 0},
        {"ipRestrict": "no"},
        {"enableFutures": 1},
        {"createTime": "soon"},
        {"tradingAuthorityExpirationTime": -5},
    ],
)
def test_an_odd_answer_of_binance_is_not_believed(odd):
    """Least of all one that leaves open whether the key can withdraw."""
    with pytest.raises(BadAnswer):
        of_binance(DOCUMENTED | odd)
    with pytest.raises(BadAnswer):
        of_binance({name: value for name, value in DOCUMENTED.items() if name != "enableWithdrawals"})


@pytest.mark.parametrize(
    ("info", "rights"),
    [
        ({"authorities": ["stor"], "ips": ""}, KeyRights(False, False, False)),
        ({"authorities": ["stor", "coor"], "ips": "10.0.0.1"}, KeyRights(False, False, True)),
        ({"authorities": ["stor", "stow"], "ips": ["10.0.0.1"]}, KeyRights(True, False, True)),
        ({"authorities": ["coow"], "ips": []}, KeyRights(True, False, False)),
        ({"authorities": "stor,wwow", "ips": ""}, KeyRights(False, True, False)),
        ({"authorities": ["wtow", "wwor"], "ips": ""}, KeyRights(False, False, False)),
        ({"authorities": ["zzow"], "ips": ""}, KeyRights(True, False, False)),
        ({}, KeyRights()),
        ({"authorities": None, "ips": None}, KeyRights()),
    ],
)
def test_bitgets_codes(info, rights):
    """Reading, trading on any market, withdrawing; a wallet's other rights are no trade; an unknown one that writes is
    taken for one."""
    assert of_bitget(info) == rights


@pytest.mark.parametrize("odd", [{"authorities": 5}, {"authorities": [1]}, {"authorities": {}}, {"ips": 5}])
def test_an_odd_answer_of_bitget_is_not_believed(odd):
    """As any field of any answer."""
    with pytest.raises(BadAnswer):
        of_bitget({"authorities": ["stor"], "ips": ""} | odd)


async def test_bitgets_answer_that_named_the_account_is_asked_for_once():
    """One question a second is all that its endpoint takes."""
    info = {"code": "00000", "data": {"userId": "22", "authorities": ["stor"], "ips": ""}}
    assets = {"code": "00000", "data": []}
    names = {
        "private_spot_get_v2_spot_account_info": info,
        "private_spot_get_v2_spot_account_assets": assets,
    }
    client: Any = FakeClient(names)
    exchange = Bitget(client, BITGET_KEY, lambda: NOW)
    await exchange.fetch_account(with_uid=True)
    assert await exchange.fetch_rights() == KeyRights(False, False, False)
    assert [name for name, _ in client.asked].count("private_spot_get_v2_spot_account_info") == 1
    other: Any = FakeClient(names)
    assert await Bitget(other, BITGET_KEY, lambda: NOW).fetch_rights() == KeyRights(False, False, False)


@pytest.mark.parametrize("exchange", ADAPTERS)
@pytest.mark.parametrize("can_trade", [False, True])
@pytest.mark.parametrize("can_withdraw", [False, True])
@pytest.mark.parametrize("is_limited", [False, True])
async def test_the_demos_keys_have_the_rights_they_are_given(
    open_client, exchange, can_trade, can_withdraw, is_limited
):
    """Through the wire format of each."""
    made, key = ADAPTERS[exchange]
    account = DemoAccount(
        exchange,
        key.api_key,
        key.api_secret,
        key.password,
        "11",
        ScriptedWorld(clock=wall_clock),
        can_trade,
        can_withdraw,
        is_limited,
    )
    async with DemoServer([account], clock=wall_clock, has_rates=False) as server:
        adapter = made(open_client(exchange, server.base_url), key, wall_clock)
        rights = await adapter.fetch_rights()
    assert (rights.can_trade, rights.can_withdraw, rights.is_address_limited) == (can_trade, can_withdraw, is_limited)
    assert (rights.created_at is not None) == (exchange == "binance")
    assert (rights.expires_at is not None) == (exchange == "binance" and can_trade and not is_limited)


async def test_a_test_network_without_the_endpoint_says_nothing(open_client):
    """404 with a page: not known, and no error. Any other trouble is one."""
    account = DemoAccount(
        "binance", BINANCE_KEY.api_key, BINANCE_KEY.api_secret, "", "11", ScriptedWorld(clock=wall_clock)
    )
    async with DemoServer([account], clock=wall_clock, has_sapi=False) as server:
        exchange = Binance(open_client("binance", server.base_url), BINANCE_KEY, wall_clock)
        assert await exchange.fetch_rights() == KeyRights()
        server.faults.append(faults.status(503, path="/sapi/"))
        with pytest.raises(NetworkError):
            await exchange.fetch_rights()
        server.faults[:] = [faults.html_with_200(path="/sapi/")]
        with pytest.raises(BadAnswer):
            await exchange.fetch_rights()
