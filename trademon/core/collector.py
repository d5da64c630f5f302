"""Python's cycle collector, kept out of work that makes very many objects and no cycles."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """The collector goes through all objects again and again while many are made. Where none of them is part of a
    cycle it finds nothing, and costs a sixth of an import and half of a fold over a deep queue of lots."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
