"""Answers that are late, cut, repeated, shuffled, refused or nonsense: exactly the true fills in the end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account, figures_of, the_user
from tests.chaos.ledger import SYMBOLS, Ledger, draw
from tests.cli.shell import now
from trademon.demo import faults
from trademon.demo.faults import Fault
from trademon.demo.model import Execution, from_ms, to_ms

FILLS_PATH = "/api/v3/myTrades"
LATEST = timedelta(hours=48)
SPARE = timedelta(hours=5)
"""How long the scans before the last publication may take by the clock."""


def misbehaving(bytes_per_second: int) -> list[Fault]:
    """Every way in which an answer may go wrong."""
    wait = {"Retry-After": "7"}
    return [
        faults.status(429, wait, '{"code":-1003,"msg":"Too many requests"}'),
        faults.status(418, wait, '{"code":-1003,"msg":"banned"}'),
        faults.status(500),
        faults.status(503, body="<html>down</html>", content_type="text/html"),
        faults.html_with_200(),
        faults.cut_json(),
        faults.null_body(),
        faults.empty_object(),
        faults.reset(),
        faults.slow(bytes_per_second),
    ]


class OneInFive:
    """Strikes a fifth of all requests, each time in another way."""

    def __init__(self, rng: Random, kinds: list[Fault]) -> None:
        self.struck = 0
        self.asked = 0
        self._rng = rng
        self._kinds = kinds

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self.asked += 1
        if self._rng.random() >= 0.2:
            return None
        self.struck += 1
        return await self._rng.choice(self._kinds)(request)


def repeated_and_shuffled(rng: Random) -> Fault:
    """30 % of the rows of each page of fills once more, and all of them in any order."""

    async def strike(request: web.Request) -> web.StreamResponse | None:
        answer = await request.match_info.handler(request)
        if answer.status != 200:
            return None
        rows = json.loads(answer.body)
        rows += rng.sample(rows, len(rows) * 3 // 10)
        rng.shuffle(rows)
        return web.json_response(rows)

    return faults.limited(strike, None, FILLS_PATH)


def small_pages(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """An exchange that gives fewer rows than it is asked for."""
    from trademon.demo import binance

    whole = binance.page_limit
    monkeypatch.setattr(binance, "page_limit", lambda params: min(whole(params), rows))


def in_one_millisecond(rng: Random, count: int, at_ms: int, first_id: int) -> list[Execution]:
    """Fills of one symbol that only their ids tell apart in time."""
    return [
        Execution(
            "BTC/USDT",
            str(first_id + n),
            str(90_000 + n // 40),
            "buy",
            Decimal(rng.randint(1, 9)) / 1000,
            Decimal("100.01"),
            Decimal("0.00000001"),
            "USDT",
            from_ms(at_ms),
            False,
        )
        for n in range(count)
    ]


def scan_until_good(house: House, most: int = 300) -> int:
    """Scans ten seconds apart until one is good; returns how many that took."""
    for n in range(1, most + 1):
        done = house.scan()
        assert done.code in (0, 1), (done.code, done.out, done.err)
        assert "Traceback" not in done.err
        if done.code == 0 and done.json["data"]["brokers"][0]["status"] == "ok":
            return n
        house.clock.move(seconds=10)
    raise AssertionError(f"no scan of {most} was good")


def test_a_fifth_of_all_answers_bad_and_fills_two_days_late_end_in_the_truth(
    house: House, serve: Serve, rng: Random, full: bool, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten kinds of bad answers, pages of a hundred with 1,500 fills in one millisecond, rows repeated and shuffled, and
    a tenth of the fills published up to 48 hours after their time, with ids between those already seen."""
    ties, rest, rounds = (1500, 2000, 4) if full else (150, 300, 1)
    symbols = SYMBOLS if full else SYMBOLS[:2]
    small_pages(monkeypatch, 100)
    end = house.clock() - timedelta(minutes=1)
    drawn = draw(rng, rest, end - timedelta(hours=48), end, symbols, first_id=5000)
    tied = in_one_millisecond(rng, ties, to_ms(end - timedelta(hours=50)), 1000)
    late = rng.sample([e for e in drawn if end - e.executed_at < LATEST - SPARE], rest // 10)
    world = Ledger([*tied, *(e for e in drawn if e not in late)], symbols)
    exchange = serve(account(world))
    bad = OneInFive(rng, misbehaving(1 if full else 20_000))
    exchange.server.faults[:] = [bad, repeated_and_shuffled(rng)]
    house.add("main", account(world), exchange.url)
    scans = scan_until_good(house)
    for n in range(rounds):  # what is left appears bit by bit
        world.add(*late[n::rounds])
        lateness = max(house.clock() - e.executed_at for e in late[n::rounds])
        assert lateness < LATEST
        house.clock.move(minutes=3)
        scans += scan_until_good(house)
        house.check_so_far(world)
    house.clock.move(minutes=61)  # the next look far back is due
    scans += scan_until_good(house)
    house.check(world)
    measured(
        f"{scans} scans, {bad.struck} of {bad.asked} answers bad, {ties} fills in one ms, {len(late)} late: 0 lost, "
        "0 doubled"
    )


def fill_row(**other: object) -> str:
    """A page with one fill, in which one field is not what it should be; None leaves it out."""
    row: dict[str, object] = {
        "symbol": "BTCUSDT",
        "id": 7,
        "orderId": 8,
        "price": "100",
        "qty": "1",
        "commission": "0",
        "commissionAsset": "USDT",
        "time": to_ms(now()) - 3_600_000,
        "isBuyer": True,
        "isMaker": False,
    }
    return json.dumps([{k: v for k, v in (row | other).items() if v is not None}])


MALFORMED = {
    "nothing at all": "",
    "null": "null",
    "an object": "{}",
    "a page of a proxy": "<html><body>Checking your browser</body></html>",
    "JSON that is cut": fill_row()[:-9],
    "two documents": fill_row() * 2,
    "a text": '"[]"',
    "a number": "0",
    "a row that is null": "[null]",
    "a row that is a list": "[[]]",
    "a row without a field": "[{}]",
    "an id that is missing": fill_row(id=None),
    "an id with a point": fill_row(id=7.5),
    "a quantity that is no number": fill_row(qty="NaN"),
    "a quantity without end": fill_row(qty="Infinity"),
    "a quantity below zero": fill_row(qty="-1"),
    "a price of 400 digits": fill_row(price="1e400"),
    "a time that is a text": fill_row(time="yesterday"),
    "a side that is a text": fill_row(isBuyer="true"),
    "another symbol": fill_row(symbol="DOGEUSDT"),
}
SEVERAL = timedelta(minutes=20)


def malformed(by_key: dict[str, str]) -> Fault:
    """Every question for fills is answered with the body of whoever asks."""

    async def strike(request: web.Request) -> web.StreamResponse | None:
        body = by_key.get(request.headers.get("X-MBX-APIKEY", ""))
        return None if body is None else web.Response(text=body, content_type="application/json")

    return faults.limited(strike, None, FILLS_PATH)


def test_twenty_malformed_bodies_store_nothing_and_name_the_broker(
    house: House, serve: Serve, world: Ledger, full: bool, measured: Measured
) -> None:
    """Each of them 20 times: no row, no proved time, exit 1 with every broker named; a good broker beside them is read
    and makes it 3. Alone, each ends with 1 and one line."""
    times = 20 if full else 2
    keys = {name: f"{n:064d}" for n, name in enumerate(MALFORMED)}
    accounts = {name: account(world, key=key, uid=str(100 + n)) for n, (name, key) in enumerate(keys.items())}
    exchange = serve(account(world), *accounts.values())
    exchange.server.faults[:] = [malformed({keys[name]: body for name, body in MALFORMED.items()})]
    names = {name: f"b{n}" for n, name in enumerate(MALFORMED)}
    for name, broker in names.items():
        house.add(broker, accounts[name], exchange.url)
    for _ in range(times):
        done = house.scan().check(1)
        assert [b["status"] for b in done.json["data"]["brokers"]] == ["failed"] * len(MALFORMED)
        errors = {error["broker"]: error["kind"] for error in done.json["errors"]}
        assert errors == dict.fromkeys(names.values(), "answer")
        house.clock.move(seconds=SEVERAL.total_seconds())
    for broker in [*names.values()][:: 1 if full else 10]:
        house.run("scan", "--broker", broker).check(1).one_line(broker)
    assert house.rows("SELECT count(*) FROM fills") == [(0,)]
    assert house.rows("SELECT count(*) FROM coverage WHERE stream = 'fills'") == [(0,)]
    house.add("good", account(world), exchange.url)
    house.scan().check(3)
    house.check_fills(world)
    measured(f"{len(MALFORMED)} bodies, {times} times each: 0 rows, 0 coverage, exit 1, each broker named")


def test_ids_that_are_counted_anew(house: House, serve: Serve, full: bool, rng: Random, measured: Measured) -> None:
    """A network that forgets everything and counts from the beginning again, told bit by bit: both counts, each fill
    once, and the P&L of both together."""
    day, count = timedelta(days=1), 2000 if full else 200
    old = draw(rng, count, house.clock() - 2 * day, house.clock() - day)
    exchange_world = Ledger(old)
    exchange = serve(account(exchange_world))
    house.add("main", account(exchange_world), exchange.url)
    house.scan().check(0)
    house.check(exchange_world)
    new = draw(rng, count, house.clock() - day, house.clock())
    exchange_world.clear()
    for part in range(4):
        exchange_world.add(*new[part * count // 4 : (part + 1) * count // 4])
        house.scan().check(0)
        house.clock.move(minutes=61)
    house.scan().check(0)
    house.check_fills(Ledger([*old, *new]))
    with house.opened() as home:
        before = figures_of(the_user(home))
    house.run("rebuild").check(0)
    with house.opened() as home:
        assert figures_of(the_user(home)) == before
    same = len({(e.symbol, e.trade_id) for e in old} & {(e.symbol, e.trade_id) for e in new})
    assert same > count // 8
    measured(f"2 counts of {count} fills, {same} ids in both: exactly the true fills")


def test_a_known_id_with_other_content_is_refused_loudly(house: House, serve: Serve, rng: Random) -> None:
    """Another quantity under a known id at its old time is no new count: exit 1 with the broker named, nothing of it
    is written."""
    day = timedelta(days=1)
    old = draw(rng, 60, house.clock() - day, house.clock() - timedelta(hours=1))
    exchange_world = Ledger(old)
    exchange = serve(account(exchange_world))
    house.add("main", account(exchange_world), exchange.url)
    house.scan().check(0)
    exchange_world.clear()
    exchange_world.add(*(replace(e, quantity=e.quantity + 1) for e in old))
    house.clock.move(minutes=61)
    done = house.run("scan").check(1)
    done.one_line("main", "came back as another execution")
    house.check_fills(Ledger(old))
