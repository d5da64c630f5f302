"""The OpenAPI as trademon asks it: GET alone, one account's token, an answer that is believed or an error.

Source: developer.saxo (errors, rate limits). Facts that shape this file: a token that ended is a 401 with an empty
body; a session has 120 requests a minute for each group of services, and every answer says what is left; an error is
`ErrorCode` and `Message`, now and then inside `ErrorInfo`; a list goes on at `__next`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp

from trademon.errors import AuthError, BadAnswer, HostAskedToWait, NetworkError, NoAnswer, SignInNeeded, TrademonError
from trademon.exchanges import validate
from trademon.exchanges.base import TokenSource
from trademon.exchanges.remedies import REFUSALS, remedy_for
from trademon.exchanges.saxo_hosts import api_url, asked_wait, budgets
from trademon.exchanges.transport import Answer, send
from trademon.exchanges.validate import Row

PAGE: Final = 500
_PAUSES_S: Final = (0.25, 1.0)  # before a question is put again within a look; every question here only reads
_PAGES: Final = 2000
_SPARE: Final = 10
"""So many requests of a minute are left for whatever cannot wait."""
_LIMIT: Final = 120
_READ_ONLY: Final = (
    "/port/v1/",
    "/cs/v1/audit/",
    "/cs/v1/reports/",
    "/ref/v1/",
    "/root/v1/",
    "/chart/v3/",
    "/trade/v1/infoprices",
)
_last_answer: ContextVar[str] = ContextVar("saxo_last_answer", default="")


class NotThere(BadAnswer):
    """404: nothing stands at that address."""


class SaxoClient:
    """One account's way to the OpenAPI. A client each: budgets are by session, and whoever signs in has one."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tokens: TokenSource,
        clock: Callable[[], datetime],
        *,
        base_url: str | None = None,
        sandbox: bool = False,
        deadline_s: float = 20.0,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._clock = clock
        self._base_url = base_url
        self.sandbox = sandbox
        self._deadline_s = deadline_s
        self.offset = timedelta(0)
        self.requests = 0
        self._answered_at = clock()
        self._left: dict[str, tuple[int, int, datetime]] = {}
        """By group of services: requests left, of how many, and when they begin anew."""

    def now(self) -> datetime:
        return self._clock() + self.offset

    def last_answer(self) -> str:
        """How the answer began that this task received last."""
        return _last_answer.get()

    def has_budget(self) -> bool:
        now = self._clock()
        return all(left > _SPARE or now >= anew for left, _, anew in self._left.values())

    def budget(self) -> tuple[int, int] | None:
        """Used and allowed requests of this minute, of the group that has used most."""
        now = self._clock()
        used = [(limit - left, limit) for left, limit, anew in self._left.values() if now < anew]
        return max(used, default=None)

    async def measure_clock(self) -> timedelta:
        """Take the server's clock from the date of an answer, which ends at the second: ours is then up to a second
        late, and never claims what has not happened yet."""
        answer = await self._ask("/port/v1/users/me", {})
        validate.text(validate.as_object(answer.data, "Saxo: user"), "ClientKey")
        self.offset = _date(answer) - self._answered_at
        return self.offset

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Row:
        """One object. What passes is asked again.

        Raises:
            TrademonError: whatever the transport or the refusal is.
        """
        return validate.as_object((await self._ask(path, query or {})).data, f"Saxo: {path}")

    async def rows(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[list[Row]]:
        """The pages of a list, to its end. Where a page goes on, the address it names is not followed: its parameters
        are, at the same place.

        Raises:
            BadAnswer: a page that names itself as the next, or a list without an end.
        """
        asked = dict(query or {})
        before: set[tuple[tuple[str, str], ...]] = set()
        for _ in range(_PAGES):
            before.add(tuple(sorted(asked.items())))
            answer = await self.get(path, asked)
            yield validate.as_rows(validate.present(answer, "Data"), f"Saxo: {path}")
            following = answer.get("__next")
            if following is None:
                return
            if not isinstance(following, str) or len(following) > 4000:
                raise BadAnswer(f"Saxo: {path} goes on at no address")
            asked = asked | dict(parse_qsl(urlsplit(following).query))
            if tuple(sorted(asked.items())) in before:
                raise BadAnswer(f"Saxo: {path} names a page twice")
        raise BadAnswer(f"Saxo: {path} has no end")

    async def _ask(self, path: str, query: Mapping[str, str]) -> Answer:
        if not path.startswith(_READ_ONLY):
            raise BadAnswer(f"Saxo: {path} is not for reading")
        for pause in _PAUSES_S:
            try:
                return await self._ask_signed(path, query)
            except NoAnswer:
                raise  # a host that is silent is given up: a pass has other questions
            except NetworkError:
                await asyncio.sleep(pause)
        return await self._ask_signed(path, query)

    async def _ask_signed(self, path: str, query: Mapping[str, str]) -> Answer:
        """Once with the token there is, once more where it was refused."""
        token = await self._tokens.token()
        answer = await self._send(path, query, token)
        if answer.status == 401 and not answer.beginning.strip():
            another = await self._tokens.after_refusal(token)
            if another == token:
                raise AuthError(f"Saxo does not let this sign-in read {path}", hint="check the rights of the app")
            answer = await self._send(path, query, another)
        return _believed(answer, path)

    async def _send(self, path: str, query: Mapping[str, str], token: str) -> Answer:
        group = path.split("/", 2)[1]
        await self._keep_budget(group)
        url = api_url(path, self._base_url, sandbox=self.sandbox)
        if query:
            url += "?" + urlencode(query)
        self.requests += 1
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        sent_at = self._clock()
        answer = await send(self._session, "GET", url, headers=headers, body=None, deadline_s=self._deadline_s)
        self._answered_at = sent_at + (self._clock() - sent_at) / 2
        _last_answer.set(answer.beginning.replace(token, "***"))
        self._note_budget(group, answer)
        if answer.status in (418, 429):
            until = self._clock() + asked_wait(answer)
            raise HostAskedToWait(f"Saxo asks to wait ({answer.status}, too many requests)", until=until)
        return answer

    async def _keep_budget(self, group: str) -> None:
        """A long walk waits for the next minute rather than be told to."""
        left, _, anew = self._left.get(group, (_LIMIT, _LIMIT, self._clock()))
        wait_s = (anew - self._clock()).total_seconds()
        if left < 2 and 0 < wait_s <= 60:
            await asyncio.sleep(wait_s)

    def _note_budget(self, group: str, answer: Answer) -> None:
        told = budgets(answer.headers).get("session")
        if told is not None:
            left, reset = told
            limit = validate.small_number(answer.headers.get("X-RateLimit-Session-Limit", "")) or _LIMIT
            self._left[group] = (left, limit, self._clock() + timedelta(seconds=min(reset, 3600)))


def _believed(answer: Answer, path: str) -> Answer:
    """The answer where it is one; else what its refusal means."""
    error = explain(answer)
    if error is not None:
        raise error
    if not answer.is_json:
        raise BadAnswer(f"Saxo: {path} answered with something that is no JSON")
    return answer


def explain(answer: Answer) -> TrademonError | None:
    """A refusal by what mends it; None for a good answer."""
    if 200 <= answer.status < 300:
        return None
    said: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
    inner = said.get("ErrorInfo")
    if isinstance(inner, dict):
        said = {**said, **inner}
    code = validate.one_line(said.get("ErrorCode") or answer.status, 60)
    words = [validate.one_line(said.get("Message") or "no reason given")]
    state = said.get("ModelState")
    if isinstance(state, dict):
        words += [f"{validate.one_line(name, 40)}: {validate.one_line(what)}" for name, what in list(state.items())[:3]]
    if answer.status == 401 and code not in REFUSALS["Saxo"]:
        return SignInNeeded("Saxo refuses the sign-in (401)", hint="trademon broker login NAME")
    if answer.status == 404:
        return NotThere(f"Saxo: nothing is there ({code}: {words[0]})")
    if answer.status == 403 and code not in REFUSALS["Saxo"]:
        code = "Forbidden"
    return remedy_for("Saxo", code, answer.status, "; ".join(words))


def _date(answer: Answer) -> datetime:
    try:
        at = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        raise BadAnswer("Saxo: an answer without a date") from None
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
