"""Orders on Binance spot: placed, found and taken back by our own id.

Source: the exchange's REST documentation (Trading endpoints, General information on 5xx: "the execution status is
UNKNOWN and could have been a success", filters, error list). A request is refused by the exchange once it is older than
its `recvWindow`, so that one which did not arrive in time never will.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trademon.core.model import Market
from trademon.core.money import ZERO, format_decimal
from trademon.core.order_rules import MarketRules, OrderRequest
from trademon.core.strategy_model import OrderStatus, Outcome
from trademon.errors import BadAnswer, NetworkError
from trademon.exchanges import validate
from trademon.exchanges.order_client import Endpoint, Gate, OrderClient, OrderRefused, UnknownOutcome, step_of
from trademon.exchanges.transport import Answer
from trademon.exchanges.validate import Row

ENDPOINTS: Final = {
    "rules": Endpoint("GET", "/api/v3/exchangeInfo", "exchangeInfo", ("public",)),
    "find": Endpoint("GET", "/api/v3/order", "order", ("private",)),
    "place": Endpoint("POST", "/api/v3/order", "order", ("private",)),
    "cancel": Endpoint("DELETE", "/api/v3/order", "order", ("private",)),
}
_STATUSES: Final[dict[str, OrderStatus]] = {
    "new": "open",
    "pending_new": "open",
    "pending_cancel": "open",
    "partially_filled": "open",
    "filled": "filled",
    "canceled": "cancelled",
    "expired": "cancelled",
    "expired_in_match": "cancelled",
    "rejected": "rejected",
}
_NO_SUCH_ORDER = -2013
# An error inside of the exchange, after which nobody knows whether the order was taken.
_UNKNOWN = frozenset({-1000, -1001, -1006, -1007})


class BinanceOrders:
    """Orders of one Binance spot account."""

    def __init__(self, client: OrderClient) -> None:
        self._client = client

    async def fetch_rules(self, market: Market) -> MarketRules:
        answer = await self._client.ask("rules", {"symbol": market.exchange_symbol})
        rows = validate.as_rows(self._object(answer).get("symbols"), "symbols")
        for row in rows:
            if validate.text(row, "symbol") == market.exchange_symbol:
                return _parse_rules(row)
        raise BadAnswer(f"Binance: {market.symbol} is not in its own list")

    async def place(self, order: OrderRequest, client_id: str, gate: Gate) -> Outcome:
        params: dict[str, str] = {
            "symbol": order.market.exchange_symbol,
            "side": order.side.upper(),
            "type": order.order_type.upper(),
            "newClientOrderId": client_id,
            "newOrderRespType": "RESULT",
        }
        if order.amount is not None:
            params["quoteOrderQty"] = format_decimal(order.amount)
        else:
            params["quantity"] = format_decimal(order.quantity or ZERO)
        if order.price is not None:
            params |= {"price": format_decimal(order.price), "timeInForce": "GTC"}
        row = self._done(await self._client.order("place", params, gate))
        try:
            return self._parse(row, client_id)
        except BadAnswer as error:
            raise UnknownOutcome(f"the answer to an order cannot be read: {error.message}") from None

    async def find(self, market: Market, client_id: str) -> Outcome | None:
        answer = await self._client.ask("find", {"symbol": market.exchange_symbol, "origClientOrderId": client_id})
        if answer.status != 200 and _code(answer) == _NO_SUCH_ORDER:
            return None
        return self._parse(self._object(answer), client_id)

    async def cancel(self, market: Market, client_id: str, gate: Gate) -> None:
        params = {"symbol": market.exchange_symbol, "origClientOrderId": client_id}
        self._done(await self._client.order("cancel", params, gate))

    def _done(self, answer: Answer) -> Row:
        """The answer to an order that was taken; else what is known of it."""
        code = _code(answer)
        if answer.status == 200 and code is None and isinstance(answer.data, dict):
            return answer.data
        waits = self._client.waits(answer, "Binance")
        if waits is not None:
            raise waits
        is_refusal = 400 <= answer.status < 500 and code is not None and code not in _UNKNOWN
        said = self._client.said(answer.data.get("msg", "")) if isinstance(answer.data, dict) else ""
        if not is_refusal or "uplicate" in said:  # one with our id is there already: ours
            raise UnknownOutcome(f"Binance did not say what became of the order ({answer.status}, {code}: {said})")
        raise OrderRefused(f"Binance refused it ({code}: {said})")

    def _object(self, answer: Answer) -> Row:
        waits = self._client.waits(answer, "Binance")
        if waits is not None:
            raise waits
        if answer.status >= 500:
            raise NetworkError(f"Binance is not available ({answer.status})")
        if answer.status != 200 or not answer.is_json:
            said = self._client.said(answer.data.get("msg", "")) if isinstance(answer.data, dict) else ""
            raise BadAnswer(f"Binance answered {answer.status} ({_code(answer)}: {said})")
        return validate.as_object(answer.data, "answer")

    def _parse(self, row: Row, client_id: str) -> Outcome:
        if validate.text(row, "clientOrderId") != client_id:
            raise BadAnswer("Binance answered with another order")
        status = validate.one_of(row, "status", _STATUSES)
        value = validate.decimal(row, "cummulativeQuoteQty")
        return Outcome(
            status,
            order_id=validate.identifier(row, "orderId"),
            filled=validate.not_negative(row, "executedQty"),
            filled_value=max(value, ZERO),  # below zero says: not available
        )


def _code(answer: Answer) -> int | None:
    code = answer.data.get("code") if isinstance(answer.data, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _parse_rules(row: Row) -> MarketRules:
    filters: dict[str, Row] = {}
    for one in validate.as_rows(row.get("filters"), "filters"):
        filters[validate.text(one, "filterType")] = one
    lot, price = filters.get("LOT_SIZE", {}), filters.get("PRICE_FILTER", {})
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    # A market order has a step of its own where the exchange says so; both have to be kept then.
    market_lot = filters.get("MARKET_LOT_SIZE", {})
    steps = (validate.positive(lot, "stepSize"), _optional(market_lot, "stepSize"))
    return MarketRules(
        quantity_step=max(steps),
        price_step=validate.positive(price, "tickSize"),
        amount_step=step_of(validate.present(row, "quoteAssetPrecision"), "quoteAssetPrecision"),
        min_quantity=max(validate.not_negative(lot, "minQty"), _optional(market_lot, "minQty")),
        max_quantity=_least(validate.not_negative(lot, "maxQty"), _optional(market_lot, "maxQty")),
        min_notional=_optional(notional, "minNotional"),
        max_notional=_optional(notional, "maxNotional"),
        is_trading=row.get("status") == "TRADING",
        by_amount=row.get("quoteOrderQtyMarketAllowed") is True,
    )


def _optional(row: Row, name: str) -> Decimal:
    return validate.not_negative(row, name) if name in row else ZERO


def _least(one: Decimal, other: Decimal) -> Decimal:
    """The smaller of two limits, of which zero is none."""
    return min(one, other) if one and other else one or other
