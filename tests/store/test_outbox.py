"""Messages are written with what they tell of, once; alerts are decided by what is stored, whoever looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.store.world import NOON, add_broker, book, fill, minute, open_store
from trademon.core.model import KeyRights
from trademon.core.notices import Notice
from trademon.core.sessions import TokenPair
from trademon.errors import OtherExecution
from trademon.store.database import Database
from trademon.store.outbox import forget_old, queue
from trademon.store.store import Store, UserStore

HOUR = timedelta(hours=1)
ALERT = Notice("must_act", {"broker": "b", "error": "key refused"})


def told(user: UserStore) -> list[tuple[str, Any]]:
    """Every message, oldest first, as kind and facts."""
    return [(m.notice.kind, dict(m.notice.payload)) for m in user.outbox(all_kept=True).messages]


def kinds(user: UserStore) -> list[str]:
    return [kind for kind, _ in told(user)]


# --- with what it tells of ----------------------------------------------------------------------------------------


def test_a_message_is_written_with_its_transaction_or_not_at_all(store: Store, ann: UserStore) -> None:
    database: Database = store._database

    def fails() -> None:
        with database.write() as sql:
            assert queue(sql, ann._user_id, ALERT, NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert kinds(ann) == []
    with database.write() as sql:
        queue(sql, ann._user_id, ALERT, NOON)
    assert kinds(ann) == ["must_act"]


def test_of_one_key_one_message_is_queued_of_each_user(store: Store, ann: UserStore) -> None:
    """Also after it was sent; messages without a key are each their own."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    once = Notice("round_errors", {"errors": ["x"]}, "round_errors:7")
    assert (ann.tell(once, once), ann.tell(once), bob.tell(once), ann.tell(ALERT, ALERT)) == (1, 0, 1, 2)
    assert kinds(bob) == ["round_errors"]


def test_a_page_that_is_not_kept_tells_of_nothing(ann: UserStore) -> None:
    ann.set_notify_mode("executions", "on", None)
    broker = add_broker(ann)
    book(ann, broker, [fill("1", order_id="o1", at=NOON)])
    with pytest.raises(OtherExecution):
        book(ann, broker, [fill("2", order_id="o2", at=NOON), fill("1", price="7", order_id="o1", at=NOON)])
    assert [facts["order_id"] for _, facts in told(ann)] == ["o1"]


# --- executions ---------------------------------------------------------------------------------------------------


@pytest.fixture
def trader(ann: UserStore) -> UserStore:
    """Ann, who wants to hear of executions."""
    ann.set_notify_mode("executions", "on", None)
    return ann


def test_executions_are_not_told_unless_it_is_asked_for(ann: UserStore) -> None:
    book(ann, add_broker(ann), [fill("1", order_id="o1", at=NOON)])
    assert told(ann) == []


def test_an_order_is_one_message_with_what_it_realised(trader: UserStore) -> None:
    """Its executions of one page and of later ones, while it waits; exact to the last digit."""
    broker = add_broker(trader)
    book(trader, broker, [fill("1", "buy", "1", "100", order_id="o1", at=NOON)])
    page = [fill("2", "sell", "0.25", "110", order_id="o2", at=NOON + HOUR, fee="0.1 USDT")]
    book(trader, broker, page)
    book(trader, broker, [fill("3", "sell", "0.5", "120", order_id="o2", at=NOON + 2 * HOUR), *page])
    (_, bought), (kind, sold) = told(trader)
    assert (kind, bought["order_id"], bought["net"]) == ("order", "o1", None)
    assert (sold["fills"], sold["quantity"], sold["value"], sold["net"]) == (2, "0.75", "87.5", "12.4")
    assert (sold["fees"], sold["side"]) == ({"USDT": "0.1"}, "sell")


def test_an_order_that_was_told_and_goes_on_is_told_further(trader: UserStore) -> None:
    broker = add_broker(trader)
    book(trader, broker, [fill("1", order_id="o1", at=NOON)])
    trader.plan(["telegram"], NOON)
    book(trader, broker, [fill("2", order_id="o1", at=NOON)])
    assert [(facts["fills"], facts.get("more")) for _, facts in told(trader)] == [(1, None), (1, True)]


def test_what_came_before_the_broker_is_summed_up(trader: UserStore) -> None:
    """Over all pages one message, however many there are; those executed since are told one by one."""
    broker = add_broker(trader)
    for start in (0, 500):
        page = [fill(str(n), order_id=f"o{n}", at=n / 10) for n in range(start, start + 500)]
        book(trader, broker, page)
    book(trader, broker, [fill("1000", order_id="new", at=NOON)])
    (kind, early), (_, late) = told(trader)
    assert (kind, early["earlier"], early["fills"], early["symbols"]) == ("executions", True, 1000, {"BTC/USDT": 1000})
    assert late["order_id"] == "new"


