"""Every public method of a user's store, called with what is another user's: it gives nothing and changes nothing.

`CALLS` has a line for each method that takes an account, a broker, a book or a fill. A method that is neither named
there nor in `OWN` fails a test: add a line that calls it with bob's things.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.store.world import KEYS, MARKETS, NOON, TEN, add_broker, book, fill, minute, span
from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Candle, Credentials, KeyRights, StatedClose, Transfer
from trademon.core.notices import Delivery, Notice
from trademon.core.replay import Point, Seen, Window
from trademon.core.rounds import Round
from trademon.core.sessions import StartedLogin, TokenPair
from trademon.core.strategy_model import Arming, Limits, Outcome, Strategy
from trademon.errors import ConfigError, UnknownName
from trademon.store.booking import Bookkeeper
from trademon.store.database import Database
from trademon.store.fill_rows import load_fill
from trademon.store.reading import BookRef, FillQuery
from trademon.store.row_security import OWNED
from trademon.store.store import Store, UserStore
from trademon.store.user_brokers import BrokerState
from trademon.store.user_strategies import NewStrategy
from trademon.store.user_strategy_orders import NewOrder, PaperFill

HOUR = Span(TEN, TEN + timedelta(hours=1))
WINDOW = Window(minute(9), minute(10), minute(11))


class Bobs(NamedTuple):
    """What is bob's: his store, his broker as he sees it, its account, a book, a fill."""

    store: UserStore
    broker: Broker
    account: int
    ref: BookRef
    fill_id: int
    round: Round
    delivery: Delivery
    strategy: Strategy
    order: NewOrder
    order_row: int

    @property
    def posing(self) -> Broker:
        """The same broker, saying that it is ann's."""
        return replace(self.broker, user="ann")


Call = Callable[[UserStore, Bobs], Any]
SEEN = Seen(WINDOW, {"BTC": Decimal(1)})

