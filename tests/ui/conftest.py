"""The machine of these tests stands in UTC, so that local times read the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("TZ", "UTC")
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            context.delenv(name, raising=False)
        time.tzset()
        yield
    time.tzset()
