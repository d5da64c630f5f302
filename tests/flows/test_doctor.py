"""An examination: what it looks at, and when a person must act."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

from tests.flows.desk import NOON, Desk
from trademon.core.doctor_reports import Check, DoctorReport
from trademon.core.model import Credentials
from trademon.demo import faults
from trademon.exchanges.registry import capabilities_of
from trademon.flows.doctor import doctor
from trademon.flows.scan import Target
from trademon.store.lease import hold, holder


async def examine(desk: Desk) -> DoctorReport:
    targets = [Target(desk.user, broker) for broker in desk.user.brokers()]
    return await doctor(desk.store, targets, desk.ports, capabilities_of=capabilities_of)


def found(report: DoctorReport, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def names(report: DoctorReport) -> set[str]:
    return {check.name for check in report.checks}


async def test_a_good_account_after_a_good_scan_needs_nothing(desk: Desk) -> None:
    """Every check says ok, and what it saw: the budget, the key, the clock, since when the history is complete."""
    await desk.open("binance", desk.scripted())
    await desk.scan()
    report = await examine(desk)
    assert {check.health for check in report.checks} == {"ok"}
    assert names(report) >= {"database", "disk", "key file", "last good scan", "history", "clock", "key", "rate budget"}
    assert "of 6,000 used" in found(report, "rate budget").detail
    assert (report.status, report.exit_code) == ("success", 0)


async def test_a_refused_key_is_for_the_person(desk: Desk) -> None:
    """Exit 4 with what to do; the other broker is examined all the same."""
    server = await desk.open("binance", desk.scripted())
    await desk.open("bitget", desk.scripted(), name="other", uid="12")
    await desk.scan()
    server.faults.append(faults.status(401, body='{"code": -2015, "msg": "no"}', path="/account"))
    report = await examine(desk)
    key = next(check for check in report.checks if check.name == "key" and check.broker == "main")
    assert (key.health, "-2015" in key.detail, key.hint is not None) == ("act", True, True)
    assert next(c for c in report.checks if c.name == "key" and c.broker == "other").health == "ok"
    assert (report.status, report.exit_code) == ("partial", 4)


async def test_a_store_without_a_broker_is_not_all_well(desk: Desk) -> None:
    """Nothing is watched: said with the command that adds one, and nobody must act."""
    report = await doctor(desk.store, [], desk.ports, capabilities_of=capabilities_of, stores=[desk.user])
    check = found(report, "brokers")
    assert (check.health, check.hint, report.exit_code) == ("warn", "trademon broker add NAME --exchange binance", 0)
    await desk.open("binance", desk.scripted())
    report = await doctor(desk.store, [], desk.ports, capabilities_of=capabilities_of, stores=[desk.user])
    assert "brokers" not in names(report)


async def test_one_cause_is_one_thing_to_do(desk: Desk) -> None:
    """A sign-in that is missing is not a refused key beside it, and a lost key file not one fault more a broker."""
    desk.user.add_broker(
        "saxo",
        exchange="saxo",
        market="spot",
        since=NOON,
        base_url=None,
        symbols=(),
        method=None,
        credentials=Credentials("app"),
    )
    report = await examine(desk)
    assert [check.name for check in report.checks if check.health == "act"] == ["sign-in"]
    await desk.open("binance", desk.scripted())
    desk.user._key_file.path.unlink()
    assert [check.name for check in (await examine(desk)).checks if check.health == "act"] == ["key file", "sign-in"]


async def test_a_host_that_is_not_reached_is_a_warning(desk: Desk) -> None:
    """Nothing for a person to do: the next run asks again."""
    server = await desk.open("binance", desk.scripted())
    await desk.scan()
    await server.stop()
    report = await examine(desk)
    assert found(report, "exchange").health == "warn"
    assert report.exit_code == 0


async def test_a_clock_that_is_off_is_said_with_its_direction(desk: Desk) -> None:
    """An hour behind the exchange: nothing is lost by it, and NTP is the remedy."""
    server = await desk.open("binance", desk.scripted())
    await desk.scan()
    server._clock = lambda: desk.clock() + timedelta(hours=1)
    clock = found(await examine(desk), "clock")
    assert clock.health == "warn"
    assert "3600.00 s behind the exchange" in clock.detail


async def test_what_was_long_ago_or_failed_often_or_was_not_believed_is_a_warning(desk: Desk) -> None:
    """A day without a good scan, six errors in a row, an answer that was no answer."""
    server = await desk.open("binance", desk.scripted())
    await desk.scan()
    desk.clock.move(days=1, minutes=1)
    server.faults.append(faults.html_with_200(path="/account"))
    for _ in range(6):
        await desk.scan()
    server.faults.clear()
    report = await examine(desk)
    assert found(report, "last good scan").health == "warn"
    assert "6 in a row" in found(report, "errors").detail
    assert "6 answers of the last day were not believed" in found(report, "answers").detail
    assert report.exit_code == 0


async def test_a_gap_that_will_be_lost_soon_is_a_warning_with_its_day(desk: Desk) -> None:
    """Bitget forgets after 90 days: a hole 80 days back is told, with the scan that fills it."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - timedelta(days=1))
    await desk.open("bitget", world, since=NOON - timedelta(days=85))
    await desk.scan()
    with desk.user._database.write() as sql:
        sql.run("UPDATE coverage SET start_at = start_at + ? WHERE stream = 'fills'", 5 * 86_400_000_000)
    gaps = found(await examine(desk), "gaps")
    assert gaps.health == "warn"
    assert gaps.hint == "trademon scan --broker main"


