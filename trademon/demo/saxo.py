"""Saxo's OpenAPI (developer.saxo: portfolio, audit, reports, reference data). Where the documentation leaves something
open: "assumed". An account has cash in each of its currencies; what is on margin moves it by gains alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from email.utils import format_datetime
from itertools import islice
from secrets import token_hex
from urllib.parse import quote, unquote

from aiohttp import web

from trademon.demo.candles import MINUTE_MS, Grid
from trademon.demo.model import Execution, from_ms, to_ms
from trademon.demo.saxo_login import SaxoLogins
from trademon.demo.saxo_rows import (
    Instrument,
    Pair,
    Piece,
    Row,
    activity_rows,
    details_row,
    dump,
    instrument_of,
    iso,
    netted,
    order_row,
    position_id,
)
from trademon.demo.wire import DemoAccount, Question, Refusal

_LIMIT, _MINUTE_S = 120, 60
_PREFIXES = ("/sim/openapi", "/openapi")
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one account."""

    q: Question
    account: DemoAccount

    @property
    def uid(self) -> str:
        """The number of the client."""
        return self.account.uid

    @property
    def key(self) -> str:
        """The key of the client: what Saxo writes is base64, with signs that mean something in an address."""
        return f"{self.uid}/key=="

    @property
    def instruments(self) -> dict[str, Instrument]:
        """By the world's symbol."""
        return {symbol: instrument_of(market) for symbol, market in self.account.world.markets.items()}

    def of_symbol(self) -> dict[str, list[Execution]]:
        """Every execution so far, by symbol."""
        found: dict[str, list[Execution]] = {}
        for execution in self.account.world.executions(self.q.now):
            found.setdefault(execution.symbol, []).append(execution)
        return found