# What each returns must be empty, or it raises UnknownName.
CALLS: dict[str, Call] = {
    # brokers
    "broker": lambda ann, bobs: ann.broker("bobs own"),
    "removed_brokers": lambda ann, bobs: ann.removed_brokers("gone"),
    "fills_of": lambda ann, bobs: ann.fills_of([bobs.broker, bobs.posing]),
    "set_broker": lambda ann, bobs: ann.set_broker(bobs.posing, credentials=Credentials("x", "y"), enabled=False),
    "remove_broker": lambda ann, bobs: ann.remove_broker(bobs.posing, with_fills=True),
    "secrets": lambda ann, bobs: ann.secrets(bobs.posing),
    "save_secrets": lambda ann, bobs: ann.save_secrets(bobs.posing, {"token": "x"}),
    "credentials": lambda ann, bobs: ann.credentials(bobs.posing),
    "bind_account": lambda ann, bobs: ann.bind_account(bobs.posing, "7"),
    "has_named_account": lambda ann, bobs: ann.has_named_account(bobs.posing),
    "broker_state": lambda ann, bobs: ann.broker_state(bobs.posing),
    "note_good_look": lambda ann, bobs: ann.note_good_look(bobs.posing, NOON),
    "note_failed_look": lambda ann, bobs: ann.note_failed_look(bobs.posing, NOON, "no", NOON),
    "quarantine": lambda ann, bobs: ann.quarantine(bobs.posing, NOON, "odd", "{}"),
    "quarantined": lambda ann, bobs: ann.quarantined(bobs.posing),
    "complete_since": lambda ann, bobs: ann.complete_since(bobs.posing),
    # books
    "fills": lambda ann, bobs: ann.fills(FillQuery(brokers=("bobs own",))).fills,
    "newest_fill": lambda ann, bobs: ann.newest_fill(bobs.account, "BTC/USDT", before=NOON),
    "known_trade_ids": lambda ann, bobs: ann.known_trade_ids(bobs.account, "BTC/USDT", ["1"]),
    "row_ids": lambda ann, bobs: ann.row_ids(bobs.posing, TEN, NOON),
    "book_entries": lambda ann, bobs: within(ann.book_entries(bobs.ref)),
    "arrivals": lambda ann, bobs: ann.arrivals(replace(bobs.ref, mixed=True)),
    "stored_book": lambda ann, bobs: ann.stored_book(bobs.ref),
    "stored_tally": lambda ann, bobs: ann.stored_tally(bobs.ref, 0, 2**60),
    "book_versions": lambda ann, bobs: [key for key in ann.book_versions() if key[0] == bobs.account],
    "stored_days": lambda ann, bobs: ann.stored_days(bobs.ref),
    "stored_hours": lambda ann, bobs: ann.stored_hours(bobs.ref, 20454),
    "unvalued_fees": lambda ann, bobs: ann.unvalued_fees(bobs.ref),
    "carried_unvalued": lambda ann, bobs: ann.carried_unvalued(bobs.ref),
    "fees_to_value": lambda ann, bobs: ann.fees_to_value(bobs.account),
    "executions": lambda ann, bobs: ann.executions(after_id=0),
    "book_page": lambda ann, bobs: book(ann, bobs.posing, [fill("9")], account_id=bobs.account),
    "book_page under bob's broker": lambda ann, bobs: book(ann, bobs.posing, [fill("9")], account_id=own_account(ann)),
    "book_page into bob's account": lambda ann, bobs: book(
        ann, ann.broker("main"), [fill("9")], account_id=bobs.account
    ),
    "book_file": lambda ann, bobs: ann.books.book_file(
        bobs.posing, [fill("9")], account_id=bobs.account, method="fifo", seen_at=NOON
    ),
    "rebuild": lambda ann, bobs: ann.books.rebuild(bobs.account, method="lifo", signed=False),
    "keep_method": lambda ann, bobs: ann.books.keep_method(bobs.account, method="lifo", signed=False),
    "remove_fill": lambda ann, bobs: ann.books.remove_fill(bobs.fill_id, bobs.account, method="fifo", signed=False),
    "remove_fill by number": lambda ann, bobs: ann.books.remove_fill(
        bobs.fill_id, own_account(ann), method="fifo", signed=False
    ),
    "replace_rows": lambda ann, bobs: put_in_place(ann, bobs.ref, bobs.fill_id),
    "revalue": lambda ann, bobs: ann.books.revalue(bobs.posing, bobs.account, method="fifo"),
    "revalue by bob's broker": lambda ann, bobs: ann.books.revalue(bobs.posing, own_account(ann), method="fifo"),
    # lots
    "stored_lots": lambda ann, bobs: ann.stored_lots(bobs.ref),
    "entered_lots": lambda ann, bobs: ann.entered_lots(bobs.ref),
    "count_no_executions": lambda ann, bobs: ann.count_no_executions(bobs.ref),
    "traded_markets": lambda ann, bobs: ann.traded_markets(bobs.posing),
    "fill_and_book": lambda ann, bobs: ann.fill_and_book(bobs.fill_id),
    "noted_fees": lambda ann, bobs: ann.noted_fees(bobs.fill_id),
    "unmatched_reason": lambda ann, bobs: ann.unmatched_reason(bobs.ref),
    # prices
    "price_hosts": lambda ann, bobs: [host for hosts in ann.price_hosts(bobs.account) for host in hosts if "/" in host],
    "rates": lambda ann, bobs: ann.rates(bobs.account, "EUR").price("BTC", NOON),
    "price_spans": lambda ann, bobs: [span for span in ann.price_spans() if "/" in span.host],
    "account_fills": lambda ann, bobs: ann.account_fills(bobs.account),
    # looks
    "markets": lambda ann, bobs: ann.markets(bobs.posing),
    "unlisted_markets": lambda ann, bobs: ann.unlisted_markets(bobs.posing),
    "contracts": lambda ann, bobs: ann.contracts(bobs.posing),
    "markets_seen_at": lambda ann, bobs: ann.markets_seen_at(bobs.posing),
    "save_markets": lambda ann, bobs: ann.save_markets(bobs.posing, (), NOON),
    "traded_symbols": lambda ann, bobs: ann.traded_symbols(bobs.account),
    "balances": lambda ann, bobs: ann.balances(bobs.account),
    "open_symbols": lambda ann, bobs: ann.open_symbols(bobs.account),
    "open_order_count": lambda ann, bobs: ann.open_order_count(bobs.account),
    "save_look": lambda ann, bobs: ann.save_look(bobs.account, [], [], NOON),
    "looked_at": lambda ann, bobs: ann.looked_at(bobs.account),
    "looks": lambda ann, bobs: ann.looks(bobs.account),
    "look": lambda ann, bobs: ann.look(bobs.account, "BTC/USDT"),
    "save_look_at": lambda ann, bobs: ann.save_look_at(bobs.account, "BTC/USDT", NOON, deep=True),
    "incomplete_symbols": lambda ann, bobs: ann.incomplete_symbols(bobs.account, TEN),
    "candles_lacking": lambda ann, bobs: ann.candles_lacking(bobs.posing, "BTC/USDT", timedelta(minutes=1), [TEN]),
    "save_candles": lambda ann, bobs: ann.save_candles(bobs.posing, "BTC/USDT", (), interval=timedelta(minutes=1)),
    "cover": lambda ann, bobs: ann.cover(bobs.account, "orders", HOUR),
    "covered": lambda ann, bobs: ann.covered(bobs.account),
    "coverage": lambda ann, bobs: ann.coverage(bobs.account, "BTC/USDT"),
    "positions": lambda ann, bobs: ann.positions(bobs.account),
    "open_orders": lambda ann, bobs: ann.open_orders(bobs.account),
    "filled_orders": lambda ann, bobs: ann.filled_orders(bobs.account),
    # rounds
    "note_tasks": lambda ann, bobs: ann.note_tasks(bobs.round),
    "finish_round": lambda ann, bobs: ann.finish_round(bobs.round),
    # messages
    "alert_gap": lambda ann, bobs: ann.alert_gap(bobs.posing, TEN, 1),
    "clear_alert": lambda ann, bobs: ann.clear_alert("bobs"),
    "outbox": lambda ann, bobs: ann.outbox(all_kept=True).messages,
    "accounts_telling": lambda ann, bobs: ann.accounts_telling(),
    "has_open": lambda ann, bobs: ann.has_open(),
    "plan": lambda ann, bobs: ann.plan(["telegram"], NOON),
    "claim": lambda ann, bobs: ann.claim("mine", "telegram", NOON, at_once=True),
    "due_at": lambda ann, bobs: ann.due_at("telegram", NOON, at_once=True),
    "take_over": lambda ann, bobs: ann.take_over("mine", NOON),
    "clear_out": lambda ann, bobs: ann.clear_out(["telegram"], NOON + timedelta(days=400)),
    "end_delivery": lambda ann, bobs: ann.end_delivery(bobs.delivery, "his", NOON, "sent"),
    "put_back": lambda ann, bobs: ann.put_back(
        bobs.delivery, "his", NOON, until=NOON, error="no", error_kind="network", whole_channel=True
    ),
    # keys and strategies
    "account_uid": lambda ann, bobs: ann.account_uid(bobs.posing),
    "key_rights": lambda ann, bobs: ann.key_rights(bobs.posing),
    "save_key_rights": lambda ann, bobs: ann.save_key_rights(bobs.posing, KeyRights(), NOON),
    "allow_withdraw_key": lambda ann, bobs: ann.allow_withdraw_key(bobs.posing),
    "strategy": lambda ann, bobs: ann.strategy("bobs own"),
    "strategies": lambda ann, bobs: [one for one in ann.strategies() if one.name == "bobs own"],
    "enable_strategy": lambda ann, bobs: ann.enable_strategy(bobs.strategy, on=False),
    "arm_strategy": lambda ann, bobs: ann.arm_strategy(bobs.strategy, None),
    "remove_strategy": lambda ann, bobs: ann.remove_strategy(bobs.strategy),
    "begin_strategy_run": lambda ann, bobs: ann.begin_strategy_run(bobs.strategy, "paper", NOON),
    "end_strategy_run": lambda ann, bobs: ann.end_strategy_run(bobs.order.run_id, "failed", Decimal(1), "no"),
    "strategy_runs": lambda ann, bobs: ann.strategy_runs("bobs own", limit=9),
    "strategy_state": lambda ann, bobs: ann.strategy_state(bobs.strategy, "paper"),
    "save_strategy_state": lambda ann, bobs: ann.save_strategy_state(bobs.strategy, "paper", "{}"),
    "strategy_standing": lambda ann, bobs: ann.strategy_standing(bobs.strategy, TEN).arming,
    "strategy_orders": lambda ann, bobs: ann.strategy_orders(bobs.strategy),
    "note_order": lambda ann, bobs: ann.note_order(bobs.strategy, bobs.order, "refused"),
    "note_order of bob's broker": lambda ann, bobs: ann.note_order(ann.strategy("grid"), bobs.order, "refused"),
    "note_sending": lambda ann, bobs: ann.note_sending(
        bobs.strategy, bobs.order, account_id=own_account(ann), lease="x", day=TEN, refusal=lambda _: None, state="{}"
    ),
    "settle_order": lambda ann, bobs: ann.settle_order(bobs.order_row, Outcome("filled")),
    "save_paper": lambda ann, bobs: ann.save_paper(
        bobs.strategy, [PaperFill(bobs.order_row, bobs.broker.id, fill("9"))], [], {"paper": "{}"}
    ),
    "paper_fills": lambda ann, bobs: ann.paper_fills(bobs.strategy),
    # sign-ins, what exchanges state
    "session": lambda ann, bobs: ann.session(bobs.posing),
    "session_state": lambda ann, bobs: ann.session_state(bobs.posing),
    "started_login": lambda ann, bobs: ann.started_login(bobs.posing),
    "save_started_login": lambda ann, bobs: ann.save_started_login(bobs.posing, STARTED, NOON),
    "save_sign_in": lambda ann, bobs: ann.save_sign_in(bobs.posing, PAIR, NOON, verifier="v", redirect="r"),
    "note_renewal": lambda ann, bobs: ann.note_renewal(bobs.posing, 1, NOON),
    "forget_renewal": lambda ann, bobs: ann.forget_renewal(bobs.posing, 1),
    "save_renewal": lambda ann, bobs: ann.save_renewal(bobs.posing, 1, PAIR, NOON),
    "lose_session": lambda ann, bobs: ann.lose_session(bobs.posing, 1, "gone", NOON),
    "stated_closes": lambda ann, bobs: ann.stated_closes(bobs.account),
    "compare_stated": lambda ann, bobs: ann.compare_stated(bobs.account, TEN),
    "save_stated_closes": lambda ann, bobs: ann.save_stated_closes(bobs.account, [CLOSE], NOON),
    "costs_untold": lambda ann, bobs: ann.costs_untold(bobs.ref),
    # exports
    "stream_fills": lambda ann, bobs: list(ann.stream_fills(bobs.ref)),
    "has_more_fees": lambda ann, bobs: ann.has_more_fees(bobs.ref),
    "has_contracts": lambda ann, bobs: ann.has_contracts(bobs.ref),
    "stream_lots": lambda ann, bobs: list(ann.stream_lots(bobs.ref)),
    "fill_names": lambda ann, bobs: ann.fill_names([bobs.fill_id]),
    # transfers, cash, balances
    "save_transfers": lambda ann, bobs: ann.save_transfers(bobs.account, "deposit", [], HOUR, NOON),
    "transfers": lambda ann, bobs: ann.transfers(("bobs own",)),
    "save_cash": lambda ann, bobs: ann.save_cash(bobs.account, [CASH], source="import", seen_at=NOON),
    "agreed_point": lambda ann, bobs: ann.agreed_point(bobs.account),
    "settle_balances": lambda ann, bobs: ann.settle_balances(bobs.account, SEEN),
    "accept_balances": lambda ann, bobs: ann.accept_balances(bobs.account, Point(NOON, {})),
    "known_of": lambda ann, bobs: ann.known_of(bobs.account).traded,
    "forget_coverage": lambda ann, bobs: ann.forget_coverage(bobs.account, ["BTC/USDT"], HOUR, HOUR),
}
OWN = frozenset(
    # These take nothing that could be another's, or only what the caller has been given by them.
    [
        "accounts_to_derive",
        "add_broker",
        "book_refs",
        "broker_infos",
        "brokers",
        "books",
        "carry_lots",
        "carry_new",
        "cash",
        "cash_stored",
        "fills_stored",
        "keep_methods",
        "kept_by",
        "last_fill_id",
        "method_of",
        "method_of_account",
        "one_moment",
        "openings",
        "stored_books",
        "symbols",
        "transfers_read",
        "user",
        "has_secrets",
        "begin_round",
        "round_lock",
        "rounds",
        "schedule",
        "set_schedule",
        "success_rate",
        "has_cut_off",
        "add_strategy",
        "language",
        "notify_modes",
        "notify_options",
        "outbox_health",
        "outbox_lock",
        "raise_alert",
        "set_notify_mode",
        "set_notify_options",
        "take_turn_for_gaps",
        "telegram_chat",
        "tell",
        "default_method",
    ]
)
PAIR = TokenPair("at", "rt", NOON, None)
STARTED = StartedLogin("", "r", "s", "v")
CLOSE = StatedClose("c1", "BTC/USDT", "buy", *map(Decimal, (1, 2, 3, 4, 5)), "USDT", opened_at=TEN, closed_at=minute(1))
CASH = CashLine("c1", "interest", "USDT", Decimal(1), NOON)


