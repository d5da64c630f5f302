"""Binance's USD-M rows: money as text, ids and times as integers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.demo.futures import EventKind, FuturesFill, FuturesWorld, Held, PositionSide, Waiting
from trademon.demo.model import Market, to_ms
from trademon.demo.wire import fixed, plain

Row = dict[str, Any]

_INCOME: dict[EventKind, str] = {
    "funding": "FUNDING_FEE",
    "transfer": "TRANSFER",
    "rebate": "COMMISSION_REBATE",
    "liquidation fee": "INSURANCE_CLEAR",
}


def _wire(symbol: str) -> str:
    return symbol.replace("/", "")


def trade_row(f: FuturesFill) -> Row:
    """One entry of userTrades."""
    return {
        "symbol": _wire(f.symbol),
        "id": int(f.trade_id),
        "orderId": int(f.order_id),
        "side": f.side.upper(),
        "price": plain(f.price),
        "qty": plain(f.quantity),
        "realizedPnl": fixed(f.realised, 8),
        "quoteQty": plain(f.quantity * f.price),
        "commission": fixed(f.fee, 8),
        "commissionAsset": f.fee_currency,
        "time": to_ms(f.executed_at),
        "positionSide": f.position_side.upper(),
        "maker": f.is_maker,
        "buyer": f.side == "buy",
    }


def filled_order_row(f: FuturesFill) -> Row:
    """One entry of allOrders, by a fill of the order."""
    client_id = f"{'autoclose' if f.is_forced else 'demo'}-{f.order_id}"
    created = to_ms(f.executed_at)
    return _order(f, "FILLED", "MARKET", client_id, filled=f.quantity, created=created)


def open_order_row(o: Waiting) -> Row:
    """One entry of openOrders."""
    status = "PARTIALLY_FILLED" if o.filled else "NEW"
    return _order(o, status, "LIMIT", f"demo-{o.order_id}", filled=o.filled, created=to_ms(o.created_at))


def _order(o: FuturesFill | Waiting, status: str, kind: str, client_id: str, *, filled: Decimal, created: int) -> Row:
    return {
        "orderId": int(o.order_id),
        "symbol": _wire(o.symbol),
        "status": status,
        "clientOrderId": client_id,
        "price": plain(o.price),
        "avgPrice": "0.00",
        "origQty": plain(o.quantity),
        "executedQty": plain(filled),
        "cumQuote": "0",
        "timeInForce": "GTC",
        "type": kind,
        "reduceOnly": False,
        "closePosition": False,
        "side": o.side.upper(),
        "positionSide": o.position_side.upper(),
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind,
        "time": created,
        "updateTime": created,
    }


def income_rows(world: FuturesWorld, now: datetime) -> list[Row]:
    """Every change of the wallet, oldest first. A fill has a line for what it realised and one for its fee, where that
    is not nothing; ids are unique within a type alone."""
    rows = [_income(_INCOME[e.kind], e.symbol, e.amount, e.coin, to_ms(e.at), int(e.id), "") for e in world.cash(now)]
    for f in world.executions(now):
        number, at, quote = int(f.trade_id), to_ms(f.executed_at), f.symbol.partition("/")[2]
        if f.realised:
            rows.append(_income("REALIZED_PNL", f.symbol, f.realised, quote, at, number, f.trade_id))
        if f.fee:
            rows.append(_income("COMMISSION", f.symbol, -f.fee, f.fee_currency, at, number, f.trade_id))
    return sorted(rows, key=lambda row: (row["time"], row["tranId"]))


def _income(kind: str, symbol: str, amount: Decimal, coin: str, at: int, number: int, trade_id: str) -> Row:
    return {
        "symbol": _wire(symbol),
        "incomeType": kind,
        "income": fixed(amount, 8),
        "asset": coin,
        "info": kind,
        "time": at,
        "tranId": number,
        "tradeId": trade_id,
    }


def balance_row(uid: str, coin: str, total: Decimal, now_ms: int) -> Row:
    """One entry of balance."""
    amount = fixed(total, 8)
    return {
        "accountAlias": f"alias{uid}",
        "asset": coin,
        "balance": amount,
        "crossWalletBalance": amount,
        "crossUnPnl": "0.00000000",
        "availableBalance": amount,
        "maxWithdrawAmount": amount,
        "marginAvailable": True,
        "updateTime": now_ms,
    }


def position_row(symbol: str, side: PositionSide, held: Held | None, mark: Decimal) -> Row:
    """One entry of positionRisk; without a position it is there for an open order."""
    quantity = held.quantity if held else Decimal(0)
    entry = held.entry if held else Decimal(0)
    return {
        "symbol": _wire(symbol),
        "positionSide": side.upper(),
        "positionAmt": plain(quantity),
        "entryPrice": fixed(entry, 8),
        "breakEvenPrice": fixed(entry, 8),
        "markPrice": fixed(mark, 8),
        "unRealizedProfit": fixed(quantity * (mark - entry), 8),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": fixed(quantity * mark, 8),
        "marginAsset": symbol.partition("/")[2],
        "isolatedWallet": "0",
        "initialMargin": "0",
        "maintMargin": "0",
        "positionInitialMargin": "0",
        "openOrderInitialMargin": "0",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": 0,
    }


def kline_row(ms: int, length: int, price: Decimal) -> list[int | str]:
    """One candle of a price that stands still."""
    text = plain(price)
    return [ms, text, text, text, text, "0", ms + length - 1, "0", 0, "0", "0", "0"]


def symbol_row(m: Market) -> Row:
    """One entry of exchangeInfo's `symbols`."""
    return {
        "symbol": m.wire,
        "pair": m.wire,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": m.base,
        "quoteAsset": m.quote,
        "marginAsset": m.quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "underlyingType": "COIN",
        "orderTypes": ["LIMIT", "MARKET", "STOP"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }
