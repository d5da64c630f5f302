"""The only door: users, brokers, accounts, what was seen, and that nobody sees another's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.store.world import (
    KEYS,
    MARKETS,
    NOON,
    TEN,
    add_broker,
    book,
    derived,
    expected,
    fill,
    minute,
    open_store,
    span,
)
from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Credentials, Market, OpenOrder, Transfer
from trademon.core.reports import UserInfo
from trademon.errors import ConfigError, UnknownName, UsageError
from trademon.store.database import Database
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore
from trademon.store.user_brokers import BrokerState
from trademon.store.user_looks import Look

ALL = FillQuery()


def add_user(store: Store, name: str, **other: str | None) -> UserStore:
    options: dict[str, str | None] = {"method": None, "currency": None, "telegram_chat": None, **other}
    store.add_user(name, **options)  # type: ignore[arg-type]
    return store.for_user(name)


def ids(store: UserStore, query: FillQuery = ALL) -> list[str]:
    return [row.trade_id for row in store.fills(query).fills]


# --- users --------------------------------------------------------------------------------------------------------


def test_the_first_user_is_named_after_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store starts with one user and nothing to ask; opening it again adds none, whoever opens it."""
    monkeypatch.setattr("getpass.getuser", lambda: "margarete")
    open_store(tmp_path / "a.db").close()
    monkeypatch.setattr("getpass.getuser", lambda: "heinrich")
    store = open_store(tmp_path / "a.db")
    assert store.users() == (UserInfo("margarete", True, None, None, 0, NOON),)
    store.close()


def test_an_account_without_a_name_still_gets_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the uid may have no entry in the password file."""

    def nameless() -> str:
        raise KeyError("uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    store = open_store(tmp_path / "a.db")
    assert [user.name for user in store.users()] == ["trader"]
    store.close()


def test_users_are_listed_by_name_with_their_choices(store: Store) -> None:
    """Method, currency and how many brokers each has now."""
    bob = add_user(store, "bob", method="hifo", currency="EUR")
    add_broker(bob, "one")
    bob.remove_broker(add_broker(bob, "two"))
    add_user(store, "aaron")
    assert [u.name for u in store.users()] == ["aaron", "ann", "bob"]
    assert store.users()[2] == UserInfo("bob", True, "hifo", "EUR", 1, NOON)
    assert bob.default_method == "hifo"
    assert store.for_user("aaron").default_method == "fifo"


def test_a_name_that_is_taken_is_refused(store: Store) -> None:
    """The person mistyped or forgot: nothing is changed."""
    before = store.users()
    with pytest.raises(UsageError, match="already a user 'ann'"):
        add_user(store, "ann", method="lifo")
    assert store.users() == before


def test_an_unknown_user_is_told_with_the_name_that_was_meant(store: Store) -> None:
    """`anm` means `ann`; where nothing is near, the hint is the list."""
    with pytest.raises(UnknownName, match="no user 'anm'") as caught:
        store.for_user("anm")
    assert caught.value.hint == "did you mean 'ann'?"
    with pytest.raises(UnknownName) as caught:
        store.for_user("zebedee")
    assert caught.value.hint == "trademon user list shows them"
    assert caught.value.exit_code == 4


# --- brokers ------------------------------------------------------------------------------------------------------


def test_a_broker_is_kept_as_it_was_added(ann: UserStore) -> None:
    """Every option comes back; the account is not known before somebody looked."""
    added = ann.add_broker(
        "main",
        exchange="bitget",
        market="swap",
        since=TEN,
        base_url="http://127.0.0.1:9/x",
        symbols=["BTC/USDT", "ETH/USDT"],
        method="lifo",
        credentials=KEYS,
    )
    assert added == Broker(
        id=added.id,
        name="main",
        user="ann",
        exchange="bitget",
        market="swap",
        since=TEN,
        created_at=NOON,
        base_url="http://127.0.0.1:9/x",
        enabled=True,
        symbols=("BTC/USDT", "ETH/USDT"),
        method="lifo",
        account_id=None,
    )
    assert ann.broker("main") == added
    assert ann.credentials(added) == KEYS


def test_brokers_are_listed_by_name(ann: UserStore) -> None:
    """Whatever the order they were added in."""
    for name in ("c", "a", "b"):
        add_broker(ann, name)
    assert [b.name for b in ann.brokers()] == ["a", "b", "c"]


def test_a_broker_s_name_is_unique_within_its_user(store: Store, ann: UserStore) -> None:
    """Another user may have one of the same name; the same user may not, and keeps the first."""
    first = add_broker(ann, "main")
    add_broker(add_user(store, "bob"), "main")
    with pytest.raises(UsageError, match="already has a broker 'main'") as caught:
        add_broker(ann, "main", market="margin", credentials=KEYS)
    assert caught.value.hint == "trademon broker set main changes it"
    assert ann.brokers() == (first,)


def test_an_unknown_broker_is_told_with_the_name_that_was_meant(ann: UserStore) -> None:
    """As with users."""
    add_broker(ann, "binance-main")
    with pytest.raises(UnknownName, match="ann has no broker 'binance-mian'") as caught:
        ann.broker("binance-mian")
    assert caught.value.hint == "did you mean 'binance-main'?"


def test_a_broker_s_options_are_changed_one_by_one(ann: UserStore) -> None:
    """What is not named stays; other brokers stay as they are. At another address the account is another one, as far as
    anybody knows."""
    broker, other = add_broker(ann, "one"), add_broker(ann, "two")
    ann.set_broker(broker, since_at=minute(5), symbols=("BTC/USDT",), method="average", enabled=False)
    ann.set_broker(broker, initial_capital=Decimal("1000.50"))
    assert ann.broker("one").account_id == broker.account_id
    ann.set_broker(broker, base_url="http://localhost:1")
    assert ann.broker("one") == replace(
        broker,
        since=minute(5),
        symbols=("BTC/USDT",),
        method="average",
        enabled=False,
        base_url="http://localhost:1",
        initial_capital=Decimal("1000.5"),
        account_id=None,
    )
    assert ann.broker("two") == other


def test_new_credentials_replace_the_old_and_end_the_row_of_errors(ann: UserStore) -> None:
    """A password that is no longer given is gone and the next look sees whose key it is; but the host asked to be left
    alone whatever the key, so that wait stays."""
    broker = add_broker(ann, credentials=KEYS)
    ann.note_failed_look(broker, minute(1), "key revoked", wait_until=minute(9))
    ann.set_broker(broker, credentials=Credentials("k2", "s2"))
    assert ann.credentials(broker) == Credentials("k2", "s2")
    state = ann.broker_state(broker)
    assert (state.errors_in_row, state.wait_until) == (0, minute(9))
    assert ann.broker("spot").account_id is None


def test_a_removed_broker_is_gone_and_its_fills_are_not(ann: UserStore) -> None:
    """Removing forgets the way to the account, not its history; the name is free again."""
    broker = add_broker(ann, credentials=KEYS)
    book(ann, broker, [fill("1")])
    ann.remove_broker(broker)
    assert ann.brokers() == ()
    with pytest.raises(UnknownName):
        ann.broker("spot")
    with pytest.raises(ConfigError, match="has no key"):
        ann.credentials(broker)
    assert ids(ann) == ["1"]
    assert [row.broker for row in ann.stored_books()] == ["spot (removed)"]
    assert [row.broker for row in ann.fills(ALL).fills] == ["spot (removed)"]
    add_broker(ann, "spot", uid=None)
    assert [row.broker for row in ann.stored_books()] == ["spot (removed)"]


def test_a_broker_added_again_finds_its_fills_again(ann: UserStore) -> None:
    """The same account under any name: nothing is booked twice, coverage and books go on."""
    first = add_broker(ann, "old")
    book(ann, first, [fill("1"), fill("2", at=1)], covered=span(0, 5))
    ann.remove_broker(first)
    again = add_broker(ann, "new")
    assert again.account_id == first.account_id
    assert again.id != first.id
    assert book(ann, again, [fill("2", at=1), fill("3", "sell", at=2)]) == 1
    assert [(r.broker, r.fills) for r in ann.stored_books()] == [("new", 3)]
    assert ann.broker_infos()[0].fills == 3
    assert ann.broker_infos()[0].complete_since == minute(0)


def test_fills_and_books_of_an_account_go_by_the_same_name(ann: UserStore) -> None:
    """`fills --broker new` shows the fills that `pnl --broker new` counts, whoever found them."""
    first = add_broker(ann, "old")
    book(ann, first, [fill("1")])
    ann.remove_broker(first)
    add_broker(ann, "new")
    assert [row.broker for row in ann.stored_books()] == ["new"]
    assert [row.broker for row in ann.fills(FillQuery(brokers=("new",))).fills] == ["new"]
    assert [e.fill.broker for e in ann.executions()] == ["new"]
    assert ids(ann, FillQuery(brokers=("old",))) == []


def test_fills_go_over_to_the_new_broker_of_the_same_account_alone(ann: UserStore) -> None:
    """A broker to another account takes nothing, and one that is not removed keeps what it found."""
    gone, here = add_broker(ann, "gone"), add_broker(ann, "here", uid="8")
    book(ann, gone, [fill("1")])
    book(ann, here, [fill("2", at=1)])
    ann.remove_broker(gone)
    add_broker(ann, "second", uid="8")
    assert [row.broker for row in ann.fills(ALL).fills] == ["gone (removed)", "here"]
    add_broker(ann, "again")
    assert [row.broker for row in ann.fills(ALL).fills] == ["again", "here"]


def test_the_list_of_brokers_tells_what_a_person_asks_first(ann: UserStore) -> None:
    """Has it a key, when did it last answer, how many errors, how many fills, since when complete."""
    broker = add_broker(ann, credentials=KEYS, symbols=["BTC/USDT"], method="hifo")
    add_broker(ann, "unused", uid=None)
    book(ann, broker, [fill("1")], covered=span(0, 5))
    ann.note_good_look(broker, minute(6))
    ann.note_failed_look(broker, minute(7), "no answer")
    info, unused = ann.broker_infos()
    assert (info.name, info.user, info.exchange, info.market) == ("spot", "ann", "binance", "spot")
    assert (info.has_key, info.fills, info.complete_since) == (True, 1, minute(0))
    assert (info.last_good_at, info.errors_in_row) == (minute(6), 1)
    assert (info.symbols, info.method, info.since, info.enabled) == (("BTC/USDT",), "hifo", TEN, True)
    assert (unused.has_key, unused.fills, unused.complete_since, unused.last_good_at) == (False, 0, None, None)


def test_the_method_is_the_broker_s_or_the_user_s(store: Store) -> None:
    """The broker's own wins; two brokers to one account keep one book, in the method either names."""
    bob = add_user(store, "bob", method="lifo")
    assert bob.method_of(add_broker(bob, "plain", uid="1")) == "lifo"
    named = add_broker(bob, "named", uid="2", method="average")
    assert bob.method_of(named) == "average"
    assert bob.method_of(add_broker(bob, "second-key", uid="2")) == "average"


# --- accounts -----------------------------------------------------------------------------------------------------


def test_two_keys_to_one_account_are_one_account(ann: UserStore) -> None:
    """Whatever the brokers are called; another market or exchange is another account."""
    one, two = add_broker(ann, "one"), add_broker(ann, "two")
    margin, elsewhere = add_broker(ann, "three", market="margin"), add_broker(ann, "four", exchange="bitget")
    assert one.account_id == two.account_id
    assert len({one.account_id, margin.account_id, elsewhere.account_id}) == 3


def test_an_account_that_is_named_later_keeps_what_was_booked(ann: UserStore, database: Database) -> None:
    """The exchange did not say whose key it is at first; then it did: the fills go over to the named account, whose
    books are in no method until the next look derives them."""
    history = [fill("1"), fill("2", "sell", "0.4", "110", at=1)]
    broker = add_broker(ann, uid=None)
    unnamed = ann.bind_account(broker, None)
    assert ann.bind_account(ann.broker("spot"), None) == unnamed
    book(ann, ann.broker("spot"), history, covered=span(0, 5))
    came = Transfer("t1", "deposit", "BTC", Decimal(1), Decimal(0), TEN, "t1")
    ann.save_transfers(unnamed, "deposit", [came], Span(TEN, NOON), NOON)
    assert not ann.has_named_account(ann.broker("spot"))
    named = ann.bind_account(ann.broker("spot"), "7")
    assert ann.broker("spot").account_id == named
    assert ann.has_named_account(ann.broker("spot"))
    assert ids(ann) == ["1", "2"]
    assert [(row.coin, row.broker) for row in ann.transfers()] == [("BTC", "spot")]
    assert methods(database) == [(named, "")]
    assert ann.books.keep_method(named, method="fifo", signed=False) == 1
    assert derived(database, named) == expected(history, "fifo", signed=False)
    assert book(ann, ann.broker("spot"), history) == 0
    assert ann.bind_account(ann.broker("spot"), "7") == named
    assert methods(database) == [(named, "fifo")]
    assert add_broker(ann, "second", uid="7").account_id == named
    assert add_broker(ann, "third", uid=None).account_id is None


def methods(database: Database) -> list[tuple[int, str]]:
    with database.read() as sql:
        return [tuple(r) for r in sql.rows("SELECT account_id, method FROM books ORDER BY account_id, market_id")]


def test_brokers_without_a_name_for_their_account_have_one_each(ann: UserStore) -> None:
    """Unknown is not the same: two keys nobody has named are not one account."""
    one, two = (ann.bind_account(add_broker(ann, name, uid=None), None) for name in ("one", "two"))
    assert one != two


def test_new_credentials_may_open_another_account(ann: UserStore) -> None:
    """What was booked stays with the account it belongs to."""
    broker = add_broker(ann, credentials=KEYS)
    book(ann, broker, [fill("1")])
    ann.set_broker(broker, credentials=Credentials("k2", "s2"))
    unbound = ann.broker("spot")
    other = ann.bind_account(unbound, "8")
    assert other != broker.account_id
    assert book(ann, ann.broker("spot"), [fill("1")]) == 1
    assert ann.bind_account(unbound, "7") == broker.account_id


def test_two_keys_whose_account_is_named_late_are_one_account_with_each_fill_once(
    ann: UserStore, database: Database
) -> None:
    """The second key's account is named only after it was used: its fills are the first key's, not as many again."""
    first, second = add_broker(ann, "first"), add_broker(ann, "second", uid=None)
    book(ann, first, [fill("1")])
    ann.bind_account(second, None)
    more = [fill("1"), fill("2", "sell", "0.5", "110", at=1), fill("3", symbol="ETH/USDT")]
    book(ann, ann.broker("second"), more)
    ann.save_look(ann.broker("second").account_id or 0, [Balance("BTC", Decimal(1), Decimal(0))], [order("9")], NOON)
    account = ann.bind_account(ann.broker("second"), "7")
    assert account == first.account_id == ann.broker("second").account_id
    assert sorted(ids(ann)) == ["1", "2", "3"]
    assert methods(database) == [(account, ""), (account, "")]
    assert ann.books.keep_method(account, method="fifo", signed=False) == 2
    assert derived(database, account) == expected(more, "fifo", signed=False)
    assert (ann.balances(account), ann.open_order_count(account)) == ({}, 0)
    with database.read() as sql:
        assert sql.rows("SELECT uid FROM accounts") == [("7",)]


def test_a_page_after_a_late_name_derives_its_book(ann: UserStore, database: Database) -> None:
    """A page that comes before anybody kept the method finds the book in none and takes all fills of both."""
    first, second = add_broker(ann, "first"), add_broker(ann, "second", uid=None)
    book(ann, first, [fill("1")])
    ann.bind_account(second, None)
    book(ann, ann.broker("second"), [fill("2", at=1)])
    account = ann.bind_account(ann.broker("second"), "7")
    sale = fill("3", "sell", "2", "110", at=2)
    assert book(ann, first, [sale]) == 1
    assert derived(database, account) == expected([fill("1"), fill("2", at=1), sale], "fifo", signed=False)


def test_a_manual_account_is_bound_at_once_by_its_name(ann: UserStore) -> None:
    """Nobody looks at it: imports need the account now; the same name finds it again."""
    broker = add_broker(ann, "paper", uid=None, exchange="manual")
    assert broker.account_id is not None
    ann.set_broker(broker, credentials=KEYS)
    assert ann.broker("paper").account_id == broker.account_id
    ann.remove_broker(broker)
    assert add_broker(ann, "paper", uid=None, exchange="manual").account_id == broker.account_id


# --- whose rows ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bob(store: Store, ann: UserStore) -> UserStore:
    """Bob has nothing but a broker called as ann's is, to an account with the same uid; ann has everything."""
    broker = add_broker(ann, "main", credentials=KEYS)
    ann.save_markets(broker, MARKETS, NOON)
    book(ann, broker, [fill("1"), fill("2", "sell", "2", "110", at=1)], covered=span(0, 5))
    ann.save_look(1, [Balance("BTC", Decimal(1), Decimal(0))], [order("9")], NOON)
    ann.save_look_at(1, "BTC/USDT", NOON, deep=True)
    ann.cover(1, "orders", span(0, 5)[1])
    ann.note_failed_look(broker, NOON, "no answer", wait_until=NOON)
    bob = add_user(store, "bob")
    add_broker(bob, "main", exchange="binance")
    return bob


def order(order_id: str, symbol: str = "BTC/USDT") -> OpenOrder:
    return OpenOrder(order_id, symbol, "buy", "limit", Decimal(2), Decimal("0.5"), Decimal(90), TEN)


READINGS: dict[str, tuple[Callable[[UserStore, Broker], object], object]] = {
    "fills": (lambda s, b: s.fills(ALL).fills, ()),
    "fills of the broker": (lambda s, b: s.fills(FillQuery(brokers=("main",))).fills, ()),
    "fills limited": (lambda s, b: (s.fills(FillQuery(limit=5)).fills, s.fills(FillQuery(limit=5)).total), ((), 0)),
    "executions": (lambda s, b: s.executions(), ()),
    "book_refs": (lambda s, b: s.book_refs(), ()),
    "stored_books": (lambda s, b: s.stored_books(), ()),
    "coverage": (lambda s, b: s.coverage(b.account_id or 0, "BTC/USDT"), ()),
    "complete_since": (lambda s, b: s.complete_since(b), None),
    "incomplete_symbols": (lambda s, b: s.incomplete_symbols(b.account_id or 0, minute(-1)), frozenset()),
    "looked_at": (lambda s, b: s.looked_at(b.account_id or 0), None),
    "look": (lambda s, b: s.look(b.account_id or 0, "BTC/USDT"), None),
    "coverage of orders": (lambda s, b: s.coverage(b.account_id or 0, "", stream="orders"), ()),
    "fills_stored": (lambda s, b: s.fills_stored(), 0),
    "balances": (lambda s, b: s.balances(b.account_id or 0), {}),
    "open_symbols": (lambda s, b: s.open_symbols(b.account_id or 0), set()),
    "open_order_count": (lambda s, b: s.open_order_count(b.account_id or 0), 0),
    "looks": (lambda s, b: s.looks(b.account_id or 0), {}),
    "traded_symbols": (lambda s, b: s.traded_symbols(b.account_id or 0), {}),
    "newest_fill": (lambda s, b: s.newest_fill(b.account_id or 0, "BTC/USDT", before=NOON), None),
    "known_trade_ids": (lambda s, b: s.known_trade_ids(b.account_id or 0, "BTC/USDT", ["1", "2"]), set()),
    "broker_state": (lambda s, b: replace(s.broker_state(b), wait_until=None), BrokerState()),
    "broker_infos": (
        lambda s, b: [(i.user, i.has_key, i.fills, i.errors_in_row) for i in s.broker_infos()],
        [("bob", False, 0, 0)],
    ),
}