class SaxoApi:
    """The accounts at Saxo. `reported_until` is the end of the last day that the reports tell; without one it is the
    beginning of today. `reported_prices` are what the back office made of a price, by trade id."""

    def __init__(self, accounts: Sequence[DemoAccount], *, has_rates: bool = True) -> None:
        """`has_rates` False drops the limit a minute, and says nothing of it."""
        self.logins = SaxoLogins({a.api_key: a for a in accounts})
        self.reported_until: datetime | None = None
        self.reported_prices: dict[str, Decimal] = {}
        self.has_bookings = True
        self._has_rates = has_rates
        self._asked: dict[tuple[str, str, int], int] = {}
        self._paths: dict[str, Callable[[Asked], object]] = {
            "/port/v1/users/me": lambda a: {"ClientKey": a.key, "UserId": a.uid, "UserKey": a.key, "Name": "Demo"},
            "/port/v1/clients/me": self._client,
            "/port/v1/accounts/me": lambda a: _page(a, [_account(a, currency) for currency in _cash(a)]),
            "/port/v1/balances/me": lambda a: _balance(a, next(iter(_cash(a)))),
            "/port/v1/balances": lambda a: _balance(a, a.q.params.get("AccountKey", "").rpartition("/")[2]),
            "/port/v1/positions/me": lambda a: _page(a, _positions(a)),
            "/port/v1/netpositions/me": lambda a: _page(a, _net_positions(a)),
            "/port/v1/closedpositions/me": lambda a: _page(a, _closed(a)),
            "/port/v1/orders/me": self._orders,
            "/cs/v1/audit/orderactivities": self._activities,
            "/ref/v1/instruments/details": self._details,
            "/root/v1/user": lambda a: {"AccessRights": {"CanTrade": a.account.can_trade}, "ClientId": int(a.uid)},
            "/chart/v3/charts": self._charts,
        }

    def knows(self, path: str) -> bool:
        """Whether a path is Saxo's."""
        return path.startswith(tuple(f"{p}/" for p in _PREFIXES)) or path in ("/authorize", "/token")

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose token was sent."""
        return self.logins.account_of(question)

    def answer(self, question: Question, body: str = "") -> web.Response:
        """The answer with the server's date, and with what is left of the session's budget."""
        if question.path == "/authorize":
            response = self.logins.authorize(question)
        elif question.path == "/token":
            response = self.logins.token(question, body)
        else:
            response = self._decide(question)
        response.headers["Date"] = format_datetime(question.now, usegmt=True)
        return response

    def _decide(self, q: Question) -> web.Response:
        account = self.account_of(q)
        if account is None:
            return web.Response(status=401, headers={"X-Correlation": token_hex(8)})
        path = next(q.path.removeprefix(p) for p in _PREFIXES if q.path.startswith(p))
        headers, is_over = self._count(q, account, path.split("/")[1])
        try:
            if is_over:
                raise Refusal(429, "RateLimitExceeded", "too many requests")
            answer = self._find(path)(Asked(q, account))
        except Refusal as no:
            said = {"ErrorCode": no.code, "Message": no.msg}
            return web.json_response({"ErrorInfo": said}, status=no.status, headers={**headers, **no.headers})
        return web.Response(text=dump(answer), content_type="application/json", headers=headers)

    def _count(self, q: Question, account: DemoAccount, group: str) -> tuple[dict[str, str], bool]:
        """What is left of this minute for a group of services, and whether this question was one too many."""
        if not self._has_rates:
            return {}, False
        minute, second = divmod(int(q.now.timestamp()), _MINUTE_S)
        used = self._asked[account.uid, group, minute] = self._asked.get((account.uid, group, minute), 0) + 1
        left, reset = max(0, _LIMIT - used), _MINUTE_S - second
        headers = {
            "X-RateLimit-Session-Limit": str(_LIMIT),
            "X-RateLimit-Session-Remaining": str(left),
            "X-RateLimit-Session-Reset": str(reset),
        }
        return headers, used > _LIMIT

    def _find(self, path: str) -> Callable[[Asked], object]:
        for name, reader in (("trades", self._trades), ("bookings", self._bookings)):
            if path.startswith(f"/cs/v1/reports/{name}/"):
                return lambda a: reader(a, unquote(path.rsplit("/", 1)[1]))
        if path not in self._paths:
            raise Refusal(404, "NotFound", "no such resource")
        return self._paths[path]

    def _client(self, a: Asked) -> Row:
        return {
            "ClientId": a.uid,
            "ClientKey": a.key,
            "DefaultAccountId": f"{a.uid}EUR",
            "DefaultCurrency": next(iter(_cash(a))),
            "Name": "Demo",
            "PositionNettingMode": "FifoRealTime" if a.account.nets_at_once else "EndOfDay",
        }

    def _orders(self, a: Asked) -> object:
        known = a.instruments
        orders = (o for o in a.account.world.orders(a.q.now) if o.is_open)
        return _page(a, [order_row(o, known[o.symbol], a.uid) for o in orders])

    def _activities(self, a: Asked) -> object:
        """Steps within [FromDateTime, ToDateTime], newest first (assumed), of one order where it is named."""
        params, known = a.q.params, a.instruments
        if params.get("ClientKey") != a.key:
            raise Refusal(400, "InvalidClientKey", "ClientKey is not valid")
        order_id = params.get("OrderId")
        first, last = params.get("FromDateTime", ""), params.get("ToDateTime", "9999")
        orders = (o for o in a.account.world.orders(a.q.now) if order_id in (None, o.order_id))
        rows = [row for o in orders for row in activity_rows(o, known[o.symbol], a.uid)]
        rows = [row for row in rows if first <= row["ActivityTime"] <= last]
        return _page(a, sorted(rows, key=lambda row: (row["ActivityTime"], int(row["LogId"])), reverse=True))

    def _reported(self, a: Asked, key: str) -> list[Execution]:
        """What the back office knows of by now, of the days that are asked for."""
        if key != a.key:
            raise Refusal(400, "InvalidClientKey", "ClientKey is not valid")
        until = self.reported_until or datetime.combine(a.q.now.date(), time(), a.q.now.tzinfo)
        first, last = a.q.params.get("FromDate", ""), a.q.params.get("ToDate", "9999")
        done = a.account.world.executions(a.q.now)
        return [e for e in done if e.executed_at < until and first <= f"{e.executed_at:%Y-%m-%d}" <= last]

    def _trades(self, a: Asked, key: str) -> object:
        return _page(a, [self._trade(a, e) for e in self._reported(a, key)])

    def _trade(self, a: Asked, e: Execution) -> Row:
        one, price = a.instruments[e.symbol], self.reported_prices.get(e.trade_id, e.price)
        amount = e.quantity if e.side == "buy" else -e.quantity
        value = -(amount * price * one.size)
        return {
            "AccountCurrency": e.quote,
            "AccountId": f"{a.uid}{e.quote}",
            "Amount": amount,
            "AssetType": one.kind,
            "BookedAmountAccountCurrency": (Decimal(0) if one.on_margin else value) - e.fee,
            "InstrumentSymbol": one.symbol,
            "OrderId": e.order_id,
            "Price": price,
            "TradeDate": f"{e.executed_at:%Y-%m-%d}",
            "TradeEventType": "Bought" if amount > 0 else "Sold",
            "TradeExecutionTime": iso(e.executed_at),
            "TradeId": position_id(e),
            "TradedValue": value,
            "Uic": one.uic,
        }

    def _bookings(self, a: Asked, key: str) -> object:
        if not self.has_bookings:
            raise Refusal(403, "Forbidden", "the app has no access")
        rows = [
            {
                "AccountId": f"{a.uid}{e.quote}",
                "Amount": -e.fee,
                "AmountClass": "TransactionCosts",
                "BkAmountId": f"8{e.trade_id}",
                "BkAmountType": "Commission",
                "Currency": e.fee_currency,
                "Date": f"{e.executed_at:%Y-%m-%d}",
                "RelatedTradeId": position_id(e),
            }
            for e in self._reported(a, key)
            if e.fee
        ]
        return _page(a, rows)

    def _details(self, a: Asked) -> object:
        uics, kinds = (set(a.q.params.get(name, "").split(",")) for name in ("Uics", "AssetTypes"))
        known = a.instruments.values()
        return _page(a, [details_row(one) for one in known if str(one.uic) in uics and one.kind in kinds])

    def _charts(self, a: Asked) -> object:
        params = a.q.params
        wanted = (params.get("Uic"), params.get("AssetType"))
        found = next((s for s, one in a.instruments.items() if (str(one.uic), one.kind) == wanted), None)
        if found is None or not params.get("Horizon", "").isdigit():
            raise Refusal(400, "InvalidModelState", "no such chart")
        grid = Grid(a.account.world, found, int(params["Horizon"]) * MINUTE_MS)
        start = datetime.fromisoformat(params["Time"]) if "Time" in params else a.q.now - timedelta(hours=1)
        count = min(int(params.get("Count", "1200")), 1200)
        opens = list(islice(grid.ascending(to_ms(start), a.q.now_ms), count))
        names = ("OpenBid", "OpenAsk") if instrument_of(a.account.world.markets[found]).kind == "FxSpot" else ("Open",)
        candles = grid.candles(opens, a.q.now)
        rows = [{"Time": iso(from_ms(c.ms)), **dict.fromkeys(names, c.open)} for c in candles]
        return {"Data": rows, "DataVersion": 1}


def _page(a: Asked, rows: list[Row]) -> Row:
    """A part of a list; `__next` names where it goes on (assumed: the same address with a token)."""
    params = a.q.params
    size = min(int(params.get("$top", _LARGEST_PAGE)), _LARGEST_PAGE)
    start = int(params.get("$skiptoken", "0"))
    answer: Row = {"Data": rows[start : start + size]}
    if start + size < len(rows):
        asked = "&".join(f"{quote(name)}={quote(value)}" for name, value in params.items() if name != "$skiptoken")
        answer["__next"] = f"https://gateway.saxobank.com{a.q.path}?{asked}&$skiptoken={start + size}"
    return answer


def _cash(a: Asked) -> dict[str, Decimal]:
    """The cash of each account, by its currency: what is bought for cash moves it, what is on margin by its gains."""
    world = a.account.world
    money = {coin: amount for coin, amount in getattr(world, "deposits", {}).items() if ":" not in coin}
    for symbol, executions in a.of_symbol().items():
        one, (_, pairs) = a.instruments[symbol], netted(executions)
        for e in executions:
            value = Decimal(0) if one.on_margin else e.quantity * e.price * (-1 if e.side == "buy" else 1)
            money[e.quote] = money.get(e.quote, Decimal(0)) + value
            money[e.fee_currency] = money.get(e.fee_currency, Decimal(0)) - e.fee
        if one.on_margin:
            for pair in pairs:
                money[pair.closing.quote] += pair.gain * one.size
    return money or {"EUR": Decimal(0)}


def _account(a: Asked, currency: str) -> Row:
    return {
        "AccountId": f"{a.uid}{currency}",
        "AccountKey": f"{a.uid}/{currency}",
        "AccountType": "Normal",
        "Active": True,
        "ClientId": a.uid,
        "ClientKey": a.key,
        "Currency": currency,
    }


def _balance(a: Asked, currency: str) -> Row:
    cash = _cash(a)
    if currency not in cash:
        raise Refusal(400, "InvalidModelState", "no such account")
    return {"CalculationReliability": "Ok", "CashBalance": cash[currency], "CashBlocked": 0, "Currency": currency}


def _open(a: Asked) -> list[tuple[Instrument, list[Piece], list[Pair]]]:
    """What each instrument has open, and what was closed today."""
    found = []
    for symbol, executions in a.of_symbol().items():
        pieces, pairs = netted(executions)
        today = [p for p in pairs if p.closing.executed_at.date() == a.q.now.date()]
        found.append((a.instruments[symbol], pieces, today))
    return found


def _positions(a: Asked) -> list[Row]:
    """Open positions. Where netting waits for the end of the day, what was closed today stands there on both sides."""
    rows = []
    for one, pieces, pairs in _open(a):
        rows += [_position(a, one, p.execution, p.amount, "Open") for p in pieces]
        for pair in () if a.account.nets_at_once else pairs:
            rows.append(_position(a, one, pair.opening, pair.amount, "Closed"))
            rows.append(_position(a, one, pair.closing, -pair.amount, "Closed"))
    return rows


def _position(a: Asked, one: Instrument, e: Execution, amount: Decimal, status: str) -> Row:
    price = a.account.world.price(e.symbol, a.q.now)
    return {
        "NetPositionId": f"{one.symbol}__{one.kind}",
        "PositionBase": {
            "AccountId": f"{a.uid}EUR",
            "Amount": amount,
            "AssetType": one.kind,
            "ClientId": a.uid,
            "ExecutionTimeOpen": iso(e.executed_at),
            "OpenPrice": e.price,
            "SourceOrderId": e.order_id,
            "Status": status,
            "Uic": one.uic,
        },
        "PositionId": position_id(e),
        "PositionView": {
            "CurrentPrice": price,
            "ProfitLossOnTrade": (price - e.price) * amount * one.size,
            "TradeCostsTotal": -e.fee,
        },
    }


def _net_positions(a: Asked) -> list[Row]:
    """What is open of each instrument in all; one that was closed today has an amount of nothing until then."""
    rows = []
    for one, pieces, pairs in _open(a):
        if not pieces and (a.account.nets_at_once or not pairs):
            continue
        amount = sum((p.amount for p in pieces), Decimal(0))
        paid = sum((p.amount * p.execution.price for p in pieces), Decimal(0))
        price = a.account.world.price(one.market.symbol, a.q.now)
        average = {"AverageOpenPrice": round(paid / amount, 10)} if amount else {}
        rows.append(
            {
                "DisplayAndFormat": one.display,
                "NetPositionBase": {
                    "Amount": amount,
                    "AssetType": one.kind,
                    "ClientId": a.uid,
                    "PositionsAccount": f"{a.uid}EUR",
                    "Uic": one.uic,
                },
                "NetPositionId": f"{one.symbol}__{one.kind}",
                "NetPositionView": average
                | {"CurrentPrice": price, "ProfitLossOnTrade": (price * amount - paid) * one.size, "Status": "Open"},
            }
        )
    return rows


def _closed(a: Asked) -> list[Row]:
    """Pairs of today, of an account that nets at once; none of one that waits for the end of the day."""
    if not a.account.nets_at_once:
        return []
    return [_closed_row(a, one, pair) for one, _, pairs in _open(a) for pair in pairs]


def _closed_row(a: Asked, one: Instrument, pair: Pair) -> Row:
    share = abs(pair.amount)
    return {
        "ClosedPosition": {
            "AccountId": f"{a.uid}EUR",
            "Amount": pair.amount,
            "AssetType": one.kind,
            "BuyOrSell": pair.opening.side.capitalize(),
            "ClientId": a.uid,
            "ClosedProfitLoss": pair.gain * one.size,
            "ClosingMethod": "Fifo",
            "ClosingPositionId": position_id(pair.closing),
            "ClosingPrice": pair.closing.price,
            "CostClosing": -pair.closing.fee * share / pair.closing.quantity,
            "CostOpening": -pair.opening.fee * share / pair.opening.quantity,
            "ExecutionTimeClose": iso(pair.closing.executed_at),
            "ExecutionTimeOpen": iso(pair.opening.executed_at),
            "OpenPrice": pair.opening.price,
            "OpeningPositionId": position_id(pair.opening),
            "Uic": one.uic,
        },
        "ClosedPositionUniqueId": f"{position_id(pair.opening)}-{position_id(pair.closing)}",
        "NetPositionId": f"{one.symbol}__{one.kind}",
    }
