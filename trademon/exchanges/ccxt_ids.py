"""Which exchanges ccxt knows, without importing any of it."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path


@cache
def ccxt_ids() -> frozenset[str]:
    """Every exchange that ccxt knows, by the files it consists of: importing them all takes most of a second."""
    if "ccxt" in sys.modules:  # perhaps our stand-in for it, which has no spec
        folder = Path(sys.modules["ccxt"].__path__[0]) / "async_support"
    else:
        spec = importlib.util.find_spec("ccxt")
        assert spec is not None, "ccxt is a dependency"
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "async_support"
    return frozenset(path.stem for path in folder.glob("[!_]*.py"))
