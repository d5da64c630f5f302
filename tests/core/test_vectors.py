"""P&L cases with answers from other engines, where their policy is ours or the same thing in other words.

The cases live in the directory that `TRADEMON_VECTORS_DIR` names, one JSON object a file, with the policy of the
engine beside its figures. `NOT_RUN` tells which policies are not ours; `INDIVIDUAL` names single cases with a reason of
their own. For the rest each expectation is translated and compared within the case's own tolerance:

- `in_basis` (fees in cost and proceeds): the engine's result is our net, its cost is ours with the fees carried.
- `separate` (fees booked when paid): its result is our gross less every fee paid so far, its cost is ours without.
- `zero_cost` (an oversell is all profit): its result is our net and what we list as unmatched; `error` (it refuses):
  we must list something as unmatched.
- `global` scope is one book, `per_account` a book for each account.
- quantities are contracts of `multiplier` each; an `inverse` case settles in its `currency`.
- an acquisition or a disposal that is no trade (income, gift, donation, a fee paid in kind) is a buy or a sale at its
  value; `funding` is cash beside the trades and taken off the engine's result before comparing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from trademon.core.entries import inverse_price
from trademon.core.model import Contract, Fee, Fill, Lot
from trademon.core.money import round_figure
from trademon.core.pnl import Book, Booked, fold
from trademon.core.times import parse_time

Vector = dict[str, Any]
NIL = Fraction(0)
AT_LEAST = 100  # of some 120 cases; a predicate that goes wrong must not skip them all unseen

DIRECTORY = os.environ.get("TRADEMON_VECTORS_DIR", "")
FILES = sorted(Path(DIRECTORY).glob("*.json")) if DIRECTORY else []
pytestmark = pytest.mark.skipif(not FILES, reason="TRADEMON_VECTORS_DIR names no directory with P&L cases")


# --- which cases are not run --------------------------------------------------------------------------------------


def fee_currencies(fill: dict[str, Any]) -> list[tuple[Fraction, str]]:
    several = fill.get("fees") or [fill]
    return [(Fraction(e["fee"]), e["fee_currency"]) for e in several if Fraction(e.get("fee") or 0)]


def has_third_coin_fee(v: Vector) -> bool:
    return any(coin not in x["symbol"].split("/") for x in v["fills"] for _, coin in fee_currencies(x))


def buys_with_base_fee(v: Vector) -> bool:
    return any(
        coin == x["symbol"].split("/")[0] for x in v["fills"] if x["side"] == "buy" for _, coin in fee_currencies(x)
    )


def ends_flat(v: Vector) -> bool:
    return Fraction(v["expect"].get("open_qty") or 1) == 0


def opens_after_closing(v: Vector) -> bool:
    """Whether a position grows after it has shrunk: only then do moving and lifetime averages differ."""
    position, shrunk = NIL, False
    for x in v["fills"]:
        change = Fraction(x["qty"]) * (1 if x["side"] == "buy" else -1)
        grows = position * change >= 0
        if grows and shrunk:
            return True
        shrunk = shrunk or not grows
        position += change
    return False


def fee_rates_differ(v: Vector) -> bool:
    """Whether ranking lots by price and by price with fees may differ."""
    rates = {
        round(sum((fee for fee, _ in fee_currencies(x)), NIL) / (Fraction(x["qty"]) * Fraction(x["price"])), 5)
        for x in v["fills"]
        if x["side"] == "buy"
    }
    return len(rates) > 1


NOT_RUN: dict[str, Callable[[Vector], bool]] = {
    "a third-coin fee is also sold from a book of its own; in symbol books it is a cost only": has_third_coin_fee,
    "a base fee on a buy is sold at once, so open lots and results differ until flat": lambda v: (
        v.get("base_fee") == "disposal_at_market" and buys_with_base_fee(v) and not ends_flat(v)
    ),
    "a base fee whose coins leave at no gain, or do not leave at all": lambda v: (
        v.get("base_fee") in ("silent_reduce", "at_cost", "ignore")
    ),
    "UK share matching (same day, thirty days) is no moving average": lambda v: "uk_matching" in v["kinds"],
    "a lifetime average restates results after a position grew again": lambda v: (
        v.get("average_kind") == "lifetime" and opens_after_closing(v)
    ),
    "hifo by price with fees, and the fee rates differ": lambda v: (
        v["method"] == "hifo" and v.get("hifo_key") == "unit_cost" and fee_rates_differ(v)
    ),
}

INDIVIDUAL = {
    "oversell-bittytax": "a pool below zero gives coins a cost that nobody paid",
    "ghostfolio-msft-thirds": "a remainder of 1e-16 is taken for zero there; here it is a position",
}


def why_not(v: Vector) -> str | None:
    return INDIVIDUAL.get(v["id"]) or next((reason for reason, differs in NOT_RUN.items() if differs(v)), None)


# --- a case in our terms ------------------------------------------------------------------------------------------


def size_of(v: Vector) -> Decimal:
    """What one unit of the case's quantities stands for."""
    return Decimal(v.get("multiplier", "1"))


