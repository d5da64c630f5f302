"""Three ways to build it that lose or double fills, each a small change of the running program.

They prove that the suite can fail. Nothing of this is in the product.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any


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


CHANGES = {
    "cursor-before-rows": cursor_before_rows,
    "no-look-up": no_look_up,
    "no-look-up-and-no-key": no_look_up_and_no_key,
    "since-last-plus-one": since_last_plus_one,
}


def apply(name: str) -> None:
    CHANGES[name]()
