"""ccxt as trademon uses it: little of it is loaded, each account signs with its own key, no secret gets out."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, NOW, wall_clock
from trademon.core.model import Credentials
from trademon.demo import faults
from trademon.demo.server import DemoAccount, DemoServer
from trademon.errors import AuthError, BadAnswer, HostAskedToWait, TrademonError
from trademon.exchanges import ccxt_client
from trademon.exchanges.binance import Binance
from trademon.exchanges.binance import explain as explain_binance
from trademon.exchanges.bitget import Bitget
from trademon.exchanges.ccxt_client import CcxtClient, load_ccxt_class
from trademon.exchanges.registry import Connections

ADAPTERS = {"binance": (Binance, BINANCE_KEY), "bitget": (Bitget, BITGET_KEY)}
both = pytest.mark.parametrize("exchange", ADAPTERS)


# --- what is loaded -------------------------------------------------------------------------------------------------


def python(code: str) -> str:
    """What a fresh interpreter prints, warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_classes_work_with_what_is_loaded():
    """Both adapters' classes can be made, and know the endpoints that are asked."""
    shown = python("""
        from trademon.exchanges.ccxt_client import load_ccxt_class
        one, two = load_ccxt_class("binance")(), load_ccxt_class("bitget")()
        print(one.id, callable(one.private_get_mytrades), two.id, callable(two.private_spot_get_v2_spot_trade_fills))
    """)
    assert shown == "binance True bitget True"


def test_only_the_exchange_in_use_is_loaded():
    """A hundred other exchanges cost 100 MB and most of a second."""
    shown = python("""
        import sys
        from trademon.exchanges.ccxt_client import load_ccxt_class
        load_ccxt_class("binance")
        some = ("binance", "bitget", "kraken", "okx", "bybit")
        print([name for name in some if f"ccxt.async_support.{name}" in sys.modules])
    """)
    assert shown == "['binance']"


@pytest.mark.parametrize(
    "sabotage",
    [
        "importlib.util.find_spec = lambda name: None",
        "importlib.util.find_spec = lambda name: type('Spec', (), {'origin': None})",
        "ccxt_client.types = None",
        "importlib.util.find_spec = lambda name: type('Spec', (), {'origin': '/nowhere/ccxt/__init__.py'})",
    ],
    ids=["not found", "without a file", "no module type", "elsewhere"],
)
def test_where_the_stub_does_not_hold_the_plain_import_is_used(sabotage):
    """It leans on how ccxt's files lie: when that changes trademon is slower and not broken."""
    shown = python(f"""
        import importlib.util, sys
        from trademon.exchanges import ccxt_client
        kept = importlib.util.find_spec
        {sabotage}
        stub = ccxt_client._stub_packages
        def once():
            try:
                stub()
            finally:
                importlib.util.find_spec = kept
        ccxt_client._stub_packages = once
        made = ccxt_client.load_ccxt_class("bitget")()
        print(made.id, "ccxt.async_support.kraken" in sys.modules)
    """)
    assert shown == "bitget True"


def test_a_program_that_has_ccxt_already_keeps_it():
    """Nothing is put in the place of modules that somebody else imported."""
    shown = python("""
        import ccxt, sys
        from trademon.exchanges.ccxt_client import load_ccxt_class
        load_ccxt_class("binance")
        print(sys.modules["ccxt"] is ccxt, hasattr(ccxt, "kraken"))
    """)
    assert shown == "True True"


# --- addresses ------------------------------------------------------------------------------------------------------


