"""Users: changed, left alone, removed, brought back, deleted for good."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.store.world import KEYS, NOON, add_broker, book, counts, derived, fill, minute
from trademon.core.reports import UserInfo
from trademon.core.strategy_model import Arming, Limits
from trademon.errors import ConfigError, UnknownName, UsageError
from trademon.store.database import Database
from trademon.store.reading import FillQuery
from trademon.store.row_security import OWNED, of_user
from trademon.store.store import Store, UserStore
from trademon.store.user_strategies import NewStrategy

ALL = FillQuery()


@pytest.fixture
def bob(store: Store) -> UserStore:
    """Bob with a broker, its key and two executions, one realised."""
    settings: dict[str, Any] = {"method": "lifo", "currency": "EUR", "telegram_chat": "-100", "language": "pt-BR"}
    store.add_user("bob", **settings)
    user = store.for_user("bob")
    broker = add_broker(user, "main", credentials=KEYS)
    book(user, broker, [fill("1"), fill("2", at=1), fill("3", "sell", price="150", at=2)])
    user.note_good_look(broker, minute(5))
    return user


def rows_of(database: Database, user_id: int) -> dict[str, int]:
    """How many rows of the user's each table has."""
    with database.read() as sql:
        return {t: sql.rows(f"SELECT count(*) FROM {t} WHERE {of_user(c)}", user_id)[0][0] for t, c in OWNED.items()}


def test_a_user_is_listed_with_all_that_they_chose(store: Store, bob: UserStore) -> None:
    """And when one of their brokers was last looked at with success; alone where only one is asked for."""
    chosen = UserInfo("bob", True, "lifo", "EUR", 1, NOON, "-100", "pt-BR", minute(5))
    assert store.users() == (UserInfo("ann", True, None, None, 0, NOON), chosen)
    assert store.users("bob") == (chosen,)
    assert store.users("nobody") == ()


def test_what_is_named_is_changed_and_the_rest_is_not(store: Store, bob: UserStore) -> None:
    """None takes a choice back; an unknown user is told."""
    store.set_user("bob", currency="USD", telegram_chat=None)
    assert store.users("bob")[0] == UserInfo("bob", True, "lifo", "USD", 1, NOON, None, "pt-BR", minute(5))
    store.set_user("bob", active=False)
    assert [user.active for user in store.users()] == [True, False]
    with pytest.raises(UnknownName, match="no user 'bot'") as caught:
        store.set_user("bot", active=True)
    assert caught.value.hint == "did you mean 'bob'?"


def test_another_method_books_their_accounts_again(store: Store, bob: UserStore, database: Database) -> None:
    """Only those that are kept by the user's method; the figures are those of a book kept so from the start."""
    own = add_broker(bob, "own", uid="8", method="average")
    book(bob, own, [fill("1")])
    store.set_user("bob", method="hifo")
    again = store.for_user("bob")
    again.keep_methods()
    with database.read() as sql:
        kept = dict(sql.rows("SELECT account_id, method FROM books"))
    account = bob.broker("main").account_id
    assert account is not None
    assert kept == {account: "hifo", own.account_id: "average"}
    assert [row[1] for row in derived(database, account)["books"]] == ["hifo"]


def test_a_removed_user_is_gone_with_their_keys_and_what_was_executed_stays(
    store: Store, bob: UserStore, database: Database
) -> None:
    """The secrets are deleted at once; nobody sees, scans or is shown the user; the fills are still stored."""
    before = counts(database)
    assert store.remove_user("bob") == 0
    assert [user.name for user in store.users()] == ["ann"]
    with pytest.raises(UnknownName, match="'bob' was removed") as caught:
        store.for_user("bob")
    assert caught.value.hint == "trademon user add bob --restore brings them back"
    assert counts(database) == before
    assert rows_of(database, bob._user_id)["secrets"] == 0
    with pytest.raises(UnknownName):
        store.remove_user("bob")


