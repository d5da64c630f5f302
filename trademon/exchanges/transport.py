"""One guarded HTTP request: a deadline around all of it, no redirect, a capped body, strict JSON.

ccxt's own sending is not used: its timeout counts per read (a byte a second held a call for 21 s), it follows
redirects with the key's header, unpacks bombs, and turns cut-off JSON into hollow rows.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yarl

from trademon.errors import BadAnswer, NetworkError, NoAnswer, Unreachable
from trademon.redaction import redact, redact_data

MAX_BODY = 10 * 1024 * 1024
SILENCE_S = 4.0
"""A host from which no byte comes for so long hangs; a pass gives it up, so that one that does takes under 5 s."""
BEGINNING = 2000
_CHUNK = 64 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `data` is the parsed JSON, or None where the body was none; `beginning` the body's first text."""

    status: int
    headers: Mapping[str, str]
    data: Any
    is_json: bool
    beginning: str = ""


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def make_session(*, for_orders: bool = False) -> aiohttp.ClientSession:
    """A session for all exchanges of a run: one TLS context, one pool of connections.

    `for_orders`: each request has a connection of its own, and is sent once. A connection that waited may have been
    closed meanwhile, which looks like an order whose answer was lost; and of a DELETE whose connection broke aiohttp
    itself would send a second one.
    """
    import certifi  # noqa: PLC0415 - only with a session

    context = ssl.create_default_context(cafile=certifi.where())
    connector = aiohttp.TCPConnector(ssl=context, limit=100, force_close=for_orders)
    session = aiohttp.ClientSession(connector=connector, trust_env=True, cookie_jar=aiohttp.DummyCookieJar())
    session._retry_connection = not for_orders  # it has no public name; a test counts what arrives
    return session


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None,
    body: str | None,
    deadline_s: float,
    silence_s: float = SILENCE_S,
    has_secrets: bool = False,
) -> Answer:
    """Send one request and read its whole answer within `deadline_s`, with no silence longer than `silence_s`.

    Known secrets are masked in it, unless it `has_secrets`: a sign-in's answer may hold one again. Whoever asks for
    that registers what it received.

    Raises:
        Unreachable: no connection, so that nothing was sent.
        NetworkError: cut off, silent, or not complete in time.
        BadAnswer: a redirect, or a body over 10 MB unpacked.
    """
    host = urlsplit(url).netloc or "the exchange"
    try:
        async with asyncio.timeout(deadline_s):
            async with session.request(
                method,
                yarl.URL(url, encoded=True),
                headers=headers,
                data=body.encode() if body else None,
                allow_redirects=False,
                # Counted on the connection: neither waiting for a free one nor a slow name server is a silent host.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=silence_s, sock_read=silence_s),
            ) as response:
                if 300 <= response.status < 400:
                    raise BadAnswer(f"{host} answered with a redirect: refused")
                content = await _read(response, host)
                return _decode(response, content, has_secrets=has_secrets)
    except aiohttp.ServerTimeoutError:
        raise NoAnswer(f"{host} was silent for {silence_s:g} s") from None
    except TimeoutError:
        raise NoAnswer(f"{host} did not answer within {deadline_s:g} s") from None
    except aiohttp.ClientConnectorError:
        raise Unreachable(f"cannot reach {host}", hint="check the network; the next run asks again") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NetworkError(f"the connection to {host} broke: {type(error).__name__}") from None


async def _read(response: aiohttp.ClientResponse, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            raise BadAnswer(f"{host} answered with more than {MAX_BODY // 1024 // 1024} MB")
    return bytes(body)


def _decode(response: aiohttp.ClientResponse, content: bytes, *, has_secrets: bool) -> Answer:
    data, is_json = None, False
    text = content.decode("utf-8", "replace")
    if not response.headers.get("Content-Type", "").lower().startswith("text/html"):
        try:
            # Numbers with a point stay exact; NaN and Infinity are no JSON.
            data = json.loads(content, parse_float=Decimal, parse_constant=_no_constant)
            # An exchange may say what it was sent: that goes no further, neither into the store nor into an error.
            data = data if has_secrets else redact_data(text, data)
            is_json = True
        except (ValueError, RecursionError, ArithmeticError):
            data = None
    return Answer(response.status, response.headers, data, is_json, redact(text)[:BEGINNING])


def _no_constant(name: str) -> Any:
    raise ValueError(name)
