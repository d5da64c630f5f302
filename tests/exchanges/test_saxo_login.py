"""Signing in at Saxo: what is sent, what is believed of the answer, and the door the browser comes back to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp import web

from tests.exchanges.helpers import Handler, wall_clock
from tests.saxo import APP, approve, saxo_account
from trademon.core.model import Credentials
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoServer
from trademon.errors import AuthError, BadAnswer, ConfigError, HostAskedToWait, NetworkError, SignInNeeded, Unreachable
from trademon.exchanges.loopback import open_door
from trademon.exchanges.saxo_hosts import api_url, login_url
from trademon.exchanges.saxo_login import RenewalNotDone, SaxoLogin, parse_pair, read_redirect

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
Serve = Callable[[Handler], Awaitable[str]]
GOOD = {
    "access_token": "access",
    "token_type": "Bearer",
    "expires_in": 1200,
    "refresh_token": "refresh",
    "refresh_token_expires_in": 3600,
}


def login(session: aiohttp.ClientSession, url: str, secret: str = "") -> SaxoLogin:
    return SaxoLogin(session, Credentials(APP, secret), wall_clock, base_url=url, deadline_s=3)


def test_each_environment_has_its_hosts_and_a_base_url_takes_the_place_of_both() -> None:
    """Scheme and host are replaced, the paths stay."""
    assert api_url("/port/v1/x", None, sandbox=False) == "https://gateway.saxobank.com/openapi/port/v1/x"
    assert api_url("/port/v1/x", None, sandbox=True) == "https://gateway.saxobank.com/sim/openapi/port/v1/x"
    assert api_url("/port/v1/x", "http://127.0.0.1:7", sandbox=True) == "http://127.0.0.1:7/sim/openapi/port/v1/x"
    assert login_url("token", None, sandbox=False) == "https://live.logonvalidation.net/token"
    assert login_url("authorize", None, sandbox=True) == "https://sim.logonvalidation.net/authorize"
    assert login_url("token", "http://127.0.0.1:7", sandbox=True) == "http://127.0.0.1:7/token"


async def test_a_sign_in_begins_with_a_new_state_and_the_digest_of_a_new_verifier(
    session: aiohttp.ClientSession,
) -> None:
    """S256 as RFC 7636 has it; the verifier itself is not in the address, and nobody prints it."""
    one, other = (login(session, "http://127.0.0.1:9").begin("http://localhost/x") for _ in range(2))
    asked = dict(parse_qsl(urlsplit(one.address).query))
    digest = base64.urlsafe_b64encode(hashlib.sha256(one.verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked == {
        "response_type": "code",
        "client_id": APP,
        "redirect_uri": "http://localhost/x",
        "state": one.state,
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }
    assert 43 <= len(one.verifier) <= 128
    assert one.verifier not in one.address
    assert not {one.verifier, one.state} & {other.verifier, other.state}
    assert one.verifier not in repr(one)


@pytest.mark.parametrize("secret", ["", "app-secret"])
async def test_a_code_is_traded_and_each_pair_renews_once(session: aiohttp.ClientSession, secret: str) -> None:
    """With an app that has a secret and with one that has none; a used token and a used code are refused for good."""
    async with DemoServer([saxo_account(ScriptedWorld(clock=wall_clock), secret=secret)], clock=wall_clock) as demo:
        at = login(session, demo.base_url, secret)
        started = at.begin("http://localhost/trademon")
        back = await asyncio.to_thread(approve, started.address)
        code = read_redirect(back, started.state)
        pair = await at.trade_code(code, started)
        assert timedelta(minutes=19) < pair.access_until - wall_clock() <= timedelta(minutes=20)
        assert pair.refresh_until is not None
        assert timedelta(minutes=59) < pair.refresh_until - wall_clock() <= timedelta(hours=1)
        with pytest.raises(AuthError):
            await at.trade_code(code, started)
        proof: dict[str, Any] = {"verifier": started.verifier, "redirect": started.redirect}
        second = await at.renew(pair.refresh_token, **proof)
        assert second.refresh_token != pair.refresh_token
        with pytest.raises(SignInNeeded, match="invalid_grant"):
            await at.renew(pair.refresh_token, **proof)
        if not secret:
            with pytest.raises(SignInNeeded):
                await at.renew(second.refresh_token, verifier="x" * 43, redirect=started.redirect)
        assert pair.access_token not in repr(pair)
        assert pair.refresh_token not in repr(pair)


REFUSALS: dict[str, tuple[web.Response, type[Exception]]] = {
    "invalid_grant": (web.json_response({"error": "invalid_grant"}, status=400), SignInNeeded),
    "401 with nothing": (web.Response(status=401), SignInNeeded),
    "unavailable": (web.Response(status=503, text="<html>"), RenewalNotDone),
    "too many": (web.Response(status=429, headers={"Retry-After": "7"}), HostAskedToWait),
    "a wall's page": (web.Response(status=403, text="<html>", content_type="text/html"), BadAnswer),
    "elsewhere": (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), BadAnswer),
    "nothing at all": (web.Response(status=200), BadAnswer),
    "no token": (web.json_response(GOOD | {"access_token": "a b"}), BadAnswer),
    "no lifetime": (web.json_response(GOOD | {"expires_in": "soon"}), BadAnswer),
    "a pair of nothing": (web.json_response({}), BadAnswer),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_only_a_clear_refusal_is_one(session: aiohttp.ClientSession, serve: Serve, name: str) -> None:
    """A token that renews is given up for a refusal alone; no answer has what was sent in its error."""
    response, kind = REFUSALS[name]

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    with pytest.raises(kind) as caught:
        await login(session, await serve(handler)).renew("the-token", verifier="the-verifier", redirect="http://x/")
    assert type(caught.value) is kind
    assert "the-token" not in str(caught.value)
    assert "the-verifier" not in str(caught.value)


async def test_what_was_not_sent_is_told_from_what_may_have_been(session: aiohttp.ClientSession, serve: Serve) -> None:
    """No connection, and a connection that ends without an answer."""
    with pytest.raises(Unreachable):
        await login(session, "http://127.0.0.1:1").renew("t", verifier="v", redirect="http://x/")

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(NetworkError) as caught:
        await login(session, await serve(cut)).renew("t", verifier="v", redirect="http://x/")
    assert not isinstance(caught.value, Unreachable | RenewalNotDone)


def test_a_lifetime_below_zero_has_ended_and_a_pair_may_be_without_renewal() -> None:
    """A code that was traded late."""
    pair = parse_pair(GOOD | {"expires_in": -3, "refresh_token_expires_in": "3600"}, NOW)
    assert (pair.access_until, pair.refresh_until) == (NOW - timedelta(seconds=3), NOW + timedelta(hours=1))
    alone = parse_pair({"access_token": "a", "expires_in": 86400}, NOW)
    assert (alone.refresh_token, alone.refresh_until) == ("", None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("http://localhost/trademon?code=abc&state=other", "another sign-in"),
        ("http://localhost/trademon?code=abc", "another sign-in"),
        ("http://localhost/trademon?error=access_denied&error_description=No%0Away&state=s", "No way"),
        ("http://localhost/trademon?state=s", "no code"),
        ("a b", "no code"),
        ("", "no code"),
    ],
)
def test_what_came_back_is_checked(given: str, words: str) -> None:
    """The state first; then whether the person said yes."""
    with pytest.raises(AuthError, match=words):
        read_redirect(given, "s")


def test_a_code_is_taken_alone_or_in_its_address() -> None:
    """A person pastes what they have."""
    assert read_redirect(" abc-1_2 ", "s") == "abc-1_2"
    assert read_redirect("http://localhost:1/trademon?code=abc&state=s", "s") == "abc"
    assert read_redirect("/trademon?state=s&code=abc", "s") == "abc"


async def test_the_door_takes_one_visitor_at_its_path(session: aiohttp.ClientSession) -> None:
    """Favicons and the like are told that nothing is there; whoever comes second, too; then it is closed."""
    async with open_door("/trademon") as (port, visited):
        at = f"http://127.0.0.1:{port}"
        for path in ("/favicon.ico", "/"):
            async with session.get(at + path) as answer:
                assert answer.status == 404
        assert not visited.done()
        async with session.get(f"{at}/trademon?code=abc&state=s") as answer:
            assert (answer.status, answer.headers["Referrer-Policy"]) == (200, "no-referrer")
            assert "abc" not in await answer.text()
        assert await visited == "/trademon?code=abc&state=s"
        async with session.get(f"{at}/trademon?code=evil&state=s") as answer:
            assert answer.status == 404
        with pytest.raises(ConfigError, match=str(port)):
            async with open_door("/trademon", port=port):
                pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(at)


@pytest.mark.parametrize(
    "raw", [b"\r\n\r\n", b"POST /trademon HTTP/1.1\r\n\r\n", b"\xff\xfe \x00\r\n\r\n", b"x" * 40_000]
)
async def test_the_door_is_not_broken_by_what_comes_through_it(raw: bytes) -> None:
    """Whatever it is, it is no visitor."""
    async with open_door("/trademon") as (port, visited):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        await reader.read(10)
        writer.close()
        assert not visited.done()
