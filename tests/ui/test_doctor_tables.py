"""An examination as a person reads it."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from trademon.core.doctor_reports import Check, DoctorReport, Health
from trademon.ui.json_out import to_json
from trademon.ui.tables import render
from trademon.ui.text import ASCII

REPORT = DoctorReport(
    (
        Check("database", "ok", "/data/trademon.db, schema 0005, 12.3 MB, undamaged"),
        Check("clock", "warn", "3600.00 s behind the exchange", "let the system keep time (NTP)", "main", "ann"),
        Check(
            "key", "act", "Binance: the API key is refused (-2015) \x1b[31m", "trademon broker set main", "main", "ann"
        ),
    )
)


def shown(width: int) -> str:
    console = Console(width=width, no_color=True, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(REPORT, ASCII))
    return capture.get()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_check_stands_whole_with_what_to_do(width: int) -> None:
    """At any width: no line is too long, no word is lost, nothing a terminal acts upon gets through."""
    text = shown(width)
    assert max(len(line) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    assert "* ok" in words
    assert "! warn" in words
    assert "x act" in words
    assert "(-2015)" in words
    assert "-> trademon broker set main" in words
    assert "1 thing to do, 1 warning" in words
    assert "\x1b" not in text


def test_all_is_well_only_without_a_warning() -> None:
    """A broker that never answered is no fault of this machine, and nothing to call well."""

    def sum_of(*healths: Health) -> str:
        console = Console(width=80, no_color=True)
        with console.capture() as capture:
            console.print(render(DoctorReport(tuple(Check("host", health, "...") for health in healths)), ASCII))
        return capture.get().splitlines()[-1].strip()

    assert sum_of("ok", "ok") == "all well"
    assert sum_of("ok", "warn") == "1 warning, no fault"
    assert sum_of("warn", "warn", "warn") == "3 warnings, no fault"


def test_what_a_person_must_act_on_are_the_errors_of_the_document() -> None:
    """Exit 4 with one; the checks are all there."""
    assert [problem.broker for problem in REPORT.problems] == ["main"]
    assert (REPORT.exit_code, REPORT.status) == (4, "partial")
    assert [check["health"] for check in to_json(REPORT)["checks"]] == ["ok", "warn", "act"]
    json.dumps(to_json(REPORT))
