"""What both of Binance's hosts do before they answer: count weight, check key, time and signature."""

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from trademon.demo.binance_params import integer, missing
from trademon.demo.wire import DemoAccount, Question, Refusal, sha256_mac

SIGNED = frozenset({"timestamp", "recvWindow", "signature"})


class Rule(NamedTuple):
    """Weight with and without the parameter `lighter`, and the parameters understood beside the signature's."""

    params: frozenset[str]
    weight: int
    lighter: str = ""
    weight_with: int = 0


class MinuteWeight:
    """The weight of one clock minute over all accounts of a host, as per one address."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._minute = -1
        self.used = 0

    def count(self, q: Question, weight: int, limit: int) -> None:
        """Add `weight`; a refused request counts too."""
        minute, into = divmod(q.now_ms, 60_000)
        if minute != self._minute:
            self._minute, self.used = minute, 0
        self.used += weight
        if self.used > limit:
            msg = (
                f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            wait_s = -(-(60_000 - into) // 1000)
            raise Refusal(429, -1003, msg, {"Retry-After": str(wait_s)})


def authenticate(q: Question, accounts: Mapping[str, DemoAccount]) -> DemoAccount:
    """The account whose key was sent, the signature and the time being right."""
    key = q.headers.get("X-MBX-APIKEY", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
        raise Refusal(401, -2014, "API-key format invalid.")
    account = accounts.get(key)
    if account is None:
        raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
    payload, mark, signature = q.signed.rpartition("&signature=")
    if not mark or not signature:
        raise missing("signature")
    if not hmac.compare_digest(sha256_mac(account.api_secret, payload).hex(), signature):
        raise Refusal(400, -1022, "Signature for this request is not valid.")
    _check_time(q)
    return account


def _check_time(q: Question) -> None:
    timestamp = integer(q.params, "timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window = integer(q.params, "recvWindow")
    window = 5000 if window is None else window
    if window > 60_000:
        raise Refusal(400, -1131, "'recvWindow' must be less than 60000.")
    if timestamp >= q.now_ms + 1000:
        raise Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if q.now_ms - timestamp > window:
        raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
