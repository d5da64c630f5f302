"""Deposits and withdrawals: what they do to balances, and how each exchange lists them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import aiohttp
import ccxt.async_support as ccxt
import pytest

from trademon.demo import faults
from trademon.demo.model import seen_at
from trademon.demo.profiles import BINANCE_DEMO
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer, demo_accounts
from trademon.demo.world import World

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
MINUTES = timedelta(minutes=1)
DEPOSITS, WITHDRAWALS = "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/withdraw/history"
CAME, LEFT = "/api/v2/spot/wallet/deposit-records", "/api/v2/spot/wallet/withdrawal-records"


def ms(at):
    return int(at.timestamp() * 1000)


@pytest.fixture
def scripted(clock):
    """A world to write into, with a coin to begin with."""
    return ScriptedWorld(clock=clock, deposits={"BTC": Decimal(2)})


def accounts_of(world):
    return [
        DemoAccount("binance", "A" * 64, "s1", "", "11", world),
        DemoAccount("bitget", "bg_1", "s2", "p2", "22", world),
    ]


@pytest.fixture
async def both(scripted, clock, connect):
    """A caller of a server with that world behind an account of each exchange, without limits."""
    async with DemoServer(accounts_of(scripted), clock=clock, weight_limit=10**9, has_rates=False) as server:
        yield connect(server)


async def binance(caller, path, **params):
    status, rows = await caller.binance(path, **params)
    assert status == 200, rows
    return rows


async def bitget(caller, path, **params):
    """With the window of the last ninety days where none is given."""
    window = {"startTime": caller.clock.ms - ms(START + 90 * DAY) + ms(START), "endTime": caller.clock.ms}
    status, body = await caller.bitget(path, **(window | params))
    assert (status, body["code"]) == (200, "00000"), body
    return body["data"]


def test_a_deposit_counts_when_it_arrived_and_a_withdrawal_when_it_was_asked_for(scripted, clock):
    """The fee is on top of what was sent, in the same coin; each moment of the past has its own balance."""
    at = clock.at - timedelta(hours=1)
    scripted.deposit("USDT", "100", at, completed_at=at + 10 * MINUTES)
    scripted.withdraw("BTC", "0.5", at, fee="0.0001", completed_at=at + 30 * MINUTES)
    assert scripted.balances(at - SECOND) == {"BTC": 2}
    assert scripted.balances(at) == {"BTC": Decimal("1.4999")}
    assert scripted.balances(at + 10 * MINUTES) == {"BTC": Decimal("1.4999"), "USDT": 100}
    assert scripted.balances() == {"BTC": Decimal("1.4999"), "USDT": 100}
    assert [t.status for t in scripted.transfers(at + 10 * MINUTES)] == ["completed", "pending"]
    assert scripted.transfers(at - SECOND) == []


@pytest.mark.parametrize(
    ("kind", "status", "change"),
    [
        ("deposit", "pending", "0"),
        ("deposit", "failed", "0"),
        ("deposit", "credited", "1"),
        ("deposit", "completed", "1"),
        ("withdrawal", "pending", "-1.25"),
        ("withdrawal", "failed", "0"),
        ("withdrawal", "completed", "-1.25"),
    ],
)
def test_what_a_transfer_in_each_state_does_to_the_balance(scripted, clock, kind, status, change):
    """A pending withdrawal has left, a failed one has come back, a pending deposit is not there yet."""
    scripted.transfer(kind, "BTC", "1", clock.at, status=status, fee="0.25" if kind == "withdrawal" else "0")
    assert scripted.balances() == {"BTC": 2 + Decimal(change)}


def test_a_withdrawal_that_fails_later_is_gone_in_between(scripted, clock):
    """It comes back, fee included, when it failed."""
    at = clock.at - timedelta(hours=1)
    scripted.withdraw("BTC", "1", at, fee="0.25", status="failed", completed_at=at + 20 * MINUTES)
    assert scripted.balances(at + 19 * MINUTES) == {"BTC": Decimal("0.75")}
    assert scripted.balances(at + 20 * MINUTES) == {"BTC": 2}


async def test_both_exchanges_show_the_balance_after_transfers(both, scripted, clock):
    """As the world has it, on the wire."""
    scripted.deposit("USDT", "100", clock.at)
    scripted.withdraw("BTC", "0.5", clock.at, fee="0.25")
    body = await binance(both, "/api/v3/account", omitZeroBalances="true")
    assert {row["asset"]: Decimal(row["free"]) for row in body["balances"]} == {"BTC": Decimal("1.25"), "USDT": 100}
    _, body = await both.bitget("/api/v2/spot/account/assets")
    assert {row["coin"]: Decimal(row["available"]) for row in body["data"]} == {"BTC": Decimal("1.25"), "USDT": 100}


async def test_a_binance_deposit_row_has_binances_fields(both, scripted, clock):
    """Names and types as in the documentation's example; insertTime is when it was seen, completeTime when it ended."""
    at = clock.at - timedelta(hours=2)
    t = scripted.deposit("USDT", "100.50", at, completed_at=at + MINUTES, tx_id="0xab", network="TRX", address="T1")
    assert await binance(both, DEPOSITS) == [
        {
            "id": t.id,
            "amount": "100.5",
            "coin": "USDT",
            "network": "TRX",
            "status": 1,
            "address": "T1",
            "addressTag": "",
            "txId": "0xab",
            "insertTime": ms(at),
            "completeTime": ms(at) + 60_000,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 0,
            "walletType": 0,
            "travelRuleStatus": 0,
        }
    ]