def strings(urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for value in urls.values():
            yield from strings(value)
    else:
        yield urls


@both
async def test_a_base_url_replaces_every_host_and_no_path(open_client, exchange):
    """One address left out would send a key to the real exchange from a test."""
    plain = list(strings(load_ccxt_class(exchange)().urls["api"]))
    there = list(strings(open_client(exchange, "http://127.0.0.1:8080/ignored")._ccxt.urls["api"]))
    assert len(there) == len(plain) >= 10
    assert {urlsplit(url).netloc for url in there} == {"127.0.0.1:8080"}
    assert {urlsplit(url).scheme for url in there} == {"http"}
    assert [urlsplit(url).path for url in there] == [urlsplit(url).path for url in plain]


@both
async def test_without_a_base_url_the_exchange_itself_is_meant(open_client, exchange):
    """https and the exchange's own domain, in all addresses that are used here."""
    urls = list(strings(open_client(exchange, None)._ccxt.urls["api"]))
    assert all(url.startswith("https://") for url in urls)


@both
async def test_two_clients_of_one_exchange_keep_their_addresses(open_client, exchange):
    """ccxt's table is per object: the demo and the real exchange may run side by side."""
    one, two = (open_client(exchange, f"http://127.0.0.1:{port}") for port in (1, 2))
    assert {urlsplit(u).port for u in strings(one._ccxt.urls["api"])} == {1}
    assert {urlsplit(u).port for u in strings(two._ccxt.urls["api"])} == {2}


# --- whose key signs ------------------------------------------------------------------------------------------------


@both
async def test_many_accounts_on_one_client_sign_with_their_own_keys(open_client, world, exchange):
    """300 calls of three accounts at once through one object: the server, which checks every signature, takes all."""
    adapter, _ = ADAPTERS[exchange]
    people = [
        DemoAccount(exchange, f"key{n}", f"secret-{n}", f"pass-{n}" if exchange == "bitget" else "", str(70 + n), world)
        for n in range(3)
    ]
    async with DemoServer(people, clock=wall_clock, weight_limit=10**9, has_rates=False) as server:
        client = open_client(exchange, server.base_url)
        mine = [
            adapter(client, Credentials(p.api_key, p.api_secret, p.passphrase), wall_clock)
            for _ in range(100)
            for p in people
        ]
        views = await asyncio.gather(*(one.fetch_account(with_uid=True) for one in mine))
        assert [view.uid for view in views] == [p.uid for _ in range(100) for p in people]
        by_uid: dict[str | None, int] = defaultdict(int)
        for asked in server.requests:
            assert asked.status == 200
            by_uid[asked.uid] += 1
    assert by_uid == {p.uid: 100 * (1 if exchange == "binance" else 2) for p in people}


async def test_the_throttle_does_not_mix_keys_up(world):
    """A call that waits its turn still signs with the key it began with."""
    people = [DemoAccount("bitget", f"key{n}", f"secret-{n}", f"pass-{n}", str(70 + n), world) for n in range(3)]
    async with (
        DemoServer(people, clock=wall_clock, has_rates=False) as server,
        Connections(wall_clock) as connections,
    ):
        mine = [
            connections.open("bitget", Credentials(p.api_key, p.api_secret, p.passphrase), base_url=server.base_url)
            for p in people * 3
        ]
        await asyncio.gather(*(one.fetch_account(with_uid=False) for one in mine))
        assert sorted(str(r.uid) for r in server.requests) == ["70"] * 3 + ["71"] * 3 + ["72"] * 3
        assert {r.status for r in server.requests} == {200}


@both
async def test_a_public_question_carries_no_key(open_client, serve, exchange):
    """Neither of this account nor of the one that asked before."""
    adapter, key = ADAPTERS[exchange]
    headers: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        headers.append(str(request.headers) + request.raw_path)
        body = {"serverTime": 1} if exchange == "binance" else {"code": "00000", "data": {"serverTime": "1"}}
        return web.json_response(body)

    exchange_ = adapter(open_client(exchange, await serve(handler)), key, wall_clock)
    with pytest.raises(TrademonError):
        await exchange_.fetch_account(with_uid=False)
    await exchange_.sync_clock()
    assert key.api_key in headers[0]
    for secret in (key.api_key, key.api_secret, key.password or key.api_key):
        assert secret not in headers[1]


# --- waiting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (418, {"Retry-After": "3600"}, 3600),
        (429, {}, 60),
        (418, {}, 60),
        (429, {"Retry-After": "0"}, 1),
        (429, {"Retry-After": "-5"}, 60),
        (429, {"Retry-After": "2.5"}, 60),
        (429, {"Retry-After": "٣"}, 60),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60),
        (418, {"Retry-After": "99999999999"}, 3 * 24 * 3600),
    ],
)
@both
async def test_too_many_requests_say_until_when_to_wait(open_client, serve, exchange, status, headers, seconds):
    """By Retry-After where it is a number of seconds, else a modest time; never longer than the longest ban."""
    adapter, key = ADAPTERS[exchange]

    async def handler(request: web.Request) -> web.Response:
        raw = {name: value.encode().decode("latin-1") for name, value in headers.items()}
        return web.json_response({"code": -1003, "msg": "Too much"}, status=status, headers=raw)

    client = open_client(exchange, await serve(handler), clock=lambda: NOW)
    with pytest.raises(HostAskedToWait) as caught:
        await adapter(client, key, lambda: NOW).fetch_account(with_uid=False)
    assert caught.value.until == NOW + timedelta(seconds=seconds)
    assert str(status) in caught.value.message
    assert caught.value.exit_code == 1


