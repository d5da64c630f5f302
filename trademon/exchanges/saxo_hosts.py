"""Where Saxo is: the OpenAPI and the login server, live and in the simulation (SIM); how long it asks to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from trademon.exchanges import validate
from trademon.exchanges.transport import Answer

_API: Final = {False: "https://gateway.saxobank.com/openapi", True: "https://gateway.saxobank.com/sim/openapi"}
_LOGIN: Final = {False: "https://live.logonvalidation.net", True: "https://sim.logonvalidation.net"}
_DEFAULT_WAIT_S: Final = 60
_LONGEST_WAIT_S: Final = 24 * 3600  # a day's budget of an app begins anew


def api_url(path: str, base_url: str | None, *, sandbox: bool) -> str:
    """The address of `path` (`/port/v1/...`) of the OpenAPI."""
    return replace_host(_API[sandbox], base_url) + path


def login_url(name: str, base_url: str | None, *, sandbox: bool) -> str:
    """The login server's `authorize` or `token`."""
    return f"{replace_host(_LOGIN[sandbox], base_url)}/{name}"


def replace_host(url: str, base_url: str | None) -> str:
    """Scheme and host of `base_url`, the path of `url`."""
    if base_url is None:
        return url
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}{urlsplit(url).path}"


def asked_wait(answer: Answer) -> timedelta:
    """How long a 429 asks to wait: until the budget that is used up begins anew, else by Retry-After."""
    resets = [reset for left, reset in budgets(answer.headers).values() if left == 0]
    named = validate.small_number(answer.headers.get("Retry-After", ""))
    seconds = max(resets, default=_DEFAULT_WAIT_S if named is None else named)
    return timedelta(seconds=min(max(seconds, 1), _LONGEST_WAIT_S))


def budgets(headers: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """What is left of each budget that an answer names, and in how many seconds it begins anew:
    `X-RateLimit-Session-Remaining` and `-Reset`. Orders have one of their own, which reading does not touch."""
    found: dict[str, tuple[int, int]] = {}
    for header, value in headers.items():
        name = header.lower()
        if name.startswith("x-ratelimit-") and name.endswith("-remaining"):
            left = validate.small_number(value)
            reset = validate.small_number(headers.get(f"{header[: -len('-remaining')]}-Reset", ""))
            if left is not None and reset is not None:
                found[name[len("x-ratelimit-") : -len("-remaining")]] = (left, reset)
    return found