def contract_of(v: Vector) -> Contract | None:
    """An inverse case settles in the coin that its figures are in, all others in the symbol's quote."""
    if not v.get("inverse") and size_of(v) == 1:
        return None
    settle = v["currency"] if v.get("inverse") else v["fills"][0]["symbol"].split("/")[1]
    return Contract(settle, size_of(v), bool(v.get("inverse")))


def to_fill(n: int, x: dict[str, Any], contract: Contract | None = None) -> Fill:
    base, quote = x["symbol"].split("/")
    price = Decimal(x["price"])
    if x.get("quote_qty"):  # the exact total; a price that does not end is cut where trademon's prices end
        exact = Context(prec=80, rounding=ROUND_HALF_EVEN)
        price = round_figure(exact.divide(Decimal(x["quote_qty"]), Decimal(x["qty"])))
    several = x.get("fees") or [x]
    return Fill(
        trade_id=str(n),
        symbol=x["symbol"],
        base=base,
        quote=quote,
        side=x["side"],
        quantity=Decimal(x["qty"]),
        price=price,
        executed_at=parse_time(x["ts"]),
        fees=tuple(Fee(Decimal(e["fee"]), e["fee_currency"]) for e in several if e.get("fee_currency")),
        contract=contract,
    )


@dataclass(frozen=True)
class Event:
    """What one fill realised, in the engine's terms."""

    at: str
    quantity: Fraction
    proceeds: Fraction
    cost: Fraction
    pnl: Fraction
    lots: list[tuple[int, Fraction]]
    matches: list[tuple[Fraction, Fraction]]


