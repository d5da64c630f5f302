"""ccxt as trademon uses it: it knows the addresses, signs and throttles; sending and believing are ours.

One ccxt object serves every account behind one host; whose key signs is a context variable, so that a thousand
accounts cost one object. Only the exchanges in use are imported: `import ccxt.async_support` alone loads over a
hundred exchanges, 100 MB and most of a second.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import sys
import types
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from trademon.core.model import Credentials
from trademon.core.times import MILLISECOND, to_ms
from trademon.errors import AuthError, BadAnswer, HostAskedToWait, NetworkError, NoAnswer, NotServed, TrademonError
from trademon.exchanges import read_paths, validate
from trademon.exchanges.transport import Answer, send
from trademon.redaction import register

Explain = Callable[[Answer], TrademonError | None]
Clock = Callable[[], datetime]

CALL_DEADLINE_S = 20.0
_DEFAULT_WAIT_S = 60
# Before a question is put again within a look: a connection that broke or a server that was busy. Every question here
# only reads, so that asking twice does nothing twice.
_PAUSES_S = (0.25, 1.0)
_LONGEST_WAIT_S = 3 * 24 * 3600  # Binance's longest ban
_credentials: ContextVar[Credentials] = ContextVar("credentials")
_last_answer: ContextVar[str] = ContextVar("last_answer", default="")
# When the caller's last request left and came back: without the time it stood in ccxt's queue.
_round_trip: ContextVar[tuple[datetime, datetime]] = ContextVar("round_trip")


def load_ccxt_class(exchange_id: str) -> type[Any]:
    """The async ccxt class of one exchange, without the other hundred.

    Stands in for the two package `__init__`s, which import everything. That leans on ccxt's layout, so where it does
    not hold the plain import is used.
    """
    if "ccxt" not in sys.modules:
        try:
            _stub_packages()
        except (ImportError, AttributeError, OSError):
            _drop_stubs()
    module = importlib.import_module(f"ccxt.async_support.{exchange_id}")
    return getattr(module, exchange_id)  # type: ignore[no-any-return]


def _stub_packages() -> None:
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise ImportError("ccxt is not installed")
    root = Path(spec.origin).parent
    for name, folder in (("ccxt", root), ("ccxt.async_support", root / "async_support")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    # ccxt's own modules take the errors and the base class from the package itself.
    errors = vars(importlib.import_module("ccxt.base.errors"))
    vars(sys.modules["ccxt"]).update({name: value for name, value in errors.items() if not name.startswith("_")})
    vars(sys.modules["ccxt"])["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
    importlib.import_module("ccxt.async_support.base.exchange")


def _drop_stubs() -> None:
    for name in [n for n in sys.modules if n == "ccxt" or n.startswith("ccxt.")]:
        del sys.modules[name]


class CcxtClient:
    """A host spoken to through ccxt's raw endpoints. `explain` turns a refusal into an error by its remedy."""

    def __init__(
        self,
        exchange_id: str,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        explain: Explain,
        base_url: str | None = None,
        throttle: bool = True,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> None:
        self._exchange_id = exchange_id
        self._session = session
        self._clock = clock
        self._explain = explain
        self._deadline_s = deadline_s
        self.headers: Mapping[str, str] = {}
        self.answered_at: datetime | None = None
        self._wait_until: datetime | None = None
        self._ccxt = _guarded(load_ccxt_class(exchange_id), self._send, self._signing_clock)(
            {
                "session": session,
                "asyncio_loop": asyncio.get_running_loop(),
                "enableRateLimit": throttle,
            }
        )
        logging.getLogger("ccxt").setLevel(logging.WARNING)  # at DEBUG it logs keys
        if base_url is not None:
            self._ccxt.urls["api"] = _replace_host(self._ccxt.urls["api"], base_url)

    def _signing_clock(self) -> datetime:
        """What ccxt dates a request by; it takes the difference to the exchange's clock off itself."""
        return self._clock()

    @property
    def offset(self) -> timedelta:
        """The exchange's clock minus ours."""
        return -int(self._ccxt.options["timeDifference"]) * MILLISECOND

    def set_server_time(self, at: datetime) -> None:
        """Take over the exchange's clock from the answer just received, dated to the middle of its round trip."""
        sent_at, answered_at = _round_trip.get()
        self._ccxt.options["timeDifference"] = to_ms(sent_at + (answered_at - sent_at) / 2) - to_ms(at)

    def now(self) -> datetime:
        return self._clock() + self.offset

    async def call(self, endpoint: str, params: Mapping[str, Any], credentials: Credentials | None = None) -> Any:
        """One raw endpoint by ccxt's name for it; the parsed JSON, numbers exact. What passes is asked again, signed
        anew.

        Raises:
            TrademonError: whatever the transport or `explain` makes of the answer; WouldWrite for one that could change
                something.
        """
        read_paths.check_endpoint(self._exchange_id, endpoint)
        return await self._ask(lambda: getattr(self._ccxt, endpoint)(dict(params)), credentials)

    async def _ask(self, question: Callable[[], Awaitable[Any]], credentials: Credentials | None) -> Any:
        """The answer to a question that only reads, put again where it did not get through; signed with this key."""
        signing = credentials or Credentials()
        register(signing.api_key, signing.api_secret, signing.password)
        token = _credentials.set(signing)
        try:
            for pause in _PAUSES_S:
                try:
                    return await question()
                except NoAnswer:
                    raise  # a host that is silent is given up: a pass has other questions
                except NetworkError:
                    await asyncio.sleep(pause)
            return await question()
        except TrademonError:
            raise
        except Exception as error:
            # ccxt itself refuses to sign without a whole key.
            if any(kind.__name__ == "AuthenticationError" for kind in type(error).__mro__):
                raise AuthError(
                    f"{self._ccxt.id}: the key is not complete",
                    hint="give it again: trademon broker set NAME --new-key",
                ) from None
            raise
        finally:
            _credentials.reset(token)

    def close(self) -> None:
        self._ccxt.session = None  # it is ours; ccxt warns about one it still holds

    async def _send(self, url: str, method: str, headers: Mapping[str, str] | None, body: str | None) -> Any:
        read_paths.check_request(self._exchange_id, method, url)
        host, sent_at = urlsplit(url).netloc, self._clock()
        until = self._wait_until
        # Asked of one account, meant for this address: whoever else is under way stops, too. A wait that is longer than
        # any was noted by a clock that was wrong.
        if until is not None and sent_at < until <= sent_at + timedelta(seconds=_LONGEST_WAIT_S):
            raise HostAskedToWait(f"{host} asked a moment ago to wait (too many requests)", until=until)
        answer = await send(self._session, method, url, headers=headers, body=body, deadline_s=self._deadline_s)
        _round_trip.set((sent_at, self._clock()))
        _last_answer.set(answer.beginning)
        self.headers, self.answered_at = answer.headers, self.now()
        if answer.status in (418, 429):
            self._wait_until = self._clock() + _wait(answer)
            raise HostAskedToWait(f"{host} asks to wait ({answer.status}, too many requests)", until=self._wait_until)
        error = self._explain(answer)
        if error is not None:
            raise error
        if answer.status >= 500:
            raise NetworkError(f"{host} is not available ({answer.status})")
        if answer.status == 404:
            raise NotServed(f"{host} has no {urlsplit(url).path[:80]} (404)")
        if answer.status != 200:
            raise BadAnswer(f"{host} answered {answer.status}")
        if not answer.is_json:
            raise BadAnswer(f"{host} answered with something that is no JSON")
        return answer.data


def round_trip() -> tuple[datetime, datetime]:
    """When this task's last request left and came back."""
    return _round_trip.get()


def last_answer() -> str:
    """How the answer began that this task received last: what is kept of one that was not believed."""
    return _last_answer.get()


def _wait(answer: Answer) -> timedelta:
    """The wait asked for by Retry-After in seconds, else a modest one."""
    asked = validate.small_number(answer.headers.get("Retry-After", ""))
    seconds = _DEFAULT_WAIT_S if asked is None else asked
    return timedelta(seconds=min(max(seconds, 1), _LONGEST_WAIT_S))


def _guarded(ccxt_class: type[Any], sender: Callable[..., Any], clock: Clock) -> type[Any]:
    """The ccxt class with our sending and our clock, and with the keys of whoever is calling."""

    class Guarded(ccxt_class):  # type: ignore[misc]
        apiKey = property(lambda _: _credentials.get(Credentials()).api_key, lambda _, __: None)  # noqa: N815 - ccxt's
        secret = property(lambda _: _credentials.get(Credentials()).api_secret, lambda _, __: None)
        password = property(lambda _: _credentials.get(Credentials()).password, lambda _, __: None)

        def milliseconds(self) -> int:
            return to_ms(clock())

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            return await sender(url, method, headers, body)

    return Guarded


def _replace_host(urls: Any, base_url: str) -> Any:
    """Scheme and host of every address in ccxt's nested table, the paths kept."""
    if isinstance(urls, dict):
        return {name: _replace_host(value, base_url) for name, value in urls.items()}
    if isinstance(urls, str):
        parts = urlsplit(base_url)
        return f"{parts.scheme}://{parts.netloc}{urlsplit(urls).path}"
    return urls
