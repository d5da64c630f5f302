"""What the program's own streams are like, whatever they were started as."""

from __future__ import annotations

import io

from trademon.__main__ import buffered


class Interrupted(io.RawIOBase):
    """A terminal that takes a part of each write, as after a signal."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)[:2048]  # type: ignore[call-overload]
        self.taken += piece
        return len(piece)


def test_an_interrupted_write_loses_nothing_where_output_has_no_buffer() -> None:
    """PYTHONUNBUFFERED: Python's own stream drops what the terminal did not take at once."""
    terminal, frame = Interrupted(), "x" * 9000 + "\n"
    bare = io.TextIOWrapper(terminal, encoding="utf-8", errors="replace", write_through=True)  # type: ignore[type-var]
    bare.write(frame)
    assert len(terminal.taken) == 2048  # the fault that is mended
    terminal.taken = b""
    stream = buffered(bare)
    stream.write(frame)
    stream.flush()
    assert terminal.taken.decode() == frame
    assert (stream.encoding, stream.errors) == ("utf-8", "replace")


def test_a_stream_with_a_buffer_is_left_alone() -> None:
    """And so is one that is no file at all, as under a test."""
    usual = io.TextIOWrapper(io.BufferedWriter(Interrupted()))
    assert buffered(usual) is usual
    memory = io.StringIO()
    assert buffered(memory) is memory