@pytest.mark.parametrize("what", READINGS)
def test_no_row_of_one_user_appears_for_another(ann: UserStore, bob: UserStore, what: str) -> None:
    """Two users with equally named brokers and equal account uids: each reading gives ann hers and bob nothing."""
    read, nothing = READINGS[what]
    assert read(bob, bob.broker("main")) == nothing
    assert read(ann, ann.broker("main")) != nothing


def test_the_same_execution_of_two_users_is_stored_for_each(ann: UserStore, bob: UserStore) -> None:
    """Both watch the same account: each has it once, and neither's totals change with the other's pages."""
    broker = bob.broker("main")
    assert broker.account_id != ann.broker("main").account_id
    assert book(bob, broker, [fill("1")]) == 1
    assert (ids(ann), ids(bob)) == (["1", "2"], ["1"])
    bob.books.rebuild(broker.account_id or 0, method="lifo", signed=False)
    assert [(r.user, r.fills) for r in ann.stored_books()] == [("ann", 2)]


def test_removing_and_changing_a_broker_leaves_the_other_user_s_alone(ann: UserStore, bob: UserStore) -> None:
    """They only share a name."""
    before = ann.brokers()
    bob.set_broker(bob.broker("main"), enabled=False)
    bob.remove_broker(bob.broker("main"))
    assert ann.brokers() == before
    assert ann.credentials(before[0]) == KEYS


FOREIGN_WAYS: dict[str, Callable[[UserStore, Broker], object]] = {
    "coverage": lambda bob, anns: bob.coverage(anns.account_id or 0, "BTC/USDT"),
    "balances": lambda bob, anns: bob.balances(anns.account_id or 0),
    "known_trade_ids": lambda bob, anns: bob.known_trade_ids(anns.account_id or 0, "BTC/USDT", ["1"]),
    "traded_symbols": lambda bob, anns: bob.traded_symbols(anns.account_id or 0),
    "open_symbols": lambda bob, anns: bob.open_symbols(anns.account_id or 0),
    "open_order_count": lambda bob, anns: bob.open_order_count(anns.account_id or 0),
    "newest_fill": lambda bob, anns: bob.newest_fill(anns.account_id or 0, "BTC/USDT", before=NOON),
    "coverage of orders": lambda bob, anns: bob.coverage(anns.account_id or 0, "", stream="orders"),
    "incomplete_symbols": lambda bob, anns: bob.incomplete_symbols(anns.account_id or 0, minute(-1)),
    "looked_at": lambda bob, anns: bob.looked_at(anns.account_id or 0),
    "looks": lambda bob, anns: bob.looks(anns.account_id or 0),
    "look": lambda bob, anns: bob.look(anns.account_id or 0, "BTC/USDT"),
    "has_named_account": lambda bob, anns: bob.has_named_account(anns),
}


@pytest.mark.parametrize("what", FOREIGN_WAYS)
def test_another_user_s_account_gives_nothing_even_by_its_number(ann: UserStore, bob: UserStore, what: str) -> None:
    """A mix-up of ids in a flow must not become one user's rows in another's report."""
    assert not FOREIGN_WAYS[what](bob, ann.broker("main"))


FOREIGN_WRITES: dict[str, Callable[[UserStore, int], object]] = {
    "save_look": lambda bob, account: bob.save_look(account, [], [], NOON),
    "save_look_at": lambda bob, account: bob.save_look_at(account, "BTC/USDT", minute(9), deep=True),
    "cover": lambda bob, account: bob.cover(account, "orders", span(5, 9)[1]),
}


@pytest.mark.parametrize("what", FOREIGN_WRITES)
def test_another_user_s_account_cannot_be_written_even_by_its_number(ann: UserStore, bob: UserStore, what: str) -> None:
    """It is told as a name nobody has, and nothing of the account changes."""
    account = ann.broker("main").account_id or 0

    def seen() -> object:
        coverage = ann.coverage(account, "", stream="orders")
        return ann.balances(account), ann.open_symbols(account), ann.looked_at(account), ann.looks(account), coverage

    before = seen()
    with pytest.raises(UnknownName, match=f"bob has no account number {account}"):
        FOREIGN_WRITES[what](bob, account)
    assert seen() == before


def test_another_user_s_broker_cannot_be_changed(ann: UserStore, bob: UserStore) -> None:
    """Writing names the user too."""
    before = ann.broker("main")
    with pytest.raises(UnknownName, match="bob has no such broker"):
        bob.set_broker(before, enabled=False)
    assert ann.broker("main") == before


def test_another_user_s_secret_does_not_open(ann: UserStore, bob: UserStore) -> None:
    """A secret is bound to its user: even with the broker in hand."""
    with pytest.raises(ConfigError):
        bob.credentials(ann.broker("main"))


# --- how looks went -----------------------------------------------------------------------------------------------


def test_errors_are_counted_until_a_good_look(ann: UserStore) -> None:
    """Each failed look counts one; the wait a host asked for stands until a longer one takes its place or it is over;
    then the next good look forgets it. One that is no wait at all (a clock was wrong) it forgets at once."""
    broker = add_broker(ann)
    assert ann.broker_state(broker) == BrokerState()
    ann.note_good_look(broker, minute(1))
    ann.note_failed_look(broker, minute(2), "no answer")
    ann.note_failed_look(broker, minute(3), "429", wait_until=minute(13))
    assert ann.broker_state(broker) == BrokerState(minute(3), minute(1), 2, minute(13), "429")
    ann.note_failed_look(broker, minute(14), "no answer")
    assert ann.broker_state(broker) == BrokerState(minute(14), minute(1), 3, minute(13), "no answer")
    ann.note_failed_look(broker, minute(14), "429", wait_until=minute(20))
    assert ann.broker_state(broker).wait_until == minute(20)
    ann.note_good_look(broker, minute(15))
    assert ann.broker_state(broker) == BrokerState(minute(15), minute(15), 0, minute(20), None)
    ann.note_good_look(broker, minute(20))
    assert ann.broker_state(broker) == BrokerState(minute(20), minute(20), 0, None, None)
    ann.note_failed_look(broker, minute(21), "429", wait_until=minute(21) + timedelta(days=400))
    ann.note_good_look(broker, minute(22))
    assert ann.broker_state(broker).wait_until is None


