"""Rights of keys: read before one is stored and every day after, told once, and never in the way of the fills."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.desk import KEYS, NOON, Desk, one, statuses
from tests.flows.test_doctor import examine as doctor_of
from tests.flows.test_doctor import found
from trademon.core.key_rights import ANY_ADDRESS, TRADES, WITHDRAWS
from trademon.core.model import Broker, Credentials
from trademon.core.watch_reports import WatchEvent
from trademon.demo import faults
from trademon.demo.model import WorldView
from trademon.demo.server import DemoAccount, DemoServer
from trademon.errors import AuthError, UnknownName
from trademon.flows import key_rights
from trademon.flows.broker_test import ask_broker
from trademon.flows.key_rights import KeyExam, examine
from trademon.flows.ports import Ports
from trademon.flows.watch import Watch, WatchOptions

RIGHTS_PATH = {"binance": "apiRestrictions", "bitget": "/account/info"}


def account_with(exchange: str, world: WorldView, **rights: bool) -> DemoAccount:
    key, secret, phrase = KEYS[exchange]
    return DemoAccount(exchange, key, secret, phrase, "11", world, **rights)  # type: ignore[arg-type]


async def open_with(desk: Desk, exchange: str, **rights: bool) -> DemoServer:
    account = account_with(exchange, desk.scripted(), **rights)
    server = await desk.serve(account)
    desk.add("main", account, server)
    return server


def grant(server: DemoServer, exchange: str, **rights: bool) -> None:
    """Another set of rights from now on, as by a click at the exchange."""
    api: Any = server.binance if exchange == "binance" else server.bitget
    api._accounts = {key: replace(account, **rights) for key, account in api._accounts.items()}


def questions(server: DemoServer, exchange: str) -> int:
    return sum(RIGHTS_PATH[exchange] in r.path for r in server.requests)


# --- before it is stored ------------------------------------------------------------------------------------------


def draft(desk: Desk, exchange: str, url: str) -> tuple[Broker, Ports]:
    """A broker that is not stored, and ports that sign with its key."""
    broker = Broker(0, "new", desk.user.user, exchange, "spot", NOON, NOON, url)
    keys = Credentials(*KEYS[exchange])

    async def open_exchange(store: Any, broker: Broker) -> Any:
        return desk.connections.open(broker.exchange, keys, base_url=broker.base_url, deadline_s=desk.deadline_s)

    return broker, replace(desk.ports, open_exchange=open_exchange)


async def exam_of(desk: Desk, exchange: str, url: str) -> KeyExam:
    return await examine(desk.user, *draft(desk, exchange, url))


async def test_a_key_that_reads_only_passes_without_a_word(desk: Desk, exchange: str) -> None:
    """Whose it is comes with it; nothing is stored by asking."""
    server = await desk.serve(account_with(exchange, desk.scripted()))
    exam = await exam_of(desk, exchange, server.base_url)
    exam.check("new", withdraw_allowed=False)
    assert (exam.uid, exam.warnings("new", withdraw_allowed=False)) == ("11", ())
    assert desk.user.brokers() == ()


async def test_a_key_that_can_withdraw_is_refused_unless_the_person_insists(desk: Desk, exchange: str) -> None:
    """Exit 4, one line with what to do; insisted on, it is said all the same."""
    server = await desk.serve(account_with(exchange, desk.scripted(), can_withdraw=True))
    exam = await exam_of(desk, exchange, server.base_url)
    with pytest.raises(AuthError, match=r"may withdraw.*nothing was stored") as caught:
        exam.check("new", withdraw_allowed=False)
    assert caught.value.exit_code == 4
    assert caught.value.hint is not None
    assert "--allow-withdraw-key" in caught.value.hint
    exam.check("new", withdraw_allowed=True)
    assert exam.warnings("new", withdraw_allowed=True) == (f"new: {WITHDRAWS}",)


async def test_more_than_reading_is_a_warning(desk: Desk, exchange: str) -> None:
    """A right to trade, and no limit to addresses."""
    server = await desk.serve(account_with(exchange, desk.scripted(), can_trade=True, is_address_limited=False))
    exam = await exam_of(desk, exchange, server.base_url)
    exam.check("new", withdraw_allowed=False)
    assert exam.warnings("new", withdraw_allowed=False) == (f"new: {TRADES}", f"new: {ANY_ADDRESS}")


async def test_without_a_network_a_key_can_still_be_stored(desk: Desk, exchange: str) -> None:
    """What could not be examined is said with the command that does it later: gone, busy, silent, odd."""
    server = await desk.serve(account_with(exchange, desk.scripted()))
    for fault, words in (
        (faults.status(503), "not available"),
        (faults.html_with_200(), "no JSON"),
        (faults.status(429, {"Retry-After": "300"}, "{}"), "asks to wait"),
        (None, "asked us to wait until"),
    ):
        server.faults[:] = [] if fault is None else [fault]
        exam = await exam_of(desk, exchange, server.base_url)
        exam.check("new", withdraw_allowed=False)
        (said,) = exam.warnings("new", withdraw_allowed=False)
        assert said.startswith("new: its key could not be examined: ")
        assert words in said
        assert said.endswith("(trademon broker test new)")


async def test_a_silent_host_is_not_waited_for_long(desk: Desk, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person waits for it: so many seconds in all."""
    monkeypatch.setattr(key_rights, "PATIENCE_S", 0.3)
    server = await desk.serve(account_with(exchange, desk.scripted()))
    server.faults.append(faults.hang())
    exam = await exam_of(desk, exchange, server.base_url)
    assert exam.unasked == "no answer in 0 s"