def within(opened: contextlib.AbstractContextManager[Iterator[Any]]) -> list[Any]:
    with opened as rows:
        return list(rows)


def own_account(ann: UserStore) -> int:
    account = ann.broker("main").account_id
    assert account is not None
    return account


def put_in_place(ann: UserStore, ref: BookRef, fill_id: int) -> None:
    with ann._database.write() as sql:
        ann.books.replace_rows(sql, ref.key, [fill_id], [])


@pytest.fixture
def bobs(store: Store, ann: UserStore) -> Bobs:
    """Both have a broker `main` to an account the exchange calls 7, with rows in every table; bob has more."""
    mine = furnish(ann)
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    broker = furnish(bob)
    add_broker(bob, "bobs own", uid="8")
    book(bob, bob.broker("bobs own"), [fill("77", symbol="HIDDEN/USDT")])
    gone = add_broker(bob, "gone", uid="9")
    book(bob, gone, [fill("78")])
    bob.remove_broker(gone)
    assert broker.account_id is not None
    assert mine.account_id != broker.account_id
    ref = next(r for r in bob.book_refs() if r.broker == "main" and r.symbol == "BTC/USDT")
    begun = bob.begin_round("manual", only_due=False, default_minutes=30)
    assert begun is not None
    number = bob.fills(FillQuery(symbols=("BTC/USDT",))).fills[0].id
    with ann._database.for_user(ann._user_id).write() as sql:  # what looks of ann's told is sent
        for table in ("deliveries", "messages", "alerts"):
            sql.run(f"DELETE FROM {table} WHERE user_id = ?", ann._user_id)
    bob.raise_alert("bobs", Notice("must_act", {"broker": "now"}))
    bob.plan(["telegram"], NOON)
    delivery = bob.claim("his", "telegram", NOON, at_once=True)
    bob.tell(Notice("must_act", {"broker": "later"}))
    assert delivery is not None
    strategy, order, row = ordered(bob, broker)
    ann.add_strategy(NewStrategy("grid", "module", "/grid.py", {}, (), Decimal(0)))
    return Bobs(bob, broker, broker.account_id, ref, number, begun, delivery, strategy, order, row)


