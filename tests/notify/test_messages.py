"""What messages say: exact figures, harmless text, in two languages that say the same."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notify.desk import alert, order
from trademon.core.execution_notices import as_sum, join_sums
from trademon.core.foreign import acts_unseen
from trademon.core.notices import EVENT_OF, Kind, Notice, QuietHours, parse_quiet, zone_of
from trademon.core.reports import Problem
from trademon.core.round_notices import round_notices
from trademon.core.rounds import Round, Task
from trademon.errors import UsageError
from trademon.notify import messages
from trademon.notify.base import scrubbed
from trademon.notify.language import ENGLISH, LANGUAGES, read_po
from trademon.notify.messages import Reader, format_notice
from trademon.redaction import register

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOSTILE = "<b>x</b>\u202e[x](y)\x1b[31m\x00@everyone\r\n\u2066"


def a_round(*tasks: Task, outcome: Any = "success") -> Round:
    return Round(7, "ann", "cron", NOON, NOON + timedelta(seconds=12.34), outcome, tasks)


TASKS = (
    Task("sync main", "sync", "success", Decimal("1.234"), "4 pages", "main", 3, 2, 7),
    Task("sync b", "sync", "failed", Decimal("0.1"), "", "b", 0, 0, 1, Problem("auth", "key refused", "set it", "b")),
    Task("tokens saxo", "tokens", "success", Decimal("0.2"), "until 12:20", "saxo", requests=1),
    Task("strategy dca", "strategy", "success", Decimal("0.3"), "1 intent, dry run"),
)


def one_of_each(text: str = "x") -> list[Notice]:
    """A message of every kind, with `text` wherever it may come from outside."""
    tasks = [
        Task(text, task.kind, task.outcome, task.seconds, text, text, problem=task.problem and Problem("k", text))
        for task in TASKS
    ]
    facts = dict(order().payload) | {"broker": text, "symbol": text, "currency": text, "fees": {text: "1"}}
    plain = {"broker": text, "error": text, "remedy": text, "since": NOON.isoformat(), "times": 6}
    plain |= {"lost_from": NOON.isoformat(), "gaps": 2}
    loss = {"net": "-5.50", "limit": "5", "currency": text, "day": "2026-05-01"}
    kinds: list[Kind] = ["failing", "works_again", "must_act", "session_lost", "withdraw_right", "gap"]
    return [
        Notice("order", facts | {"unmatched": "0.1", "unvalued": True, "more": True}),
        Notice("executions", as_sum(facts | {"unmatched": "1"}, earlier=True)),
        Notice("executions", as_sum(facts)),
        *round_notices(a_round(*tasks, outcome="partial")),
        *(Notice(kind, plain) for kind in kinds),
        Notice("daily_loss", loss),
    ]


def test_there_are_words_for_every_kind() -> None:
    assert {notice.kind for notice in one_of_each()} == set(get_args(Kind)) == set(EVENT_OF)
    for language in LANGUAGES:
        for notice in one_of_each():
            text = format_notice(notice, Reader(language))
            assert text.title
            assert "{" not in text.whole


def test_an_order_is_told_in_exact_figures() -> None:
    text = format_notice(order(fills=2, value="21563.7"), Reader())
    assert text.title == "main: sold 0.5 BTC/USDT at 43127.4"
    assert text.body.splitlines() == ["Realised: +1.25 USDT", "Fee: 0.05 USDT", "2 executions, 2026-05-01 12:00 UTC"]
    exact = format_notice(order(quantity="1", value="43127.40000000000000002"), Reader())
    assert exact.title == "main: sold 1 BTC/USDT at 43127.40000000000000002"


def test_an_order_in_french_in_paris() -> None:
    """Figures keep their point: they are compared with those of other screens."""
    text = format_notice(order(net="-1.25"), Reader("fr", "Europe/Paris"))
    assert text.title == "main : vente de 0.5 BTC/USDT à 100"
    assert text.body.splitlines() == [
        "Réalisé : -1.25 USDT",
        "Frais : 0.05 USDT",
        "1 exécution, 01/05/2026 14:00 Europe/Paris",
    ]


def test_a_round_is_three_messages() -> None:
    """The summary, what the brokers answered, the errors; queued once by the round's number."""
    summary, answers, errors = (format_notice(n, Reader()) for n in round_notices(a_round(*TASKS, outcome="partial")))
    assert summary.whole.splitlines() == [
        "Round: partial, 12.3 s",
        "main: 3 new trades, 2 positions",
        "b: failed",
        "strategy dca: success, 1 intent, dry run",
        "2026-05-01 12:00 UTC",
    ]
    assert answers.whole.splitlines() == [
        "What the brokers answered",
        "sync main: success, 7 requests, 1.2 s, 4 pages",
        "sync b: failed, 1 request, 0.1 s",
        "tokens saxo: success, 1 request, 0.2 s, until 12:20",
        "2026-05-01 12:00 UTC",
    ]
    assert errors.whole.splitlines() == ["Round: 1 error", "b: key refused (set it)", "2026-05-01 12:00 UTC"]
    assert [n.key for n in round_notices(a_round(*TASKS))] == ["round_summary:7", "round_answers:7", "round_errors:7"]