async def test_a_key_that_is_refused_is_told_at_once(desk: Desk, exchange: str) -> None:
    """It may be meant for another machine's address: stored, and said with what mends it."""
    account = replace(account_with(exchange, desk.scripted()), api_secret="another")
    server = await desk.serve(account)
    (said,) = (await exam_of(desk, exchange, server.base_url)).warnings("new", withdraw_allowed=False)
    assert "refused" in said or "signature" in said
    assert "stored all the same" in said


async def test_rights_that_an_exchange_does_not_tell_are_not_known(desk: Desk) -> None:
    """A test network has no such address: said, and no reason to refuse."""
    server = await desk.serve(account_with("binance", desk.scripted(), can_withdraw=True))
    server.binance.has_sapi = False
    exam = await exam_of(desk, "binance", server.base_url)
    exam.check("new", withdraw_allowed=False)
    (said,) = exam.warnings("new", withdraw_allowed=False)
    assert "what its key may do is not known: this host does not say" in said


# --- every day ----------------------------------------------------------------------------------------------------


async def test_rights_are_read_once_a_day(desk: Desk, exchange: str) -> None:
    """With the time they were read; not in every look."""
    server = await open_with(desk, exchange)
    await desk.scan()
    asked = questions(server, exchange)
    known = desk.user.key_rights(desk.user.broker("main"))
    assert known is not None
    assert (known.read_at, known.rights.can_trade, known.rights.can_withdraw) == (NOON, False, False)
    desk.clock.move(hours=23)
    await desk.scan()
    assert questions(server, exchange) == asked
    desk.clock.move(hours=2)
    await desk.scan()
    assert questions(server, exchange) == asked + 1
    known = desk.user.key_rights(desk.user.broker("main"))
    assert known is not None
    assert known.read_at == NOON + timedelta(hours=25)


async def test_rights_that_a_clock_a_year_ahead_noted_are_read_again(desk: Desk, exchange: str) -> None:
    """Else nobody would hear of a right to withdraw for that long."""
    await desk.open(exchange, desk.scripted())
    desk.clock.move(days=365)
    await desk.scan()
    desk.clock.move(days=-365)
    await desk.scan()
    known = desk.user.key_rights(desk.user.broker("main"))
    assert known is not None
    assert known.read_at == desk.clock()


async def test_rights_that_cannot_be_read_cost_no_fill_and_are_asked_for_in_an_hour(desk: Desk) -> None:
    """A note; what was known stays known."""
    server = await open_with(desk, "binance", can_trade=True)
    await desk.scan()
    desk.clock.move(hours=25)
    server.faults.append(faults.html_with_200(path="/sapi/v1/account"))
    told = one(await desk.scan())
    assert told.status == "ok"
    assert "what its key may do could not be read" in told.note
    asked = questions(server, "binance")
    desk.clock.move(minutes=30)
    assert one(await desk.scan()).note is None
    assert questions(server, "binance") == asked
    known = desk.user.key_rights(desk.user.broker("main"))
    assert known is not None
    assert (known.rights.can_trade, known.read_at) == (True, NOON)
    server.faults.clear()
    desk.clock.move(minutes=31)
    await desk.scan()
    assert questions(server, "binance") == asked + 1


