"""A strategy's code run in a process of its own, within a deadline, without anything of ours but its context."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trademon.errors import StrategyError
from trademon.strategies.protocol import Context, Intent
from trademon.strategies.wire import context_to_json, parse_intents, parse_parameters, parse_state

DEADLINE_S = 10.0
MEGABYTES = 2048
MOST_CODE = 1024 * 1024
_MOST_ANSWER = 1024 * 1024
_MOST_SAID = 2000
_GONE_WITHIN_S = 5.0
_CHILD = Path(__file__).with_name("child.py")
# Nothing of our environment: keys may stand in it.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Code:
    """A strategy's text as it was read once, and its hash: what was looked at is what is run."""

    file: str
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a strategy wants, the state it leaves (JSON text), and what it printed."""

    intents: tuple[Intent, ...]
    state: str
    said: str


@dataclass(frozen=True, slots=True)
class About:
    """What a strategy says of itself: its parameters with their defaults, and what it does."""

    parameters: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Runner:
    """How code is run. `private` are directories and files that it may not read."""

    private: tuple[Path, ...] = field(default=())
    deadline_s: float = DEADLINE_S

    async def describe(self, code: Code) -> About:
        """Raises StrategyError where the code cannot be loaded."""
        answer, _ = await self._ask(code, {"ask": "describe"})
        return About(parse_parameters(answer.get("parameters")), str(answer.get("about") or ""))

    async def decide(self, code: Code, context: Context) -> Decision:
        """Raises StrategyError where it fails, hangs or answers with nonsense: then nothing of it counts."""
        answer, said = await self._ask(code, {"ask": "decide", "context": context_to_json(context)})
        return Decision(parse_intents(answer.get("intents")), parse_state(answer.get("state")), said)

    async def _ask(self, code: Code, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
        limits = {"seconds": int(self.deadline_s) + 1, "megabytes": MEGABYTES}
        whole = {"source": code.text, "file": code.file, "private": [str(p) for p in self.private]} | limits | request
        out, said = await _run(json.dumps(whole).encode(), self.deadline_s)
        try:
            answer = json.loads(out)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise StrategyError(f"its code ended without an answer{_last_line(said)}")
        if answer.get("ok") is not True:
            raise StrategyError(_printable(str(answer.get("error")))[:400])
        return answer, said


def read_code(file: str) -> Code:
    """Raises StrategyError where there is none to read."""
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(MOST_CODE + 1)
    except OSError as error:
        raise StrategyError(f"cannot read {file}: {error.strerror}", hint="trademon strategy show NAME") from None
    if len(content) > MOST_CODE:
        raise StrategyError(f"{file} is over {MOST_CODE // 1024} KB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise StrategyError(f"{file} is no text in UTF-8") from None
    return Code(file, text, hashlib.sha256(content).hexdigest())


def find_code(path_or_module: str, directory: Path, search: Sequence[str]) -> str:
    """The absolute path of a strategy's file, named by its path or as a module. Nothing is imported to find it.

    Raises:
        StrategyError: there is none of that name.
    """
    path = (directory / path_or_module).expanduser()
    if path.is_file():
        return str(path.resolve())
    parts = path_or_module.split(".")
    if all(part.isidentifier() for part in parts):
        for root in search:
            found = Path(root or directory, *parts).with_suffix(".py")
            if found.is_file():
                return str(found.resolve())
    raise StrategyError(
        f"there is no strategy {path_or_module!r}",
        hint="a file such as ./mine.py, or a module such as trademon.strategies.examples.dca",
    )


async def _run(request: bytes, deadline_s: float) -> tuple[bytes, str]:
    """Run the child to its end; what it answered and what it printed, both cut.

    Raises:
        StrategyError: not done in time, or too much of an answer. Nothing of it is left running.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-B", str(_CHILD)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(process.stdin, request))
    answering = asyncio.create_task(_read(process.stdout, _MOST_ANSWER))
    saying = asyncio.create_task(_drain(process.stderr))
    try:
        async with asyncio.timeout(deadline_s):
            _, answer, said = await asyncio.gather(feeding, answering, saying)
            await process.wait()
    except TimeoutError:
        raise StrategyError(f"not done within {deadline_s:g} s: it was ended") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own: whatever it began ends with it
        for task in (feeding, answering, saying):
            task.cancel()
        await asyncio.gather(feeding, answering, saying, return_exceptions=True)
        await _close(process)
    return answer, said


async def _close(process: asyncio.subprocess.Process) -> None:
    """Wait for its end, and read what is left in its pipes, so that they close."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GONE_WITHIN_S):
            await asyncio.gather(_drain(process.stdout), _drain(process.stderr), process.wait())


async def _feed(stream: asyncio.StreamWriter, request: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # one that ends at once says so by its missing answer
        stream.write(request)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await stream.read(65536):
        content += chunk
        if len(content) > most:
            raise StrategyError(f"it answered with more than {most // 1024} KB")
    return bytes(content)


async def _drain(stream: asyncio.StreamReader) -> str:
    """What is printed is read to its end, so that nobody waits for us, and the last of it is kept."""
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-_MOST_SAID:]
    return kept.decode("utf-8", "replace")


def _last_line(said: str) -> str:
    lines = [_printable(line) for line in said.splitlines() if line.strip()]
    return f" ({lines[-1][:200]})" if lines else ""


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