def test_nothing_is_done_for_one_who_came_back_before_they_say_so(store: Store, bob: UserStore) -> None:
    """No strategy is armed or on, no round is due: what was so before they were removed is not so any more."""
    bob.add_strategy(NewStrategy("grid", "module", "/grid.py", {}, (), Decimal(0)))
    limits = Limits(Decimal(1), "USDT", 1, Decimal(1), "USDT", ("BTC/USDT",), ("main",))
    bob.arm_strategy(bob.strategy("grid"), Arming(limits, "hash", NOON, {}))
    bob.set_schedule(state="active", default=30)
    store.remove_user("bob")
    store.restore_user("bob")
    back = store.for_user("bob")
    assert (back.strategy("grid").arming, back.strategy("grid").is_enabled) == (None, False)
    assert back.schedule(30).state == "stopped"


def test_their_name_is_not_given_to_another_by_mistake(store: Store, bob: UserStore) -> None:
    """Whoever adds it again is told what is stored, and has to say which of the two they mean."""
    store.remove_user("bob")
    with pytest.raises(UsageError, match="3 fills of a removed user 'bob' are still stored") as caught:
        store.add_user("bob", method=None, currency=None, telegram_chat=None)
    assert "user add bob --restore" in (caught.value.hint or "")
    assert "user remove bob --with-fills" in (caught.value.hint or "")


def test_a_removed_user_comes_back_with_their_fills_and_without_their_keys(store: Store, bob: UserStore) -> None:
    """With what they had chosen, but for what is chosen now; the brokers are added again, and find their fills."""
    store.remove_user("bob")
    assert store.restore_user("bob", currency="CHF") == 3
    assert store.users("bob")[0] == UserInfo("bob", True, "lifo", "CHF", 0, NOON, "-100", "pt-BR", None)
    back = store.for_user("bob")
    assert [row.broker for row in back.fills(ALL).fills] == ["main (removed)"] * 3
    broker = add_broker(back, "main", credentials=KEYS)
    assert back.credentials(broker) == KEYS
    assert [row.broker for row in back.fills(ALL).fills] == ["main"] * 3
    assert book(back, broker, [fill("3", "sell", price="150", at=2), fill("4", at=3)]) == 1
    with pytest.raises(UnknownName, match="no user 'bob' was removed"):
        store.restore_user("bob")


@pytest.mark.parametrize("removed_before", [False, True])
def test_with_fills_every_row_of_theirs_is_deleted_and_none_of_another_s(
    store: Store, ann: UserStore, bob: UserStore, database: Database, removed_before: bool
) -> None:
    """At once, or when they are removed already; the name is free, and numbers of fills are not given again."""
    mine = add_broker(ann, "main", credentials=KEYS)
    book(ann, mine, [fill("1"), fill("2", "sell", at=1)])
    hers = rows_of(database, ann._user_id)
    if removed_before:
        store.remove_user("bob")
    assert store.remove_user("bob", with_fills=True) == 3
    assert set(rows_of(database, bob._user_id).values()) == {0}
    assert rows_of(database, ann._user_id) == hers
    assert ann.credentials(ann.broker("main")) == KEYS
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    assert store.for_user("bob").fills(ALL).total == 0
    book(ann, mine, [fill("3", at=3)])
    assert ann.last_fill_id() == 6
    with pytest.raises(UnknownName):
        store.remove_user("nobody", with_fills=True)


def test_of_a_user_who_executed_nothing_nothing_is_kept(store: Store, database: Database) -> None:
    """Added by mistake and removed: the name is free again."""
    store.add_user("bpb", method=None, currency=None, telegram_chat=None)
    add_broker(store.for_user("bpb"), "main", credentials=KEYS)
    store.remove_user("bpb")
    with database.read() as sql:
        assert sql.rows("SELECT name FROM users") == [("ann",)]
    store.add_user("bpb", method=None, currency=None, telegram_chat=None)
    with pytest.raises(ConfigError, match="has no key"):
        store.for_user("bpb").credentials(add_broker(store.for_user("bpb"), "main"))


def test_a_store_without_users_has_a_first_one_again(url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the last one was deleted: the next command finds a store as on the first day; one who is only removed
    stays the store's, so that no other is made in their place."""
    from tests.store.world import open_store

    store.remove_user("ann")
    monkeypatch.setattr("getpass.getuser", lambda: "margarete")
    assert [user.name for user in open_store(url).users()] == ["margarete"]
    again = open_store(url)
    add_broker(again.for_user("margarete"), "main")
    book(again.for_user("margarete"), again.for_user("margarete").broker("main"), [fill("1")])
    again.remove_user("margarete")
    assert open_store(url).users() == ()
