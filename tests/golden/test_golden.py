"""Every case in a trader's words gives the figures written under it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.cases import CASES, load, regenerated, tell
from trademon.core.model import METHODS


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_gives_the_figures_written_under_it(path: Path):
    """Each method's line is what the code says today, word by word."""
    case = load(path.read_text(encoding="utf-8"))
    assert case.expected, "a case that expects nothing proves nothing"
    assert {method: tell(case, method) for method in case.expected} == case.expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_regenerating_a_case_that_holds_changes_nothing(path: Path):
    """So a difference after `regenerate` is a difference in the rules."""
    text = path.read_text(encoding="utf-8")
    assert regenerated(text) == text


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_tells_its_story_and_its_arithmetic(path: Path):
    """It opens with a sentence, and prose stands between the fills and what is expected of them."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    assert lines[0].startswith("# ")
    first = next(n for n, line in enumerate(lines) if line.startswith("expect"))
    assert lines[first - 1].startswith("# ")


def test_every_method_is_expected_somewhere():
    """No method goes without a case of its own."""
    told = [load(path.read_text(encoding="utf-8")) for path in CASES]
    assert {method for case in told for method in case.expected} == set(METHODS)
    assert any(case.signed for case in told)


def test_a_line_that_means_nothing_is_noticed():
    """A misspelt expectation must not pass for prose."""
    with pytest.raises(AssertionError, match="means nothing"):
        load("# a slip\nexpects fifo gross 0\n")