@pytest.mark.parametrize(("count", "messages"), [(10, 10), (11, 1)])
def test_more_than_ten_of_a_page_are_one_message(trader: UserStore, count: int, messages: int) -> None:
    book(trader, add_broker(trader), [fill(str(n), order_id=f"o{n}", at=NOON) for n in range(count)])
    assert len(told(trader)) == messages
    assert sum(facts["fills"] for _, facts in told(trader)) == count


@pytest.mark.parametrize(("count", "messages"), [(10, 10), (11, 1)])
def test_more_than_ten_of_several_pages_are_one_message(trader: UserStore, count: int, messages: int) -> None:
    """Found at once, though symbol by symbol: what waits when messages are sent out is what counts."""
    broker = add_broker(trader)
    for n in range(count):
        symbol = "BTC/USDT" if n % 2 else "ETH/USDT"
        book(trader, broker, [fill(str(n), order_id=f"o{n}", at=NOON, symbol=symbol)])
    trader.plan(["telegram"], NOON)
    sent = [m for m in trader.outbox(all_kept=True).messages if m.deliveries]
    assert len(sent) == messages
    assert sum(m.notice.payload["fills"] for m in sent) == count


def test_executions_wait_while_their_account_is_being_looked_at(trader: UserStore) -> None:
    broker = add_broker(trader)
    book(trader, broker, [fill("1", order_id="o1", at=NOON)])
    assert trader.accounts_telling() == {broker.account_id}
    trader.plan(["telegram"], NOON, busy=trader.accounts_telling())
    assert trader.outbox().messages[0].deliveries == ()
    trader.plan(["telegram"], NOON)
    assert len(trader.outbox().messages[0].deliveries) == 1


def test_files_are_history_and_not_news(trader: UserStore) -> None:
    broker = add_broker(trader)
    trader.books.book_file(broker, [fill("1", at=NOON)], account_id=broker.account_id or 0, method="fifo", seen_at=NOON)
    assert told(trader) == []


# --- alerts -------------------------------------------------------------------------------------------------------


def fail(user: UserStore, broker: Any, n: int, **how: Any) -> None:
    for i in range(n):
        user.note_failed_look(broker, minute(i), "spot: no answer", **how)


def test_more_than_five_failures_in_a_row_are_one_alert_and_so_is_the_end(url: str, ann: UserStore) -> None:
    """Counted by the store: looks of several programs are one row of failures."""
    broker = add_broker(ann)
    fail(ann, broker, 5)
    assert kinds(ann) == []
    other = open_store(url).for_user("ann")
    fail(other, other.broker("spot"), 3)
    fail(ann, broker, 20)
    assert [(kind, facts["times"]) for kind, facts in told(ann)] == [("failing", 6)]
    ann.note_good_look(broker, minute(60))
    ann.note_good_look(broker, minute(61))
    assert kinds(ann) == ["failing", "works_again"]
    fail(ann, broker, 6)
    assert kinds(ann) == ["failing", "works_again", "failing"]


def test_a_good_look_in_between_begins_the_row_anew(ann: UserStore) -> None:
    broker = add_broker(ann)
    for _ in range(4):
        fail(ann, broker, 5)
        ann.note_good_look(broker, minute(9))
    assert kinds(ann) == []


def test_where_a_person_must_act_it_is_told_at_once_and_once(ann: UserStore) -> None:
    """Until it is mended: a new key that is refused, too, is told again; when one works, that is told."""
    broker = add_broker(ann)
    fail(ann, broker, 9, needs_person=True)
    fail(ann, broker, 9)
    assert kinds(ann) == ["must_act"]
    from tests.store.world import KEYS

    ann.set_broker(broker, credentials=KEYS)
    fail(ann, broker, 2, needs_person=True)
    ann.set_broker(broker, credentials=KEYS)
    ann.note_good_look(broker, minute(60))
    assert kinds(ann) == ["must_act", "must_act", "works_again"]


def test_a_removed_broker_leaves_no_alert_open(ann: UserStore) -> None:
    broker = add_broker(ann)
    fail(ann, broker, 1, needs_person=True)
    ann.alert_gap(broker, NOON, 1)
    ann.remove_broker(broker)
    with ann._database.read() as sql:
        assert sql.rows("SELECT name FROM alerts") == []