def test_a_wait_holds_for_whoever_asks_the_host(store: Store, ann: UserStore) -> None:
    """Another user's broker at the same host has it too, without an error of its own; one at another host of the same
    exchange, or at another exchange, has not. A look of his that ends well does not end it: what he was still told was
    on its way."""
    bob = add_user(store, "bob")
    mine, his = add_broker(ann, "mine"), add_broker(bob, "his", market="swap")
    test_net = add_broker(bob, "test", base_url="https://test.invalid")
    elsewhere = add_broker(bob, "elsewhere", exchange="bitget")
    ann.note_failed_look(mine, minute(1), "429", wait_until=minute(9))
    assert bob.broker_state(his) == BrokerState(wait_until=minute(9))
    assert [bob.broker_state(b).wait_until for b in (test_net, elsewhere)] == [None, None]
    bob.note_failed_look(test_net, minute(2), "429", wait_until=minute(20))
    bob.note_good_look(test_net, minute(3))
    assert ann.broker_state(mine).wait_until == minute(9)
    bob.note_good_look(his, minute(4))
    assert ann.broker_state(mine) == BrokerState(minute(1), None, 1, minute(9), "429")
    bob.note_good_look(his, minute(9))
    assert ann.broker_state(mine) == BrokerState(minute(1), None, 1, None, "429")


def test_a_wait_is_of_the_address_not_of_the_exchange(ann: UserStore) -> None:
    """Two brokers that were given one address share its wait; a broker given another address has it no more."""
    one = add_broker(ann, "one", base_url="https://here.invalid")
    two = add_broker(ann, "two", uid="8", base_url="https://here.invalid")
    ann.note_failed_look(one, minute(1), "429", wait_until=minute(9))
    assert ann.broker_state(two).wait_until == minute(9)
    ann.set_broker(two, base_url=None)
    assert ann.broker_state(ann.broker("two")).wait_until is None


def test_the_state_of_one_broker_is_not_another_s(ann: UserStore) -> None:
    """Also where both lead to one account."""
    one, two = add_broker(ann, "one"), add_broker(ann, "two")
    ann.note_failed_look(one, minute(1), "no answer")
    assert ann.broker_state(two) == BrokerState()


def test_markets_are_taken_over_and_what_is_gone_is_unlisted(ann: UserStore) -> None:
    """The newest list is what can be traded; fills of a symbol no longer traded are kept and shown."""
    broker = add_broker(ann)
    assert (ann.markets(broker), ann.markets_seen_at(broker)) == ((), None)
    ann.save_markets(broker, MARKETS, minute(1))
    assert (ann.markets(broker), ann.markets_seen_at(broker)) == (MARKETS, minute(1))
    book(ann, broker, [fill("1", symbol="ETH/USDT")])
    sol = Market("SOL/USDT", "SOL", "USDT", "SOLUSDT")
    ann.save_markets(broker, [MARKETS[0], sol], minute(2))
    assert ann.markets(broker) == (MARKETS[0], sol)
    assert ann.unlisted_markets(broker) == (MARKETS[1],)
    assert ann.markets_seen_at(broker) == minute(2)
    assert [row.symbol for row in ann.fills(ALL).fills] == ["ETH/USDT"]
    assert set(ann.symbols()) == {"BTC/USDT", "ETH/USDT", "SOL/USDT"}
    ann.save_markets(broker, MARKETS, minute(3))
    assert (ann.markets(broker), ann.unlisted_markets(broker)) == (MARKETS, (sol,))
    assert set(ann.symbols()) == {"BTC/USDT", "ETH/USDT"}
    assert book(ann, broker, [fill("1", symbol="ETH/USDT")]) == 0


def test_markets_of_another_exchange_or_kind_are_apart(ann: UserStore) -> None:
    """BTCUSDT on spot is not BTCUSDT on swap."""
    spot, swap = add_broker(ann, "spot"), add_broker(ann, "swap", market="swap")
    elsewhere = add_broker(ann, "bitget", exchange="bitget")
    ann.save_markets(spot, MARKETS, NOON)
    ann.save_markets(swap, [Market("BTC/USDT:USDT", "BTC", "USDT", "BTCUSDT")], NOON)
    assert ann.markets(spot) == MARKETS
    assert len(ann.markets(swap)) == 1
    assert ann.markets(elsewhere) == ()


def test_two_hosts_lists_do_not_unlist_each_other(ann: UserStore) -> None:
    """A test network lists less, and more: each host's list is what it said itself, and when."""
    real = add_broker(ann, "real")
    test = add_broker(ann, "test", uid="8", base_url="https://test.invalid")
    fake = Market("FAKE/USDT", "FAKE", "USDT", "FAKEUSDT")
    ann.save_markets(real, MARKETS, minute(1))
    assert (ann.markets(test), ann.markets_seen_at(test)) == ((), None)
    ann.save_markets(test, [MARKETS[0], fake], minute(2))
    assert (ann.markets(real), ann.markets_seen_at(real)) == (MARKETS, minute(1))
    assert (ann.markets(test), ann.markets_seen_at(test)) == ((MARKETS[0], fake), minute(2))
    assert ann.unlisted_markets(real) == (fake,)
    assert ann.unlisted_markets(test) == (MARKETS[1],)
    ann.save_markets(real, MARKETS[1:], minute(3))
    assert ann.markets(test) == (MARKETS[0], fake)
    assert set(ann.symbols()) == {"BTC/USDT", "ETH/USDT", "FAKE/USDT"}


def test_a_market_that_only_a_file_named_is_not_listed(ann: UserStore) -> None:
    """Nobody knows how its exchange spells it: it cannot be asked for, but it is known to have fills."""
    broker = add_broker(ann)
    book(ann, broker, [fill("1", symbol="OLD/USDT")], source="import")
    ann.save_markets(broker, MARKETS, NOON)
    assert (ann.markets(broker), ann.unlisted_markets(broker)) == (MARKETS, ())
    assert set(ann.symbols()) == {"BTC/USDT", "ETH/USDT", "OLD/USDT"}


def test_symbols_are_those_a_user_has_or_could_have(store: Store, ann: UserStore) -> None:
    """Of their own fills and of the hosts of their brokers; a removed broker's list no longer counts, its fills do."""
    bob = add_user(store, "bob")
    his = add_broker(bob, "his", exchange="bitget")
    bob.save_markets(his, [Market("HIS/USDT", "HIS", "USDT", "HISUSDT")], NOON)
    broker = add_broker(ann)
    assert ann.symbols() == ()
    ann.save_markets(broker, MARKETS, NOON)
    assert set(ann.symbols()) == {"BTC/USDT", "ETH/USDT"}
    assert bob.symbols() == ("HIS/USDT",)
    book(ann, broker, [fill("1")])
    ann.remove_broker(broker)
    assert ann.symbols() == ("BTC/USDT",)