async def test_a_binance_withdrawal_row_has_binances_fields(both, scripted, clock):
    """Times are UTC text without a zone; the amount does not include the fee; the id is 32 hex digits."""
    at = clock.at - timedelta(hours=2)
    t = scripted.withdraw(
        *("BTC", "0.5", at), fee="0.0001", completed_at=at + 61 * SECOND, tx_id="ab12", address="bc1", network="BTC"
    )
    (row,) = await binance(both, WITHDRAWALS)
    assert (int(row.pop("id"), 16), row.pop("confirmNo")) == (int(t.id), 3)
    assert row == {
        "amount": "0.5",
        "transactionFee": "0.0001",
        "coin": "BTC",
        "status": 6,
        "address": "bc1",
        "addressTag": "",
        "txId": "ab12",
        "applyTime": "2026-05-01 11:00:00",
        "completeTime": "2026-05-01 11:01:01",
        "network": "BTC",
        "transferType": 0,
        "info": "",
        "walletType": 0,
        "txKey": "",
    }


async def test_states_and_internal_transfers_on_binance(both, scripted, clock):
    """Deposits: 0, 1, 2, 6. Withdrawals: 3, 4, 6. What did not end has no completeTime, what was not sent no txId."""
    for status in ("pending", "completed", "failed", "credited"):
        scripted.deposit("BTC", "1", clock.at, status=status)
        scripted.withdraw("BTC", "0.1", clock.at, status=status) if status != "credited" else None
    came, left = await binance(both, DEPOSITS), await binance(both, WITHDRAWALS)
    assert [row["status"] for row in came] == [6, 2, 1, 0]
    assert [row["status"] for row in left] == [3, 6, 4]
    assert ["completeTime" in row for row in came] == [True, True, True, False]
    assert [("completeTime" in row, row["txId"] != "") for row in left] == [(True, False), (True, True), (False, False)]
    assert [r["status"] for r in await binance(both, DEPOSITS, status=0)] == [0]
    assert [r["status"] for r in await binance(both, WITHDRAWALS, status=6)] == [6]
    t = scripted.deposit("USDT", "1", clock.at, is_internal=True)
    (row,) = await binance(both, DEPOSITS, coin="USDT")
    assert (row["txId"], row["transferType"]) == (f"Internal transfer {t.id}", 1)


