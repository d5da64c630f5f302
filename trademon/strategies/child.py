"""The program that runs a strategy's code, in a process of its own: JSON in, JSON out, nothing else.

It is started with an empty environment and gets the code's text over the pipe, so that what was looked at is what
runs. Before that text is compiled the process gives up what a strategy has no use for: time, memory, the network, other
programs, writing, and reading where keys are kept. That keeps an honest strategy from trading past the guard by
mistake. It is no jail for a hostile one: code that is not trusted is not to be run by anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"),
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink"),
    *("os.truncate", "os.kill", "os.killpg", "signal.pthread_kill", "shutil.rmtree"),
)


def main() -> None:
    """Read one request, write one answer."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # what the code prints is no answer
    request: Json = json.loads(sys.stdin.buffer.read())
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    try:
        answer = _answer(request)
    except BaseException as error:  # noqa: BLE001 - whatever a strategy does wrong is said in one line
        answer = {"ok": False, "error": f"{type(error).__name__}: {error}"[:400]}
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with os.fdopen(answer_to, "w", encoding="utf-8") as out:
        json.dump(answer, out)


def _answer(request: Json) -> Json:
    from trademon.strategies.wire import context_from_json, intent_to_json  # noqa: PLC0415

    _give_up(request["seconds"], request["megabytes"], request["private"])
    made = _load(request["source"], request["file"])
    if request["ask"] == "describe":
        doc = (made.__doc__ or sys.modules["strategy"].__doc__ or "").strip()
        return {"ok": True, "parameters": getattr(made, "PARAMETERS", {}), "about": doc.partition("\n\n")[0][:400]}
    context = context_from_json(request["context"])
    wanted: Iterable[Any] | None = made().decide(context)
    return {"ok": True, "intents": [intent_to_json(one) for one in wanted or ()], "state": context.state}


def _load(source: str, file: str) -> Any:
    """The one class of the code that has a `decide`."""
    module = types.ModuleType("strategy")
    module.__file__ = file
    sys.modules["strategy"] = module
    exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - it is what this is for
    own = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == "strategy" and callable(getattr(one, "decide", None))
    ]
    named = [one for one in own if one.__name__ == "Strategy"]
    if len(named or own) != 1:
        raise LookupError(f"{len(own)} classes with a method decide: name the one to run Strategy")
    return (named or own)[0]


def _give_up(seconds: int, megabytes: int, private: list[str]) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds + 2)  # where whoever started this is gone and cannot end it
    resource.setrlimit(resource.RLIMIT_CPU, (seconds + 1, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_hook([os.path.realpath(path) for path in private]))


def _hook(private: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    refused, own = frozenset(_REFUSED), f"/proc/{os.getpid()}/"

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event in refused:
            raise PermissionError(f"a strategy may not: {event}")
        if event == "sqlite3.connect" and values[0] not in (":memory:", b":memory:"):
            raise PermissionError("a strategy may not open a database")
        if event == "open" and isinstance(values[0], (str, bytes)):
            flags = values[2] if isinstance(values[2], int) else 0
            path = os.path.realpath(os.fsdecode(values[0]))
            if flags & _WRITES and path != os.devnull:
                raise PermissionError("a strategy may not write files: what it keeps is context.state")
            is_other = path.startswith("/proc/") and path[6:7].isdigit() and not path.startswith(own)
            if is_other or any(path == one or path.startswith(one + os.sep) for one in private):
                raise PermissionError("a strategy may not read there")

    return hook


if __name__ == "__main__":
    main()
