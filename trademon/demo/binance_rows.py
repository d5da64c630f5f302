"""Binance's spot rows (binance-spot-api-docs): money as text with 8 decimals, ids and times as integers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from trademon.demo.candles import Candle
from trademon.demo.model import Execution, Market, WorldOrder, to_ms
from trademon.demo.wire import fixed

Row = dict[str, Any]


def money(amount: Decimal) -> str:
    """Eight decimals."""
    return fixed(amount, 8)


def trade_row(e: Execution) -> Row:
    """One entry of myTrades; `commission` is positive when paid."""
    return {
        "symbol": e.base + e.quote,
        "id": int(e.trade_id),
        "orderId": int(e.order_id),
        "orderListId": -1,
        "price": money(e.price),
        "qty": money(e.quantity),
        "quoteQty": money(e.quantity * e.price),
        "commission": money(e.fee),
        "commissionAsset": e.fee_currency,
        "time": e.ms,
        "isBuyer": e.side == "buy",
        "isMaker": e.is_maker,
        "isBestMatch": True,
    }


def order_row(o: WorldOrder) -> Row:
    """One entry of allOrders or openOrders; `time` is its creation, and there is no fee in it."""
    created = to_ms(o.created_at)
    return {
        "symbol": o.symbol.replace("/", ""),
        "orderId": int(o.order_id),
        "orderListId": -1,
        "clientOrderId": o.client_id,
        "price": money(o.price),
        "origQty": money(o.quantity),
        "executedQty": money(o.executed),
        "cummulativeQuoteQty": money(o.quote_executed),
        "status": o.status,
        "timeInForce": o.time_in_force,
        "type": o.type,
        "side": o.side.upper(),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": created,
        "updateTime": to_ms(o.updated_at),
        "isWorking": True,
        "workingTime": created,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def kline_row(c: Candle, length_ms: int) -> list[int | str]:
    """One candle of klines: twelve places, the prices and volumes as text."""
    prices = [money(price) for price in (c.open, c.high, c.low, c.close, c.volume)]
    half = money(c.volume / 2), money(c.turnover / 2)  # what takers bought; nobody here asks
    return [c.ms, *prices, c.ms + length_ms - 1, money(c.turnover), c.count, *half, "0"]


def symbol_row(m: Market) -> Row:
    """One entry of exchangeInfo's `symbols`."""
    return {
        "symbol": m.wire,
        "status": "TRADING",
        "baseAsset": m.base,
        "baseAssetPrecision": 8,
        "quoteAsset": m.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": money(m.tick), "maxPrice": "1000000.00000000",
             "tickSize": money(m.tick)},
            {"filterType": "LOT_SIZE", "minQty": money(m.lot), "maxQty": "9000000.00000000", "stepSize": money(m.lot)},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }  # fmt: skip


def booked(totals: dict[str, Decimal], executions: Iterable[Execution]) -> dict[str, Decimal]:
    """`totals` as Binance books them: a trade moves its quoteQty, which has no more than eight decimals."""
    kept = dict(totals)
    for e in executions:
        value = e.quantity * e.price
        cut = value - Decimal(money(value))
        if cut:
            kept[e.quote] += cut if e.side == "buy" else -cut
    return kept


def balance_rows(totals: dict[str, Decimal], held: dict[str, Decimal], coins: list[str]) -> list[Row]:
    """The `balances` of account, one for each of `coins`; free and locked add up to the total."""
    zero = Decimal(0)
    rows = []
    for coin in coins:
        locked = money(held.get(coin, zero))
        rows.append({"asset": coin, "free": money(totals.get(coin, zero) - Decimal(locked)), "locked": locked})
    return rows


def account_answer(uid: str, update_ms: int, balances: list[Row]) -> Row:
    """GET /api/v3/account; `canWithdraw` is the account's, not the key's."""
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": update_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": int(uid),
    }


def restrictions_answer(*, can_trade: bool, can_withdraw: bool, is_address_limited: bool) -> Row:
    """GET /sapi/v1/account/apiRestrictions: what the key may do. A right to trade from any address ends one day."""
    ends = {"tradingAuthorityExpirationTime": 1893456000000} if can_trade and not is_address_limited else {}
    return ends | {
        "ipRestrict": is_address_limited,
        "createTime": 1623840271000,
        "enableReading": True,
        "enableWithdrawals": can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": can_trade,
        "enablePortfolioMarginTrading": False,
    }
