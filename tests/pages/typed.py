"""A page's blocks typed into one shell, from the first to the last."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.pages.reading import Block, blocks

RUN = ("sh", "console")
TYPED = re.compile(r"^\$ (.+)$", re.MULTILINE)
# Whatever ends the script ends what it left running, in the home it had last.
_HEAD = """set -euo pipefail
sleep() { command sleep 0.1; }
trap 'trademon automation stop >/dev/null 2>&1 || true; kill $(jobs -p) 2>/dev/null || true' EXIT
"""
_PORT = "8787"
"""The port of a page's own servers; another one is taken for each run."""


def to_run(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in RUN and block.not_run is None]


def type_page(page: Path, home: Path) -> tuple[subprocess.CompletedProcess[str], dict[Block, list[str]]]:
    """Run all that a page tells to type, in a home of its own on this machine alone.

    Returns how it ended, its standard error naming each block it came to, and what each `$ command` printed.
    """
    out, here = home / "out", home / "here"
    out.mkdir()
    here.mkdir()
    done = _run(_script(page, out).replace(_PORT, str(_free_port())), here, _environment(home))
    consoles = [block for block in to_run(page) if block.language == "console"]
    printed = {block: [p.read_text(encoding="utf-8") for p in _outputs(block, out)] for block in consoles}
    return done, printed


def _run(script: str, here: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The script's end. One that hangs is ended as a person would, so that it ends what it started."""
    told = ["bash", "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        told, cwd=here, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as shell:
        try:
            out, err = shell.communicate(timeout=95)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGTERM)
            out, err = shell.communicate(timeout=15)
    return subprocess.CompletedProcess(told, shell.returncode, out, err)


def _script(page: Path, out: Path) -> str:
    parts = [_HEAD]
    for block in to_run(page):
        parts.append(f"echo '@@ {block.place}' >&2\n")
        if block.language == "sh":
            parts.append(block.text)
        else:
            told = zip(TYPED.findall(block.text), _outputs(block, out), strict=True)
            parts += [f"{command} > {path}\n" for command, path in told]
    return "".join(parts)


def _outputs(block: Block, out: Path) -> list[Path]:
    paths = [out / f"{block.line}-{number}" for number, _ in enumerate(TYPED.findall(block.text))]
    for path in paths:
        path.touch()
    return paths


def _environment(home: Path) -> dict[str, str]:
    """That of a person who has nothing of trademon yet."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "TRADEMON_HOME": str(home / "trademon"),
        "USER": "ann",
        "LOGNAME": "ann",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "100",
        "PYTHONUTF8": "1",
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
