"""One guarded request: whatever a server does, it ends in time, within bounds, and in an error that says so."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
import tracemalloc
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from trademon.demo import faults
from trademon.errors import BadAnswer, NetworkError
from trademon.exchanges.ccxt_client import CcxtClient
from trademon.exchanges.transport import MAX_BODY, Answer, is_loopback, send

KEY = {"X-MBX-APIKEY": "the-key", "ACCESS-PASSPHRASE": "the-passphrase"}


async def get(session: aiohttp.ClientSession, url: str, *, deadline_s: float = 5.0, **more: Any) -> Answer:
    return await send(session, "GET", url, headers=KEY, body=None, deadline_s=deadline_s, **more)


def answer(body: str | bytes, *, status: int = 200, content_type: str = "application/json", **headers: str) -> Any:
    """A handler that says just this."""

    async def handler(request: web.Request) -> web.Response:
        raw = body if isinstance(body, bytes) else body.encode()
        return web.Response(status=status, body=raw, headers={"Content-Type": content_type, **headers})

    return handler


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer as bytes, with the headers as given and none added."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


# --- good answers ---------------------------------------------------------------------------------------------------


async def test_numbers_with_a_point_stay_exact(session, serve):
    """0.1 is Decimal("0.1") and not the nearest float; whole numbers stay whole."""
    url = await serve(answer('{"price": 0.1, "qty": 1e-8, "id": 28457, "text": "0.10"}'))
    got = await get(session, url)
    assert got.data == {"price": Decimal("0.1"), "qty": Decimal("1e-8"), "id": 28457, "text": "0.10"}
    assert (got.status, got.is_json, isinstance(got.data["price"], Decimal)) == (200, True, True)


async def test_null_is_json_and_nothing_is_not(session, serve):
    """`null` and an empty body both have no data; only one of them is an answer."""
    assert (await get(session, await serve(answer("null")))).is_json
    assert not (await get(session, await serve(answer("")))).is_json


async def test_a_refusal_keeps_its_status_headers_and_body(session, serve):
    """What to make of it is decided elsewhere."""
    url = await serve(answer('{"code": -1003}', status=429, **{"Retry-After": "7"}))
    got = await get(session, url)
    assert (got.status, got.headers["retry-after"], got.data) == (429, "7", {"code": -1003})


async def test_the_query_is_sent_as_it_was_signed(session, serve):
    """Quoted anew it would no longer match its signature."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({})

    url = await serve(handler)
    await get(session, url + "/a?symbols=%5B%22BTCUSDT%22%5D&x=%2B+%7e,'")
    assert seen == ["/a?symbols=%5B%22BTCUSDT%22%5D&x=%2B+%7e,'"]


def test_loopback_is_known_by_name_and_number():
    """Only these may be spoken to without TLS."""
    assert [is_loopback(f"http://{host}:80/x") for host in ("127.0.0.1", "localhost", "[::1]")] == [True] * 3
    assert not is_loopback("http://127.0.0.1.example.org")
    assert not is_loopback("http://10.0.0.1")


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_the_key_stays_here(session, serve, status):
    """A client that followed would carry the key's header to whoever is named in Location."""
    elsewhere: list[web.BaseRequest] = []

    async def other(request: web.Request) -> web.Response:
        elsewhere.append(request)
        return web.json_response([])

    goal = await serve(other)
    url = await serve(answer("", status=status, Location=goal + "/api"))
    with pytest.raises(BadAnswer, match="redirect"):
        await get(session, url)
    assert elsewhere == []


async def test_a_redirect_to_itself_is_refused_too(session, serve):
    """No loop, one request."""
    count = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=302, headers={"Location": "/again"})

    with pytest.raises(BadAnswer):
        await get(session, await serve(handler))
    assert count == 1


# --- size -----------------------------------------------------------------------------------------------------------


async def test_a_body_over_the_cap_is_refused_while_it_comes(session, serve):
    """An endless answer is left after 10 MB: it is not waited for."""
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while sent < 100 * MAX_BODY:
            await response.write(b" " * 2**20)
            sent += 2**20
        return response

    with pytest.raises(BadAnswer, match="more than 10 MB"):
        await get(session, await serve(handler))
    assert sent < 5 * MAX_BODY


async def test_a_body_just_under_the_cap_is_read(session, serve):
    """The cap is 10 MB, not less."""
    body = b"[" + b" " * (MAX_BODY - 2) + b"]"
    assert (await get(session, await serve(answer(body)))).data == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_the_cap_counts_what_is_unpacked(session, serve, encoding):
    """A small packed answer that unpacks to 300 MB neither passes nor takes much memory."""
    import zlib

    plain = b"[" + b"1," * (150 * 2**20)
    bomb = gzip.compress(plain, 9) if encoding == "gzip" else zlib.compress(plain, 9)
    del plain
    assert len(bomb) < 2**20
    url = await serve(answer(bomb, **{"Content-Encoding": encoding}))
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer, match="more than 10 MB"):
            await get(session, url)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MAX_BODY


# --- time -----------------------------------------------------------------------------------------------------------


async def test_one_byte_a_second_ends_at_the_deadline(session, serve):
    """The deadline is around the whole call, not around each read."""
    released = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(60):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        released.set()
        return response

    started = time.monotonic()
    with pytest.raises(NetworkError, match=r"did not answer within 0\.5 s"):
        await get(session, await serve(handler), deadline_s=0.5)
    assert 0.4 < time.monotonic() - started < 2
    assert not released.is_set()


