"""The console script: `trademon`, and `python -m trademon`."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import resource
import sys
from typing import TextIO

from trademon.redaction import OutputFailed, RedactedStream


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _open_what_is_closed()
    _keep_to_ourselves()
    try:
        from trademon.cli import main as run  # noqa: PLC0415 - importing this module costs nothing

        sys.exit(run(sys.argv[1:]))
    except OutputFailed as error:
        _let_go(f"trademon: the output cannot be written: {error.strerror}\n")
        sys.exit(1)
    except KeyboardInterrupt:  # before or after what the command line itself catches
        sys.stderr.write("trademon: stopped\n")
        sys.exit(130)
    finally:
        # At the end the collector would look through all of an exchange's library: 0.4 s of CPU for nothing.
        gc.freeze()


def _open_what_is_closed() -> None:
    """Whoever started us may have closed stdin, stdout or stderr: no file of ours may come to lie in their place."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
        name = ("stdin", "stdout", "stderr")[number]
        setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    os.close(number)


def _let_go(line: str) -> None:
    """Say it as far as that goes, and keep Python from trying again at exit."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line)
        sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)


def _keep_to_ourselves() -> None:
    """What this process leaves is its owner's alone and holds no secret: files, output, a crash's memory dump."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:  # closed by whoever started us
            setattr(sys, name, RedactedStream(buffered(stream)))


def buffered(stream: TextIO) -> TextIO:
    """The same stream with a buffer where it has none (PYTHONUNBUFFERED, as in many containers): a write that a signal
    interrupts would lose its rest there, and a resized dashboard would be torn."""
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        return stream
    writer = io.BufferedWriter(raw)
    return io.TextIOWrapper(writer, encoding=stream.encoding, errors=stream.errors, line_buffering=True)


if __name__ == "__main__":
    main()