def ordered(bob: UserStore, broker: Broker) -> tuple[Strategy, NewOrder, int]:
    """An armed strategy of bob's that has run, an order of its, and that order's number."""
    bob.add_strategy(NewStrategy("bobs own", "module", "/grid.py", {}, (), Decimal(0)))
    limits = Limits(Decimal(1), "USDT", 1, Decimal(1), "USDT", ("BTC/USDT",), ("main",))
    bob.arm_strategy(bob.strategy("bobs own"), Arming(limits, "hash", NOON, {}))
    strategy = bob.strategy("bobs own")
    run = bob.begin_strategy_run(strategy, "paper", NOON)
    order = NewOrder(run, "paper", broker.id, "BTC/USDT", "buy", "market", "c1", "")
    row = bob.note_order(strategy, order, "open")
    bob.save_paper(strategy, [PaperFill(row, broker.id, fill("1"))], [], {"paper": "{}"})
    bob.save_key_rights(broker, KeyRights(can_trade=True), NOON)
    bob.save_sign_in(broker, PAIR, NOON, verifier="v", redirect="r")
    bob.save_started_login(broker, STARTED, NOON)
    assert broker.account_id is not None
    bob.save_stated_closes(broker.account_id, [CLOSE], NOON)
    return strategy, order, row