async def test_slow_headers_end_at_the_deadline(session):
    """The same before the body has begun."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n":
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        with pytest.raises(NetworkError, match="did not answer"):
            await get(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", deadline_s=0.3)
    finally:
        server.close()
        await server.wait_closed()


async def test_a_server_that_hangs_ends_at_the_deadline(session, demo):
    """No answer at all is a network error, whose text says who was asked, port and all, and how long was waited."""
    demo.faults.append(faults.hang())
    host = re.escape(urlsplit(demo.base_url).netloc)
    with pytest.raises(NetworkError, match=rf"^{host} did not answer within 0\.3 s$"):
        await get(session, demo.base_url, deadline_s=0.3)


@pytest.mark.parametrize("half", [False, True], ids=["before the answer", "in its middle"])
async def test_a_server_that_falls_silent_is_given_up_long_before_the_deadline(session, serve, half):
    """Nothing comes any more, from the start or after half an answer: no need to wait as long as for a slow one."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if half:
            await response.prepare(request)
            await response.write(b'[{"id"')
        await asyncio.sleep(60)
        return response

    with pytest.raises(NetworkError, match=r"was silent for 0\.3 s$"):
        await get(session, await serve(handler), deadline_s=50, silence_s=0.3)


async def test_being_cancelled_is_not_turned_into_an_error(session, demo):
    """Ctrl-C must pass: only our own deadline becomes a NetworkError."""
    demo.faults.append(faults.hang())
    task = asyncio.create_task(get(session, demo.base_url, deadline_s=30))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- broken connections ---------------------------------------------------------------------------------------------


async def test_a_reset_connection_is_a_network_error(session, demo):
    """RST in place of an answer."""
    demo.faults.append(faults.reset())
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        await get(session, demo.base_url)


async def test_a_port_where_nobody_listens_is_a_network_error(session, serve):
    """The hint says what a person can look at."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NetworkError, match=r"cannot reach 127\.0\.0\.1") as caught:
        await get(session, f"http://127.0.0.1:{port}")
    assert caught.value.hint


BROKEN = {
    "cut by length": http(b'[{"id":1', "Content-Type: application/json", "Content-Length: 100"),
    "cut chunk": http(b"ff\r\n[1", "Content-Type: application/json", "Transfer-Encoding: chunked"),
    "bad chunk": http(b"zz\r\n[]\r\n0\r\n\r\n", "Content-Type: application/json", "Transfer-Encoding: chunked"),
    "bad gzip": http(b"no gzip at all", "Content-Encoding: gzip", "Content-Length: 14"),
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "nothing": b"",
    "only a status": b"HTTP/1.1 200 OK",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "bad length": http(b"[]", "Content-Length: -5"),
    "huge header": http(b"[]", "X-Junk: " + "a" * 100_000, "Content-Length: 2"),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_whole_http_answer_is_a_network_error(session, serve_bytes, raw):
    """A connection that ends early or speaks something else never gives a value."""
    with pytest.raises(NetworkError):
        await get(session, await serve_bytes(raw), deadline_s=2)


# --- bodies that are no answer: through the client, which turns them into errors ------------------------------------


NOT_JSON = {
    "empty": answer(""),
    "blank": answer(" \n"),
    "html": answer("<html><body>Checking your browser</body></html>", content_type="text/html"),
    "html that says it is json": answer("<html></html>"),
    "json that says it is html": answer("[]", content_type="text/html; charset=utf-8"),
    "json that says it is HTML": answer("[]", content_type="TEXT/HTML"),
    "cut json": answer('[{"id":1,"price":"4.0'),
    "two answers": answer("[][]"),
    "NaN": answer('[{"price":NaN}]'),
    "Infinity": answer('{"price":-Infinity}'),
    "single quotes": answer("[{'id':1}]"),
    "deep lists": answer("[" * 100_000),
    "deep whole lists": answer("[" * 100_000 + "]" * 100_000),
    "deep objects": answer('{"a":' * 100_000),
    "absurd exponent": answer('{"price":1e99999999999999999999}'),
    "5000 digits": answer('{"id":' + "1" * 5000 + "}"),
    "no utf-8": answer(b'{"a":"\xff\xfe"}'),
    "binary": answer(bytes(range(256)), content_type="application/octet-stream"),
    "picture": answer(b"\x89PNG\r\n\x1a\n", content_type="image/png"),
}


@pytest.mark.parametrize("handler", NOT_JSON.values(), ids=NOT_JSON)
async def test_a_body_that_is_no_json_is_a_bad_answer(serve, open_client, handler):
    """With HTTP 200 it looks like success: it must never become "no trades"."""
    client: CcxtClient = open_client("binance", await serve(handler))
    with pytest.raises(BadAnswer, match="no JSON"):
        await client.call("public_get_time", {})


@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 403, 404, 451])
async def test_another_status_than_200_is_a_bad_answer(serve, open_client, status):
    """201 and 204 are no data; 403 is the firewall in front of Binance."""
    client: CcxtClient = open_client("binance", await serve(answer("[]" if status != 204 else "", status=status)))
    with pytest.raises(BadAnswer, match=str(status)):
        await client.call("public_get_time", {})


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_a_server_in_trouble_is_a_network_error(serve, open_client, status):
    """With or without a body that can be read: the next cycle asks again."""
    for body in ("<html>Bad gateway</html>", "", "{}"):
        client: CcxtClient = open_client("binance", await serve(answer(body, status=status)))
        with pytest.raises(NetworkError, match=str(status)):
            await client.call("public_get_time", {})
