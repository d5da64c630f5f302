"""Orders that leave: each stored before it is sent, sent once, and looked up by our own id where no answer came.

The order of events is what makes it safe (`Live.carry_out`): the account's lock; the market's steps; the loss of the
day; then one transaction that asks the guard with what is stored at that moment and, if it says yes, commits the order
with its name; then the gate, which asks once more whether anything stops, with the request signed and nothing left to
do but to send it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from trademon.core.model import KeyRights, Market
from trademon.core.order_rules import MarketRules, OrderRequest, shape
from trademon.core.strategy_model import UNSETTLED, Outcome, Standing, Strategy, StrategyOrder
from trademon.errors import Busy, HostAskedToWait, StrategyError, TrademonError
from trademon.flows.ports import Ports, Trading
from trademon.flows.strategy_intents import cancel_of, find_desk, order_of, wish_of
from trademon.flows.strategy_loss import Account, Loss, loss_of_day
from trademon.flows.strategy_view import Desk
from trademon.store.halts import halted_by_file
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.store.user_strategy_orders import NewOrder
from trademon.strategies.guard import Asked, Facts, refusal
from trademon.strategies.protocol import Buy, Cancel, Intent, Sell

if TYPE_CHECKING:
    from trademon.exchanges.order_client import OrderDesk

# Requests are dated, and both exchanges refuse one that is older than 5 to 30 s: an order that cannot be found this
# long after it was sent did not arrive, and will not.
NEVER_ARRIVES_AFTER = timedelta(seconds=90)
_LOOK_AGAIN_S = (0.0, 0.5, 2.0)
_PATIENCE_S = (0.2, 0.5, 1.0, 2.0, 4.0)
_OPEN_LOOKED_AT = 50


class Stopped(StrategyError):
    """Something stops every order, or took this strategy's right away, between the check and the sending."""


