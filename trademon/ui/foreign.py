"""Foreign text made harmless, as messages have it made too (`core.foreign`)."""

from __future__ import annotations

from trademon.core.foreign import acts_unseen, clean

__all__ = ["acts_unseen", "clean"]