class Ours:
    """Our books over a case, and its figures in the terms of the case's policy."""

    def __init__(self, v: Vector) -> None:
        self.v = v
        self.in_basis = v.get("fee_model", "none") == "in_basis"
        self.books: dict[tuple[str, str], Book] = {}
        self.booked: list[Booked] = []
        for n, x in enumerate(v["fills"]):
            account = x.get("account", "") if v.get("scope") == "per_account" else ""
            book = self.books.setdefault((x["symbol"], account), Book(v["method"], v.get("oversell") == "short"))
            self.booked += fold(book, [(n, to_fill(n, x, contract_of(v)))])
        self.opened: dict[int, Lot] = {b.fill_id: b.opened for b in self.booked if b.opened}

    def total(self, name: str) -> Fraction:
        return sum((Fraction(getattr(book.tally, name)) for book in self.books.values()), NIL)

    def lots(self) -> Iterator[Lot]:
        for book in self.books.values():
            yield from book.open_lots

    @property
    def open_qty(self) -> Fraction:
        """In the engine's units: a book counts what a contract stands for."""
        return sum((Fraction(book.open_quantity) for book in self.books.values()), NIL) / Fraction(size_of(self.v))

    @property
    def carried(self) -> Fraction:
        return sum((Fraction(lot.fees) for lot in self.lots()), NIL)

    @property
    def open_cost(self) -> Fraction:
        """A short lot's fee lowers what its sale brought in."""
        if not self.in_basis:
            return sum((Fraction(lot.cost) for lot in self.lots()), NIL)
        return sum((Fraction(x.cost) + (1 if x.side == "buy" else -1) * Fraction(x.fees) for x in self.lots()), NIL)

    @property
    def fees(self) -> Fraction:
        return self.total("fees") + self.carried + self.total("unmatched_fees")

    @property
    def gross(self) -> Fraction:
        return self.total("gross") + (self.total("unmatched_proceeds") if self.v.get("oversell") == "zero_cost" else 0)

    @property
    def net(self) -> Fraction:
        fees = self.fees if not self.in_basis else self.total("fees")
        funding = sum((Fraction(x["amount"]) for x in self.v.get("funding", [])), NIL)
        return self.gross - fees + funding

    @property
    def events(self) -> Iterator[Event]:
        """One for each fill that closed something (or that the engine sold at no cost)."""
        for b in self.booked:
            if b.disposal is not None:
                yield self.event(b)
            elif b.unmatched is not None and self.v.get("oversell") == "zero_cost":
                worth = Fraction(b.unmatched.proceeds)
                yield Event(self.at(b), Fraction(b.unmatched.quantity), worth, NIL, worth, [], [])

    def at(self, b: Booked) -> str:
        return str(self.v["fills"][b.fill_id]["ts"])

    def event(self, b: Booked) -> Event:
        d = b.disposal
        assert d is not None
        unmatched = b.unmatched if self.v.get("oversell") == "zero_cost" else None
        more = Fraction(unmatched.proceeds) if unmatched else NIL
        pnl = Fraction(d.gross) - (Fraction(d.fees) if self.in_basis else 0) + more
        value = Fraction(d.proceeds) + more
        if self.in_basis:  # a fee lowers what a sale brings in and raises what a buy costs
            value -= self.closing_fee(b) * (1 if b.fill.side == "sell" else -1)
        proceeds, cost = (value, value - pnl) if b.fill.side == "sell" else (pnl + value, value)
        return Event(
            at=self.at(b),
            quantity=Fraction(d.quantity) + (Fraction(unmatched.quantity) if unmatched else 0),
            proceeds=proceeds,
            cost=cost,
            pnl=pnl,
            lots=[(p.lot_fill_id, Fraction(p.quantity)) for p in d.parts],
            matches=[(Fraction(p.quantity), self.unit_cost(p.lot_fill_id) * Fraction(p.quantity)) for p in d.parts],
        )

    def closing_fee(self, b: Booked) -> Fraction:
        """The part of the fill's own fee that belongs to what it closed."""
        assert b.disposal is not None
        price = Fraction(b.fill.price)
        paid = sum((Fraction(f.amount) * (price if f.currency == b.fill.base else 1) for f in b.fill.fees), NIL)
        rest = sum((Fraction(part.quantity) for part in (b.opened, b.unmatched) if part), NIL)
        return paid * Fraction(b.disposal.quantity) / (Fraction(b.disposal.quantity) + rest)

    def unit_cost(self, fill_id: int) -> Fraction:
        lot = self.opened[fill_id]
        return (Fraction(lot.cost) + (Fraction(lot.fees) if self.in_basis else 0)) / Fraction(lot.quantity)


# --- comparing ----------------------------------------------------------------------------------------------------


class Near:
    """Equality within a case's tolerance; a cut price may add what it was cut by."""

    def __init__(self, v: Vector, name: str = "tolerance") -> None:
        self.made = 0
        self.absolute = Fraction(v.get(name, v.get("tolerance", "0")))
        self.relative = Fraction(v.get("rel_tolerance", "0"))
        # A price, and each share, ends somewhere: nothing a figure of thirty decimals would show.
        self.absolute += sum((Fraction(x["qty"]) for x in v["fills"]), Fraction(1)) / 10**30

    def check(self, what: str, ours: Fraction, theirs: str | None) -> None:
        if theirs is None:
            return
        self.made += 1
        other = Fraction(theirs)
        off = abs(ours - other)
        assert off <= max(self.absolute, self.relative * max(abs(ours), abs(other))), (
            f"{what}: {float(ours)!r}, not {theirs}"
        )


