"""Tokens of a sign-in: renewed once for everybody, lost once, and never asked for again before a person came."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.flows.desk import NOON, Desk, one
from trademon.core.model import Broker, Credentials
from trademon.core.round_notices import round_notices
from trademon.core.session_reports import KeptSession
from trademon.core.sessions import SessionState
from trademon.core.watch_reports import WatchEvent
from trademon.demo import faults
from trademon.demo.server import DemoServer
from trademon.errors import AuthError, ConfigError, NetworkError, SignInNeeded, UnknownName, UsageError
from trademon.exchanges.registry import capabilities_of
from trademon.flows.automation import Keeper, Rounds, run_due
from trademon.flows.doctor import doctor
from trademon.flows.login import begin_login, check_signs_in, end_login, keep_developer_token
from trademon.flows.scan import Target
from trademon.flows.sync import sync
from trademon.flows.tokens import AT_ONCE, KEEP_EVERY, Tokens, keep_sessions, renew
from trademon.flows.watch import Watch, WatchOptions
from trademon.store.lease import hold

LOGIN = "trademon broker login main"


@pytest.fixture
async def saxo(desk: Desk) -> DemoServer:
    """A broker `main` at Saxo, signed in."""
    server = await desk.open("saxo", desk.scripted())
    await desk.sign_in()
    return server


def state(desk: Desk) -> Any:
    return desk.user.session_state(desk.user.broker("main"))


def messages(desk: Desk) -> list[str]:
    """What was queued to tell the user, in order."""
    with desk.user._database.read() as sql:
        return [row[0] for row in sql.rows("SELECT kind FROM messages ORDER BY id")]


async def keep(desk: Desk, **options: Any) -> KeptSession:
    targets = [Target(desk.user, b) for b in desk.user.brokers()]
    (kept,) = await keep_sessions(targets, desk.ports, **options)
    return kept


async def test_a_pair_is_renewed_after_ten_minutes_and_lives_on_for_days(desk: Desk, saxo: DemoServer) -> None:
    """Every ten minutes for a day: the session never ends, whatever the scan's interval is."""
    for n in range(144):
        desk.clock.move(minutes=10)
        kept = await keep(desk)
        assert (kept.status, kept.is_renewed) == ("ok", True), n
    assert saxo.saxo.logins.asked == 144
    assert not (await keep(desk)).is_renewed  # a moment ago
    assert timedelta(minutes=20) > KEEP_EVERY
    assert (await keep(desk, older_than=timedelta(0))).is_renewed


async def test_many_at_once_are_served_by_one_renewal(desk: Desk, saxo: DemoServer) -> None:
    """Whoever comes while it is under way waits and takes the new pair."""
    broker, before = desk.user.broker("main"), state(desk)
    pairs = await asyncio.gather(*(renew(desk.user, broker, desk.ports, after=before) for _ in range(20)))
    assert len({p.pair.access_token for p in pairs}) == 1
    assert (saxo.saxo.logins.asked, saxo.saxo.logins.reused) == (1, [])
    assert state(desk).generation == before.generation + 1


async def test_a_token_that_is_about_to_end_is_renewed_before_it_is_used(desk: Desk, saxo: DemoServer) -> None:
    """A minute before; and one that was refused is renewed unless another run has done so."""
    tokens = Tokens(desk.user, desk.user.broker("main"), desk.ports)
    first = await tokens.token()
    desk.clock.move(minutes=18)
    assert await tokens.token() == first
    desk.clock.move(minutes=1, seconds=1)
    second = await tokens.token()
    assert second != first
    other = Tokens(desk.user, desk.user.broker("main"), desk.ports)
    assert await other.after_refusal(first) == second  # it was another one that was refused
    assert await other.after_refusal(second) == second  # new, and refused for another reason
    desk.clock.move(minutes=5)
    assert await other.after_refusal(second) != second
    assert saxo.saxo.logins.asked == 2