@both
async def test_a_wait_that_one_account_was_asked_for_holds_for_all_behind_the_address(open_client, serve, exchange):
    """What is under way of another account sends nothing more until it is over."""
    adapter, key = ADAPTERS[exchange]
    arrived: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        return web.json_response(
            {"serverTime": 1}, status=429 if len(arrived) == 1 else 200, headers={"Retry-After": "7"}
        )

    clock = [NOW]
    client = open_client(exchange, await serve(handler), clock=lambda: clock[0])
    for _ in range(2):
        with pytest.raises(HostAskedToWait) as caught:
            await adapter(client, key, lambda: clock[0]).fetch_account(with_uid=False)
        assert caught.value.until == NOW + timedelta(seconds=7)
        clock[0] += timedelta(seconds=6.9)
    assert len(arrived) == 1
    with pytest.raises(BadAnswer):
        await adapter(client, key, lambda: clock[0]).fetch_account(with_uid=False)
    assert len(arrived) == 2


async def test_an_absurd_retry_after_is_a_wait_too(open_client, serve):
    """A header of 5,000 digits."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "9" * 5000})

    with pytest.raises(HostAskedToWait):
        await open_client("binance", await serve(handler)).call("public_get_time", {})


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1, 1, 0])
@both
async def test_a_clock_an_hour_off_is_measured_and_signed_for(open_client, demo, exchange, hours):
    """Before the clock is measured the exchange refuses our timestamp, afterwards it takes every call."""
    adapter, key = ADAPTERS[exchange]
    demo.clock_offset = timedelta(hours=hours)
    one = adapter(open_client(exchange, demo.base_url), key, wall_clock)
    if hours:
        with pytest.raises(TrademonError) as caught:
            await one.fetch_account(with_uid=False)
        assert caught.value.kind == "clock"
    offset = await one.sync_clock()
    assert abs(offset - timedelta(hours=hours)) < timedelta(seconds=1)
    assert abs(one.now() - demo.now()) < timedelta(seconds=1)
    assert (await one.fetch_account(with_uid=True)).uid
    demo.clock_offset = timedelta(0)
    await one.sync_clock()
    assert abs(one.now() - wall_clock()) < timedelta(seconds=1)
    await one.fetch_open_orders({})


async def test_the_clock_is_dated_to_the_middle_of_the_round_trip(open_client):
    """A slow answer shifts the offset by half of its way and not by all of it."""
    client = open_client("binance", "http://127.0.0.1:1")
    ccxt_client._round_trip.set((NOW - timedelta(seconds=3), NOW - timedelta(seconds=1)))
    client.set_server_time(NOW)
    assert client.offset == timedelta(seconds=2)
    ccxt_client._round_trip.set((NOW, NOW))
    client.set_server_time(NOW)
    assert client.offset == timedelta(0)


async def test_waiting_for_the_throttle_is_no_offset_of_the_clock(demo):
    """Three other accounts queue before it, each with a call that books a second: the clock is not off by that."""
    async with Connections(wall_clock) as connections:
        accounts = [connections.open("bitget", BITGET_KEY, base_url=demo.base_url) for _ in range(4)]
        queued = [asyncio.create_task(one.fetch_account(with_uid=True)) for one in accounts[:3]]
        await asyncio.sleep(0.01)
        offset = await accounts[3].sync_clock()
        await asyncio.gather(*queued, return_exceptions=True)
    assert abs(offset) < timedelta(milliseconds=200)


# --- secrets --------------------------------------------------------------------------------------------------------


FAILURES = {
    "refused key": faults.status(401, body='{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'),
    "bitget refusal": faults.status(400, body='{"code":"40012","msg":"apikey/password is incorrect","data":null}'),
    "redirect": faults.redirect("http://127.0.0.1:1/"),
    "reset": faults.reset(),
    "html": faults.html_with_200(),
    "cut": faults.cut_json(),
    "null": faults.null_body(),
    "hang": faults.hang(),
    "unavailable": faults.status(503),
    "wait": faults.status(429, {"Retry-After": "1"}),
}


@pytest.mark.parametrize("failure", FAILURES)
@both
async def test_no_secret_is_in_an_error_or_a_log(open_client, demo, exchange, failure, caplog):
    """Key, secret, passphrase, signature: in no text of the error, in no line that any library logs at DEBUG."""
    adapter, key = ADAPTERS[exchange]
    caplog.set_level(logging.DEBUG)
    for name in ("ccxt", "ccxt.async_support.base.exchange", "ccxt.base.exchange", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    client: CcxtClient = open_client(exchange, demo.base_url, deadline_s=0.3)
    one = adapter(client, key, wall_clock)
    demo.faults.append(FAILURES[failure])
    with pytest.raises(TrademonError) as caught:
        await one.fetch_account(with_uid=True)
    error = caught.value
    chain = [error, error.__cause__, error.__context__ if not error.__suppress_context__ else None]
    texts = [f"{e!s} {e!r} {vars(e) if hasattr(e, '__dict__') else ''}" for e in chain if e is not None]
    texts += [error.line, repr(one), repr(client), str(client), repr(key), str(key), caplog.text]
    for secret in filter(None, (key.api_key, key.api_secret, key.password, "signature=", "ACCESS-SIGN")):
        assert secret not in "\n".join(texts)


def echo(exchange: str, words: str) -> web.Response:
    """A refusal in the exchange's own words."""
    code: int | str = -1100 if exchange == "binance" else "99999"
    return web.json_response({"code": code, "msg": words, "data": None}, status=400)


