"""Intents on paper: priced at the exchange's last price, kept in a book of their own, never among real fills.

A purchase costs what the account does not lose; a sale of more than the paper book holds brings in what the account
really holds, at its average cost there, so that what it would have earned is a figure and not a guess. A limit that the
last price does not meet waits, and is looked at again in the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Final

from trademon.core.model import Fee, Fill, Market, Side
from trademon.core.money import EXACT, ZERO, format_decimal
from trademon.core.order_rules import MarketRules, OrderRequest, round_down, shape, share_down
from trademon.core.strategy_model import Outcome, Strategy, StrategyOrder
from trademon.flows.strategy_intents import cancel_of, find_desk, order_of, wish_of
from trademon.flows.strategy_view import Desk, coins, paper_book, real_holdings
from trademon.store.store import UserStore
from trademon.store.user_strategy_orders import PaperFill
from trademon.strategies.protocol import Cancel, Coin, Intent

_UNIT: Final = Decimal("0.00000001")
_FEE_UNIT: Final = Decimal("0.000000000001")
# On paper the exchange is not asked for its steps: what they cut off is far below what a last price can say.
_RULES: Final = MarketRules(quantity_step=_UNIT, price_step=ZERO, amount_step=_UNIT)


@dataclass(slots=True)
class Paper:
    """One strategy's paper trading during a run. `fills` and `settled` are what it comes to, to be kept together."""

    store: UserStore
    strategy: Strategy
    run_id: int
    desks: Sequence[Desk]
    fills: list[PaperFill] = field(default_factory=list)
    settled: list[tuple[int, Outcome]] = field(default_factory=list)
    waiting: list[StrategyOrder] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = list(self.store.strategy_orders(self.strategy, mode="paper", statuses=("open",)))

    def match_waiting(self) -> None:
        """Fill the limit orders that the last price has reached, at their limits."""
        for order in list(self.waiting):
            if order.price is None:  # at market, and not filled: the run that made it was stopped
                self.waiting.remove(order)
                self.settled.append((order.id, Outcome("refused", "the run that wanted it was stopped")))
                continue
            desk = next((d for d in self.desks if d.broker.id == order.broker_id), None)
            last = desk.prices.get(order.symbol) if desk else None
            if desk is None or last is None or order.quantity is None:
                continue
            reached = last <= order.price if order.side == "buy" else last >= order.price
            if reached:
                self.waiting.remove(order)
                side: Side = "buy" if order.side == "buy" else "sell"
                request = OrderRequest(
                    desk.markets[order.symbol], side, "limit", order.quantity, None, order.price, ZERO
                )
                self._fill(desk, order.id, request, order.price)

    def carry_out(self, intent: Intent) -> bool:
        """Record an intent, and fill it where it can be; whether it was taken."""
        if isinstance(intent, Cancel):
            return self._cancel(intent)
        desk = find_desk(self.desks, intent.broker)
        if isinstance(desk, str):
            return self._refuse(intent, self.desks[0], desk)
        last, market = desk.prices.get(intent.symbol), desk.markets.get(intent.symbol)
        if market is None or last is None:
            return self._refuse(intent, desk, f"{desk.broker.name} tells no price of {intent.symbol}")
        request = shape(wish_of(intent), market, _RULES, last)
        if isinstance(request, str):
            return self._refuse(intent, desk, request)
        lacking = self._lacking(desk, request)
        if lacking is not None:
            return self._refuse(intent, desk, lacking)
        is_met = request.price is None or (request.price >= last if request.side == "buy" else request.price <= last)
        new = order_of(self.strategy, self.run_id, desk, intent, request)
        number = self.store.note_order(self.strategy, new, "open")
        if is_met:
            self._fill(desk, number, request, last)
        return True

    # --- what is there --------------------------------------------------------------------------------------------

    def _free(self, desk: Desk) -> dict[str, Coin]:
        known = self.store.paper_fills(self.strategy)
        fills = [fill for broker_id, is_held, fill in known if broker_id == desk.broker.id and not is_held]
        fills += [one.fill for one in self.fills if one.broker_id == desk.broker.id and not one.held]
        filled = {number for number, _ in self.settled}
        waiting = self.store.strategy_orders(self.strategy, mode="paper", statuses=("open",))
        waits = [o for o in waiting if o.broker_id == desk.broker.id and o.id not in filled]
        return coins(self.store, desk.broker, fills, waits, self.strategy)

    def _lacking(self, desk: Desk, request: OrderRequest) -> str | None:
        """What the account would not have enough of."""
        free = self._free(desk)
        market = request.market
        if request.side == "sell":
            coin, needed = market.base, request.quantity or ZERO
        else:
            coin, needed = market.quote, EXACT.add(request.value, self._fee(request.value))
        there = free[coin].free if coin in free else ZERO
        if there >= needed:
            return None
        return f"not enough {coin}: {format_decimal(there)} of {format_decimal(needed)}"

    def _fee(self, value: Decimal) -> Decimal:
        return round_down(EXACT.multiply(value, self.strategy.fee_rate), _FEE_UNIT)

    # --- filling --------------------------------------------------------------------------------------------------

    def _fill(self, desk: Desk, number: int, request: OrderRequest, price: Decimal) -> None:
        market = request.market
        quantity = request.quantity
        if quantity is None:
            quantity = share_down(request.amount or ZERO, price, _UNIT)
        value = EXACT.multiply(quantity, price)
        if request.side == "sell":
            self._bring_in(desk, number, market, quantity)
        fee = self._fee(value)
        fill = self._paper(desk, market, request.side, quantity, price, fee)
        self.fills.append(PaperFill(number, desk.broker.id, fill))
        self.settled.append((number, Outcome("filled", filled=quantity, filled_value=value)))

    def _bring_in(self, desk: Desk, number: int, market: Market, wanted: Decimal) -> None:
        """What a sale needs beyond the paper book's own lots, from what the account really holds, at what it cost."""
        known = [
            (is_held, fill)
            for broker_id, is_held, fill in (
                *self.store.paper_fills(self.strategy),
                *((one.broker_id, one.held, one.fill) for one in self.fills),
            )
            if broker_id == desk.broker.id and fill.symbol == market.symbol
        ]
        own = real_holdings(self.store, desk.broker).get(market.symbol)
        if own is None:
            return  # what it cost is not known: it is unmatched, and in no figure
        with localcontext(EXACT):
            brought = sum((fill.quantity for is_held, fill in known if is_held), ZERO)
            lacking = wanted - paper_book(fill for _, fill in known).open_quantity
            quantity = min(lacking, own.quantity - brought)
        if quantity > ZERO:
            average = share_down(own.cost, own.quantity, _FEE_UNIT)
            lot = self._paper(desk, market, "buy", quantity, average, ZERO)
            self.fills.append(PaperFill(number, desk.broker.id, lot, held=True))

    def _paper(self, desk: Desk, market: Market, side: str, quantity: Decimal, price: Decimal, fee: Decimal) -> Fill:
        return Fill(
            "paper",
            market.symbol,
            market.base,
            market.quote,
            "buy" if side == "buy" else "sell",
            quantity,
            price,
            desk.now,
            (Fee(fee, market.quote),) if fee else (),
        )

    # --- the rest -------------------------------------------------------------------------------------------------

    def _cancel(self, intent: Cancel) -> bool:
        found = next((order for order in self.waiting if order.client_id == intent.order), None)
        if found is None:
            return self._refuse(intent, self.desks[0], f"it has no open order {intent.order}")
        self.waiting.remove(found)
        self.settled.append((found.id, Outcome("cancelled")))
        new = cancel_of(self.strategy, self.run_id, found, intent)
        self.store.note_order(self.strategy, new, "cancelled")
        return True

    def _refuse(self, intent: Intent, desk: Desk, why: str) -> bool:
        new = order_of(self.strategy, self.run_id, desk, intent, None)
        self.store.note_order(self.strategy, new, "refused", why)
        return False
