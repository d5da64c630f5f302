"""Saxo's login server (developer.saxo, OAuth with PKCE). Where the documentation leaves something open: "assumed".

The demo's person says yes at once. Every token that renews is taken once; a second time is refused and counted.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from trademon.demo.wire import DemoAccount, Question

_CODE_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code or a token that renews stands for; `challenge` is the S256 of the verifier, None without PKCE."""

    account: DemoAccount
    redirect: str
    challenge: str | None
    until: datetime


@dataclass(slots=True)
class SaxoLogins:
    """`/authorize` and `/token`. Lifetimes may be changed while it runs."""

    accounts: Mapping[str, DemoAccount]
    access_life: timedelta = timedelta(minutes=20)
    refresh_life: timedelta = timedelta(hours=1)
    asked: int = 0
    """Requests to renew, whatever came of them."""
    reused: list[str] = field(default_factory=list)
    """Tokens that came a second time."""
    _codes: dict[str, _Grant] = field(default_factory=dict)
    _refresh: dict[str, _Grant] = field(default_factory=dict)
    _access: dict[str, tuple[DemoAccount, datetime]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def authorize(self, q: Question) -> web.Response:
        """Send the person back with a code, or say what is wrong with the question."""
        params = q.params
        account = self.accounts.get(params.get("client_id", ""))
        redirect = params.get("redirect_uri", "")
        if account is None or params.get("response_type") != "code" or not urlsplit(redirect).hostname:
            return web.Response(status=400, text="invalid_request")
        challenge = params.get("code_challenge")
        is_plain = challenge is not None and params.get("code_challenge_method") != "S256"
        if is_plain or (challenge is None and not account.api_secret):
            return web.Response(status=400, text="invalid_request: an app without a secret needs PKCE, S256")
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Grant(account, redirect, challenge, q.now + _CODE_LIFE)
        back = {"code": code} | ({"state": params["state"]} if "state" in params else {})
        return web.Response(status=302, headers={"Location": f"{redirect}?{urlencode(back)}"})

    def token(self, q: Question, body: str) -> web.Response:
        """A pair for a code, or for a token that renews."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        kind = form.get("grant_type")
        if kind == "authorization_code":
            grant = self._codes.pop(form.get("code", ""), None)
        elif kind == "refresh_token":
            self.asked += 1
            given = form.get("refresh_token", "")
            if given in self._used:
                self.reused.append(given)
            grant = self._refresh.pop(given, None)
            if grant is not None:
                self._used.add(given)
        else:
            return _refuse("unsupported_grant_type")
        if grant is None or grant.until < q.now or not _proves(form, grant):
            return _refuse("invalid_grant")
        return self._give(grant, q.now)

    def sign_in(self, account: DemoAccount, now: datetime) -> str:
        """A token for this account without a person: what a test that is about something else begins with."""
        token = secrets.token_urlsafe(24)
        self._access[token] = (account, now + self.access_life)
        return token

    def account_of(self, q: Question) -> DemoAccount | None:
        """Whose token was sent, while it is good."""
        token = q.headers.get("Authorization", "").removeprefix("Bearer ")
        account, until = self._access.get(token, (None, q.now))
        return account if until > q.now else None

    def end_access(self) -> None:
        """Every token to ask with ends now; those that renew stay."""
        self._access.clear()

    def _give(self, grant: _Grant, now: datetime) -> web.Response:
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        self._access[access] = (grant.account, now + self.access_life)
        self._refresh[refresh] = _Grant(grant.account, grant.redirect, grant.challenge, now + self.refresh_life)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self.access_life.total_seconds()),
            "refresh_token": refresh,
            "refresh_token_expires_in": int(self.refresh_life.total_seconds()),
        }
        return web.json_response(answer, status=201)


def _proves(form: Mapping[str, str], grant: _Grant) -> bool:
    """Whether who asks is the app that the grant is for: by the verifier, the secret, and the same redirect."""
    if form.get("redirect_uri") not in (None, grant.redirect):
        return False
    if grant.account.api_secret:
        return hmac.compare_digest(form.get("client_secret", "").encode(), grant.account.api_secret.encode())
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == grant.challenge


def _refuse(error: str) -> web.Response:
    return web.json_response({"error": error}, status=400)