def test_the_other_alerts_are_told_once_each(ann: UserStore) -> None:
    broker = add_broker(ann)
    ann.save_sign_in(broker, TokenPair("access", "refresh", NOON, NOON), NOON, verifier="v", redirect="http://x/")
    for _ in range(3):
        ann.alert_gap(broker, NOON, 2)
        ann.save_key_rights(broker, KeyRights(can_withdraw=True), NOON)
        ann.lose_session(broker, 1, "refresh refused", NOON)
        fail(ann, broker, 1, needs_person=True)
    assert kinds(ann) == ["gap", "withdraw_right", "session_lost"]
    ann.alert_gap(broker, None, 0)
    ann.save_key_rights(broker, KeyRights(can_withdraw=False), NOON)
    ann.alert_gap(broker, NOON, 2)
    ann.save_key_rights(broker, KeyRights(can_withdraw=True), NOON)
    assert kinds(ann) == ["gap", "withdraw_right", "session_lost", "gap", "withdraw_right"]


def test_a_right_to_withdraw_that_was_allowed_is_no_alert(ann: UserStore) -> None:
    """Nor one that could not be read; taking the permission for it ends an alert that was raised."""
    broker = add_broker(ann)
    ann.save_key_rights(broker, None, NOON)
    ann.save_key_rights(broker, KeyRights(can_withdraw=True), NOON, withdraw_allowed=True)
    assert kinds(ann) == []
    ann.save_key_rights(broker, KeyRights(can_withdraw=True), NOON, withdraw_allowed=False)
    ann.allow_withdraw_key(broker)
    ann.save_key_rights(broker, KeyRights(can_withdraw=True), NOON)
    assert kinds(ann) == ["withdraw_right"]
    with ann._database.read() as sql:
        assert sql.rows("SELECT name FROM alerts") == []


def test_the_limit_of_a_day_is_over_all_brokers_and_told_once_a_day(ann: UserStore) -> None:
    ann.set_notify_options(daily_loss=Decimal("20.5"), daily_loss_currency="USDT")
    one, two = add_broker(ann), add_broker(ann, "second", uid="8")
    for n, broker in enumerate((one, two)):
        book(ann, broker, [fill("1", "buy", "1", "100"), fill("2", "sell", "1", "89.75", at=n)])
        ann.note_good_look(broker, minute(5))
        assert kinds(ann) == (["daily_loss"] if broker is two else [])
    ann.note_good_look(one, minute(6))
    ((_, facts),) = told(ann)
    assert facts == {"net": "-20.5", "limit": "20.5", "currency": "USDT", "day": "2026-01-01"}
    ann.note_good_look(one, minute(24 * 60))
    assert len(told(ann)) == 1


def test_losses_in_another_currency_are_not_added_up(ann: UserStore) -> None:
    ann.set_notify_options(daily_loss=Decimal(1), daily_loss_currency="EUR")
    broker = add_broker(ann)
    book(ann, broker, [fill("1", "buy", "1", "100"), fill("2", "sell", "1", "10", at=1)])
    ann.note_good_look(broker, minute(5))
    assert kinds(ann) == []


# --- sending ------------------------------------------------------------------------------------------------------


