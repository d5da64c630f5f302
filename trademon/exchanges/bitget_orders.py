"""Orders on Bitget spot (v2): placed, found and taken back by our own id.

Source: the exchange's API documentation (spot: place order, order info, cancel order, symbols). A purchase at market is
given in the quote coin. A request is refused once its timestamp is 30 seconds old, so that one which did not arrive in
time never will.
"""

from __future__ import annotations

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

_TRADE = "/api/v2/spot/trade"
ENDPOINTS: Final = {
    "rules": Endpoint("GET", "/api/v2/spot/public/symbols", "v2/spot/public/symbols", ("public", "spot")),
    "find": Endpoint("GET", f"{_TRADE}/orderInfo", "v2/spot/trade/orderInfo", ("private", "spot")),
    "place": Endpoint("POST", f"{_TRADE}/place-order", "v2/spot/trade/place-order", ("private", "spot")),
    "cancel": Endpoint("POST", f"{_TRADE}/cancel-order", "v2/spot/trade/cancel-order", ("private", "spot")),
}
_STATUSES: Final[dict[str, OrderStatus]] = {
    "init": "open",
    "new": "open",
    "live": "open",
    "partially_filled": "open",
    "filled": "filled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_OK = "00000"
_NO_SUCH_ORDER = frozenset({"43001", "40768", "40109"})
# An error inside of the exchange (see `remedies`), after which nobody knows whether the order was taken.
_UNKNOWN = frozenset({"40010", "40015", "40725", "45001"})


class BitgetOrders:
    """Orders of one Bitget spot account."""

    def __init__(self, client: OrderClient) -> None:
        self._client = client

    async def fetch_rules(self, market: Market) -> MarketRules:
        rows = self._rows(await self._client.ask("rules", {"symbol": market.exchange_symbol}), "symbols")
        for row in rows:
            if validate.text(row, "symbol") == market.exchange_symbol:
                return _parse_rules(row)
        raise BadAnswer(f"Bitget: {market.symbol} is not in its own list")

    async def place(self, order: OrderRequest, client_id: str, gate: Gate) -> Outcome:
        size = order.quantity if order.amount is None else order.amount
        params = {
            "symbol": order.market.exchange_symbol,
            "side": order.side,
            "orderType": order.order_type,
            "size": format_decimal(size or ZERO),
            "clientOid": client_id,
        }
        if order.price is not None:
            params |= {"price": format_decimal(order.price), "force": "gtc"}
        data = self._done(await self._client.order("place", params, gate))
        try:
            row = validate.as_object(data, "order")
            if validate.text(row, "clientOid") != client_id:
                raise BadAnswer("Bitget answered with another order")
            return Outcome("open", order_id=validate.identifier(row, "orderId"))
        except BadAnswer as error:
            raise UnknownOutcome(f"the answer to an order cannot be read: {error.message}") from None

    async def find(self, market: Market, client_id: str) -> Outcome | None:
        answer = await self._client.ask("find", {"clientOid": client_id})
        if _code(answer) in _NO_SUCH_ORDER:
            return None
        rows = self._rows(answer, "orderInfo")
        if not rows:
            return None
        row = rows[0]
        if len(rows) > 1 or validate.text(row, "clientOid") != client_id:
            raise BadAnswer("Bitget answered with another order")
        return Outcome(
            validate.one_of(row, "status", _STATUSES),
            order_id=validate.identifier(row, "orderId"),
            filled=validate.not_negative(row, "baseVolume"),
            filled_value=validate.not_negative(row, "quoteVolume"),
        )

    async def cancel(self, market: Market, client_id: str, gate: Gate) -> None:
        params = {"symbol": market.exchange_symbol, "clientOid": client_id}
        self._done(await self._client.order("cancel", params, gate))

    def _done(self, answer: Answer) -> object:
        """The `data` of an order that was taken; else what is known of it."""
        code = _code(answer)
        if answer.status == 200 and code == _OK:
            return answer.data.get("data")
        waits = self._client.waits(answer, "Bitget")
        if waits is not None:
            raise waits
        said = self._client.said(answer.data.get("msg", "")) if isinstance(answer.data, dict) else ""
        is_refusal = (answer.status == 200 or 400 <= answer.status < 500) and code not in (None, _OK, *_UNKNOWN)
        if not is_refusal or "uplicate" in said:  # one with our id is there already: ours
            raise UnknownOutcome(f"Bitget did not say what became of the order ({answer.status}, {code}: {said})")
        raise OrderRefused(f"Bitget refused it ({code}: {said})")

    def _rows(self, answer: Answer, what: str) -> list[Row]:
        waits = self._client.waits(answer, "Bitget")
        if waits is not None:
            raise waits
        if answer.status >= 500 or _code(answer) in _UNKNOWN:
            raise NetworkError(f"Bitget is not available ({answer.status})")
        if answer.status != 200 or _code(answer) != _OK:
            said = self._client.said(answer.data.get("msg", "")) if isinstance(answer.data, dict) else ""
            raise BadAnswer(f"Bitget answered {answer.status} ({_code(answer)}: {said})")
        return validate.as_rows(answer.data.get("data"), what)


def _code(answer: Answer) -> str | None:
    """The exchange's own code, five digits; None for anything else in its place."""
    code = answer.data.get("code") if isinstance(answer.data, dict) else None
    return code if isinstance(code, str) and len(code) == 5 and code.isascii() and code.isdigit() else None


def _parse_rules(row: Row) -> MarketRules:
    return MarketRules(
        quantity_step=step_of(validate.present(row, "quantityPrecision"), "quantityPrecision"),
        price_step=step_of(validate.present(row, "pricePrecision"), "pricePrecision"),
        amount_step=step_of(validate.present(row, "quotePrecision"), "quotePrecision"),
        min_quantity=validate.not_negative(row, "minTradeAmount"),
        max_quantity=validate.not_negative(row, "maxTradeAmount"),
        # In USDT whatever the quote coin: another coin's own least value is the exchange's to refuse.
        min_notional=validate.not_negative(row, "minTradeUSDT") if row.get("quoteCoin") == "USDT" else ZERO,
        is_trading=row.get("status") == "online",
    )
