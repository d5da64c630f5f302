"""Strategies in the store, on both databases: what is counted, what is committed before it is sent, what stops all."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.store.world import NOON, add_broker, open_store
from trademon.core.model import Broker
from trademon.core.strategy_model import Arming, Limits, Outcome, Standing, Strategy
from trademon.errors import Busy, StoreError, UnknownName, UsageError
from trademon.store.halts import FILE_NAME, end_halt_by_file, halt_by_file, halted_by_file
from trademon.store.lease import hold
from trademon.store.store import Store, UserStore
from trademon.store.user_strategies import NewStrategy, parse_arming
from trademon.store.user_strategy_orders import NewOrder

NOW = NOON
DAY = NOW.replace(hour=0)
LIMITS = Limits(Decimal("0.1"), "USDT", 3, Decimal(5), "USDT", ("BTC/USDT",), ("main",), NOW + timedelta(days=1))


def make(user: UserStore, name: str = "dca") -> Strategy:
    user.add_strategy(NewStrategy(name, "x.py", "/x.py", {"a": "1"}, ("main",), Decimal("0.001")))
    return user.strategy(name)


def order(broker: Broker, run_id: int, client_id: str, side: str = "buy") -> NewOrder:
    return NewOrder(run_id, "live", broker.id, "BTC/USDT", side, "market", client_id, "why", value=Decimal(10))


def test_kept_as_it_was_given(ann: UserStore) -> None:
    strategy = make(ann)
    assert (strategy.parameters, strategy.brokers, strategy.mode) == ({"a": "1"}, ("main",), "paper")
    arming = Arming(LIMITS, "hash", NOW, {"main": (1, 2)}, rights_unknown_ok=True)
    ann.arm_strategy(strategy, arming)
    assert ann.strategy("dca").arming == arming
    ann.arm_strategy(strategy, None)
    ann.enable_strategy(strategy, on=False)
    assert (ann.strategy("dca").arming, ann.strategy("dca").is_enabled) == (None, False)
    with pytest.raises(UsageError):
        make(ann)
    ann.remove_strategy(strategy)
    with pytest.raises(UnknownName):
        ann.strategy("dca")
    assert make(ann).id != strategy.id


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", "x", '{"max_order": "many"}'])
def test_an_arming_that_cannot_be_read_arms_nothing(text: str) -> None:
    assert parse_arming(text) is None


def test_only_what_was_on_its_way_is_counted(ann: UserStore) -> None:
    broker, strategy = add_broker(ann), make(ann)
    account = ann.bind_account(broker, "1")
    run_id = ann.begin_strategy_run(strategy, "live", NOW)
    seen: list[Standing] = []

    def let(standing: Standing) -> None:
        seen.append(standing)

    def stop(standing: Standing) -> str:
        return "no"

    def send(name: str, refusal: Callable[[Standing], str | None] = let, side: str = "buy") -> int:
        with hold(ann._database.locks, "strategy-1"):
            number, _ = ann.note_sending(
                strategy,
                order(broker, run_id, name, side),
                account_id=account,
                lease="strategy-1",
                day=DAY,
                refusal=refusal,
                state='{"n": 1}',
            )
        return number

    send("a", stop)
    assert ann.strategy_state(strategy, "live") == {}
    first = send("b")
    assert ann.strategy_state(strategy, "live") == {"n": 1}
    second = send("c")
    assert [(s.sent_today, s.unsettled) for s in seen] == [(0, 0), (1, 1)]
    ann.settle_order(first, Outcome("rejected", "no money"))
    ann.settle_order(second, Outcome("not sent"))
    send("d", side="cancel")
    standing = ann.strategy_standing(strategy, DAY)
    assert (standing.sent_today, standing.unsettled) == (2, 1)
    assert ann.strategy_standing(strategy, NOW + timedelta(days=1)).sent_today == 0
    assert [o.status for o in ann.strategy_orders()] == ["refused", "rejected", "not sent", "sending"]
    with pytest.raises(Exception, match=r"(?i)unique"):
        send("b")


def test_what_the_exchange_said_of_an_order_stays(ann: UserStore) -> None:
    broker, strategy = add_broker(ann), make(ann)
    number = ann.note_order(strategy, order(broker, ann.begin_strategy_run(strategy, "live", NOW), "a"), "open")
    ann.settle_order(number, Outcome("open", order_id="77"))
    ann.settle_order(number, Outcome("filled", filled=Decimal("0.00000001"), filled_value=Decimal("0.1")))
    (kept,) = ann.strategy_orders(strategy)
    assert (kept.order_id, kept.status, kept.filled, kept.filled_value) == (
        "77",
        "filled",
        Decimal("0.00000001"),
        Decimal("0.1"),
    )


def test_two_at_once_cannot_both_be_the_last_one_allowed(ann: UserStore, url: str) -> None:
    """Eight connections, a limit of three: the question is put inside the transaction that stores the answer."""
    broker, strategy = add_broker(ann), make(ann)
    account = ann.bind_account(broker, "1")
    run_id = ann.begin_strategy_run(strategy, "live", NOW)
    stores = [open_store(url) for _ in range(8)]
    sent: list[bool] = []

    def most(standing: Standing) -> str | None:
        return "enough" if standing.sent_today >= 3 else None

    def work(number: int, store: Store) -> None:
        own = store.for_user("ann")
        with hold(own._database.locks, f"strategy-test-{number}"):
            _, refused = own.note_sending(
                strategy,
                order(broker, run_id, f"c{number}"),
                account_id=account,
                lease=f"strategy-test-{number}",
                day=DAY,
                refusal=most,
                state="{}",
            )
        sent.append(refused is None)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [False] * 5 + [True] * 3


def test_runs_are_told_newest_last_and_one_that_was_killed_is_one(ann: UserStore) -> None:
    strategy = make(ann)
    first = ann.begin_strategy_run(strategy, "paper", NOW)
    ann.end_strategy_run(first, "success", Decimal("0.5"), "fine", "printed")
    ann.begin_strategy_run(strategy, "live", NOW + timedelta(minutes=1))
    done, killed = ann.strategy_runs(limit=5)
    assert (done.outcome, done.seconds, done.detail, done.said) == ("success", Decimal("0.5"), "fine", "printed")
    assert (killed.outcome, killed.mode, killed.detail) == ("failed", "live", "it did not come to its end")
    assert ann.strategy_runs("other", limit=5) == ()


# --- what stops every order ---------------------------------------------------------------------------------------


def test_the_flag_in_the_store(store: Store, ann: UserStore) -> None:
    strategy = make(ann)
    assert store.halted() is None
    store.set_halt("first")
    store.set_halt("second")
    assert "first" in (store.halted() or "")
    assert "first" in (ann.strategy_standing(strategy, DAY).halted or "")
    assert store.end_halt()
    assert not store.end_halt()
    assert store.halted() is None


def test_the_file(tmp_path: Path) -> None:
    file = tmp_path / "state" / FILE_NAME
    assert halted_by_file(file) is None
    halt_by_file(file, NOW, "tired")
    halt_by_file(file, NOW, "again")
    assert halted_by_file(file) == "since 2026-01-01T12:00:00Z (tired)"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"\xff\xfe")
    assert halted_by_file(file) == f"{file} says so"
    file.write_bytes(b"")
    assert halted_by_file(file) is not None
    assert end_halt_by_file(file)
    assert not end_halt_by_file(file)
    file.mkdir()
    assert halted_by_file(file) is not None
    with pytest.raises(StoreError):
        end_halt_by_file(file)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert halted_by_file(blocked / FILE_NAME) is not None
    with pytest.raises(StoreError):
        halt_by_file(blocked / FILE_NAME, NOW, "")


def test_a_full_disk_halts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file needs no block: since when and why is lost, and no order leaves."""

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "state" / FILE_NAME
    monkeypatch.setattr(os, "write", full)
    halt_by_file(file, NOW, "tired")
    assert halted_by_file(file) == f"{file} says so"


def test_a_lease_that_another_took_over_sends_nothing(ann: UserStore, kind: str) -> None:
    """On a server: whoever slept through its lease is refused in the transaction that would have let the order go."""
    if kind != "postgresql":
        pytest.skip("beside a file whoever holds the lock lives")
    broker, strategy = add_broker(ann), make(ann)
    account = ann.bind_account(broker, "1")
    run_id = ann.begin_strategy_run(strategy, "live", NOW)
    with hold(ann._database.locks, "strategy-9"):
        with ann._database.write() as sql:
            sql.run("UPDATE leases SET token = token + 1 WHERE name = 'strategy-9'")
        with pytest.raises(Busy):
            ann.note_sending(
                strategy,
                order(broker, run_id, "a"),
                account_id=account,
                lease="strategy-9",
                day=DAY,
                refusal=lambda standing: None,
                state="{}",
            )
    assert ann.strategy_orders() == ()
