"""Ways to build it that lose or double fills or let secrets out, each a small change of the running program; and
adapters that treat what they sign with as badly as they can.

They prove that the suite can fail. Nothing of this is in the product.
"""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import quote


def cursor_before_rows() -> None:
    """What a page proves is committed in a transaction of its own, before its rows."""
    from trademon.store import booking, coverage_rows

    book_page = booking.Bookkeeper.book_page

    def broken(self: Any, broker: Any, fills: Any, *, covered: Any = None, **more: Any) -> int:
        if covered is not None:
            with self._database.write() as sql:
                coverage_rows.extend(sql, more["account_id"], "fills", *covered)
        return book_page(self, broker, fills, **more)

    booking.Bookkeeper.book_page = broken  # type: ignore[method-assign]


def no_look_up() -> None:
    """A fill is inserted without a look whether it is there: whether it is doubled is up to the unique key."""
    from trademon.store import booking

    booking.known_rows = lambda *_: {}


def no_look_up_and_no_key() -> None:
    """The same, and nothing says of what a fill moves that it is there already."""
    from trademon.store import booking

    no_look_up()
    position = booking.position
    booking.position = lambda fill: position(fill)._replace(tie=f"{position(fill).tie}~{time.time_ns()}")


def since_last_plus_one() -> None:
    """Only what was executed after the newest fill already stored counts as new."""
    from trademon.core.times import to_us
    from trademon.flows import scan

    book = scan._Look._book

    async def broken(self: Any, market: Any, page: Any) -> None:
        with self.store._database.read() as sql:
            [(last,)] = sql.rows(
                "SELECT max(executed_at) FROM fills JOIN markets ON markets.id = market_id WHERE symbol = ?",
                market.symbol,
            )
        newer = tuple(f for f in page.fills if last is None or to_us(f.executed_at) > last)
        await book(self, market, dataclasses.replace(page, fills=newer))

    scan._Look._book = broken  # type: ignore[method-assign]


# --- secrets ------------------------------------------------------------------------------------------------------


def no_masking() -> None:
    """What is known as a secret is let out all the same."""
    from trademon import redaction

    redaction.Known.mask = lambda _self, text: text  # type: ignore[method-assign]


def no_sealing() -> None:
    """Secrets are stored as they are."""
    from trademon.store import crypto

    crypto.seal = lambda _key, content, bound_to: content


def nothing_taken_from_the_environment() -> None:
    """A key is read from the environment and left there."""
    from trademon import settings

    settings.secret_from = lambda name, *_: os.environ[name]


def start_a_child() -> None:
    """A child that lives long enough to be looked at, and that tells what it inherited."""
    with open("child.txt", "w") as file:  # noqa: PTH123
        subprocess.run(["/bin/sh", "-c", "env; sleep 0.5"], stdout=file, check=True)


def adding_starts_a_child() -> None:
    from trademon.store import user_brokers

    add = user_brokers.UserBrokers.add_broker

    def broken(self: Any, *args: Any, **more: Any) -> Any:
        start_a_child()
        return add(self, *args, **more)

    user_brokers.UserBrokers.add_broker = broken  # type: ignore[method-assign]


def adapter(misbehave: Callable[[Any, str], None]) -> Callable[[], None]:
    """Each signed call does this first, with the credentials and a text of them."""

    def change() -> None:
        from trademon.exchanges.ccxt_client import CcxtClient

        call = CcxtClient.call

        async def broken(self: Any, endpoint: str, params: Any, credentials: Any = None) -> Any:
            if credentials is not None:
                given = (credentials.api_key, credentials.api_secret, credentials.password)
                misbehave(credentials, f"{given} {' '.join(given)} {json.dumps(given)} {quote(' '.join(given))}")
            return await call(self, endpoint, params, credentials)

        CcxtClient.call = broken  # type: ignore[method-assign]

    return change


def crash(credentials: Any, text: str) -> None:
    raise RuntimeError(f"signed with {text}")


def crash_in_a_chain(credentials: Any, text: str) -> None:
    try:
        try:
            {}[credentials.api_key]
        except KeyError as error:
            raise UnicodeDecodeError("ascii", text.encode(), 0, 1, text) from error
    except UnicodeDecodeError:
        raise ExceptionGroup(text, [ValueError(credentials.api_secret), OSError(5, text)]) from None


def log_everything(credentials: Any, text: str) -> None:
    for name in ("trademon", "trademon.x", "ccxt", "ccxt.base.exchange", "aiohttp.client", "asyncio", "", "urllib3"):
        log = logging.getLogger(name)
        log.setLevel(logging.DEBUG)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "%s %r %s", text, {"X-MBX-APIKEY": credentials.api_key}, credentials)
        try:
            crash(credentials, text)
        except RuntimeError:
            log.exception("with a traceback")


def warn_and_print(credentials: Any, text: str) -> None:
    warnings.warn(text, stacklevel=1)
    print(text, credentials.api_key)  # noqa: T201
    print(text, credentials.api_key, file=sys.stderr)  # noqa: T201
    sys.stderr.writelines([text, "\n"])
    sys.stdout.flush()


class LeavesAFault:
    def __init__(self, text: str) -> None:
        self.text = text

    def __del__(self) -> None:
        raise ValueError(self.text)


def leave_faults_behind(credentials: Any, text: str) -> None:
    async def fail() -> None:
        raise ValueError(text)

    asyncio.get_running_loop().create_task(fail())
    thread = threading.Thread(target=crash, args=(credentials, text))
    thread.start()
    thread.join()
    LeavesAFault(text)
    atexit.register(crash, credentials, text)


CHANGES = {
    "no-masking": no_masking,
    "no-sealing": no_sealing,
    "nothing-taken-from-the-environment": nothing_taken_from_the_environment,
    "adding-starts-a-child": adding_starts_a_child,
    "adapter-crashes": adapter(crash),
    "adapter-crashes-in-a-chain": adapter(crash_in_a_chain),
    "adapter-logs-everything": adapter(log_everything),
    "adapter-warns-and-prints": adapter(warn_and_print),
    "adapter-leaves-faults-behind": adapter(leave_faults_behind),
    "adapter-starts-a-child": adapter(lambda _credentials, _text: start_a_child()),
    "cursor-before-rows": cursor_before_rows,
    "no-look-up": no_look_up,
    "no-look-up-and-no-key": no_look_up_and_no_key,
    "since-last-plus-one": since_last_plus_one,
}


def apply(names: str) -> None:
    for name in names.split("+"):
        CHANGES[name]()