@pytest.mark.parametrize("path", [DEPOSITS, WITHDRAWALS])
async def test_binance_lists_transfers_newest_first_page_by_page(both, scripted, clock, path):
    """offset and limit walk over each of them once; a coin narrows; a window is one of creation times."""
    add = scripted.deposit if path == DEPOSITS else scripted.withdraw
    made = [
        add("BTC" if n % 2 else "ETH", "0.01", clock.at - n * DAY, completed_at=clock.at, tx_id=f"t{n}")
        for n in range(7)
    ]
    expected = [t.tx_id for t in made]
    pages = [await binance(both, path, offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [[row["txId"] for row in page] for page in pages] == [expected[:3], expected[3:6], expected[6:], []]
    assert {row["coin"] for row in await binance(both, path, coin="ETH")} == {"ETH"}
    rows = await binance(both, path, startTime=ms(made[4].created_at), endTime=ms(made[2].created_at))
    assert [row["txId"] for row in rows] == expected[2:5]


async def test_binance_looks_ninety_days_back_and_no_further_at_once(both, scripted, clock):
    """Without times the last ninety days; older ones by a window of their own, of ninety days at most."""
    old = scripted.deposit("BTC", "1", clock.at - 91 * DAY)
    scripted.deposit("BTC", "1", clock.at - 89 * DAY)
    (row,) = await binance(both, DEPOSITS)
    assert row["insertTime"] == clock.ms - ms(START + 89 * DAY) + ms(START)
    start = ms(old.created_at)
    ninety = ms(START + 90 * DAY) - ms(START)
    rows = await binance(both, DEPOSITS, startTime=start - 1, endTime=start - 1 + ninety)
    assert len(rows) == 2
    for params, code in (
        ({"startTime": start - 1, "endTime": start + ninety}, -1127),
        ({"startTime": start}, -1127),
        ({"startTime": clock.ms, "endTime": clock.ms - 1}, -1128),
        ({"since": 1}, -1104),
        ({"startTime": "x"}, -1100),
    ):
        for path in (DEPOSITS, WITHDRAWALS):
            status, body = await both.binance(path, **params)
            assert (status, body["code"]) == (400, code), params
    for path in (DEPOSITS, WITHDRAWALS):
        assert (await both.get(path))[0] == 401


async def test_a_transfer_created_before_the_window_is_not_in_it_though_it_completed_inside(both, scripted, clock):
    """On both exchanges: who asks only for the newest time misses what took long."""
    at = clock.at - 2 * DAY
    scripted.deposit("BTC", "1", at, completed_at=clock.at - MINUTES)
    late = {"startTime": clock.ms - 3_600_000, "endTime": clock.ms}
    assert await binance(both, DEPOSITS, **late) == []
    assert await bitget(both, CAME, **late) == []
    assert len(await binance(both, DEPOSITS, startTime=ms(at), endTime=ms(at))) == 1
    assert len(await bitget(both, CAME, startTime=ms(at), endTime=ms(at))) == 1


async def test_withdrawals_may_be_asked_for_ten_times_a_second(scripted, clock, connect):
    """The account's own weight stands in its own header; the address's minute does not grow by it."""
    async with DemoServer(accounts_of(scripted), clock=clock) as server:
        caller = connect(server)
        statuses = [(await caller.binance(WITHDRAWALS))[0] for _ in range(11)]
        assert statuses == [200] * 10 + [429]
        assert caller.headers["Retry-After"] == "1"
        clock.at += SECOND
        assert (await caller.binance(WITHDRAWALS))[0] == 200
        assert caller.headers["X-SAPI-USED-UID-WEIGHT-1S"] == "18000"
        assert caller.headers["X-MBX-USED-WEIGHT-1M"] == "0"
        await caller.binance(DEPOSITS)
        assert caller.headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_a_test_network_has_no_sapi(scripted, clock, connect):
    """A page in place of JSON, with 404, at every path below /sapi; the rest answers."""
    async with DemoServer(accounts_of(scripted), clock=clock, has_sapi=False) as server:
        async with aiohttp.ClientSession() as session:
            for path in (DEPOSITS, WITHDRAWALS, "/sapi/v1/account/apiRestrictions"):
                async with session.get(server.base_url + path) as answer:
                    assert (answer.status, answer.content_type) == (404, "text/html")
        assert (await connect(server).binance("/api/v3/account"))[0] == 200
        server.binance.has_sapi = True
        assert (await connect(server).binance(DEPOSITS))[0] == 200


async def test_bitgets_rows_have_bitgets_fields_and_signs(both, scripted, clock):
    """All text; a withdrawal's fee is negative and within its size."""
    at = clock.at - timedelta(hours=2)
    came = scripted.deposit("USDT", "100", at, completed_at=at + MINUTES, tx_id="0xab", network="TRC20", address="T1")
    left = scripted.withdraw("BTC", "0.5", at, fee="0.0001", tx_id="cd", address="bc1", network="BTC")
    common = {"status": "success", "dest": "on_chain", "fromAddress": None, "cTime": str(ms(at))}
    assert await bitget(both, CAME) == [
        common
        | {"orderId": came.id, "tradeId": "0xab", "coin": "USDT", "type": "deposit", "size": "100.00000000"}
        | {"toAddress": "T1", "chain": "TRC20", "uTime": str(ms(at) + 60_000)}
    ]
    assert await bitget(both, LEFT) == [
        common
        | {"orderId": left.id, "tradeId": "cd", "coin": "BTC", "type": "withdraw", "size": "0.50010000"}
        | {"fee": "-0.00010000", "toAddress": "bc1", "chain": "BTC", "uTime": str(ms(at))}
        | {"confirm": "100", "clientOid": "", "tag": ""}
    ]


async def test_states_and_internal_transfers_on_bitget(both, scripted, clock):
    """pending, success and fail; an internal transfer's tradeId is its own id."""
    for status in ("pending", "completed", "failed"):
        scripted.deposit("BTC", "1", clock.at, status=status)
        scripted.withdraw("BTC", "0.1", clock.at, status=status)
    for path in (CAME, LEFT):
        assert [row["status"] for row in await bitget(both, path)] == ["fail", "success", "pending"]
    assert [row["tradeId"] != "" for row in await bitget(both, LEFT)] == [False, True, False]
    t = scripted.withdraw("USDT", "1", clock.at, is_internal=True)
    (row,) = await bitget(both, LEFT, coin="USDT")
    assert (row["tradeId"], row["dest"]) == (t.id, "internal_transfer")


@pytest.mark.parametrize("path", [CAME, LEFT])
async def test_bitget_pages_by_order_id_newest_first(both, scripted, clock, path):
    """20 a page by default, 100 at most; several in one millisecond; each exactly once."""
    add = scripted.deposit if path == CAME else scripted.withdraw
    made = [add("BTC" if n % 2 else "ETH", "0.01", clock.at - (60 - n) // 3 * SECOND) for n in range(50)]
    expected = [t.id for t in reversed(made)]
    found, more = [], {}
    while rows := await bitget(both, path, **more):
        assert len(rows) in (20, 10)
        found += [row["orderId"] for row in rows]
        more = {"idLessThan": found[-1]}
    assert found == expected
    assert [row["orderId"] for row in await bitget(both, path, limit=100)] == expected
    assert {row["coin"] for row in await bitget(both, path, coin="ETH")} == {"ETH"}
    assert [row["orderId"] for row in await bitget(both, path, orderId=made[3].id)] == [made[3].id]


@pytest.mark.parametrize("path", [CAME, LEFT])
@pytest.mark.parametrize(
    ("days", "more", "code"),
    [
        ({"endTime": 0}, {}, "400172"),
        ({"startTime": 1}, {}, "400172"),
        ({"startTime": 91, "endTime": 0}, {}, "00001"),
        ({"startTime": 0, "endTime": 1}, {}, "40017"),
        ({"startTime": 1, "endTime": 0}, {"limit": 101}, "400172"),
        ({"startTime": 1, "endTime": 0}, {"idLessThan": "x"}, "40020"),
        ({"startTime": 190, "endTime": 100}, {}, "00000"),
    ],
)
async def test_what_bitget_refuses_about_transfers(both, clock, path, days, more, code):
    """Both times are required, at most ninety days apart; they may lie long ago. The numbers are days before now."""
    window = {name: clock.ms - n * 86_400_000 for name, n in days.items()}
    status, body = await both.bitget(path, **window, **more)
    assert (status, body["code"]) == (200 if code == "00000" else 400, code)


async def test_bitget_transfers_may_be_asked_for_ten_times_a_second(scripted, clock, connect):
    """The eleventh is refused."""
    async with DemoServer(accounts_of(scripted), clock=clock) as server:
        caller = connect(server)
        window = {"startTime": clock.ms - 1, "endTime": clock.ms}
        assert [(await caller.bitget(LEFT, **window))[0] for _ in range(11)] == [200] * 10 + [429]


async def test_faults_strike_transfers_too(both, scripted, clock):
    """Cut off in the middle, refused, and right the third time."""
    scripted.deposit("BTC", "1", clock.at)
    both.server.faults += [faults.status(503, times=1, path=DEPOSITS), faults.empty_object(times=1, path=CAME)]
    assert (await both.binance(DEPOSITS))[0] == 503
    assert (await both.bitget(CAME, startTime=1, endTime=1)) == (200, {})
    assert len(await binance(both, DEPOSITS)) == len(await bitget(both, CAME)) == 1


async def test_ccxt_reads_the_same_transfers_from_both(both, scripted, clock):
    """Its own parsers give the amount that was sent, the fee as a cost, the chain's id and the time."""
    at = clock.at - timedelta(hours=1)
    scripted.deposit("USDT", "100", at, tx_id="in")
    scripted.withdraw("BTC", "0.5", at, fee="0.0001", tx_id="out")
    keys = {"binance": {"apiKey": "A" * 64, "secret": "s1"}, "bitget": {"apiKey": "bg_1", "secret": "s2"}}
    for name, more in keys.items():
        exchange = getattr(ccxt, name)(more | {"password": "p2", "options": {"uta": False}})
        exchange.nonce = exchange.milliseconds = lambda: clock.ms
        base = both.server.base_url
        exchange.urls["api"] = {key: base + ("/sapi/v1" if key == "sapi" else "") for key in exchange.urls["api"]}
        exchange.set_markets([])
        try:
            (came,) = await exchange.fetch_deposits(since=ms(at))
            (left,) = await exchange.fetch_withdrawals(since=ms(at))
        finally:
            await exchange.close()
        facts = [(t["txid"], t["currency"], t["amount"], t["status"], t["timestamp"]) for t in (came, left)]
        assert facts == [("in", "USDT", 100.0, "ok", ms(at)), ("out", "BTC", 0.5, "ok", ms(at))], name
        assert left["fee"]["cost"] == 0.0001


def test_the_demo_moves_coins_from_one_account_to_the_other():
    """The same transaction leaves Binance and arrives at Bitget some minutes later, to the satoshi."""
    binance_world, bitget_world = (a.world for a in demo_accounts(lambda: START))
    (left,) = (t for t in binance_world.transfers() if t.kind == "withdrawal")
    (came,) = bitget_world.transfers()
    assert (left.tx_id, left.coin, left.amount) == (came.tx_id, came.coin, came.amount)
    assert left.created_at < came.created_at < came.completed_at < START
    assert left.fee > 0
    assert binance_world.transfers(left.created_at)[-1].status == "pending"


@pytest.mark.parametrize("seed", [1, 5, 9])
def test_no_balance_of_the_demo_is_ever_negative(seed):
    """Walked with plain arithmetic through every execution and transfer in the order of time."""
    for account in demo_accounts(lambda: START + timedelta(hours=2), seed, START):
        world, totals = account.world, dict(account.world.deposits)
        events = [(e.executed_at, e) for e in world.executions()]
        for t in world.transfers():
            sent = t.kind == "withdrawal"
            events.append((t.created_at if sent else t.completed_at, t))
        for _, event in sorted(events, key=lambda pair: pair[0]):
            for coin, change in changes(event):
                totals[coin] = totals.get(coin, Decimal(0)) + change
            assert min(totals.values()) >= 0
        assert world.balances() == totals
        assert any(t.kind == "deposit" for t in world.transfers())


def changes(event):
    """What an execution or a transfer does to the coins."""
    if hasattr(event, "kind"):
        return [(event.coin, event.amount if event.kind == "deposit" else -event.amount - event.fee)]
    sign = 1 if event.side == "buy" else -1
    return [
        (event.base, sign * event.quantity),
        (event.quote, -sign * event.quantity * event.price),
        (event.fee_currency, -event.fee),
    ]


def test_a_seeded_world_refuses_to_withdraw_what_it_does_not_have():
    """It would have to go negative."""
    script = ScriptedWorld(clock=lambda: START)
    with pytest.raises(ValueError, match="SOL"):
        World(1, START, lambda: START, BINANCE_DEMO, [script.withdraw("SOL", "1", START)])


def test_a_late_state_is_seen_late():
    """seen_at sorts by creation, and hides what ended afterwards."""
    script = ScriptedWorld(clock=lambda: START)
    late = script.deposit("BTC", "1", START, completed_at=START + DAY)
    early = script.deposit("BTC", "1", START - DAY)
    first, second = seen_at([late, early], START + SECOND)
    assert (first, second.status, second.completed_at) == (early, "pending", None)
    assert seen_at([late, early], START + DAY) == [early, late]