def test_a_delivery_is_claimed_by_one(url: str, ann: UserStore) -> None:
    """Two programs at once, without a lock: of 40 messages each is claimed once."""
    ann.tell(*[ALERT] * 40)
    ann.plan(["telegram"], NOON)
    claimed: list[int] = []

    def work(store: UserStore, claim: str) -> None:
        while (delivery := store.claim(claim, "telegram", NOON, at_once=True)) is not None:
            claimed.append(delivery.message_id)

    others = [open_store(url).for_user("ann") for _ in range(3)]
    threads = [threading.Thread(target=work, args=(other, f"c{n}")) for n, other in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 40


def test_what_was_cut_off_is_sent_once_more_and_not_twice(ann: UserStore) -> None:
    """Behind what was not tried yet; after the second time nobody knows, and it is said so."""
    ann.tell(ALERT, ALERT)
    ann.plan(["telegram"], NOON)
    first = ann.claim("run1", "telegram", NOON, at_once=True)
    assert first is not None
    ann.take_over("run2", NOON)
    second = ann.claim("run2", "telegram", NOON, at_once=True)
    assert second is not None
    assert second.message_id > first.message_id
    ann.end_delivery(second, "run2", NOON, "sent")
    again = ann.claim("run2", "telegram", NOON, at_once=True)
    assert again is not None
    assert again.message_id == first.message_id
    ann.take_over("run3", NOON)
    assert ann.claim("run3", "telegram", NOON, at_once=True) is None
    assert [m.state for m in ann.outbox(all_kept=True).messages] == ["unclear", "sent"]
    assert ann.outbox_health(NOON).unclear == 1


def test_a_run_that_lost_its_delivery_changes_nothing(ann: UserStore) -> None:
    """It woke up late: another has it now."""
    ann.tell(ALERT)
    ann.plan(["telegram"], NOON)
    first = ann.claim("run1", "telegram", NOON, at_once=True)
    assert first is not None
    ann.take_over("run2", NOON)
    assert ann.claim("run2", "telegram", NOON, at_once=True) is not None
    ann.end_delivery(first, "run1", NOON, "refused", error="late", error_kind="refused")
    assert ann.outbox().messages[0].deliveries[0].state == "sending"


def test_alerts_go_before_what_came_earlier(ann: UserStore) -> None:
    ann.tell(Notice("round_summary", {}), ALERT)
    ann.plan(["telegram"], NOON)
    first = ann.claim("run", "telegram", NOON, at_once=True)
    assert first is not None
    assert first.notice.kind == "must_act"


def test_another_users_messages_are_out_of_reach(store: Store, ann: UserStore) -> None:
    store.add_user("bob", method=None, currency=None, telegram_chat="9")
    bob = store.for_user("bob")
    ann.tell(ALERT)
    ann.set_notify_mode("summary", "off", None)
    bob.plan(["telegram"], NOON)
    assert bob.claim("run", "telegram", NOON, at_once=True) is None
    assert (bob.outbox(all_kept=True).messages, bob.has_open(), bob.telegram_chat()) == ((), False, "9")
    assert bob.notify_modes().of("summary", "telegram") == "on"
    assert ann.has_open()


def test_sent_messages_are_forgotten_after_ninety_days(new_store: Callable[[], str]) -> None:
    """Those that wait are not, nor what tells that one was told: of its key none is queued again within them."""
    ann = open_store(new_store()).for_user("ann")
    ann.tell(ALERT, Notice("round_errors", {}, "k"))
    ann.plan(["telegram"], NOON)
    for _ in range(2):
        delivery = ann.claim("run", "telegram", NOON, at_once=True)
        assert delivery is not None
        ann.end_delivery(delivery, "run", NOON, "sent")
    ann.clear_out(["telegram"], NOON + timedelta(days=89))
    assert len(told(ann)) == 2
    ann.clear_out(["telegram"], NOON + timedelta(days=90))
    assert told(ann) == []


def test_what_no_channel_takes_expires_and_is_not_sent_years_later(ann: UserStore) -> None:
    """Without any channel, and after the only one is gone."""
    ann.tell(ALERT)
    ann.plan([], NOON + timedelta(days=2))
    assert ann.outbox().waiting == 1
    ann.plan([], NOON + timedelta(days=4))
    assert [m.state for m in ann.outbox(all_kept=True).messages] == ["expired"]
    ann.tell(ALERT)
    ann.plan(["telegram"], NOON)
    ann.clear_out(["json"], NOON + timedelta(days=4))
    assert [m.state for m in ann.outbox(all_kept=True).messages] == ["expired", "expired"]


def test_a_new_channel_does_not_begin_with_the_history_of_rounds(ann: UserStore) -> None:
    """Nobody has sent for a day: alerts and errors of that time are told, routine is not."""
    ann.tell(Notice("round_summary", {}), Notice("round_answers", {}), Notice("round_errors", {}), ALERT)
    ann.plan(["telegram"], NOON + timedelta(hours=3))
    assert [len(m.deliveries) for m in ann.outbox(all_kept=True).messages] == [1, 1, 1, 1]
    ann.tell(Notice("round_summary", {}), Notice("round_answers", {}), Notice("round_errors", {}), ALERT)
    ann.plan(["telegram"], NOON + timedelta(days=1))
    assert [m.state for m in ann.outbox(all_kept=True).messages[4:]] == ["expired", "expired", "waiting", "waiting"]


def test_where_nobody_ever_sends_messages_are_forgotten_too(ann: UserStore) -> None:
    ann.tell(ALERT)
    with ann._database.write() as sql:
        forget_old(sql, ann._user_id, NOON + timedelta(days=13))
    assert ann.outbox().waiting == 1
    with ann._database.write() as sql:
        forget_old(sql, ann._user_id, NOON + timedelta(days=91))
    assert told(ann) == []
