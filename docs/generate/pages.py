"""Which files are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from docs.generate.bodies import bodies_page
from docs.generate.commands import commands_page
from docs.generate.dashboard import dashboard_picture
from docs.generate.keys import dashboard_page
from docs.generate.man import man_page
from docs.generate.settings import settings_page

ROOT: Final = Path(__file__).parents[2]
GENERATED: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/cli.md": commands_page,
    "docs/reference/settings.md": lambda: settings_page(_example_settings()),
    "docs/reference/json.md": bodies_page,
    "docs/reference/dashboard.md": dashboard_page,
    "docs/man/trademon.1": lambda: man_page(_example_settings()),
    "docs/dashboard.svg": dashboard_picture,
}


def _example_settings() -> str:
    return (ROOT / ".env.example").read_text(encoding="utf-8")
