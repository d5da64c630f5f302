"""The reference says what the code does, and leaves nothing out."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from docs.generate.bodies import DONE, REPORTS, json_commands, shape_of_report
from docs.generate.commands import EXIT_CODES, arguments_of, commands, options_of
from docs.generate.pages import GENERATED
from docs.generate.settings import told
from docs.generate.shapes import unlike
from tests.pages.reading import ROOT
from trademon import errors
from trademon.cli import main
from trademon.settings import NAMES
from trademon.ui.json_out import _WRITERS

CSV = """executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id
2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o1,t1
2026-05-01T10:01:00Z,BTC/USDT,buy,0.002,46000,,,o2,t2
2026-05-01T10:02:00Z,BTC/USDT,sell,0.0015,47000,,,o3,t3
"""
CASH = """at,kind,currency,amount,symbol,id
2026-05-01T10:00:00Z,funding,USDT,-0.5,BTC/USDT,c1
"""
UNTOLD = "prices fetch --in EUR"
"""No market of the demo has EUR: it fails, and its document is whole."""
# One after the other in one home; those that need a key or a person are left to the classes of their reports.
ASKED = (
    "broker add old --exchange manual",
    "fills import trades.csv --broker old",
    "broker add practice --exchange demo --since 6h",
    "broker test practice",
    "scan",
    "sync",
    "fills",
    "pnl --by month --stats",
    "pnl --broker old --unrealized",
    "pnl explain 3",
    "pnl compare",
    "pnl what-if --sell 0.001 --symbol BTC/USDT --broker old --price 1",
    "lots",
    "lots open --broker old --symbol ETH/USDT --quantity 1 --price 2 --at 2026-01-01",
    "positions",
    "balances",
    "orders",
    "transfers",
    "coverage",
    "cash import cash.csv --broker old",
    "cash",
    UNTOLD,
    "prices list",
    "strategy add dca trademon.strategies.examples.dca --param amount=200 --broker practice",
    "strategy run dca",
    "strategy list",
    "strategy show dca",
    "strategy log",
    "automation start --cron",
    "automation run --force",
    "automation status",
    "automation logs",
    "halt --show",
    "rebuild",
    "db status",
    "paths",
    "config show",
    "broker list",
    "key rotate --yes",
    "key status",
    "broker refresh",
    "notify send",
    "notify list",
    "notify outbox",
    "user list",
    "doctor --broker practice",
    "verify --broker practice",
)


PICTURE = "docs/dashboard.svg"


@pytest.mark.parametrize("name", [name for name in GENERATED if name != PICTURE])
def test_a_generated_file_is_in_step_with_the_code(name: str) -> None:
    """A command, an option, a setting or a key of JSON that changed has changed here, too."""
    path = ROOT / name
    assert path.exists(), f"{name} is missing: python -m docs.generate"
    assert path.read_text(encoding="utf-8") == GENERATED[name](), f"{name} is out of step: python -m docs.generate"


def test_the_picture_of_the_dashboard_is_in_step_with_the_code() -> None:
    """Its words and figures; how they are drawn is the library's. It is made of nothing from anywhere else."""
    kept = (ROOT / PICTURE).read_text(encoding="utf-8")
    assert words_of(kept) == words_of(GENERATED[PICTURE]()), f"{PICTURE} is out of step: python -m docs.generate"
    assert set(re.findall(r"https?://[^\"\s]+", kept)) == {"http://www.w3.org/2000/svg"}
    assert "trademon" in words_of(kept)


def words_of(svg: str) -> list[str]:
    """What stands in a picture, in its order."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return " ".join(html.unescape(text) for text in texts).split()


def test_every_command_option_and_argument_says_what_it_is_for() -> None:
    """One without a word of help is not documented, though its name is."""
    mute = [" ".join(path) for path, command in commands() if not command.help]
    for path, command in commands():
        mute += [f"{' '.join(path)} {p.opts[0]}" for p in (*options_of(command), *arguments_of(command)) if not p.help]
    assert mute == []


def test_every_setting_is_told_in_words() -> None:
    """The reference takes its words from .env.example."""
    words = told((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert set(words) == set(NAMES)
    assert all(len(text.split()) > 3 for text, _ in words.values())


def test_every_variable_that_the_code_looks_at_is_told() -> None:
    """Those of others, too: NO_COLOR, PAGER and the like."""
    asked = re.compile(r"""environ(?:\.get\(|\[|\.pop\()"([A-Z_]+)"|getenv\("([A-Z_]+)\"""")
    found = {a or b for path in (ROOT / "trademon").rglob("*.py") for a, b in asked.findall(path.read_text("utf-8"))}
    assert len(found) > 6
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in sorted(found) if not re.search(rf"\b{name}\b", page)] == []


def test_every_exit_code_is_told() -> None:
    """Those of the errors there are."""
    codes = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert codes <= EXIT_CODES.keys()


def test_every_report_and_every_command_has_a_body() -> None:
    """No report is left out, and none is told of a command that is not there."""
    assert {*REPORTS.values(), DONE} == set(_WRITERS)
    assert REPORTS.keys() <= set(json_commands())


def test_what_commands_write_is_as_the_reference_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each document has the keys that are told, and no others; a command does not report what another does."""
    for name in (*NAMES, "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRADEMON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USER", "ann")
    monkeypatch.chdir(tmp_path)
    Path("trades.csv").write_text(CSV, encoding="utf-8")
    Path("cash.csv").write_text(CASH, encoding="utf-8")
    for line in ASKED:
        assert main([*line.split(), "--json"]) == (1 if line == UNTOLD else 0), (line, capsys.readouterr())
        document = json.loads(capsys.readouterr().out)
        shape = shape_of_report(REPORTS.get(document["command"], DONE))
        assert unlike(shape, document["data"]) == [], line


def test_a_document_that_is_unlike_its_shape_is_found_out() -> None:
    """So that the test above can fail: a key too many, one too few, and another report."""
    shape = shape_of_report("UsersReport")
    assert unlike(shape_of_report("PathsReport"), {"users": []}) != []
    assert unlike(shape, {"users": [], "more": 1}) == ["data.more is not known"]
    assert "data.users[].name is missing" in unlike(shape, {"users": [{"active": True}]})
