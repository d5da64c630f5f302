"""What may be asked of an exchange at all: trademon watches, so whatever could change something is never sent.

Two checks, both by allow-lists. A raw endpoint of an exchange with an adapter of its own must be among its `ENDPOINTS`
before ccxt builds a request. And whatever ccxt builds, by a raw endpoint or by one of its unified methods, leaves only
as a GET, or as a POST to a path among `POST_READS`: some exchanges take every private question so.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from trademon.errors import TrademonError

ENDPOINTS: Final[dict[str, frozenset[str]]] = {
    "binance": frozenset(
        {
            "public_get_time",
            "public_get_exchangeinfo",
            "public_get_klines",
            "public_get_ticker_price",
            "private_get_account",
            "private_get_openorders",
            "private_get_allorders",
            "private_get_mytrades",
            "sapi_get_capital_deposit_hisrec",
            "sapi_get_capital_withdraw_history",
            "sapi_get_account_apirestrictions",
            "fapipublic_get_time",
            "fapipublic_get_exchangeinfo",
            "fapipublic_get_klines",
            "fapipublicv2_get_ticker_price",
            "fapiprivatev3_get_balance",
            "fapiprivatev3_get_positionrisk",
            "fapiprivate_get_openorders",
            "fapiprivate_get_allorders",
            "fapiprivate_get_usertrades",
            "fapiprivate_get_income",
        }
    ),
    "bitget": frozenset(
        {
            "public_common_get_v2_public_time",
            "public_spot_get_v2_spot_public_symbols",
            "public_spot_get_v2_spot_market_candles",
            "public_spot_get_v2_spot_market_history_candles",
            "public_spot_get_v2_spot_market_tickers",
            "private_spot_get_v2_spot_account_info",
            "private_spot_get_v2_spot_account_assets",
            "private_spot_get_v2_spot_trade_unfilled_orders",
            "private_spot_get_v2_spot_trade_history_orders",
            "private_spot_get_v2_spot_trade_fills",
            "private_spot_get_v2_spot_wallet_deposit_records",
            "private_spot_get_v2_spot_wallet_withdrawal_records",
            "public_mix_get_v2_mix_market_contracts",
            "public_mix_get_v2_mix_market_candles",
            "public_mix_get_v2_mix_market_history_candles",
            "public_mix_get_v2_mix_market_tickers",
            "private_mix_get_v2_mix_account_accounts",
            "private_mix_get_v2_mix_account_bill",
            "private_mix_get_v2_mix_position_all_position",
            "private_mix_get_v2_mix_order_orders_pending",
            "private_mix_get_v2_mix_order_orders_history",
            "private_mix_get_v2_mix_order_fills",
            "private_mix_get_v2_mix_order_fill_history",
        }
    ),
}
"""ccxt's names of the endpoints that our own adapters call."""

_KRAKEN = (
    "Balance BalanceEx TradeBalance OpenOrders ClosedOrders QueryOrders TradesHistory QueryTrades OpenPositions "
    "Ledgers QueryLedgers TradeVolume DepositStatus WithdrawStatus"
)
POST_READS: Final[dict[str, frozenset[str]]] = {
    "kraken": frozenset(f"/0/private/{name}" for name in _KRAKEN.split()),
    "hyperliquid": frozenset({"/info"}),
    "bitbns": frozenset({"/api/trade/v1/currentCoinBalance/", "/api/trade/v1/listExecutedOrders/"}),
    "bitfinex": frozenset({"/v2/auth/r/"}),
    "bitstamp": frozenset({"/api/v2/account_balances/", "/api/v2/user_transactions/", "/api/v2/open_orders/"}),
    "coinone": frozenset({"/v2/account/balance", "/v2/order/complete_orders", "/v2.1/order/open_orders"}),
    "coinspot": frozenset({"/api/my/balances", "/api/ro/my/transactions"}),
    "cryptocom": frozenset(
        f"/exchange/v1/private/{name}" for name in ("user-balance", "get-trades", "get-open-orders")
    ),
    "gemini": frozenset({"/v1/balances", "/v1/mytrades", "/v1/orders"}),
    "independentreserve": frozenset({"/Private/GetAccounts", "/Private/GetTrades", "/Private/GetOpenOrders"}),
    "lbank": frozenset(
        {"/v2/supplement/user_info.do", "/v2/transaction_history.do", "/v2/supplement/orders_info_no_deal.do"}
    ),
    "p2b": frozenset({"/api/v2/account/balances", "/api/v2/account/market_deal_history", "/api/v2/orders"}),
    "whitebit": frozenset(
        {"/api/v4/trade-account/balance", "/api/v4/trade-account/executed-history", "/api/v4/orders"}
    ),
}
"""Paths that are asked by POST and change nothing, by ccxt's id of the exchange; one that ends with a stroke stands for
all that begin with it."""


class WouldWrite(TrademonError):
    """Something was about to be sent that could change an account: a fault of ours, and nothing was sent."""


def check_endpoint(exchange_id: str, endpoint: str) -> None:
    """Raises WouldWrite for a raw endpoint that is not known to read; any of an exchange without an adapter passes."""
    known = ENDPOINTS.get(exchange_id)
    if known is not None and endpoint not in known:
        raise _refused(f"{exchange_id}'s {endpoint}")


def check_request(exchange_id: str, method: str, url: str) -> None:
    """Raises WouldWrite for a request that is neither a GET nor a POST that is known to read."""
    path = urlsplit(url).path
    if method != "GET" and not (method == "POST" and _reads(exchange_id, path)):
        raise _refused(f"{method} {path[:80]} of {exchange_id}")


def _reads(exchange_id: str, path: str) -> bool:
    known = POST_READS.get(exchange_id, frozenset())
    return path in known or any(path.startswith(each) for each in known if each.endswith("/"))


def _refused(what: str) -> WouldWrite:
    return WouldWrite(f"trademon only reads: {what} was not sent", hint="report it: a fault of ours")
