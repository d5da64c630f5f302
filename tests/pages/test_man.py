"""The man page: that it is in step with the commands is in test_reference.py; here, that a machine can show it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from docs.generate.commands import commands, options_of
from docs.generate.man import man_page
from docs.generate.pages import ROOT

PAGE = ROOT / "docs" / "man" / "trademon.1"


def rendered(page: Path) -> str:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-ww", "-rLL=200n", str(page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    return shown.stdout


def test_it_is_shown_without_a_warning_and_names_everything() -> None:
    """Each command and each of its options, in hyphens that can be copied."""
    words = set(rendered(PAGE).replace(",", " ").split())
    text = " ".join(rendered(PAGE).split())
    for path, command in commands():
        assert f"trademon {' '.join(path)}" in text
        assert {option for parameter in options_of(command) for option in parameter.opts} <= words


def test_signs_that_roff_would_obey_are_words() -> None:
    """A backslash, a dot or a quote at the beginning of a line."""
    example = "\n".join(f"# .so a\\b 'c' -- é of {name}\n{name}=\n" for name in names())
    page = man_page(example)
    assert "\n.so" not in page
    assert r"\&.so a\eb 'c' \-\- \[u00E9] of" in page


def names() -> tuple[str, ...]:
    from trademon.settings import NAMES

    return NAMES


def test_the_wheel_lays_it_where_man_looks() -> None:
    """Below the prefix of whatever it is installed into."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    laid = build["targets"]["wheel"]["shared-data"]
    assert laid == {"docs/man/trademon.1": "share/man/man1/trademon.1"}
    assert all((ROOT / source).is_file() for source in laid)