FIELDS = {
    "realized_pnl_gross": lambda ours: ours.gross,
    "realized_pnl_net": lambda ours: ours.net,
    "fees": lambda ours: ours.fees,
    "open_qty": lambda ours: ours.open_qty,
    "open_cost": lambda ours: ours.open_cost,
    "missing_qty": lambda ours: ours.total("unmatched_quantity"),
}


def not_compared(v: Vector, field: str) -> str | None:
    """Why a field of a case that is run is left out, or None."""
    if v.get("base_fee") == "qty_only" and field not in ("open_qty", "fees"):
        return "a fee in base lowers the quantity and its cost is lost; the quantity is the same"
    if v.get("base_fee") == "disposal_at_market" and buys_with_base_fee(v) and field in ("fees", "per_disposal"):
        return "the fee's coins are disposals of their own; once flat the result is the same"
    if v["method"] == "average" and field in ("lots", "matches"):
        return "a pool has no lots to name"
    return None


def compare(v: Vector, ours: Ours) -> int:
    """Compare every shared field; how many figures that were."""
    expected, near = v["expect"], Near(v)
    for field, figure in FIELDS.items():
        if not not_compared(v, field):
            near.check(field, figure(ours), expected.get(field))
    for symbol, theirs in (expected.get("open_by_symbol") or {}).items():
        mine = [Fraction(book.open_quantity) for (name, _), book in ours.books.items() if name == symbol]
        near.check(f"open {symbol}", sum(mine, NIL), theirs)
    if at_mark := expected.get("at_mark"):
        price = inverse_price(Decimal(at_mark["price"])) if v.get("inverse") else at_mark["price"]
        worth = ours.open_qty * Fraction(size_of(v)) * Fraction(price) - ours.open_cost
        near.check("gross at mark", ours.gross + worth, at_mark.get("gross_total"))
        near.check("net at mark", ours.net + worth, at_mark.get("net_total"))
    for lot, theirs in zip(ours.opened.values(), expected.get("lots_at_purchase") or [], strict=False):
        near.check("lot", Fraction(lot.quantity), theirs["qty"])
        near.check("unit cost", ours.unit_cost(lot.fill_id), theirs["unit_cost"])
    if expected.get("per_disposal") and not not_compared(v, "per_disposal"):
        return near.made + compare_disposals(v, list(ours.events), expected["per_disposal"])
    return near.made


def compare_disposals(v: Vector, ours: list[Event], theirs: list[dict[str, Any]]) -> int:
    near = Near(v, "disposal_tolerance")
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        at = mine.at
        assert other.get("ts") in (None, at)
        near.check(f"{at} quantity", mine.quantity, other.get("qty"))
        near.check(f"{at} result", mine.pnl, other.get("pnl"))
        near.check(f"{at} proceeds", mine.proceeds, other.get("proceeds"))
        near.check(f"{at} cost", mine.cost, other.get("cost"))
        if not_compared(v, "lots"):
            continue
        if other.get("lots") and isinstance(other["lots"][0], list):
            assert mine.lots == [(index, Fraction(quantity)) for index, quantity in other["lots"]]
        for (quantity, cost), match in zip(mine.matches, other.get("matches") or mine.matches, strict=True):
            if isinstance(match, dict):
                near.check(f"{at} match", quantity, match["qty"])
                near.check(f"{at} match cost", cost, match.get("cost"))
    return near.made


# --- the tests ----------------------------------------------------------------------------------------------------


def load(path: Path) -> Vector:
    loaded: Vector = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_other_engines_give_the_figures_that_our_rules_give(path: Path):
    """Every field that the engine's policy and ours share is the same, within the case's tolerance."""
    v = load(path)
    if reason := why_not(v):
        pytest.skip(reason)
    ours = Ours(v)
    if v["expect"].get("error"):
        assert ours.total("unmatched_quantity") > 0, "what the engine refuses to sell must be unmatched here"
        return
    assert compare(v, ours) > 0, "nothing was compared"


def test_most_cases_are_run():
    """A predicate that goes wrong must not skip everything unseen."""
    assert sum(why_not(load(path)) is None for path in FILES) >= AT_LEAST


def test_no_reason_is_kept_for_a_case_that_is_gone():
    """Each case that is named by itself exists."""
    assert {load(path)["id"] for path in FILES} >= set(INDIVIDUAL)
