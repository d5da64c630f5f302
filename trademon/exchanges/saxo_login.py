"""Signing in at Saxo: the address a person is sent to, and tokens for the code they come back with.

OAuth's code flow with PKCE (S256): an app without a secret proves by the verifier that it is the one that sent the
person; one with a secret sends that too. A token that renews is good once, so whether a request was seen matters:
`Unreachable` and `RenewalNotDone` say it was not, `SignInNeeded` that it was refused for good, and after any other
error nobody knows.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from trademon.core.model import Credentials
from trademon.core.sessions import StartedLogin, TokenPair
from trademon.errors import AuthError, BadAnswer, HostAskedToWait, NetworkError, SignInNeeded
from trademon.exchanges import validate
from trademon.exchanges.saxo_hosts import asked_wait, login_url
from trademon.exchanges.transport import Answer, send
from trademon.redaction import register

# A login server may be slow, and a request that is given up may cost the session.
DEADLINE_S: Final = 45.0
SILENCE_S: Final = 20.0
_LONGEST_LIFE: Final = 400 * 24 * 3600
_REFUSED: Final = frozenset({400, 401})


class RenewalNotDone(NetworkError):
    """The login server said that it did nothing: the same token is still good."""


class SaxoLogin:
    """The login server of one app."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        clock: Callable[[], datetime],
        *,
        base_url: str | None = None,
        sandbox: bool = False,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._session = session
        self._app = credentials
        self._clock = clock
        self._authorize = login_url("authorize", base_url, sandbox=sandbox)
        self._token = login_url("token", base_url, sandbox=sandbox)
        self._deadline_s = deadline_s

    def begin(self, redirect: str) -> StartedLogin:
        """A new sign-in: the address to send a person to, who comes back to `redirect`."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - only a sign-in needs it
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415

        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        address: str = prepare_grant_uri(
            self._authorize,
            self._app.api_key,
            "code",
            redirect_uri=redirect,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return StartedLogin(address, redirect, state, verifier)

    async def trade_code(self, code: str, started: StartedLogin) -> TokenPair:
        """Tokens for the code that a person came back with, which is good once.

        Raises:
            AuthError: the code is refused: used, too old, or of another sign-in.
        """
        try:
            return await self._ask(
                "authorization_code",
                code=code,
                redirect_uri=started.redirect,
                client_id=self._app.api_key,
                code_verifier=started.verifier,
            )
        except SignInNeeded as error:
            raise AuthError(error.message, hint="a code is good once and for minutes; start again") from None

    async def renew(self, refresh_token: str, *, verifier: str, redirect: str) -> TokenPair:
        """A new pair of tokens. Whatever happens, the old token was perhaps used; see above for what says it was not.

        Raises:
            SignInNeeded: refused for good.
            RenewalNotDone, Unreachable, HostAskedToWait: nothing was done.
            NetworkError, BadAnswer: nobody knows.
        """
        return await self._ask(
            "refresh_token",
            refresh_token=refresh_token,
            redirect_uri=redirect,
            client_id=self._app.api_key,
            code_verifier=verifier,
        )

    async def _ask(self, grant: str, **fields: str) -> TokenPair:
        from authlib.oauth2.rfc6749.parameters import prepare_token_request  # noqa: PLC0415

        body: str = prepare_token_request(grant, "", **fields, client_secret=self._app.api_secret)
        asked_at = self._clock()
        answer = await send(
            self._session,
            "POST",
            self._token,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=body,
            deadline_s=self._deadline_s,
            silence_s=SILENCE_S,
            has_secrets=True,
        )
        _refuse(answer, urlsplit(self._token).netloc, asked_at)
        return parse_pair(answer.data, asked_at)


def _refuse(answer: Answer, host: str, now: datetime) -> None:
    """Raise what a refusal means; say nothing of what was sent."""
    if answer.status in (200, 201):
        return
    if answer.status in (418, 429):
        raise HostAskedToWait(f"{host} asks to wait ({answer.status})", until=now + asked_wait(answer))
    said = answer.data if isinstance(answer.data, dict) else {}
    code = validate.one_line(said.get("error") or said.get("ErrorCode") or answer.status, 40)
    if answer.status in _REFUSED or (answer.status == 403 and answer.is_json):
        raise SignInNeeded(f"Saxo: the sign-in is refused ({code})")
    if answer.status >= 500:
        raise RenewalNotDone(f"{host} is not available ({answer.status})")
    raise BadAnswer(f"{host} answered {answer.status} ({code})")


def parse_pair(data: object, now: datetime) -> TokenPair:
    """A token answer. `expires_in` may come below zero where a code was traded late: then it is over already."""
    row = validate.as_object(data, "Saxo: tokens")
    access = _token(row, "access_token")
    has_refresh = row.get("refresh_token") not in (None, "")
    refresh = _token(row, "refresh_token") if has_refresh else ""
    return TokenPair(
        access,
        refresh,
        now + _life(row, "expires_in"),
        now + _life(row, "refresh_token_expires_in") if has_refresh else None,
    )


def _token(row: validate.Row, name: str) -> str:
    """A token goes into a header: visible ASCII, without which it is none. Its text is in no error."""
    value = row.get(name)
    if isinstance(value, str) and 0 < len(value) <= 16384 and re.fullmatch(r"[!-~]+", value):
        register(value)
        return value
    raise BadAnswer(f"Saxo: {name} is no token")


def _life(row: validate.Row, name: str) -> timedelta:
    value = row.get(name)
    if isinstance(value, str):
        value = int(value) if value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 12 else None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LONGEST_LIFE:
        raise BadAnswer(f"Saxo: {name} is no number of seconds")
    return timedelta(seconds=value)


def read_redirect(text: str, state: str) -> str:
    """The code in the address that a person came back to, or the code itself where it was given alone.

    Raises:
        AuthError: the person said no, it belongs to another sign-in, or it has no code.
    """
    given = text.strip()
    if "?" not in given and "=" not in given and "/" not in given:
        return _code(given)
    query = dict(parse_qsl(urlsplit(given).query or given.partition("?")[2], keep_blank_values=True))
    check_state(query, state)
    return read_answer(query)


def check_state(query: Mapping[str, str], state: str) -> None:
    """Raises AuthError where the answer is not to the question that was asked."""
    if not secrets.compare_digest(query.get("state", "").encode(), state.encode()):
        raise AuthError("the answer belongs to another sign-in", hint="use the newest address that was shown")


def read_answer(query: Mapping[str, str]) -> str:
    """The code among what came back. Raises AuthError for a refusal, or none at all."""
    if "error" in query:
        said = validate.one_line(query.get("error_description") or query["error"])
        raise AuthError(f"Saxo did not sign you in: {said}", hint="start again")
    return _code(query.get("code", ""))


def _code(text: str) -> str:
    if not text or len(text) > 4096 or not text.isascii() or not text.isprintable() or " " in text:
        raise AuthError("there is no code in what was given", hint="paste the whole address the browser ended at")
    register(text)
    return text
