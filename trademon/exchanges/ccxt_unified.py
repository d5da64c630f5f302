"""ccxt's unified calls, for exchanges that have no adapter of their own: sent, dated and refused as all others are.

Numbers are texts (`number = str`), and no float is let through. What ccxt makes of an error goes by its class; classes
that mislead do so at exchanges which have an adapter of their own. ccxt does not check that an answer is one: an empty
object would pass for an account without a coin, so that a good answer has to say so first.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from trademon.core.model import Credentials
from trademon.errors import AuthError, BadAnswer, ClockSkew, HostAskedToWait, NetworkError, TrademonError
from trademon.exchanges import validate
from trademon.exchanges.ccxt_client import CcxtClient, Clock, round_trip
from trademon.exchanges.ccxt_table import Spec
from trademon.exchanges.transport import Answer

_KEY_HINT = "check the key, its rights and its address list, then trademon broker set NAME --new-key"
_WAIT = timedelta(seconds=60)
# What ccxt trips over in an answer of another shape than it expects.
_STUMBLES = (TypeError, KeyError, ValueError, AttributeError, IndexError, ArithmeticError, AssertionError)
# Who acts next, by ccxt's class; the base of all is the last resort.
_REMEDIES = {
    "InvalidNonce": "clock",
    "DDoSProtection": "wait",
    "RateLimitExceeded": "wait",
    "AuthenticationError": "key",
    "BadResponse": "nobody",
    "OperationFailed": "again",
    "BaseError": "nobody",
}
_sent: ContextVar[list[int] | None] = ContextVar("sent", default=None)


class UnifiedClient(CcxtClient):
    """One host spoken to through ccxt's unified calls. Its markets are loaded once."""

    def __init__(
        self,
        exchange_id: str,
        spec: Spec,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        base_url: str | None = None,
        throttle: bool = True,
        deadline_s: float,
    ) -> None:
        self._spec = spec
        self._measured = timedelta(0)
        super().__init__(
            exchange_id,
            session=session,
            clock=clock,
            explain=self._refused,
            base_url=base_url,
            throttle=throttle,
            deadline_s=deadline_s,
        )
        self._ccxt_error: type[Exception] = importlib.import_module("ccxt.base.errors").BaseError
        self._ccxt.number = str
        self._ccxt.has["fetchCurrencies"] = False  # a signed question for what nobody here asks
        options = self._ccxt.options
        options["defaultType"] = "spot"
        if isinstance(options.get("fetchMarkets"), dict) and "types" in options["fetchMarkets"]:
            options["fetchMarkets"] = {**options["fetchMarkets"], "types": ["spot"]}
        # ccxt sorts a page and cuts it to what it thinks was asked for: a page is judged as it came.
        read = self._ccxt.parse_trades
        self._ccxt.parse_trades = lambda trades, market=None, since=None, limit=None, params=None: read(trades, market)

    @property
    def offset(self) -> timedelta:
        return self._measured

    def set_server_time(self, at: datetime) -> None:
        sent_at, answered_at = round_trip()
        self._measured = at - (sent_at + (answered_at - sent_at) / 2)

    def _signing_clock(self) -> datetime:
        return self.now()

    @property
    def markets(self) -> dict[str, Any]:
        """ccxt's own table, by unified symbol; empty before `load_markets`."""
        return self._ccxt.markets or {}

    async def load_markets(self, *, again: bool = False, count: list[int]) -> None:
        """Fetch the list of markets, which ccxt needs to read anything else."""
        if again or not self._ccxt.markets:
            await self.ask("load_markets", again, count=count)

    async def ask(
        self, method: str, *args: Any, credentials: Credentials | None = None, count: list[int], **params: Any
    ) -> Any:
        """One unified call; `count[0]` counts what was sent.

        Raises:
            TrademonError: by what mends it, whatever ccxt calls it.
        """
        token, before = _sent.set(count), count[0]
        try:
            return await self._ask(lambda: getattr(self._ccxt, method)(*args, params=params), credentials)
        except _STUMBLES as fault:
            if count[0] == before and credentials is not None:  # it did not come to asking: the key could not sign
                raise AuthError(f"{self._ccxt.id}: the key is not complete", hint=_KEY_HINT) from None
            name = type(fault).__name__
            raise BadAnswer(f"{self._ccxt.id}: an answer that is not as it should be ({name})") from None
        except self._ccxt_error as error:
            raise self._remedy(error) from None
        finally:
            _sent.reset(token)

    async def _send(self, url: str, method: str, headers: Mapping[str, str] | None, body: str | None) -> Any:
        count = _sent.get()
        if count is not None:
            count[0] += 1
        return await super()._send(url, method, headers, body)

    def _refused(self, answer: Answer) -> TrademonError | None:
        """What the exchange says is wrong, as ccxt understands it; else whether it is an answer at all."""
        if answer.is_json and (isinstance(answer.data, dict) or answer.status != 200):
            try:
                self._ccxt.handle_errors(
                    answer.status, "", "", "GET", dict(answer.headers), answer.beginning, answer.data, {}, ""
                )
            except _STUMBLES:
                return BadAnswer(f"{self._ccxt.id}: an answer that is not as it should be")
            except self._ccxt_error as error:
                return self._remedy(error)
        return self._odd(answer) if answer.status == 200 and answer.is_json else None

    def _odd(self, answer: Answer) -> TrademonError | None:
        data, envelope = answer.data, self._spec.envelope
        if envelope is not None:
            name, good, holds = envelope
            whole = isinstance(data, dict) and data.get(name) == good and data.get(holds) is not None
        else:
            whole = isinstance(data, list) or (isinstance(data, dict) and bool(data))
        return None if whole else BadAnswer(f"{self._ccxt.id}: an answer without what was asked for")

    def _remedy(self, error: Exception) -> TrademonError:
        """By ccxt's class for it, the nearest that is in the table."""
        name, said = self._ccxt.id, validate.one_line(str(error).removeprefix(f"{self._ccxt.id} "))
        nearest = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _REMEDIES)
        match _REMEDIES[nearest]:
            case "clock":
                return ClockSkew(f"{name}: our clock is off ({said})")
            case "wait":
                return HostAskedToWait(f"{name} asks to wait (too many requests)", until=self._clock() + _WAIT)
            case "key":
                return AuthError(f"{name} refuses the key ({said})", hint=_KEY_HINT)
            case "again":
                return NetworkError(f"{name} is not available ({said})")
        return BadAnswer(f"{name} refused a request ({said})")