def test_a_market_that_changed_its_coins_is_taken_over_whole(ann: UserStore) -> None:
    """An exchange renames a coin and keeps its own spelling: symbol, base and quote go together."""
    broker = add_broker(ann)
    ann.save_markets(broker, [Market("LUNA/USDT", "LUNA", "USDT", "LUNAUSDT")], minute(1))
    renamed = Market("LUNC/USDT", "LUNC", "USDT", "LUNAUSDT")
    ann.save_markets(broker, [renamed], minute(2))
    assert ann.markets(broker) == (renamed,)
    assert ann.unlisted_markets(broker) == ()


def test_a_look_replaces_what_was_seen_before(ann: UserStore) -> None:
    """Balances and open orders are those of the last look, exact; another account's stay."""
    first, second = add_broker(ann, "one").account_id or 0, add_broker(ann, "two", uid="8").account_id or 0
    coins = [Balance("BTC", Decimal("0.1"), Decimal("1e-18")), Balance("USDT", Decimal("123456789.12"), Decimal(0))]
    ann.save_look(first, coins, [order("1"), order("2"), order("2", "ETH/USDT")], minute(1))
    ann.save_look(second, coins[:1], [order("1")], minute(1))
    assert ann.balances(first) == {b.coin: b for b in coins}
    assert ann.open_symbols(first) == {"BTC/USDT", "ETH/USDT"}
    assert ann.open_order_count(first) == 3
    ann.save_look(first, coins[1:], [order("2", "ETH/USDT")], minute(2))
    assert list(ann.balances(first)) == ["USDT"]
    assert (ann.open_symbols(first), ann.open_order_count(first)) == ({"ETH/USDT"}, 1)
    ann.save_look(first, [], [], minute(3))
    assert (ann.balances(first), ann.open_symbols(first), ann.open_order_count(first)) == ({}, set(), 0)
    assert list(ann.balances(second)) == ["BTC"]


def test_a_look_at_a_symbol_remembers_the_last_deep_one(ann: UserStore) -> None:
    """A look with a day's overlap counts as deep until the next deep one."""
    account = add_broker(ann).account_id or 0
    assert ann.looks(account) == {}
    ann.save_look_at(account, "BTC/USDT", minute(1), deep=False)
    assert ann.looks(account) == {"BTC/USDT": Look(minute(1), None)}
    ann.save_look_at(account, "BTC/USDT", minute(2), deep=True)
    ann.save_look_at(account, "BTC/USDT", minute(3), deep=False)
    ann.save_look_at(account, "ETH/USDT", minute(4), deep=True)
    assert ann.looks(account) == {
        "BTC/USDT": Look(minute(3), minute(2)),
        "ETH/USDT": Look(minute(4), minute(4)),
    }


def test_an_account_remembers_when_a_look_at_it_ended(ann: UserStore) -> None:
    """Also where it held nothing; a look at one symbol is not one at the account, nor is another account's."""
    first, second = add_broker(ann, "one").account_id or 0, add_broker(ann, "two", uid="8").account_id or 0
    assert ann.looked_at(first) is None
    ann.save_look_at(first, "BTC/USDT", minute(1), deep=True)
    assert ann.looked_at(first) is None
    ann.save_look(first, [], [], minute(2))
    assert (ann.looked_at(first), ann.looked_at(second)) == (minute(2), None)
    ann.save_look(first, [], [], minute(3))
    assert ann.looked_at(first) == minute(3)


def test_a_symbol_stays_hot_until_the_time_last_told(ann: UserStore) -> None:
    """A look without a sign leaves the time as it was; one with a sign sets it anew, also for one symbol alone."""
    account = add_broker(ann).account_id or 0
    assert ann.look(account, "BTC/USDT") is None
    ann.save_look_at(account, "BTC/USDT", minute(1), deep=True, hot_until=minute(11))
    ann.save_look_at(account, "BTC/USDT", minute(2), deep=False)
    ann.save_look_at(account, "ETH/USDT", minute(2), deep=False)
    assert ann.look(account, "BTC/USDT") == Look(minute(2), minute(1), minute(11))
    assert ann.look(account, "ETH/USDT") == Look(minute(2), None, None)
    ann.save_look_at(account, "BTC/USDT", minute(3), deep=False, hot_until=minute(13))
    assert ann.look(account, "BTC/USDT") == Look(minute(3), minute(1), minute(13))
    assert ann.looks(account) == {s: ann.look(account, s) for s in ("BTC/USDT", "ETH/USDT")}


# --- coverage -----------------------------------------------------------------------------------------------------


def cover(ann: UserStore, broker: Broker, *spans: tuple[str, Span]) -> None:
    for one in spans:
        book(ann, broker, [], covered=one)


def test_spans_that_touch_or_overlap_become_one(ann: UserStore) -> None:
    """In any order; a span inside another changes nothing, one that bridges a gap closes it, an empty one is none."""
    broker = add_broker(ann)
    cover(ann, broker, span(20, 30), span(0, 10), span(2, 3), span(7, 7), span(50, 60))
    assert ann.coverage(1, "BTC/USDT") == (span(0, 10)[1], span(20, 30)[1], span(50, 60)[1])
    cover(ann, broker, span(30, 40), span(9, 20))
    assert ann.coverage(1, "BTC/USDT") == (span(0, 40)[1], span(50, 60)[1])
    cover(ann, broker, span(-5, 99))
    assert ann.coverage(1, "BTC/USDT") == (span(-5, 99)[1],)
    assert ann.coverage(1, "ETH/USDT") == ()


def test_complete_since_is_the_latest_start_without_a_gap(ann: UserStore) -> None:
    """Of all symbols looked at, the one whose unbroken time began last; None before the first look."""
    broker = add_broker(ann)
    assert ann.complete_since(add_broker(ann, "new", uid=None)) is None
    assert ann.complete_since(broker) is None
    cover(ann, broker, span(0, 10), span(3, 10, "ETH/USDT"))
    assert ann.complete_since(broker) == minute(3)
    cover(ann, broker, span(20, 30))
    assert ann.complete_since(broker) == minute(20)
    cover(ann, broker, span(10, 20))
    assert ann.complete_since(broker) == minute(3)


