"""The options that every command takes: written once, given to all."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tests.cli.test_two_users import every_command
from trademon.cli.flags import Flags, with_flags


@pytest.mark.parametrize("path", every_command())
def test_every_command_takes_them(path: str) -> None:
    """Each command that can be run, also a hidden one, has all of them, in one order after its own."""
    options = [option for parameter in every_command()[path].params for option in parameter.opts]
    assert [option for option in options if option in SHARED] == SHARED


SHARED = ["--json", "-q", "--quiet", "-v", "--debug", "--no-color"]


def made(seen: list[object]) -> typer.Typer:
    """A program of one command that notes what it was called with."""
    app = typer.Typer()

    @app.command()
    @with_flags
    def one(flags: Flags, name: str, many: Annotated[bool, typer.Option("--many")] = False) -> None:
        """What it does."""
        seen.extend((flags, name, many))

    return app


def test_they_reach_the_command_as_one_value() -> None:
    """Options of its own and arguments are handed on by name, the shared ones gathered."""
    seen: list[object] = []
    assert CliRunner().invoke(made(seen), ["x", "-vv", "--json"]).exit_code == 0
    assert seen == [Flags(json=True, verbose=2), "x", False]
    seen.clear()
    assert CliRunner().invoke(made(seen), ["-q", "--debug", "--no-color", "--many", "x"]).exit_code == 0
    assert seen == [Flags(quiet=True, debug=True, no_color=True), "x", True]


def test_a_command_keeps_its_words() -> None:
    """Its help is the one of its function."""
    assert "What it does." in CliRunner().invoke(made([]), ["--help"]).output


def test_an_option_of_that_name_is_refused() -> None:
    """A command that had a `--json` of its own would lose one of the two in silence."""

    def one(flags: Flags, json: bool = False) -> None: ...

    with pytest.raises(ValueError, match="json"):
        with_flags(one)
