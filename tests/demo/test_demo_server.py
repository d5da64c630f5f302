"""The server itself: what it remembers, how it misbehaves on request, and that it stops."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from trademon.demo import faults
from trademon.demo.server import DemoServer, demo_accounts

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
INFO = "/api/v3/exchangeInfo"


async def fetch(server: DemoServer, path: str = INFO, **options: object) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(server.base_url + path, **options) as answer:  # type: ignore[arg-type]
        return answer.status, await answer.read()


async def test_what_was_asked_is_remembered(caller, server):
    """Exchange, account, path, parameters and status, refused and faulty requests included."""
    await caller.binance("/api/v3/myTrades", symbol="BTCUSDT")
    await caller.bitget("/api/v2/spot/trade/fills")
    server.faults.append(faults.reset())
    with pytest.raises(aiohttp.ClientError):
        await fetch(server)
    kept = [(r.exchange, r.uid, r.path, r.params.get("symbol"), r.status) for r in server.requests]
    assert kept[:2] == [
        ("binance", "11", "/api/v3/myTrades", "BTCUSDT", 200),
        ("bitget", "22", "/api/v2/spot/trade/fills", None, 400),
    ]
    assert kept[2] == ("binance", None, INFO, None, 0)


async def test_a_fault_strikes_where_and_as_often_as_told(server):
    """Twice on one path, never on another, then the right answer again."""
    server.faults.append(faults.status(503, {"Retry-After": "3"}, "{}", times=2, path="exchangeInfo"))
    assert (await fetch(server, "/api/v3/time"))[0] == 200
    assert [(await fetch(server))[0] for _ in range(3)] == [503, 503, 200]


async def test_bodies_that_look_like_success(server):
    """HTML, null, {}, nothing at all and half an answer, all with HTTP 200."""
    server.faults += [
        faults.html_with_200(times=1),
        faults.null_body(times=1),
        faults.empty_object(times=1),
        faults.status(200, times=1),
        faults.cut_json(times=1),
    ]
    answers = [await fetch(server) for _ in range(6)]
    assert {status for status, _ in answers} == {200}
    assert answers[0][1].startswith(b"<html>")
    assert [body for _, body in answers[1:4]] == [b"null", b"{}", b""]
    assert answers[5][1].startswith(answers[4][1])
    with pytest.raises(json.JSONDecodeError):
        json.loads(answers[4][1])


async def test_a_slow_answer_is_whole_and_a_redirect_names_its_goal(server):
    """Slowness changes the time, not the bytes."""
    server.faults.append(faults.slow(100, times=1, path="/time"))
    started = time.monotonic()
    status, body = await fetch(server, "/api/v3/time")
    assert (status, json.loads(body).keys()) == (200, {"serverTime"})
    assert time.monotonic() - started > 0.15
    server.faults.append(faults.redirect("http://127.0.0.1:9/", times=1))
    assert (await fetch(server, allow_redirects=False))[0] == 302


async def test_a_hanging_request_does_not_keep_the_server_from_stopping(accounts, clock):
    """stop() ends within a second or so though a request hangs for an hour."""
    server = DemoServer(accounts, clock=clock)
    await server.start()
    server.faults.append(faults.hang())
    task = asyncio.create_task(fetch(server))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await server.stop()
    assert time.monotonic() - started < 2
    with pytest.raises(aiohttp.ClientError):
        await task


async def test_the_demo_accounts_are_the_same_on_each_start():
    """Two processes with the same clock and seed watch the same two accounts."""
    one, two = (demo_accounts(lambda: START + timedelta(minutes=5)) for _ in range(2))
    assert [a.exchange for a in one] == ["binance", "bitget"]
    for a, b in zip(one, two, strict=True):
        assert a.world.executions() == b.world.executions()
        assert a.world.executions(START + timedelta(minutes=8)) != a.world.executions()
    async with DemoServer(one, clock=lambda: START) as server:
        assert server.base_url.startswith("http://127.0.0.1:")
