"""What mends a refusal: one table from an exchange's own code to who acts next.

ccxt has such tables too and is not asked: -2015 (a key that is refused) is an error to be tried again in one of its
moods, 40010 (a timeout) a wrong key, and one 503 on its probe makes a unified account a classic one for good.

Source: the exchanges' lists of error codes. What the table does not name is told as the exchange says it, and changes
nothing. HTTP 429 and 418 are obeyed before any code is looked at (`ccxt_client`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from trademon.errors import AuthError, BadAnswer, ClockSkew, NetworkError, TrademonError

_KEY: Final = "check the key, its rights and its address list, then trademon broker set NAME --new-key"


class Refusal(NamedTuple):
    """One row: what it means, and how it is mended."""

    words: str
    remedy: Callable[[str], TrademonError]


def _person(message: str) -> TrademonError:
    """The person acts; asking again helps nobody."""
    return AuthError(message, hint=_KEY)


def _again(message: str) -> TrademonError:
    """Asked again within the call, else in the next look."""
    return NetworkError(message)


def _clock(message: str) -> TrademonError:
    """The offset to the exchange's clock is measured again, and the question put once more."""
    return ClockSkew(message)


REFUSALS: Final[dict[str, dict[str, Refusal]]] = {
    "Binance": {
        "-1000": Refusal("it does not know what went wrong", _again),
        "-1001": Refusal("it is disconnected inside", _again),
        "-1006": Refusal("it was answered oddly inside", _again),
        "-1007": Refusal("it timed out inside", _again),
        "-1008": Refusal("it is overloaded", _again),
        "-1016": Refusal("the service is shut down for now", _again),
        "-1021": Refusal("our clock is off", _clock),
        "-1022": Refusal("the API secret is refused", _person),
        "-1099": Refusal("the key is not known", _person),
        "-2008": Refusal("the API key does not exist", _person),
        "-2014": Refusal("the API key is malformed", _person),
        "-2015": Refusal("the API key is refused", _person),
    },
    "Bitget": {
        "40004": Refusal("our clock is off", _clock),
        "40005": Refusal("our clock is off", _clock),
        "40006": Refusal("the API key is malformed", _person),
        "40008": Refusal("our clock is off", _clock),
        "40009": Refusal("the API secret is refused", _person),
        "40010": Refusal("it is not available, it timed out inside", _again),
        "40011": Refusal("the passphrase is missing", _person),
        "40012": Refusal("the key or its passphrase is refused", _person),
        "40014": Refusal("the key may not read this", _person),
        "40015": Refusal("it is not available", _again),
        "40018": Refusal("this address is not on the key's list", _person),
        "40037": Refusal("the API key does not exist", _person),
        "40085": Refusal("this is a unified account, which this release does not read yet", _person),
        "40725": Refusal("the service answers with an error", _again),
        "45001": Refusal("it is under maintenance or overloaded", _again),
    },
    "Saxo": {
        "Forbidden": Refusal("the app may not read this", _person),
        "AccessDenied": Refusal("the app may not read this", _person),
        "InvalidClientKey": Refusal("it does not know this client", _person),
        "InternalServerError": Refusal("it does not know what went wrong", _again),
        "ServiceUnavailable": Refusal("it is not available", _again),
        "GatewayTimeout": Refusal("it timed out inside", _again),
    },
}


def remedy_for(exchange: str, code: str, status: int, said: str) -> TrademonError:
    """The error that a refusal is: by the table, else a server in trouble (5xx), else an answer that changes nothing.

    Args:
        exchange: Its name in the table.
        code: Its own code, as text.
        status: HTTP's.
        said: Its own words, cleaned and short.
    """
    known = REFUSALS[exchange].get(code)
    if known is not None:
        return known.remedy(f"{exchange}: {known.words} ({code})")
    if status >= 500:
        return NetworkError(f"{exchange} is not available ({code})")
    return BadAnswer(f"{exchange} refused a request ({code}: {said})")