async def test_a_scan_renews_by_itself_what_has_ended(desk: Desk, saxo: DemoServer) -> None:
    """Also where the server ended it early: a 401 with an empty body is answered by one renewal."""
    assert one(await desk.scan()).status == "ok"
    desk.clock.move(minutes=30)
    assert one(await desk.scan()).status == "ok"
    desk.clock.move(minutes=2)
    saxo.saxo.logins.end_access()
    assert one(await desk.scan()).status == "ok"
    assert saxo.saxo.logins.asked == 2


async def test_a_session_that_is_refused_is_lost_once_and_not_asked_for_again(desk: Desk, saxo: DemoServer) -> None:
    """An hour and more without a renewal: exit 4 with the command, one question, one piece of news."""
    desk.clock.move(hours=2)
    for n in range(4):
        kept = await keep(desk)
        assert (kept.status, kept.is_lost, kept.is_news) == ("failed", True, n == 0)
        assert kept.problem is not None
        assert (kept.problem.exit_code, kept.problem.hint) == (4, LOGIN)
        scan = one(await desk.scan())
        assert (scan.problem.exit_code, scan.problem.hint) == (4, LOGIN)
    assert saxo.saxo.logins.asked == 1
    assert messages(desk) == ["session_lost"]
    await desk.sign_in()
    assert one(await desk.scan()).status == "ok"
    assert not (await keep(desk)).is_lost
    assert messages(desk) == ["session_lost", "works_again"]


async def test_a_run_that_died_leaves_its_note_and_the_next_tries_once(desk: Desk, saxo: DemoServer) -> None:
    """The login server had not seen it: the old token is still good."""
    broker, before = desk.user.broker("main"), state(desk)
    assert desk.user.note_renewal(broker, before.generation, desk.clock())
    assert state(desk).asked_at == desk.clock()
    desk.clock.move(minutes=15)
    assert (await keep(desk)).is_renewed
    assert state(desk).asked_at is None


async def test_a_run_that_died_after_the_answer_has_cost_the_session(desk: Desk, saxo: DemoServer) -> None:
    """The old token was used: said in words that tell why."""
    broker, before = desk.user.broker("main"), state(desk)
    session = desk.user.session(broker)
    assert session is not None
    desk.user.note_renewal(broker, before.generation, desk.clock())
    assert desk.ports.open_login is not None
    login = desk.ports.open_login(desk.user, broker)
    await login.renew(session.pair.refresh_token, verifier=session.verifier, redirect=before.redirect)
    kept = await keep(desk, older_than=timedelta(0))
    assert kept.problem is not None
    assert "ended before it had saved the answer" in kept.problem.message
    assert (kept.is_lost, kept.is_news, saxo.saxo.logins.asked) == (True, True, 2)


@pytest.mark.parametrize(
    "trouble", [faults.status(503, path="/token"), faults.status(429, {"Retry-After": "5"}, path="/token")]
)
async def test_a_server_that_says_it_did_nothing_costs_nothing(desk: Desk, saxo: DemoServer, trouble: Any) -> None:
    """No note stays, the old token is tried in the next run, and works."""
    desk.clock.move(minutes=15)
    saxo.faults.append(trouble)
    kept = await keep(desk)
    assert not kept.is_lost
    assert state(desk).asked_at is None
    saxo.faults.clear()
    assert (await keep(desk)).is_renewed


async def test_an_answer_that_never_came_keeps_the_note_and_is_tried_again(desk: Desk, saxo: DemoServer) -> None:
    """Nobody knows: the session is not given up before the login server refuses."""
    desk.clock.move(minutes=15)
    saxo.faults.append(faults.reset(path="/token", times=1))
    kept = await keep(desk)
    assert (kept.status, kept.is_lost) == ("failed", False)
    assert state(desk).asked_at == desk.clock()
    assert (await keep(desk)).is_renewed


async def test_being_stopped_waits_for_the_answer_under_way(desk: Desk, saxo: DemoServer) -> None:
    """A pair that was given and not saved is a session lost: the signal has to wait for it."""
    answered = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/token":
            return None
        answer = await request.match_info.handler(request)
        answered.set()
        await asyncio.sleep(0.3)
        return answer

    saxo.faults.append(slowly)
    broker, before = desk.user.broker("main"), state(desk)
    work = asyncio.ensure_future(renew(desk.user, broker, desk.ports, after=before))
    await answered.wait()
    work.cancel()
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert state(desk).generation == before.generation + 1
    assert state(desk).asked_at is None