def furnish(user: UserStore) -> Broker:
    """A broker with rows in every table."""
    own_address = f"http://{user.user}.test" if user.user == "bob" else None
    broker = add_broker(user, "main", credentials=KEYS, base_url=own_address)
    account = broker.account_id
    assert account is not None
    history = [fill("1", fee="1 USDT, 0.1 BNB"), fill("2", "sell", "3", "120", at=1, fee="0.1 BNB"), fill("3", at=2)]
    book(user, broker, history, covered=span(0, 5))
    book(user, broker, [fill("row-1", at=3)], source="import")
    book(user, broker, [fill("lot", at=4)], source="opening")
    user.save_markets(broker, MARKETS, NOON)
    user.accept_balances(account, Point(minute(9), {"BTC": Decimal(1)}))
    user.save_look(account, [Balance("BTC", Decimal(1), Decimal(0))], [], NOON)
    user.save_look_at(account, "BTC/USDT", NOON, deep=True)
    user.note_failed_look(broker, NOON, "no answer")
    user.quarantine(broker, NOON, "odd", "{}")
    transfer = Transfer("t1", "deposit", "BTC", Decimal(1), Decimal(0), minute(1))
    user.save_transfers(account, "deposit", [transfer], HOUR, NOON)
    user.save_cash(account, [CASH], source="import", seen_at=NOON)
    candle = Candle(NOON, timedelta(minutes=1), Decimal(1))
    user.save_candles(broker, "BTC/EUR", [candle], interval=timedelta(minutes=1))
    return broker