def test_a_listed_market_nobody_asked_for_leaves_it_open(ann: UserStore) -> None:
    """It may have fills: None until each was asked for, again when a new one is listed, and not for one that is gone
    or for another host's."""
    broker = add_broker(ann)
    test = add_broker(ann, "test", uid="8", base_url="https://test.invalid")
    sol = Market("SOL/USDT", "SOL", "USDT", "SOLUSDT")
    ann.save_markets(test, [sol], minute(1))
    ann.save_markets(broker, MARKETS, minute(1))
    cover(ann, broker, span(0, 10))
    assert ann.complete_since(broker) is None
    cover(ann, broker, span(3, 10, "ETH/USDT"))
    assert ann.complete_since(broker) == minute(3)
    ann.save_markets(broker, [*MARKETS, sol], minute(2))
    assert ann.complete_since(broker) is None
    ann.save_markets(broker, MARKETS, minute(3))
    assert ann.complete_since(broker) == minute(3)


def test_an_order_history_that_was_read_names_all_that_can_have_fills(ann: UserStore) -> None:
    """Then a market nobody asked for is no gap: of the account whose orders they are, and of no other."""
    broker, other = add_broker(ann), add_broker(ann, "other", uid="8")
    ann.save_markets(broker, MARKETS, minute(1))
    for each in (broker, other):
        cover(ann, each, span(5, 10))
    ann.cover(broker.account_id or 0, "orders", span(2, 10)[1])
    assert (ann.complete_since(broker), ann.complete_since(other)) == (minute(5), None)


def test_an_order_history_without_a_fill_is_complete_since_it_begins(ann: UserStore) -> None:
    """An account that never traded has no symbol to ask for: its newest unbroken stretch counts."""
    broker = add_broker(ann)
    account = broker.account_id or 0
    ann.save_markets(broker, MARKETS, minute(1))
    ann.cover(account, "orders", span(0, 1)[1])
    ann.cover(account, "orders", span(2, 5)[1])
    assert ann.complete_since(broker) == minute(2)
    ann.cover(account, "orders", span(1, 2)[1])
    assert ann.complete_since(broker) == minute(0)


def test_a_stream_is_covered_apart_from_fills(ann: UserStore) -> None:
    """Spans of it join as those of fills do; neither counts for the other."""
    broker = add_broker(ann)
    ann.cover(1, "orders", span(0, 5)[1])
    ann.cover(1, "orders", span(5, 9)[1])
    cover(ann, broker, span(20, 30))
    assert ann.coverage(1, "", stream="orders") == (span(0, 9)[1],)
    assert ann.coverage(1, "BTC/USDT") == (span(20, 30)[1],)
    assert (ann.coverage(1, ""), ann.coverage(1, "BTC/USDT", stream="orders")) == ((), ())


def test_incomplete_symbols_begin_too_late_or_have_a_hole(ann: UserStore) -> None:
    """One stretch from the time asked for is complete, whatever its end; so is what no one asked for: it is in none."""
    broker, other = add_broker(ann), add_broker(ann, "other", uid="8")
    cover(ann, broker, span(0, 5), span(0, 2, "ETH/USDT"), span(3, 5, "ETH/USDT"), span(1, 9, "SOL/USDT"))
    cover(ann, other, span(7, 9))
    ann.cover(1, "orders", span(8, 9)[1])
    assert ann.incomplete_symbols(1, minute(0)) == {"ETH/USDT", "SOL/USDT"}
    assert ann.incomplete_symbols(1, minute(1)) == {"ETH/USDT"}
    assert ann.incomplete_symbols(1, minute(-1)) == {"BTC/USDT", "ETH/USDT", "SOL/USDT"}
    cover(ann, broker, span(2, 3, "ETH/USDT"))
    assert ann.incomplete_symbols(1, minute(1)) == frozenset()


# --- reading fills ------------------------------------------------------------------------------------------------


@pytest.fixture
def traded(ann: UserStore) -> UserStore:
    """Five fills by two brokers in two symbols, at ten, eleven, and three in one instant at noon."""
    one, two = add_broker(ann, "one"), add_broker(ann, "two", uid="8")
    book(ann, one, [fill("9", at=120), fill("10", at=120), fill("100", at=120)])
    book(ann, one, [fill("1", symbol="ETH/USDT", fee="0.1 USDT, -0.2 BNB", order_id="o")])
    book(ann, two, [fill("2", at=60, price="0.10")])
    return ann


def test_fills_come_oldest_first_and_ties_by_number(traded: UserStore) -> None:
    """9 before 10 before 100, as they were matched."""
    assert ids(traded) == ["1", "2", "9", "10", "100"]
    assert traded.fills(ALL).total == 5


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (FillQuery(brokers=("two",)), ["2"]),
        (FillQuery(brokers=("one", "two")), ["1", "2", "9", "10", "100"]),
        (FillQuery(brokers=("nobody",)), []),
        (FillQuery(symbols=("ETH/USDT",)), ["1"]),
        (FillQuery(symbols=("ETH/USDT", "BTC/USDT"), brokers=("one",)), ["1", "9", "10", "100"]),
        (FillQuery(since=minute(60)), ["2", "9", "10", "100"]),
        (FillQuery(until=minute(60)), ["1"]),
        (FillQuery(since=minute(60), until=minute(120)), ["2"]),
        (FillQuery(since=minute(120) + timedelta(microseconds=1)), []),
    ],
)
def test_filters_find_what_they_say(traded: UserStore, query: FillQuery, found: list[str]) -> None:
    """`since` is included, `until` is not; filters of several kinds hold together."""
    assert ids(traded, query) == found
    assert traded.fills(query).total == len(found)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 99])
def test_a_limit_keeps_the_newest_still_oldest_first(traded: UserStore, limit: int) -> None:
    """And says how many there are."""
    report = traded.fills(FillQuery(limit=limit))
    assert [row.trade_id for row in report.fills] == ["1", "2", "9", "10", "100"][-limit:]
    assert report.total == 5


@pytest.mark.parametrize("tied", [("b", "aa"), ("ab", "123")])
def test_ties_are_listed_in_the_order_of_matching(ann: UserStore, tied: tuple[str, str]) -> None:
    """`fill_order` matches numbers first and other ids by their letters: the list must not say otherwise."""
    book(ann, add_broker(ann), [fill(trade_id) for trade_id in tied])
    (ref,) = ann.book_refs()
    with ann.book_entries(ref) as entries:
        matched = [entry[0] for entry in entries]
    assert [row.id for row in ann.fills(ALL).fills] == matched


