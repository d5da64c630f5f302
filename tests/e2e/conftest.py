"""What is marked `nightly` is left out unless the command line names marks itself."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [item for item in items if item.get_closest_marker("nightly")]
    if long and not config.getoption("markexpr"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