def test_a_good_round_has_no_errors_and_a_cut_off_one_says_so() -> None:
    assert [n.kind for n in round_notices(a_round(TASKS[0]))] == ["round_summary", "round_answers"]
    cut = Round(8, "ann", "cron", NOON, tasks=(Task("sync main", "sync", "failed", None, "stopped", "main"),))
    summary, answers, errors = (format_notice(n, Reader()) for n in round_notices(cut))
    assert summary.title == "Round: failed, cut off"
    assert "cut off" in answers.body
    assert errors.body.startswith("sync main: stopped")


@given(st.text(max_size=60))
def test_nothing_of_outside_acts(text: str) -> None:
    for notice in one_of_each(text + HOSTILE):
        said = format_notice(notice, Reader(whose=text))
        assert not any(acts_unseen(c) for c in said.whole if c != "\n")
        assert "<b>x</b>[x](y)[31m@everyone" in said.whole or notice.kind == "daily_loss"


def test_sums_add_up_exactly_whatever_the_order() -> None:
    parts = [as_sum(order(n, fills=n, net=f"0.{n}1").payload) for n in range(1, 6)]
    total = parts[0]
    for one in parts[1:]:
        total = join_sums(total, one)
    assert (total["fills"], total["net"]) == (15, {"USDT": "1.55"})
    many = [as_sum(order(symbol=f"C{n}/USDT").payload) for n in range(50)]
    total = many[0]
    for one in many[1:]:
        total = join_sums(total, one)
    assert sum(total["symbols"].values()) == 50
    assert len(total["symbols"]) == 21


# --- languages ----------------------------------------------------------------------------------------------------


def msgids() -> Iterator[str]:
    """Every text that `messages` gives to be translated."""
    tree = ast.parse(Path(messages.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if name in ("_", "gettext"):
                yield texts[0]
            elif name == "several":
                yield "\0".join(texts[:2])


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
def test_every_text_is_translated_and_none_too_many(language: str) -> None:
    """With the same places for facts, and all plural forms."""
    catalogue = read_po(files("trademon.notify").joinpath("locale", f"{language}.po").read_text(encoding="utf-8"))
    catalogue.pop("")
    assert set(catalogue) == set(msgids())
    for msgid, msgstr in catalogue.items():
        wanted = [places(part) for part in msgid.split("\0")]
        assert all(places(part) in wanted for part in msgstr.split("\0")), msgid


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_an_unknown_language_is_english() -> None:
    assert format_notice(alert(), Reader("xx")).title == "b1 needs you"


# --- quiet hours, errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["22:00-07:00", "22-7", "00:00-23:59", "9:30-10:00"])
def test_quiet_hours_are_read(text: str) -> None:
    assert parse_quiet(str(parse_quiet(text))) == parse_quiet(text)


@pytest.mark.parametrize(
    "text", ["", "22", "22:00", "25:00-7:00", "22:0-7:00", "7-7", "a-b", "-", "22:00-07:00-08:00", "٢٢-٧"]
)
def test_what_are_no_quiet_hours(text: str) -> None:
    with pytest.raises(UsageError):
        parse_quiet(text)


def test_quiet_hours_are_the_walls_clock_on_both_changes() -> None:
    """On the night that is an hour longer they are, and on the shorter one they end in time."""
    paris, quiet = zone_of("Europe/Paris"), parse_quiet("01:00-03:30")
    autumn = [datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(40)]
    assert sum(quiet.hold(at, paris) for at in autumn) == 14
    spring = [datetime(2026, 3, 28, 22, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(40)]
    assert sum(quiet.hold(at, paris) for at in spring) == 6
    assert isinstance(quiet, QuietHours)


@pytest.mark.parametrize("name", ["Nowhere/X", "../etc/passwd", "", "Europe"])
def test_a_zone_that_is_none(name: str) -> None:
    if name == "":
        assert zone_of(name).key == "UTC"
        return
    with pytest.raises(UsageError):
        zone_of(name)


@given(st.text(max_size=300))
def test_what_others_say_is_kept_short_harmless_and_without_a_secret(text: str) -> None:
    secret = "the-token-of-this-test-0123456789"
    register(secret)
    said = scrubbed(f"{secret} {text} {secret} {text}")
    assert len(said) <= 200
    assert not any(acts_unseen(c) for c in said)
    assert said.startswith("***")
    assert secret not in said


def test_a_secret_that_an_error_repeats_is_not_told() -> None:
    register("the-token-of-this-test-0123456789")
    notice = Notice("must_act", {"broker": "b", "error": "refused the-token-of-this-test-0123456789"})
    assert format_notice(notice, Reader()).body == "refused ***"