SECRETS = [
    (exchange, field)
    for exchange, (_, key) in ADAPTERS.items()
    for field in ("api_key", "api_secret", "password")
    if getattr(key, field)
]


@pytest.mark.parametrize(("exchange", "field"), SECRETS)
async def test_a_key_that_the_exchange_repeats_is_taken_out(open_client, serve, exchange, field):
    """Its own words are shown, and in the place of every secret in them stands ***."""
    adapter, key = ADAPTERS[exchange]
    secret = getattr(key, field)

    async def handler(request: web.Request) -> web.Response:
        return echo(exchange, f"you sent {secret}, refused")

    with pytest.raises(BadAnswer) as caught:
        await adapter(open_client(exchange, await serve(handler)), key, wall_clock).fetch_account(with_uid=False)
    error = caught.value
    assert "you sent ***, refused" in error.message
    for text in (str(error), repr(error), error.line, error.message, *map(str, error.args)):
        assert secret not in text


@both
async def test_a_secret_with_another_in_it_is_taken_out_whole(open_client, serve, exchange):
    """A secret that begins like the key: taking out the key first would leave the rest of it."""
    key = Credentials("the-first", "the-first-and-more", "the-first-and-more-yet")

    async def handler(request: web.Request) -> web.Response:
        return echo(exchange, f"<{key.api_key}> <{key.api_secret}> <{key.password}>")

    one = ADAPTERS[exchange][0](open_client(exchange, await serve(handler)), key, wall_clock)
    with pytest.raises(BadAnswer) as caught:
        await one.fetch_account(with_uid=False)
    assert "<***> <***> <***>" in caught.value.message


