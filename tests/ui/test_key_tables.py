"""What is said of keys, as a person reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.console import Console

from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.ui.json_out import to_json
from trademon.ui.tables import render

SINCE = datetime(2026, 11, 26, 16, 5, tzinfo=UTC)


def shown(report: object) -> str:
    console = Console(width=200, no_color=True, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(report))
    return capture.get()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            KeyStatus("/k", False, 3, SINCE, False, 2, 5, 0),
            ["/k; number 3, in use since 2026-11-26 16:05", "5 secrets of 2"],
        ),
        (KeyStatus("/k", True, 1, SINCE, False, 1, 1, 0), ["handed in by systemd", "1 secret of 1 user"]),
        (KeyStatus("/k", False, None, None, False, 0, 0, 0), ["not in use yet"]),
        (KeyStatus("/k", False, None, None, False, 0, 2, 2), ["2 secrets sealed as by an early release", "key rotate"]),
        (KeyStatus("/k", False, 2, SINCE, True, 1, 1, 0), ["a rotation was stopped", "key rotate ends it"]),
    ],
)
def test_a_status_says_which_key_it_is_and_what_is_left_to_do(status: KeyStatus, words: list[str]) -> None:
    """Never a part of the key."""
    for word in words:
        assert word in shown(status)
    assert to_json(status)["version"] == status.version


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (KeysRotated("/k", None), ["no key to rotate"]),
        (KeysRotated("/k", 4, was_unfinished=True), ["ended the rotation that was stopped", "number 4"]),
        (KeysRotated("/k", 2, users=2, secrets=5), ["5 secrets of 2 users sealed anew", "a copy of /k"]),
        (KeysRotated("/k", 2, forgotten=("ann/main api_key",)), ["forgotten", "broker set", "ann/main api_key"]),
    ],
)
def test_a_rotation_says_what_was_done_and_what_is_left_to_a_person(done: KeysRotated, words: list[str]) -> None:
    """In words and as JSON."""
    for word in words:
        assert word in shown(done)
    assert to_json(done)["forgotten"] == list(done.forgotten)
