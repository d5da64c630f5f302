"""Commands in hints, as they can be copied."""

from __future__ import annotations

import pytest

from trademon.core.hints import note_user, note_users, one_command, to_copy
from trademon.core.reports import Problem
from trademon.errors import AuthError

WHOLE = [
    ("trademon broker test m, then trademon scan", "trademon broker test m --user ann, then trademon scan"),
    ("trademon broker login m --code 'ADDRESS', soon", "trademon broker login m --user ann --code 'ADDRESS', soon"),
    ("check it, then trademon broker set NAME --new-key", "check it, then trademon broker set m --user ann --new-key"),
    ("make it; trademon broker set m-2.b --new-key; or", "make it; trademon broker set m-2.b --user ann --new-key; or"),
    ("trademon strategy run dca", "trademon strategy run dca --user ann"),
    ("trademon broker enable m --user bob", "trademon broker enable m --user bob"),
    ("trademon broker list shows them", "trademon broker list shows them"),
    ("trademon broker refresh", "trademon broker refresh"),
    ("trademon key rotate --lost", "trademon key rotate --lost"),
    (None, None),
]


@pytest.mark.parametrize(("hint", "shown"), WHOLE)
def test_a_hint_for_one_of_several_users_says_whose(hint: str | None, shown: str | None) -> None:
    """The one it belongs to, else the one the command works for; the broker takes the place of NAME."""
    with one_command():
        note_users(2)
        assert to_copy(hint, broker="m", user="ann") == shown
        assert to_copy(hint, broker="m") == (hint and hint.replace("NAME", "m"))
        note_user("ann")
        assert to_copy(hint, broker="m") == shown


@pytest.mark.parametrize("users", [None, 1])
def test_nothing_is_added_where_there_is_one_user_or_nobody_counted(users: int | None) -> None:
    """Outside of a command as in a store of one; what a broker's NAME is, is said all the same."""
    with one_command():
        if users is not None:
            note_users(users)
        error = AuthError("refused", hint="trademon broker set NAME --new-key")
        assert Problem.of(error, broker="m", user="ann").line == "m: refused (trademon broker set m --new-key)"
    note_users(2)
    assert to_copy("trademon broker test m", user="ann") == "trademon broker test m"
    assert to_copy("trademon broker add NAME --exchange binance", broker="m") == (
        "trademon broker add NAME --exchange binance"
    )
