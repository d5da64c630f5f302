"""Running the installed command as a script or a person does, and an exchange for it in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from trademon.demo.model import Clock
from trademon.demo.server import DemoAccount, DemoServer

TRADEMON = Path(sys.executable).with_name("trademon")
ENVELOPE = ["schema", "command", "status", "data", "errors"]
SECRETS = {"K": "A" * 64, "S": "the-very-secret-value", "P": "the-pass-phrase"}


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    def check(self, code: int) -> Done:
        assert self.code == code, f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        return self

    def one_line(self, *words: str) -> str:
        """What stderr says: exactly one line, with these words and without a traceback."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("trademon: ")
        assert "Traceback" not in self.out + self.err
        for word in words:
            assert word in self.err, self.err
        return self.err


@dataclass
class Shell:
    """One home directory, and an environment without any other trace of trademon."""

    home: Path
    cwd: Path

    def env(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEMON_", "AUTOMATION_", "COV_"))}
        for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "PYTHONWARNINGS"):
            kept.pop(name, None)
        return kept | {"TRADEMON_HOME": str(self.home), "TERM": "xterm-256color", "TZ": "UTC"} | more

    def run(self, *args: str, input: str = "", cwd: Path | None = None, **env: str) -> Done:
        """Run it to its end, without a terminal."""
        done = subprocess.run(
            [TRADEMON, *args],
            input=input,
            capture_output=True,
            text=True,
            timeout=40,
            env=self.env(**env),
            cwd=cwd or self.cwd,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """Begin it, and leave it running."""
        return subprocess.Popen(
            [TRADEMON, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env(**env),
            cwd=self.cwd,
        )

    def add(self, name: str, exchange: str, url: str, *more: str) -> Done:
        """Add a broker with the keys of SECRETS."""
        keys = ["--api-key-env", "K", "--api-secret-env", "S"]
        if exchange == "bitget":
            keys += ["--api-password-env", "P"]
        return self.run("broker", "add", name, "--exchange", exchange, "--base-url", url, *keys, *more, **SECRETS)

    def files(self) -> dict[str, tuple[int, int]]:
        """Everything below the home and the working directory."""
        found = [p for root in (self.home, self.cwd) for p in root.rglob("*") if p.is_file()]
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in found}


def all_at_once(shell: Shell, commands: Sequence[Sequence[str]], **env: str) -> list[Done]:
    """Several commands side by side, their ends in the order of asking."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda args: shell.run(*args, **env), commands))


class ServerThread:
    """A demo server beside the test, on the machine's clock where no other is given."""

    def __init__(self, *accounts: DemoAccount, clock: Clock = now) -> None:
        self.server = DemoServer(accounts, clock=clock, weight_limit=10**9, has_rates=False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return self.server.base_url

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