async def test_a_key_that_gained_the_right_to_withdraw_is_told_once_and_watched_on(desk: Desk, exchange: str) -> None:
    """In the look that reads it; doctor says it as long as it is so. What the person allowed is no news."""
    server = await open_with(desk, exchange)
    assert one(await desk.scan()).alert is None
    assert found(await doctor_of(desk), "key rights").health == "ok"
    grant(server, exchange, can_withdraw=True)
    desk.clock.move(hours=25)
    report = await desk.scan()
    assert (statuses(report), report.exit_code) == (["ok"], 0)
    alert = one(report).alert
    assert (alert.message, alert.broker) == (WITHDRAWS, "main")
    assert "trademon broker set main --new-key" in alert.hint
    assert one(await desk.scan()).alert is None
    desk.clock.move(hours=25)
    assert one(await desk.scan()).alert is None

    examined = await doctor_of(desk)
    line = found(examined, "key rights")
    assert (line.health, examined.exit_code) == ("act", 4)
    assert "may withdraw, from listed addresses only" in line.detail
    desk.user.allow_withdraw_key(desk.user.broker("main"))
    examined = await doctor_of(desk)
    assert (found(examined, "key rights").health, examined.exit_code) == ("warn", 0)
    desk.clock.move(hours=25)
    assert one(await desk.scan()).alert is None


async def test_a_watch_alerts_once(desk: Desk) -> None:
    """One event with what to do, one line among the problems; the cycles go on."""
    server = await open_with(desk, "binance", can_withdraw=True)
    events: list[WatchEvent] = []
    states: list[Any] = []
    options = WatchOptions(interval_s=0.01, cycles=4)
    watch = Watch((desk.user,), desk.ports, options, "t", events.append, states.append)
    await watch.run()
    (alert,) = [event for event in events if event.event == "alert"]
    assert alert.problem is not None
    assert (alert.problem.message, alert.broker, alert.ok) == (WITHDRAWS, "main", False)
    assert [problem.message for problem in states[-1].problems] == [WITHDRAWS]
    assert states[-1].errors_total == 0
    assert sum(event.event == "cycle" for event in events) == 4
    assert watch.exit_code() == 0
    assert server.requests


async def test_a_test_of_a_broker_ends_with_4_for_a_key_that_can_withdraw(desk: Desk, exchange: str) -> None:
    """What it may do is in the answer and kept; a smaller right too many is a note."""
    server = await open_with(desk, exchange, can_withdraw=True, can_trade=True)
    broker = desk.user.broker("main")
    told = await ask_broker(desk.user, broker, desk.ports)
    assert (told.exit_code, told.key) == (4, desk.user.key_rights(broker))
    assert told.notes == (TRADES,)
    desk.user.allow_withdraw_key(broker)
    told = await ask_broker(desk.user, broker, desk.ports)
    assert (told.exit_code, told.notes) == (0, (WITHDRAWS, TRADES))
    grant(server, exchange, can_withdraw=False, can_trade=False)
    told = await ask_broker(desk.user, broker, desk.ports)
    assert (told.exit_code, told.notes) == (0, ())


async def test_doctor_says_the_age_of_a_key_and_when_it_ends(desk: Desk) -> None:
    """As far as the exchange tells: a warning two weeks before."""
    await open_with(desk, "binance", can_trade=True, is_address_limited=False)
    await desk.scan()
    report = await doctor_of(desk)
    line = found(report, "key rights")
    assert (line.health, line.hint) == ("warn", TRADES)
    assert line.detail.startswith("may trade, from any address, 1,780 days old, read 2026-05-01 12:00 UTC")
    assert (found(report, "key ends").health, found(report, "key ends").detail) == ("ok", "2030-01-01 00:00 UTC")
    desk.clock.at = desk.clock.at.replace(year=2029, month=12, day=20)
    assert found(await doctor_of(desk), "key ends").health == "warn"
    assert report.exit_code == 0


# --- what is kept -------------------------------------------------------------------------------------------------


async def test_what_is_kept_of_a_key_goes_with_it_and_is_nobody_elses(desk: Desk) -> None:
    """A new key, a removed broker; another user's by its number."""
    await open_with(desk, "binance", can_withdraw=True)
    broker = desk.user.broker("main")
    await desk.scan()
    desk.user.allow_withdraw_key(broker)
    (info,) = desk.user.broker_infos()
    assert info.key is not None
    assert (info.key.rights.can_withdraw, info.key.withdraw_allowed) == (True, True)
    desk.store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = desk.store.for_user("bob")
    assert bob.key_rights(broker) is None
    assert bob.save_key_rights(broker, None, NOON) is None
    with pytest.raises(UnknownName):
        bob.allow_withdraw_key(broker)
    assert desk.user.key_rights(broker) == info.key
    desk.user.set_broker(broker, credentials=Credentials(*KEYS["binance"]))
    assert desk.user.key_rights(broker) is None
    await desk.scan()
    assert one(await desk.scan()).alert is None
    assert desk.user.key_rights(broker) is not None
    desk.user.remove_broker(broker)
    assert desk.user.key_rights(broker) is None
