"""Ways in which an exchange misbehaves. Each factory gives a fault for `DemoServer.faults`.

A fault is asked before the request is answered; it gives a response in place of the answer, or None to let it pass.
`times` is how often it strikes (None: always), `path` the part of the path it strikes at ("": everywhere).
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
_HOUR_S = 3600


def limited(strike: Fault, times: int | None, path: str) -> Fault:
    """`strike`, but only at `path` and at most `times` times."""
    left = times

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if path not in request.path or left == 0:
            return None
        if left is not None:
            left -= 1
        return await strike(request)

    return fault


def status(
    code: int,
    headers: Mapping[str, str] | None = None,
    body: str = "",
    *,
    content_type: str = "application/json",
    times: int | None = None,
    path: str = "",
) -> Fault:
    """Answer with this status and body; `status(200)` is the empty answer that looks like success."""

    async def strike(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers, text=body, content_type=content_type)

    return limited(strike, times, path)


def html_with_200(*, times: int | None = None, path: str = "") -> Fault:
    """The page of a proxy in place of JSON, with HTTP 200."""
    page = "<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
    return status(200, body=page, content_type="text/html", times=times, path=path)


def null_body(*, times: int | None = None, path: str = "") -> Fault:
    """HTTP 200 and the JSON null."""
    return status(200, body="null", times=times, path=path)


def empty_object(*, times: int | None = None, path: str = "") -> Fault:
    """HTTP 200 and {}."""
    return status(200, body="{}", times=times, path=path)


def redirect(to: str, *, times: int | None = None, path: str = "") -> Fault:
    """HTTP 302 to another address: a client that follows it carries its key there."""
    return status(302, headers={"Location": to}, times=times, path=path)


def cut_json(*, times: int | None = None, path: str = "") -> Fault:
    """The right answer, cut off in the middle, with a length that says it is whole."""

    async def strike(request: web.Request) -> web.StreamResponse:
        whole = await _right_answer(request)
        return web.Response(body=whole[: len(whole) // 2], content_type="application/json")

    return limited(strike, times, path)


def slow(bytes_per_second: int, *, times: int | None = None, path: str = "") -> Fault:
    """The right answer, ten pieces a second."""

    async def strike(request: web.Request) -> web.StreamResponse:
        whole, size = await _right_answer(request), max(1, bytes_per_second // 10)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(whole)
        await response.prepare(request)
        for at in range(0, len(whole), size):
            await response.write(whole[at : at + size])
            await asyncio.sleep(size / bytes_per_second)
        await response.write_eof()
        return response

    return limited(strike, times, path)


def hang(*, times: int | None = None, path: str = "") -> Fault:
    """No answer; ends when the client gives up or the server stops."""

    async def strike(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(_HOUR_S)
        return web.Response(status=504)

    return limited(strike, times, path)


def dripping(*, times: int | None = None, path: str = "") -> Fault:
    """An answer that never ends and is never silent for long: whoever asked waits as long as for a slow one."""

    async def strike(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.5)

    return limited(strike, times, path)


def reset(*, times: int | None = None, path: str = "") -> Fault:
    """The connection is reset (RST) without an answer."""

    async def strike(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            # Lingering for 0 s makes the close a reset in place of an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response(status=500)

    return limited(strike, times, path)


async def _right_answer(request: web.Request) -> bytes:
    """What the exchange would have said."""
    response = await request.match_info.handler(request)
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""
