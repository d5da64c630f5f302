"""docs/accounting.md names the test of each example, and the names are true."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "accounting.md").read_text(encoding="utf-8")


def test_every_test_the_page_names_exists():
    """A rule that points at a test nobody wrote would be an empty promise."""
    written = set(re.findall(r"^def (test_\w+)", (HERE / "test_pnl.py").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named <= written


def test_every_case_the_page_numbers_exists():
    """`case 07` is the file that begins with 07."""
    numbers = {path.name[:2] for path in (HERE.parent / "golden" / "cases").glob("*.txt")}
    named = set(re.findall(r"case\s(\d\d)", PAGE))
    assert named
    assert named <= numbers
