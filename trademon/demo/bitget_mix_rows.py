"""Bitget's v2 futures rows (api-doc, Contract): all text; a fee is negative when paid.

In hedge mode `side` is that of the position, not what was done: a long one is closed by `buy` and `close`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.demo.futures import EventKind, FuturesFill, FuturesWorld, Held, PositionSide, Waiting
from trademon.demo.model import Market, to_ms
from trademon.demo.wire import fixed, plain

Row = dict[str, Any]

_OWN_COIN = "BGB"
_BILLS: dict[EventKind, str] = {"funding": "contract_settle_fee", "rebate": "cash_gift_issue"}


def _wire(symbol: str) -> str:
    return symbol.replace("/", "")


def _told(side: str, position_side: PositionSide, *, is_close: bool, is_forced: bool) -> Row:
    """The three fields that say what was done."""
    if position_side == "both":
        prefix = "burst_" if is_forced else ""
        return {"side": side, "tradeSide": f"{prefix}{side}_single", "posMode": "one_way_mode"}
    does = f"burst_close_{position_side}" if is_forced else "close" if is_close else "open"
    shown = "buy" if position_side == "long" else "sell"
    return {"side": shown, "tradeSide": does, "posMode": "hedge_mode"}


def fill_row(f: FuturesFill) -> Row:
    """One entry of fills or fill-history."""
    deducted = f.fee_currency == _OWN_COIN
    fee = plain(-f.fee)
    return {
        "tradeId": f.trade_id,
        "symbol": _wire(f.symbol),
        "orderId": f.order_id,
        "price": plain(f.price),
        "baseVolume": plain(f.quantity),
        "feeDetail": [
            {
                "deduction": "yes" if deducted else "no",
                "feeCoin": f.fee_currency,
                "totalDeductionFee": fee if deducted else None,
                "totalFee": fee,
            }
        ],
        "quoteVolume": plain(f.quantity * f.price),
        "profit": fixed(f.realised, 8),
        "enterPointSource": "api",
        "tradeScope": "maker" if f.is_maker else "taker",
        "cTime": str(to_ms(f.executed_at)),
        **_told(f.side, f.position_side, is_close=f.is_close, is_forced=f.is_forced),
    }


def history_row(f: FuturesFill) -> Row:
    """One entry of orders-history, by a fill of the order."""
    at = str(to_ms(f.executed_at))
    return {
        "symbol": _wire(f.symbol),
        "size": plain(f.quantity),
        "orderId": f.order_id,
        "clientOid": f"demo-{f.order_id}",
        "baseVolume": plain(f.quantity),
        "fee": plain(-f.fee),
        "price": "",
        "priceAvg": plain(f.price),
        "status": "filled",
        "force": "gtc",
        "totalProfits": fixed(f.realised, 8),
        "posSide": "net" if f.position_side == "both" else f.position_side,
        "marginCoin": "USDT",
        "quoteVolume": plain(f.quantity * f.price),
        "leverage": "10",
        "marginMode": "crossed",
        "enterPointSource": "api",
        "orderType": "market",
        "orderSource": "market",
        "reduceOnly": "NO",
        "cTime": at,
        "uTime": at,
        **_told(f.side, f.position_side, is_close=f.is_close, is_forced=f.is_forced),
    }


def pending_row(o: Waiting) -> Row:
    """One entry of orders-pending."""
    opens = "sell" if o.position_side == "short" else "buy"
    is_close = o.position_side != "both" and o.side != opens
    at = str(to_ms(o.created_at))
    return {
        "symbol": _wire(o.symbol),
        "size": plain(o.quantity),
        "orderId": o.order_id,
        "clientOid": f"demo-{o.order_id}",
        "baseVolume": plain(o.filled),
        "fee": "0",
        "price": plain(o.price),
        "priceAvg": "",
        "status": "partially_filled" if o.filled else "live",
        "force": "gtc",
        "posSide": "net" if o.position_side == "both" else o.position_side,
        "marginCoin": "USDT",
        "leverage": "10",
        "marginMode": "crossed",
        "enterPointSource": "api",
        "orderType": "limit",
        "orderSource": "normal",
        "reduceOnly": "NO",
        "cTime": at,
        "uTime": at,
        **_told(o.side, o.position_side, is_close=is_close, is_forced=False),
    }


def bill_rows(world: FuturesWorld, now: datetime) -> list[Row]:
    """Every change of the wallet; those of fills carry gain and fee."""
    rows = []
    for event in world.cash(now):
        name = _BILLS.get(event.kind, "unknown")
        if event.kind == "transfer":
            name = "trans_from_exchange" if event.amount > 0 else "trans_to_exchange"
        rows.append(_bill(event.id, event.symbol, event.amount, Decimal(0), name, event.coin, event.at))
    for f in world.executions(now):
        held = "long" if f.position_side != "short" else "short"
        name = f.side if f.position_side == "both" else f"{'close' if f.is_close else 'open'}_{held}"
        number, coin = f"8{f.trade_id}", f.symbol.partition("/")[2]
        rows.append(_bill(number, f.symbol, f.realised, -f.fee, name, coin, f.executed_at))
    return rows


def _bill(number: str, symbol: str, amount: Decimal, fee: Decimal, name: str, coin: str, at: datetime) -> Row:
    return {
        "billId": number,
        "symbol": _wire(symbol),
        "amount": plain(amount),
        "fee": plain(fee),
        "feeByCoupon": "",
        "businessType": name,
        "coin": coin,
        "balance": "0",
        "cTime": str(to_ms(at)),
    }


def account_row(coin: str, total: Decimal, gained: Decimal | int) -> Row:
    """One entry of accounts: equity is the wallet with what open positions have gained."""
    equity = plain(total + gained)
    return {
        "marginCoin": coin,
        "locked": "0",
        "available": plain(total),
        "crossedMaxAvailable": plain(total),
        "isolatedMaxAvailable": plain(total),
        "maxTransferOut": plain(total),
        "accountEquity": equity,
        "usdtEquity": equity,
        "btcEquity": "0",
        "crossedRiskRate": "0",
        "unrealizedPL": plain(Decimal(gained)),
        "coupon": "0",
        "crossedUnrealizedPL": None,
        "isolatedUnrealizedPL": None,
    }


def position_row(symbol: str, held: Held, mark: Decimal, now_ms: int, *, is_hedged: bool) -> Row:
    """One entry of all-position."""
    total = plain(abs(held.quantity))
    return {
        "marginCoin": "USDT",
        "symbol": _wire(symbol),
        "holdSide": "long" if held.quantity > 0 else "short",
        "openDelegateSize": "0",
        "marginSize": "0",
        "available": total,
        "locked": "0",
        "total": total,
        "leverage": "10",
        "achievedProfits": "0",
        "openPriceAvg": fixed(held.entry, 8),
        "marginMode": "crossed",
        "posMode": "hedge_mode" if is_hedged else "one_way_mode",
        "unrealizedPL": fixed(held.quantity * mark - held.cost, 8),
        "liquidationPrice": "0",
        "keepMarginRate": "0.01",
        "markPrice": plain(mark),
        "marginRatio": "0.001",
        "cTime": str(now_ms),
    }


def contract_row(m: Market) -> Row:
    """One entry of contracts."""
    return {
        "symbol": m.wire,
        "baseCoin": m.base,
        "quoteCoin": m.quote,
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "supportMarginCoins": ["USDT"],
        "minTradeNum": plain(m.lot),
        "sizeMultiplier": plain(m.lot),
        "symbolType": "perpetual",
        "symbolStatus": "normal",
        "deliveryTime": "",
        "fundInterval": "8",
    }


def ticker_row(m: Market, price: Decimal, now_ms: int) -> Row:
    """One entry of tickers."""
    last = plain(price)
    return {"symbol": m.wire, "lastPr": last, "askPr": last, "bidPr": last, "markPrice": last, "ts": str(now_ms)}


def candle_row(ms: int, price: Decimal) -> list[str]:
    """One candle of a price that stands still: seven texts."""
    text = plain(price)
    return [str(ms), text, text, text, text, "0", "0"]