def everything(database: Database) -> dict[str, list[Any]]:
    """Every row of both users."""
    with database.read() as sql:
        return {table: sorted(map(repr, sql.rows(f"SELECT * FROM {table}"))) for table in OWNED}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_another_s_gives_nothing_and_stays_as_it_is(
    ann: UserStore, bobs: Bobs, database: Database, name: str
) -> None:
    """UnknownName, or an empty answer; no row of either user is other than before."""
    before = everything(database)
    found: Any = None
    with contextlib.suppress(UnknownName, ConfigError):
        found = CALLS[name](ann, bobs)
    if name == "executions":
        found = [one for one in found if one.fill.user != "ann"]
    assert found == BrokerState() if name == "broker_state" else not found, found
    assert everything(database) == before


@pytest.mark.parametrize("name", ["book_entries", "stored_lots", "covered", "markets", "credentials", "fill_and_book"])
def test_for_bob_himself_the_same_calls_give_something(bobs: Bobs, name: str) -> None:
    """So that what is empty above is not empty for want of anything to see."""
    assert CALLS[name](bobs.store, bobs._replace(broker=bobs.store.broker("main")))


def test_every_public_method_is_called_or_takes_nothing_of_another_s() -> None:
    """A new method needs a line in CALLS, with bob's account, broker, book or fill; or a word in OWN."""
    public = {
        name for kind in (UserStore, Bookkeeper) for name, _ in inspect.getmembers(kind) if not name.startswith("_")
    }
    called = {name.split()[0] for name in CALLS}
    missing = public - called - OWN
    assert not missing, (
        f"add a line to CALLS of {__file__}, calling it with what is bob's: {', '.join(sorted(missing))}"
    )
    assert called - public == set()


def test_lots_do_not_go_along_with_a_transfer_to_another_user(ann: UserStore, bobs: Bobs, database: Database) -> None:
    """Should a row say that the other end of mine is bob's: nothing leaves, nothing arrives."""
    transfer = Transfer("w1", "withdrawal", "BTC", Decimal("0.5"), Decimal(0), minute(6))
    ann.save_transfers(own_account(ann), "withdrawal", [transfer], HOUR, NOON)
    with database.write() as sql:
        theirs = sql.rows("SELECT id FROM transfers WHERE account_id = ?", bobs.account)[0][0]
        sql.run("UPDATE transfers SET peer_id = ? WHERE kind = 'withdrawal'", theirs)
        before = load_fill(sql, bobs.fill_id)
    rows = everything(database)
    ann.carry_lots()
    assert everything(database) == rows
    assert before
