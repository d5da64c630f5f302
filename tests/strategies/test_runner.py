"""The process that runs a strategy's code: what it may do, and that nothing it does wrong gets out of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from trademon.errors import StrategyError
from trademon.strategies.protocol import BrokerView, Buy, Coin, Context, Holding
from trademon.strategies.runner import Code, Decision, Runner, find_code, read_code

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HEAD = "from decimal import Decimal\nfrom trademon.strategies import Buy, Sell, Cancel\n\n"


def code(body: str, head: str = "") -> Code:
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return Code("/x/mine.py", f"{HEAD}{head}\nclass Strategy:\n    def decide(self, context):\n{lines}\n", "h")


def context(**state: object) -> Context:
    broker = BrokerView(
        "main",
        "binance",
        {"USDT": Coin(Decimal("100.5"), Decimal(0))},
        {"BTC/USDT": Holding(Decimal("0.5"), Decimal(20_000))},
        {"BTC/USDT": Decimal(50_000)},
    )
    return Context("mine", NOW, False, {"amount": "25"}, (broker,), dict(state))


async def decide(body: str, head: str = "", *, deadline_s: float = 10.0, **state: object) -> Decision:
    return await Runner(deadline_s=deadline_s).decide(code(body, head), context(**state))


async def test_it_sees_its_context_and_what_it_wants_comes_back() -> None:
    done = await decide(
        "b = context.broker()\n"
        "assert b.free('USDT') == Decimal('100.5') and b.positions['BTC/USDT'].average == 40000\n"
        "assert context.now.isoformat() == '2026-05-01T12:00:00+00:00'\n"
        "context.state['n'] = context.state['n'] + 1\n"
        "print('hello')\n"
        "yield Buy('BTC/USDT', quote=context.decimal('amount'), reason='why', broker=b.name)",
        n=1,
    )
    assert done.intents == (Buy("BTC/USDT", quote=Decimal(25), reason="why", broker="main"),)
    assert done.state == '{"n":2}'
    assert done.said == "hello\n"


BAD = {
    "raises": "raise ValueError('no')",
    "ends": "import os; os._exit(0)",
    "kills itself": "import signal; signal.raise_signal(9)",
    "exits": "raise SystemExit(3)",
    "a float": "return [Buy('BTC/USDT', quantity=0.1)]",
    "no list": "return 5",
    "no intents": "return ['buy']",
    "both amounts": "return [Buy('BTC/USDT', quantity=Decimal(1), quote=Decimal(1))]",
    "neither": "return [Buy('BTC/USDT')]",
    "below zero": "return [Buy('BTC/USDT', quantity=Decimal(-1))]",
    "no number": "return [Buy('BTC/USDT', quantity=Decimal('NaN'))]",
    "no end": "return [Buy('BTC/USDT', quantity=Decimal('Infinity'))]",
    "no symbol": "return [Buy('', quantity=Decimal(1))]",
    "control characters": "return [Buy('BTC\\x1b[2J', quantity=Decimal(1))]",
    "too many": "return [Buy('BTC/USDT', quantity=Decimal(1))] * 51",
    "odd state": "context.state['x'] = object(); return []",
    "large state": "context.state['x'] = 'x' * 70000; return []",
    "large answer": "return [Buy('BTC/USDT', quantity=Decimal(1), reason='x' * 3000000)]",
    "read only": "context.parameters['amount'] = '1000000'",
    "frozen": "context.broker().prices['BTC/USDT'] = Decimal(1)",
    "network": "import socket; socket.create_connection(('127.0.0.1', 1))",
    "names": "import socket; socket.getaddrinfo('example.com', 80)",
    "a program": "import subprocess; subprocess.run(['true'])",
    "a shell": "import os; os.system('true')",
    "a fork": "import os; os.fork()",
    "writes": "open('/tmp/x-trademon', 'w')",
    "removes": "import os; os.remove('/tmp/x-trademon')",
    "a database": "import sqlite3; sqlite3.connect('/tmp/x-trademon.db')",
    "signals": "import os; os.kill(os.getppid(), 0)",
    "another process": "import os; open(f'/proc/{os.getppid()}/environ')",
}


@pytest.mark.parametrize("name", BAD)
async def test_what_it_does_wrong_is_one_error_and_nothing_else(name: str) -> None:
    with pytest.raises(StrategyError) as error:
        await decide(BAD[name])
    assert "\n" not in error.value.line
    assert len(error.value.line) < 600


async def test_garbage_on_its_output_is_no_answer() -> None:
    done = await decide('import os; os.write(1, b\'{"ok": true, "intents": [1]}\'); return []')
    assert done.intents == ()
    assert "ok" in done.said


HANGS = {
    "sleeps": "import time; time.sleep(60)",
    "counts": "while True: pass",
    "listens to nobody": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
}


def children() -> str:
    """What this process has started and what still runs of it."""
    command = ["ps", "-o", "args", "--ppid", str(os.getpid())]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", HANGS)
async def test_one_that_hangs_is_ended(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(StrategyError, match=r"not done within 0\.7 s"):
        await decide(HANGS[name], deadline_s=0.7)
    assert time.monotonic() - started < 5
    assert "child.py" not in children()


async def test_one_that_prints_without_end_is_ended_too() -> None:
    with pytest.raises(StrategyError, match="not done within"):
        await decide("while True: print('x' * 10000)", deadline_s=0.7)


async def test_too_much_memory_ends_it_alone() -> None:
    with pytest.raises(StrategyError, match="MemoryError"):
        await decide("x = bytearray(4 << 30)")


async def test_nothing_of_our_environment_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_API_SECRET", "very-secret")
    key = tmp_path / "config" / "master.key"
    key.parent.mkdir()
    key.write_text("very-secret")
    link = tmp_path / "link"
    link.symlink_to(key)
    runner = Runner((tmp_path / "config",))
    seen = await runner.decide(code("import os\ncontext.state['env'] = dict(os.environ)\nreturn []"), context())
    assert "very-secret" not in seen.state
    assert "MY_API_SECRET" not in seen.state
    for path in (key, link, f"{tmp_path}/config/../config/master.key"):
        with pytest.raises(StrategyError, match="may not read there"):
            await runner.decide(code(f"context.state['k'] = open({str(path)!r}).read()"), context())


async def test_what_was_looked_at_is_what_runs(tmp_path: Path) -> None:
    """The file may change under a run: its text was read once."""
    file = tmp_path / "mine.py"
    file.write_text(code("context.state['v'] = 1; return []").text)
    read = read_code(str(file))
    file.write_text(code("context.state['v'] = 2; return []").text)
    assert (await Runner().decide(read, context())).state == '{"v":1}'
    assert read_code(str(file)).hash != read.hash


async def test_no_neighbour_of_the_file_is_imported(tmp_path: Path) -> None:
    """What is hashed is all that runs beside what is installed."""
    (tmp_path / "neighbour.py").write_text("X = 1")
    file = tmp_path / "mine.py"
    file.write_text(code("return []", "import neighbour").text)
    with pytest.raises(StrategyError, match="No module named 'neighbour'"):
        await Runner().decide(read_code(str(file)), context())


async def test_described_by_its_class() -> None:
    head = 'class Mine:\n    """Buys.\n\n    And more."""\n\n    PARAMETERS = {"a": "1"}\n\n'
    text = f"{head}    def decide(self, context):\n        return []\n"
    about = await Runner().describe(Code("/x", text, "h"))
    assert (about.parameters, about.text) == ({"a": "1"}, "Buys.")
    for wrong in ("x = 1", "class A:\n    def decide(self, c): ...\nclass B(A):\n    pass", "def f(:"):
        with pytest.raises(StrategyError):
            await Runner().describe(Code("/x", wrong, "h"))


def test_found_by_path_and_by_module_and_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "pack" / "mine.py").write_text("x = 1")
    wanted = str(tmp_path / "pack" / "mine.py")
    assert find_code("pack/mine.py", tmp_path, []) == wanted
    assert find_code("pack.mine", Path("/"), [str(tmp_path)]) == wanted
    for wrong in ("pack.other", "no.such", "..", ""):
        with pytest.raises(StrategyError, match="there is no strategy"):
            find_code(wrong, tmp_path, [str(tmp_path)])


async def test_cancelled_it_leaves_nothing_running() -> None:
    running = asyncio.create_task(decide("import time; time.sleep(60)"))
    await asyncio.sleep(0.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "child.py" not in children()