async def test_damage_and_a_key_file_that_others_read_are_for_the_person(desk: Desk) -> None:
    """Each with exit 4 and its remedy."""
    await desk.open("binance", desk.scripted())
    await desk.scan()
    key_file = desk.user._key_file.path
    key_file.chmod(0o644)
    open_key = found(await examine(desk), "key file")
    assert (open_key.health, open_key.hint) == ("act", f"chmod 600 {key_file}")
    key_file.chmod(0o600)
    beside = key_file.with_name("master.key.new")
    shutil.copy(key_file, beside)
    assert found(await examine(desk), "key file").hint == "trademon key rotate ends it"
    beside.unlink()
    key_file.unlink()
    missing = found(await examine(desk), "key file")
    assert (missing.health, missing.detail) == ("act", f"the key file {key_file} is missing")

    path = desk.store.path
    with desk.store._database.read() as sql:
        page = sql.rows("PRAGMA page_size")[0][0]
        root = sql.rows("SELECT rootpage FROM sqlite_master WHERE name = 'listings'")[0][0]
        sql.rows("SELECT 1")
    desk.store._database.backend.close()
    with path.open("r+b") as file:
        file.seek(page * (root - 1) + 8)
        file.write(b"\xa5" * 200)
    damaged = found(await examine(desk), "database")
    assert (damaged.health, damaged.detail[:7]) == ("act", "damaged")


def test_the_holder_of_a_lock_is_known_as_long_as_it_holds(tmp_path: Path) -> None:
    """By its process; a lock that nobody ever took, and one that was given back, have none."""
    assert holder(tmp_path, "account-1") is None
    with hold(tmp_path, "account-1"):
        assert holder(tmp_path, "account-1") == f"process {os.getpid()}"
        assert holder(tmp_path, "account-2") is None
    assert holder(tmp_path, "account-1") is None
    with hold(tmp_path, "account-1"):
        pass


async def test_an_answer_that_is_not_believed_is_kept_with_its_reason_and_moves_nothing(desk: Desk) -> None:
    """How it began, for whoever looks into it; of another user's broker nothing is seen; only the newest are kept."""
    server = await desk.open("binance", desk.scripted())
    await desk.scan()
    before = desk.user.covered(desk.account_id())
    server.faults.append(faults.html_with_200(path="/account"))
    for _ in range(60):
        await desk.scan()
    kept = desk.user.quarantined(desk.user.broker("main"))
    assert len(kept) == 50
    assert "no JSON" in kept[0].reason
    assert kept[0].answer.lstrip().lower().startswith(("<html", "<!doctype"))
    assert desk.user.covered(desk.account_id()) == before
    desk.store.add_user("bob", method=None, currency=None, telegram_chat=None)
    assert desk.store.for_user("bob").quarantined(desk.user.broker("main")) == ()


async def test_an_answer_that_names_the_key_is_kept_without_it(desk: Desk) -> None:
    """Hostile or careless: what is stored holds no secret."""
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.status(200, body=json.dumps({"balances": "A" * 64, "said": "s1"}), path="/account"))
    await desk.scan()
    (kept,) = desk.user.quarantined(desk.user.broker("main"))
    assert "A" * 64 not in kept.answer
    assert "***" in kept.answer
