"""Bitget's v2 spot rows (api-doc, Spot): all text; a fee is negative when paid, except in a fill paid in BGB."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from trademon.demo.candles import Candle
from trademon.demo.model import Execution, Market, WorldOrder, to_ms
from trademon.demo.wire import decimals_of, fixed, plain

Row = dict[str, Any]

_STATUS = {"NEW": "live", "PENDING_NEW": "init", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled"}
_OWN_COIN = "BGB"
_SETTLE_MS = 33  # recorded fills are updated some tens of milliseconds after they were made


def _is_deducted(e: Execution) -> bool:
    """Whether the fee was taken in BGB in place of the coin received."""
    return e.fee_currency == _OWN_COIN and _OWN_COIN not in (e.base, e.quote)


def fill_row(uid: str, e: Execution, order_type: str) -> Row:
    """One entry of fills."""
    deducted = _is_deducted(e)
    return {
        "userId": uid,
        "symbol": e.base + e.quote,
        "orderId": e.order_id,
        "tradeId": e.trade_id,
        "orderType": order_type.lower(),
        "side": e.side,
        "priceAvg": plain(e.price),
        "size": plain(e.quantity),
        "amount": plain(e.quantity * e.price),
        "feeDetail": {
            "deduction": "yes" if deducted else "no",
            "feeCoin": e.fee_currency,
            "totalDeductionFee": "0" if deducted else "",
            "totalFee": plain(e.fee if deducted else -e.fee),
        },
        "tradeScope": "maker" if e.is_maker else "taker",
        "cTime": str(e.ms),
        "uTime": str(e.ms + _SETTLE_MS),
    }


def open_order_row(uid: str, o: WorldOrder) -> Row:
    """One entry of unfilled-orders; `priceAvg` is the order's price here."""
    row = _order_row(uid, o)
    row["priceAvg"] = fixed(o.price, 16)
    return row | {"basePrice": "0"}


def history_row(uid: str, o: WorldOrder) -> Row:
    """One entry of history-orders; `feeDetail` is JSON in a string, empty without a fill."""
    return _order_row(uid, o) | {"price": plain(o.price), "feeDetail": fee_text(o.executions)}


def _order_row(uid: str, o: WorldOrder) -> Row:
    average = o.quote_executed / o.executed if o.executed else Decimal(0)
    by_value = o.type == "MARKET" and o.side == "buy"  # such an order is given in quote units
    return {
        "userId": uid,
        "symbol": o.symbol.replace("/", ""),
        "orderId": o.order_id,
        "clientOid": o.client_id,
        "size": fixed(o.quote_executed if by_value else o.quantity, 16),
        "orderType": o.type.lower(),
        "side": o.side,
        "status": _STATUS.get(o.status, "cancelled"),
        "priceAvg": fixed(average, 16) if o.executed else "0",
        "baseVolume": fixed(o.executed, 16),
        "quoteVolume": fixed(o.quote_executed, 16),
        "enterPointSource": "API",
        "orderSource": "market" if o.type == "MARKET" else "normal",
        "cTime": str(to_ms(o.created_at)),
        "uTime": str(to_ms(o.updated_at)),
    }


def fee_text(executions: Iterable[Execution]) -> str:
    """The `feeDetail` of an order. Its numbers are written digit by digit: the JSON writer knows only floats."""
    plain_fees: dict[str, Decimal] = {}
    deducted = Decimal(0)
    for e in executions:
        if _is_deducted(e):
            deducted += e.fee
        else:
            plain_fees[e.fee_currency] = plain_fees.get(e.fee_currency, Decimal(0)) + e.fee
    if not plain_fees and not deducted:
        return ""
    total = plain(-sum(plain_fees.values(), Decimal(0)))
    parts = [
        f'"newFees":{{"c":0,"d":{plain(-deducted)},"deduction":false,"r":{total},"t":{total},"totalDeductionFee":0}}'
    ]
    if deducted:
        paid = plain(-deducted)
        parts.append(
            f'"{_OWN_COIN}":{{"deduction":true,"feeCoinCode":"{_OWN_COIN}","totalDeductionFee":{paid},"totalFee":{paid}}}'
        )
    for coin, fee in plain_fees.items():
        parts.append(
            f'"{coin}":{{"deduction":false,"feeCoinCode":"{coin}","totalDeductionFee":0,"totalFee":{plain(-fee)}}}'
        )
    return "{" + ",".join(parts) + "}"


def symbol_row(m: Market) -> Row:
    """One entry of public/symbols."""
    return {
        "symbol": m.wire,
        "baseCoin": m.base,
        "quoteCoin": m.quote,
        "minTradeAmount": "0",
        "maxTradeAmount": "900000000000000000000",
        "takerFeeRate": "0.001",
        "makerFeeRate": "0.001",
        "pricePrecision": str(decimals_of(m.tick)),
        "quantityPrecision": str(decimals_of(m.lot)),
        "quotePrecision": str(decimals_of(m.tick * m.lot)),
        "status": "online",
        "minTradeUSDT": "1",
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
    }


def ticker_row(m: Market, price: Decimal, now_ms: int) -> Row:
    """One entry of market/tickers; only the last price moves here."""
    last = plain(price)
    return {
        "symbol": m.wire,
        "high24h": last,
        "open": last,
        "low24h": last,
        "lastPr": last,
        "quoteVolume": "0",
        "baseVolume": "0",
        "usdtVolume": "0",
        "bidPr": last,
        "askPr": last,
        "bidSz": "0",
        "askSz": "0",
        "openUtc": last,
        "ts": str(now_ms),
        "changeUtc24h": "0",
        "change24h": "0",
    }


def candle_row(c: Candle) -> list[str]:
    """One candle: eight texts. The quote coin's volume stands for that in USDT too, which most of it is."""
    turnover = plain(c.turnover)
    return [str(c.ms), plain(c.open), plain(c.high), plain(c.low), plain(c.close), plain(c.volume), turnover, turnover]


def asset_row(coin: str, total: Decimal, frozen: Decimal, updated_ms: int) -> Row:
    """One entry of account/assets; at least eight decimals, more where the balance has more."""

    def text(amount: Decimal) -> str:
        return fixed(amount, max(8, decimals_of(amount) if amount else 0))

    return {
        "coin": coin,
        "available": text(total - frozen),
        "limitAvailable": "0",
        "frozen": text(frozen),
        "locked": "0.00000000",
        "uTime": str(updated_ms),
    }


def info_row(uid: str, *, can_trade: bool, can_withdraw: bool, is_address_limited: bool) -> Row:
    """The data of account/info; `authorities`: stor and stow are spot reading and trading, wwow withdrawal."""
    return {
        "userId": uid,
        "inviterId": "",
        "channelCode": "",
        "channel": "",
        "ips": "127.0.0.1" if is_address_limited else "",
        "authorities": ["stor", *(["stow"] if can_trade else []), *(["wwow"] if can_withdraw else [])],
        "parentId": int(uid),
        "traderType": "not_trader",
        "regisTime": "1650000000000",
    }