async def test_a_late_answer_wins_over_who_took_it_for_lost(desk: Desk, saxo: DemoServer) -> None:
    """A run that slept through its lease: only one can have got a pair, and that one is kept."""
    broker, before = desk.user.broker("main"), state(desk)
    session = desk.user.session(broker)
    assert session is not None
    assert desk.ports.open_login is not None
    login = desk.ports.open_login(desk.user, broker)
    pair = await login.renew(session.pair.refresh_token, verifier=session.verifier, redirect=before.redirect)
    assert desk.user.lose_session(broker, before.generation, "refused", desk.clock())
    assert desk.user.save_renewal(broker, before.generation, pair, desk.clock())
    assert (await keep(desk)).status == "ok"
    assert not desk.user.save_renewal(broker, before.generation, pair, desk.clock())  # not over a newer one
    assert not desk.user.lose_session(broker, before.generation, "refused", desk.clock())


async def test_a_lease_that_stays_held_skips_the_broker(desk: Desk, saxo: DemoServer, monkeypatch: Any) -> None:
    """Another run is at work on it: no failure, no question."""
    monkeypatch.setattr("trademon.flows.tokens._TRIES", 2)
    with hold(desk.locks, f"tokens-{desk.user.broker('main').id}"):
        kept = await keep(desk, older_than=timedelta(0))
    assert (kept.status, kept.problem, saxo.saxo.logins.asked) == ("skipped", None, 0)


async def test_a_broker_nobody_signed_in_at_says_so(desk: Desk) -> None:
    """The key of an app alone opens nothing."""
    await desk.open("saxo", desk.scripted())
    scan = one(await desk.scan())
    assert "nobody has signed in yet" in scan.problem.message
    assert (scan.problem.exit_code, scan.problem.hint) == (4, LOGIN)


async def test_a_new_key_ends_the_session_and_another_users_is_not_there(desk: Desk, saxo: DemoServer) -> None:
    """What was given to one app opens nothing for another."""
    desk.store.add_user("eve", method=None, currency=None, telegram_chat=None)
    eve, broker = desk.store.for_user("eve"), desk.user.broker("main")
    assert eve.session(broker) is None
    assert eve.started_login(broker) is None
    for write in (
        lambda: eve.note_renewal(broker, 1, desk.clock()),
        lambda: eve.lose_session(broker, 1, "x", desk.clock()),
        lambda: eve.forget_renewal(broker, 1),
    ):
        with pytest.raises(UnknownName):
            write()
    assert state(desk).lost_at is None
    desk.user.set_broker(broker, credentials=Credentials("other-app"))
    assert state(desk) is None
    assert desk.user.session(broker) is None


async def test_a_login_is_ended_by_the_state_and_the_code_it_was_begun_with(desk: Desk) -> None:
    """In another run, within the hour; the newest one that was begun counts."""
    await desk.open("saxo", desk.scripted())
    broker = desk.user.broker("main")
    with pytest.raises(ConfigError, match="no sign-in"):
        await end_login(desk.user, broker, desk.ports, "code")
    begin_login(desk.user, broker, desk.ports, "http://localhost/trademon")
    with pytest.raises(AuthError, match="another sign-in"):
        await end_login(desk.user, broker, desk.ports, "http://localhost/trademon?code=x&state=y")
    with pytest.raises(AuthError, match="refused"):
        await end_login(desk.user, broker, desk.ports, "no-such-code")
    desk.clock.move(hours=1, seconds=1)
    with pytest.raises(ConfigError, match="no sign-in"):
        await end_login(desk.user, broker, desk.ports, "code")
    await desk.sign_in()
    with pytest.raises(ConfigError, match="no sign-in"):  # a code is good once, and so is what it ends
        await end_login(desk.user, broker, desk.ports, "code")


