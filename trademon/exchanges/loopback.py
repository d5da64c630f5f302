"""A door on this machine for one visitor: the browser that comes back from a sign-in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from trademon.errors import ConfigError

_HEAD: Final = 16 * 1024
_PATIENCE_S: Final = 5.0


@contextlib.asynccontextmanager
async def open_door(path: str, *, port: int = 0) -> AsyncIterator[tuple[int, asyncio.Future[str]]]:
    """Listen on 127.0.0.1; gives the port, and where the address will stand that the browser comes to at `path`.

    The first request to that path is the only one that is taken, whatever it brings; others are told that nothing is
    there. What it brings is for others to check.

    Raises:
        ConfigError: the port is taken.
    """
    visited: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_respond(head, path, visited))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(visit, "127.0.0.1", port, limit=_HEAD)
    except OSError as error:
        raise ConfigError(f"port {port} of this machine cannot be used: {error.strerror}") from None
    async with server:
        yield int(server.sockets[0].getsockname()[1]), visited


def _respond(head: bytes, path: str, visited: asyncio.Future[str]) -> bytes:
    method, _, rest = head.decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if method != "GET" or urlsplit(target).path.rstrip("/") != path.rstrip("/") or visited.done():
        return _page("404 Not Found", "There is nothing here.")
    visited.set_result(target)
    return _page("200 OK", "You can close this window: the rest is said in the terminal.")


def _page(status: str, text: str) -> bytes:
    body = f"<!doctype html><meta charset=utf-8><title>trademon</title><p>{text}</p>".encode()
    headers = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return headers.encode() + body