@dataclass(slots=True)
class Live:
    """One armed strategy's way to its exchanges during a run. `state` is what the strategy leaves for its next run: it
    is kept with the first order that leaves, so that one killed right after does not order the same again."""

    store: UserStore
    strategy: Strategy
    run_id: int
    lease: str
    code_hash: str
    ports: Ports
    trading: Trading
    state: str = "{}"
    desks: Sequence[Desk] = ()
    orders: dict[int, OrderDesk] = field(default_factory=dict)
    rights: dict[int, KeyRights | None] = field(default_factory=dict)
    looked_at: dict[int, datetime] = field(default_factory=dict)
    rules: dict[tuple[int, str], MarketRules] = field(default_factory=dict)

    # --- what became of earlier orders ----------------------------------------------------------------------------

    async def resolve(self, markets: Mapping[int, Mapping[str, Market]]) -> None:
        """Find out what became of orders without an answer, and how open ones stand.

        Raises:
            StrategyError: of one it is still not known. Until it is, the strategy orders nothing.
        """
        waiting = self.store.strategy_orders(self.strategy, mode="live", statuses=UNSETTLED)
        unknown = [order for order in waiting if not await self._look_up(order, markets)]
        for order in self.store.strategy_orders(self.strategy, mode="live", statuses=("open",), limit=_OPEN_LOOKED_AT):
            with contextlib.suppress(TrademonError):  # an open order is colour: its fills are found by scanning
                await self._look_up(order, markets)
        if unknown:
            first = unknown[0]
            raise StrategyError(
                f"what became of the order {first.client_id} ({first.side} {first.symbol}) is not known yet",
                hint="it is looked up again in the next run; nothing is sent until then",
                broker=first.broker,
            )

    async def _look_up(self, order: StrategyOrder, markets: Mapping[int, Mapping[str, Market]]) -> bool:
        """Ask for an order by our id, and note what is said; whether it is known now."""
        is_open = order.status not in UNSETTLED
        outcome = Outcome("cancelled", "no answer came: see the order itself")
        # Taking an order back does nothing twice, and how that order stands is asked for itself.
        if order.side != "cancel":
            market, desk = markets.get(order.broker_id, {}).get(order.symbol), self.orders.get(order.broker_id)
            if market is None or desk is None:
                return is_open
            try:
                found = await desk.find(market, order.client_id)
            except TrademonError:
                return is_open
            if found is None and (is_open or not self._is_past(order)):
                return is_open
            outcome = found or Outcome("not sent", "it never reached the exchange")
        self.store.settle_order(order.id, outcome)
        return True

    def _is_past(self, order: StrategyOrder) -> bool:
        return order.sent_at is None or self.ports.clock() - order.sent_at >= NEVER_ARRIVES_AFTER

    # --- carrying out ---------------------------------------------------------------------------------------------

    async def carry_out(self, intent: Intent) -> bool:
        """Check an intent and send it; whether it was taken, as far as is known.

        Raises:
            HostAskedToWait: nothing more may be sent there.
            Busy: another run has taken over, or is at work on the account for too long.
        """
        if isinstance(intent, Cancel):
            return await self._cancel(intent)
        found = self._placed_at(intent)
        if isinstance(found, str):
            first = find_desk(self.desks, intent.broker)
            desk = self.desks[0] if isinstance(first, str) else first
            return self._note_refused(order_of(self.strategy, self.run_id, desk, intent, None), found)
        desk, market, last = found
        async with self._held(desk):
            request = shape(wish_of(intent), market, await self._rules(desk, market), last)
            if isinstance(request, str):
                return self._note_refused(order_of(self.strategy, self.run_id, desk, intent, None), request)
            new = order_of(self.strategy, self.run_id, desk, intent, request)
            number = self._note_sending(desk, market, new)
            if number is None:
                return False
            return await self._send(desk, market, new, number, self._placing(desk, request, new.client_id))

    def _placed_at(self, intent: Buy | Sell) -> tuple[Desk, Market, Decimal] | str:
        """The account, the market and its last price, or why none of it is even asked about: before anything of an
        order goes over the wire, the guard has said yes to where it is to go."""
        desk = find_desk(self.desks, intent.broker)
        if isinstance(desk, str):
            return desk
        last, market = desk.prices.get(intent.symbol), desk.markets.get(intent.symbol)
        if market is None or last is None:
            return f"{desk.broker.name} tells no price of {intent.symbol}"
        return self._refusal(desk, market, None)(self._standing()) or (desk, market, last)

    async def _cancel(self, intent: Cancel) -> bool:
        opened = self.store.strategy_orders(self.strategy, mode="live", statuses=("open",))
        target = next((order for order in opened if order.client_id == intent.order), None)
        desk = next((d for d in self.desks if target is not None and d.broker.id == target.broker_id), None)
        market = desk.markets.get(target.symbol) if desk is not None and target is not None else None
        if target is None or desk is None or market is None:
            new = order_of(self.strategy, self.run_id, self.desks[0], intent, None)
            return self._note_refused(new, f"it has no open order {intent.order}")
        new = cancel_of(self.strategy, self.run_id, target, intent)
        async with self._held(desk):
            number = self._note_sending(desk, market, new)
            if number is None:
                return False
            taken = await self._send(desk, market, new, number, self._cancelling(desk, market, target.client_id))
            with contextlib.suppress(TrademonError):
                await self._look_up(target, {desk.broker.id: {target.symbol: market}})
        return taken

    def _placing(self, desk: Desk, request: OrderRequest, client_id: str) -> Awaitable[Outcome]:
        return self.orders[desk.broker.id].place(request, client_id, self._gate)

    async def _cancelling(self, desk: Desk, market: Market, client_id: str) -> Outcome:
        await self.orders[desk.broker.id].cancel(market, client_id, self._gate)
        return Outcome("cancelled")

    def _note_sending(self, desk: Desk, market: Market, new: NewOrder) -> int | None:
        """Commit that an order is about to be sent, if the guard lets it; its number, None where it may not."""
        number, refused = self.store.note_sending(
            self.strategy,
            new,
            account_id=desk.broker.account_id or 0,
            lease=self.lease,
            day=self._day(),
            refusal=self._refusal(desk, market, new.value),
            state=self.state,
        )
        return number if refused is None else None

    async def _send(self, desk: Desk, market: Market, new: NewOrder, number: int, sending: Awaitable[Outcome]) -> bool:
        """Send what is committed, and note what became of it. A program killed in here leaves it to `resolve`."""
        from trademon.exchanges.order_client import OrderRefused, UnknownOutcome  # noqa: PLC0415 - with ccxt

        settle = self.store.settle_order
        try:
            outcome = await sending
        except Stopped as stop:
            settle(number, Outcome("refused", stop.message))
            return False
        except OrderRefused as no:
            settle(number, Outcome("rejected", no.message))
            return False
        except HostAskedToWait as wait:
            settle(number, Outcome("rejected", wait.message))
            self.store.note_failed_look(desk.broker, self.ports.clock(), wait.line, wait_until=wait.until)
            raise
        except UnknownOutcome as error:
            settle(number, Outcome("unknown", error.message))
            await self._find_soon(desk, market, new, number)
            return True
        settle(number, outcome)
        if outcome.status == "open" and new.order_type == "market":
            await self._find_soon(desk, market, new, number)  # what it has become by now, where the answer does not say
        return True

    async def _find_soon(self, desk: Desk, market: Market, new: NewOrder, number: int) -> None:
        """Look an order up at once, a few times. It may still be on its way: not being there proves nothing yet."""
        if new.side == "cancel":
            return  # the order that it means is asked for instead
        for pause in _LOOK_AGAIN_S:
            await self.ports.sleep(pause)
            with contextlib.suppress(TrademonError):
                outcome = await self.orders[desk.broker.id].find(market, new.client_id)
                if outcome is not None:
                    self.store.settle_order(number, outcome)
                    return

    # --- what is asked before -------------------------------------------------------------------------------------

    def _refusal(self, desk: Desk, market: Market, value: Decimal | None) -> Callable[[Standing], str | None]:
        """The guard's question about one order, for the standing that the store has at the moment of asking."""
        broker = desk.broker
        asked = Asked(broker.name, (broker.id, broker.account_id or 0), market.symbol, market.quote, value)
        loss = Loss(None, "it was not asked for") if value is None else self._loss()
        rights = self.rights.get(broker.id)
        facts = Facts(
            self.ports.clock(), self.code_hash, loss.amount, loss.unknown, None if rights is None else rights.can_trade
        )

        def refuse(standing: Standing) -> str | None:
            return refusal(asked, self._with_file(standing), facts)

        return refuse

    def _standing(self) -> Standing:
        return self._with_file(self.store.strategy_standing(self.strategy, self._day()))

    def _with_file(self, standing: Standing) -> Standing:
        """The same with what the halt file says, which is looked at last."""
        return replace(standing, halted=standing.halted or halted_by_file(self.trading.halt_file))

    def _gate(self) -> None:
        """Raises Stopped where something stops the order that is about to leave."""
        standing = self._standing()
        if standing.halted is not None:
            raise Stopped(f"halted: {standing.halted}")
        if standing.arming is None or standing.arming != self.strategy.arming or not standing.is_enabled:
            raise Stopped("it was disarmed, disabled or armed otherwise meanwhile")

    def _loss(self) -> Loss:
        arming = self.strategy.arming
        if arming is None:
            return Loss(None, "it is not armed")
        armed = {name for name, _ in arming.accounts.items()}
        accounts = [
            Account(desk.broker, self.looked_at[desk.broker.id], arming.limits.symbols, desk.prices)
            for desk in self.desks
            if desk.broker.name in armed
        ]
        if len(accounts) < len(armed):
            return Loss(None, "not all of its brokers were read")
        return loss_of_day(self.store, accounts, arming.limits.loss_currency, self._day())

    def _day(self) -> datetime:
        return self.ports.clock().replace(hour=0, minute=0, second=0, microsecond=0)

    async def _rules(self, desk: Desk, market: Market) -> MarketRules:
        key = (desk.broker.id, market.symbol)
        if key not in self.rules:
            self.rules[key] = await self.orders[desk.broker.id].fetch_rules(market)
        return self.rules[key]

    def _note_refused(self, new: NewOrder, why: str) -> bool:
        self.store.note_order(self.strategy, new, "refused", why)
        return False

    @contextlib.asynccontextmanager
    async def _held(self, desk: Desk) -> AsyncIterator[None]:
        """The account, as a scan holds it: figures do not change between the check and the sending.

        Raises:
            Busy: another run holds it for longer than we wait.
        """
        with contextlib.ExitStack() as held:
            for pause in _PATIENCE_S:
                try:
                    held.enter_context(hold(self.ports.locks, f"account-{desk.broker.account_id}"))
                    break
                except Busy:
                    await self.ports.sleep(pause)
            else:
                held.enter_context(hold(self.ports.locks, f"account-{desk.broker.account_id}"))
            yield