async def test_a_failed_login_leaves_the_session_there_is(desk: Desk, saxo: DemoServer) -> None:
    """A person who closes the browser has lost nothing."""
    broker = desk.user.broker("main")
    begin_login(desk.user, broker, desk.ports, "http://localhost/trademon")
    with pytest.raises(AuthError):
        await end_login(desk.user, broker, desk.ports, "no-such-code")
    assert one(await desk.scan()).status == "ok"


async def test_a_developer_token_lives_for_a_day_and_is_not_renewed(desk: Desk, saxo: DemoServer) -> None:
    """Its end is a lost session like any other; it is for the simulation."""
    broker = desk.user.broker("main")
    token = saxo.saxo.logins.sign_in(saxo.saxo.logins.accounts[desk.user.credentials(broker).api_key], desk.clock())
    report = keep_developer_token(desk.user, broker, desk.clock(), token)
    assert (report.refresh_until, report.access_until) == (None, desk.clock() + timedelta(hours=24))
    assert one(await desk.scan()).status == "ok"
    assert (await keep(desk, older_than=AT_ONCE)).status == "ok"
    desk.clock.move(hours=25)
    scan = one(await desk.scan())
    assert "cannot be renewed" in scan.problem.message
    assert saxo.saxo.logins.asked == 0
    with pytest.raises(ConfigError, match="no token"):
        keep_developer_token(desk.user, broker, desk.clock(), "a b")


async def test_a_broker_with_a_key_needs_no_sign_in(desk: Desk) -> None:
    """Said, and nothing is asked."""
    await desk.open("binance", desk.scripted())
    with pytest.raises(UsageError, match="needs no sign-in"):
        check_signs_in(desk.user.broker("main"))
    assert await keep_sessions([Target(desk.user, desk.user.broker("main"))], desk.ports) == ()


def checks(report: Any) -> dict[str, Any]:
    return {c.name: c for c in report.checks if c.broker == "main"}


async def test_doctor_says_when_tokens_end_and_when_to_come_back(desk: Desk, saxo: DemoServer) -> None:
    """Good, kept by nobody, due for a person, lost, and never begun."""

    async def examine() -> dict[str, Any]:
        targets = [Target(desk.user, b) for b in desk.user.brokers()]
        return checks(await doctor(desk.store, targets, desk.ports, capabilities_of=capabilities_of))

    good = await examine()
    assert (good["tokens"].health, good["sign-in"].health) == ("ok", "ok")
    assert "12:20:00" in good["tokens"].detail
    assert "13:00:00" in good["tokens"].detail
    assert "2026-05-08" in good["sign-in"].detail
    desk.clock.move(minutes=26)
    assert "trademon broker refresh" in (await examine())["tokens"].hint
    for _ in range(8 * 24 * 6):
        desk.clock.move(minutes=10)
    await desk.sign_in()
    desk.clock.move(days=7, minutes=1)
    late = await examine()
    assert (late["sign-in"].health, late["sign-in"].hint) == ("warn", LOGIN)
    lost = await examine()
    assert (lost["sign-in"].health, lost["sign-in"].hint) == ("act", LOGIN)


async def test_watch_keeps_a_session_alive_while_its_broker_backs_off(
    desk: Desk, saxo: DemoServer, monkeypatch: Any
) -> None:
    """Every pass fails, the interval is long, and the tokens are renewed all the same; their loss is one alert."""
    monkeypatch.setattr("trademon.flows.tokens.KEEP_LOOK_S", 0.01)
    saxo.faults.append(faults.status(503, path="/openapi/"))
    events: list[WatchEvent] = []
    watch = Watch((desk.user,), desk.ports, WatchOptions(interval_s=3600), "x", events.append, lambda _: None)
    running = asyncio.create_task(watch.run())
    try:
        for n in range(1, 4):
            desk.clock.move(minutes=10)
            await _until(lambda n=n: saxo.saxo.logins.asked == n)
        desk.clock.move(hours=2)
        await _until(lambda: any(e.event == "alert" for e in events))
        await asyncio.sleep(0.2)
        alerts = [e for e in events if e.event == "alert"]
        assert [(e.broker, e.ok, e.problem and e.problem.hint) for e in alerts] == [("main", False, LOGIN)]
        assert saxo.saxo.logins.asked == 4
        await desk.sign_in()
        await _until(lambda: [e.text for e in events if e.event == "alert" and e.ok] == ["signed in again"])
    finally:
        watch.stop.set()
        await running