@both
async def test_a_key_that_is_cut_off_is_taken_out_too(open_client, serve, exchange):
    """The exchange's words are shortened for the error: a part of the key at their end is the key's as well."""
    key = Credentials("K" * 64, "secret-of-the-key", "pass-of-the-key")

    async def handler(request: web.Request) -> web.Response:
        return echo(exchange, "x" * 100 + key.api_key)

    one = ADAPTERS[exchange][0](open_client(exchange, await serve(handler)), key, wall_clock)
    with pytest.raises(BadAnswer) as caught:
        await one.fetch_account(with_uid=False)
    assert "KKKK" not in caught.value.message


async def test_a_key_is_not_in_a_traceback_with_its_context_either(open_client, serve):
    """What the error came from is cut off: aiohttp's own errors name the URL with its signature."""
    import traceback

    one = Binance(open_client("binance", "http://127.0.0.1:1"), BINANCE_KEY, wall_clock)
    with pytest.raises(TrademonError) as caught:
        await one.fetch_account(with_uid=False)
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (BINANCE_KEY.api_key, BINANCE_KEY.api_secret, "signature="):
        assert secret not in shown


@pytest.mark.parametrize(
    ("exchange", "credentials"),
    [
        ("binance", Credentials()),
        ("binance", Credentials("key", "")),
        ("bitget", Credentials("key", "bitget-secret", "")),
    ],
    ids=["no key", "no secret", "no passphrase"],
)
async def test_a_credential_that_is_empty_is_an_auth_error(open_client, demo, exchange, credentials):
    """A person must act; and no adapter raises anything but TrademonError."""
    one = ADAPTERS[exchange][0](open_client(exchange, demo.base_url), credentials, wall_clock)
    with pytest.raises(AuthError):
        await one.fetch_account(with_uid=False)


# --- opening and closing --------------------------------------------------------------------------------------------


@both
async def test_no_session_of_ccxt_is_opened_or_left_open(session, demo, exchange):
    """Everything goes through our session; once closed, the object vanishes without a ResourceWarning."""
    adapter, key = ADAPTERS[exchange]
    client = CcxtClient(
        exchange,
        session=session,
        clock=wall_clock,
        explain=explain_binance,
        base_url=demo.base_url,
        throttle=False,
    )
    assert client._ccxt.session is session
    assert client._ccxt.own_session is False
    await adapter(client, key, wall_clock).sync_clock()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        client.close()
        del client
        gc.collect()
    assert [w for w in seen if issubclass(w.category, ResourceWarning)] == []
    assert not session.closed


async def test_connections_share_a_client_per_host_and_close_everything(demo):
    """Two accounts behind one host cost one object; another host, or the real one, is another."""
    async with Connections(wall_clock) as connections:
        one, two = (connections.open("binance", key, base_url=demo.base_url) for key in (BINANCE_KEY, Credentials()))
        other = connections.open("binance", BINANCE_KEY, base_url=demo.base_url.replace("127.0.0.1", "localhost"))
        assert one._client is two._client is not other._client
        await one.sync_clock()
        session = connections._session
        assert session is not None
        assert not session.closed
    assert session.closed
    async with Connections(wall_clock):
        pass  # nothing was opened: nothing to close


@pytest.mark.parametrize("fault", [faults.reset(times=2), faults.status(503, times=2)], ids=["reset", "503"])
async def test_what_passes_is_asked_again_within_the_call(open_client, demo, fault):
    """A broken connection and a busy server, twice: the third answer is believed, and each question is signed anew."""
    demo.faults.append(fault)
    view = await Binance(open_client("binance", demo.base_url), BINANCE_KEY, wall_clock).fetch_account(with_uid=True)
    assert view.uid
    stamps = [r.params["timestamp"] for r in demo.requests]
    assert len(set(stamps)) >= 2  # a connection that was kept and is dead, aiohttp itself tries once more


@pytest.mark.parametrize("fault", [faults.status(429, times=1), faults.html_with_200(times=1)], ids=["429", "html"])
async def test_what_does_not_pass_is_asked_once(open_client, demo, fault):
    """Asking again after a 429 is the road to a ban; an answer that cannot be believed is no busy server."""
    demo.faults.append(fault)
    with pytest.raises((HostAskedToWait, BadAnswer)):
        await Binance(open_client("binance", demo.base_url), BINANCE_KEY, wall_clock).fetch_account(with_uid=True)
    assert len(demo.requests) == 1