def test_a_fill_is_listed_with_all_it_says(traded: UserStore) -> None:
    """The first fee in the columns, the others beside; broker, user, order, source."""
    row, two = traded.fills(ALL).fills[:2]
    assert (row.broker, row.user, row.symbol, row.side) == ("one", "ann", "ETH/USDT", "buy")
    assert (row.quantity, row.price, row.executed_at) == (1, 100, TEN)
    assert (row.fee, row.fee_currency, row.more_fees) == (Decimal("0.1"), "USDT", ((Decimal("-0.2"), "BNB"),))
    assert (row.order_id, row.trade_id, row.source) == ("o", "1", "api")
    assert (two.fee, two.fee_currency, two.more_fees, two.price) == (0, "", (), Decimal("0.1"))


def test_executions_come_newest_first_with_what_each_realised(ann: UserStore) -> None:
    """A buy realised nothing; a sale its net; one beyond the lots has an unmatched part; a third coin is unvalued."""
    broker = add_broker(ann)
    book(ann, broker, [fill("1", fee="1 USDT"), fill("2", "sell", "0.5", "110", at=1, fee="0.1 USDT")])
    book(ann, broker, [fill("3", "sell", "2", "120", at=2, fee="0.01 BNB")])
    three, two, one = ann.executions()
    assert [e.fill.trade_id for e in (three, two, one)] == ["3", "2", "1"]
    assert (one.net, one.unmatched, one.unvalued, one.currency) == (None, 0, False, "USDT")
    assert (two.net, two.unmatched) == (Decimal("4.4"), 0)
    assert (three.net, three.unmatched, three.unvalued) == (Decimal("9.5"), Decimal("1.5"), True)
    assert ann.executions(limit=1) == (three,)


def test_executions_after_a_fill_are_those_stored_since(ann: UserStore) -> None:
    """By when they were stored, not by when they were executed: a late one is news too."""
    broker = add_broker(ann)
    assert ann.last_fill_id() == 0
    book(ann, broker, [fill("5", at=5)])
    mark = ann.last_fill_id()
    assert ann.executions(after_id=mark) == ()
    book(ann, broker, [fill("1", at=1), fill("9", at=9)])
    assert [e.fill.trade_id for e in ann.executions(after_id=mark)] == ["9", "1"]


def test_known_ids_are_found_however_many_are_asked(ann: UserStore) -> None:
    """More than SQLite takes in one list; of that symbol and account only."""
    broker, other = add_broker(ann), add_broker(ann, "other", uid="8")
    book(ann, broker, [fill(str(n), at=n) for n in range(1_200)])
    book(ann, other, [fill("5000")])
    book(ann, broker, [fill("6000", symbol="ETH/USDT")])
    asked = [str(n) for n in range(0, 7_000, 3)] + ["5000", "6000"]
    assert ann.known_trade_ids(1, "BTC/USDT", asked) == {str(n) for n in range(0, 1_200, 3)}
    assert ann.known_trade_ids(1, "BTC/USDT", []) == set()


def test_a_page_of_more_fills_than_one_query_holds_is_recognised(ann: UserStore) -> None:
    """1,200 known fills in one page add nothing."""
    broker = add_broker(ann)
    page = [fill(str(n), at=n) for n in range(1_200)]
    assert [book(ann, broker, page), book(ann, broker, page)] == [1_200, 0]


def test_the_newest_fill_before_a_time_is_where_reading_goes_on(traded: UserStore) -> None:
    """By number where times are equal; an import's number is not the exchange's to go on from."""
    account = traded.broker("one").account_id or 0
    assert traded.newest_fill(account, "BTC/USDT", before=NOON) is None
    assert traded.newest_fill(account, "BTC/USDT", before=minute(121)) == "100"
    book(traded, traded.broker("one"), [fill("x-1", at=121)], source="import")
    assert traded.newest_fill(account, "BTC/USDT", before=minute(999)) == "100"
    assert traded.newest_fill(account, "DOGE/USDT", before=minute(999)) is None


def test_traded_symbols_tell_when_each_was_last_traded(traded: UserStore) -> None:
    """Of one account."""
    account = traded.broker("one").account_id or 0
    assert traded.traded_symbols(account) == {"BTC/USDT": minute(120), "ETH/USDT": TEN}


def test_stored_books_are_rows_of_figures(ann: UserStore) -> None:
    """Gross, fees, what is open at which cost with its fees, what met no lot, fees of a third coin."""
    broker = add_broker(ann)
    page = [
        fill("1", "buy", "2", "100", fee="1 USDT"),
        fill("2", "sell", "0.5", "110", at=1, fee="0.1 USDT"),
        fill("3", "sell", "1", "50", symbol="ETH/USDT", fee="0.2 BNB"),
    ]
    book(ann, broker, page)
    bitcoin, ether = ann.stored_books()
    assert (bitcoin.user, bitcoin.broker, bitcoin.symbol, bitcoin.currency) == ("ann", "spot", "BTC/USDT", "USDT")
    assert (bitcoin.gross, bitcoin.fees, bitcoin.net) == (5, Decimal("0.35"), Decimal("4.65"))
    assert (bitcoin.open_quantity, bitcoin.open_cost, bitcoin.average_cost) == (
        Decimal("1.5"),
        Decimal("150.75"),
        Decimal("100.5"),
    )
    assert (bitcoin.disposals, bitcoin.fills) == (1, 2)
    assert (ether.unmatched_quantity, ether.unmatched_proceeds, ether.average_cost) == (1, 50, None)
    assert ether.unvalued_fees == (("BNB", Decimal("0.2")),)


def test_a_short_book_is_below_zero(ann: UserStore) -> None:
    """Swap and margin books may go short: open quantity says so."""
    broker = add_broker(ann, market="swap")
    book(ann, broker, [fill("1", "sell", "2", "100")])
    (row,) = ann.stored_books()
    assert (row.open_quantity, row.open_cost, row.average_cost) == (-2, 200, 100)


def test_a_book_s_fills_are_of_one_moment(ann: UserStore, database: Database) -> None:
    """What is booked while they are read does not come in between."""
    broker = add_broker(ann)
    book(ann, broker, [fill(str(n), at=n) for n in range(10)])
    (ref,) = ann.book_refs()
    with ann.book_entries(ref) as entries:
        first = next(entries)
        book(ann, broker, [fill("99", at=99)])
        assert [entry[0] for entry in [first, *entries]] == list(range(1, 11))


def test_a_time_comes_back_in_utc(ann: UserStore) -> None:
    """Whatever zone it went in with."""
    from datetime import timezone

    east = TEN.astimezone(timezone(timedelta(hours=8)))
    book(ann, add_broker(ann), [fill("1", at=east)])
    at = ann.fills(ALL).fills[0].executed_at
    assert at == east
    assert at.utcoffset() == timedelta(0)
    assert isinstance(at, datetime)
