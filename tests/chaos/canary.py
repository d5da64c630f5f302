"""Secrets that must be seen nowhere, an exchange that says them again, and a look at everything a run has left.

The spellings looked for are written down here once more, apart from those that the product masks.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from aiohttp import web

from tests.chaos.house import PROGRAM, House
from tests.cli.shell import Done

KEY = "CanaryKey" + "0123456789abcdefXYZ" * 2 + "QRSTUVWXYZ0123456"  # Binance wants 64 letters and digits
SECRET = "Canary\"Secret'/+%&=<\\fedcba9876543210"
WORD = "Canary/+77"
CANARIES = {"key": KEY, "secret": SECRET, "passphrase": WORD}
ENVIRON = {"K": KEY, "S": SECRET}
PATIENCE_S = 90


def spellings(secret: str) -> Iterator[tuple[str, str]]:
    """Each with what it is called."""
    yield "as it is", secret
    yield "URL-encoded", quote(secret, safe="")
    yield "URL-encoded but for /", quote(secret)
    yield "as in a form", quote_plus(secret)
    yield "URL-encoded by others", re.sub("%..", lambda code: code[0].lower(), quote(secret, safe=""))
    yield "in JSON", json.dumps(secret)[1:-1]
    yield "in HTML", html.escape(secret)
    yield "as Python shows it", repr(secret)[1:-1]
    yield "hexadecimal", secret.encode().hex()
    for before in range(3):  # the part that stays the same, whatever stands before and behind it
        size = before + len(secret)
        part = slice((0, 2, 3)[before], size * 8 // 6)
        yield f"in base64 after {before}", base64.b64encode(b"\0" * before + secret.encode()).decode()[part]
        yield f"in base64url after {before}", base64.urlsafe_b64encode(b"\0" * before + secret.encode()).decode()[part]


def seen_in(content: bytes) -> list[str]:
    """Which canary stands there, and how it is spelt."""
    return [
        f"{name} {spelling}"
        for name, secret in CANARIES.items()
        for spelling, text in spellings(secret)
        if text.encode() in content
    ]


# --- an exchange that repeats what it was sent --------------------------------------------------------------------


def everything_it_was_sent() -> str:
    """Every canary in every spelling that an exchange may give it: a line of text."""
    return " ".join(text for secret in CANARIES.values() for name, text in spellings(secret) if name != "hexadecimal")


@dataclass
class Echo:
    """A fault that answers with everything it was sent; counts how often."""

    status: int = 400
    path: str = ""
    content_type: str = "application/json"
    body: Callable[[str], str] = lambda text: json.dumps({"code": -1100, "msg": text, text: [text]})
    headers: Mapping[str, str] = field(default_factory=dict)
    struck: int = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        if self.path not in request.path:
            return None
        self.struck += 1
        body = self.body(everything_it_was_sent())
        return web.Response(status=self.status, text=body, content_type=self.content_type, headers=self.headers)


def rows_that_echo(symbol: str = "BTCUSDT", **other: object) -> Callable[[str], str]:
    """A page of one fill, whole but for these fields, with everything it was sent in one field more."""

    def body(text: str) -> str:
        at = int(time.time() * 1000) - 3_600_000
        row: dict[str, object] = {"symbol": symbol, "id": 7, "orderId": 70, "price": "100", "qty": "1"}
        row |= {"commission": "0", "commissionAsset": "USDT", "time": at, "isBuyer": True, "isMaker": False}
        return json.dumps([row | {"clientOrderId": text} | {k: text if v is None else v for k, v in other.items()}])

    return body


# --- runs, and what they leave ------------------------------------------------------------------------------------


@dataclass
class Trace:
    """Everything that runs have left: by where it was, what was seen there."""

    house: House
    seen: dict[str, list[str]] = field(default_factory=dict)
    runs: list[Done] = field(default_factory=list)

    def look(self, where: str, content: bytes) -> None:
        found = seen_in(content)
        if found:
            self.seen.setdefault(where, []).extend(found)

    def run(
        self, *args: str, environ: Mapping[str, str] | None = None, kill_after_s: float | None = None, **hooks: object
    ) -> Done:
        """Run it to its end at full verbosity, or to a signal; looks at what it says, and at its children."""
        child = subprocess.Popen(
            [*PROGRAM, *args, "-vvv", "--debug"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.house.env(**hooks) | dict(environ or {}),
            cwd=self.house.home,
        )
        started = time.monotonic()
        while True:
            self._look_at_processes(child.pid)
            try:
                out, err = child.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if kill_after_s is not None and time.monotonic() - started > kill_after_s:
                    child.kill()
                assert time.monotonic() - started < PATIENCE_S, args
        self.look(f"stdout of {args[0]}", out)
        self.look(f"stderr of {args[0]}", err)
        done = Done(child.returncode, out.decode(), err.decode())
        self.runs.append(done)
        return done

    def _look_at_processes(self, pid: int) -> None:
        """The command line of the program, and of its children the environment as well."""
        for other, parent in _processes():
            if pid in (other, parent):
                self.look("a command line", _read(Path(f"/proc/{other}/cmdline")))
            if parent == pid:
                self.look("a child's environment", _read(Path(f"/proc/{other}/environ")))

    def look_at_files(self) -> None:
        """Every file of the home, its name as well, and its rights."""
        for path in self.house.home.rglob("*"):
            self.look("the name of a file", os.fsencode(path))
            if path.is_file():
                self.look(f"file {path.name}", path.read_bytes())


def _processes() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            words = _read(path / "stat").rpartition(b")")[2].split()
            if words:
                yield int(path.name), int(words[1])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""