async def test_the_scheduler_keeps_a_session_alive_between_rounds(
    desk: Desk, saxo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds two hours apart, and a token that lives for one."""
    monkeypatch.setattr("trademon.flows.tokens.KEEP_LOOK_S", 0.01)
    desk.user.set_schedule(state="active", every_minutes=120, default=30)
    keeper = Keeper(lambda: [desk.user], Rounds(desk.ports, 30), lambda: None)
    running = asyncio.create_task(keeper.run())
    try:
        for n in range(1, 10):
            desk.clock.move(minutes=11)
            await _until(lambda n=n: state(desk).renewed_at == desk.clock() and saxo.saxo.logins.asked >= n)
    finally:
        keeper.stop.set()
        await running
    assert saxo.saxo.logins.reused == []


async def _until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_session_of_a_removed_broker_is_gone(desk: Desk, saxo: DemoServer) -> None:
    """Its tokens with its key."""
    broker: Broker = desk.user.broker("main")
    desk.user.remove_broker(broker)
    assert desk.user.session_state(broker) is None
    with contextlib.suppress(UnknownName):
        desk.user.note_renewal(broker, 1, desk.clock())
    with pytest.raises((SignInNeeded, NetworkError)):
        await renew(desk.user, broker, desk.ports, after=SessionState(1, NOON, NOON, NOON, NOON, ""))


# --- rounds and syncs ---------------------------------------------------------------------------------------------


async def test_a_round_keeps_a_sign_in_alive_and_says_so(desk: Desk, saxo: DemoServer) -> None:
    """Also where its token would have been good for the round itself: the next one may come too late."""
    desk.clock.move(minutes=11)
    (done,) = (await run_due([desk.user], Rounds(desk.ports, 30), force=True)).rounds
    kept = done.tasks[0]
    assert (kept.name, kept.kind, kept.outcome) == ("tokens main", "tokens", "success")
    assert kept.detail == f"renewed, until {state(desk).refresh_until:%H:%M} UTC"
    assert saxo.saxo.logins.asked == 1
    told = [notice.payload["tasks"] for notice in round_notices(done) if notice.kind == "round_answers"]
    assert [task["name"] for task in told[0]] == ["tokens main", "sync main"]
    (done,) = (await run_due([desk.user], Rounds(desk.ports, 30), force=True)).rounds
    assert done.tasks[0].detail.startswith("good, until ")


async def test_a_login_server_that_is_down_is_a_failed_part(desk: Desk, saxo: DemoServer) -> None:
    """The token there is still reads."""
    desk.clock.move(minutes=11)
    saxo.faults.append(faults.status(503, path="/token"))
    (done,) = (await run_due([desk.user], Rounds(desk.ports, 30), force=True)).rounds
    assert {t.name: t.outcome for t in done.tasks}["tokens main"] == "failed"
    assert {t.name: t.outcome for t in done.tasks}["sync main"] == "success"
    assert done.outcome == "partial"


async def test_a_lost_session_is_told_once_in_a_round(desk: Desk, saxo: DemoServer) -> None:
    desk.clock.move(hours=2)
    report = await run_due([desk.user], Rounds(desk.ports, 30), force=True)
    assert [t.name for t in report.rounds[0].tasks] == ["sync main"]
    assert (report.exit_code, [p.hint for p in report.problems]) == (4, [LOGIN])


async def test_a_sync_keeps_a_sign_in_alive(desk: Desk, saxo: DemoServer) -> None:
    desk.clock.move(minutes=11)
    await sync([Target(desk.user, desk.user.broker("main"))], desk.ports, capabilities_of=capabilities_of)
    assert state(desk).renewed_at == desk.clock()
