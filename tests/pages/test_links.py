"""Every link and every page that is named leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages.reading import PAGES, ROOT, anchors, name_of, prose

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"(?<![\w/.])(?:docs|benchmarks)/[\w./-]*\w")
_TOLD = (".md", ".py", ".example", ".toml", ".service", ".timer", ".txt")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading that it has; the world outside is not asked."""
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        assert led.exists(), target
        assert led.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(led), target


def told_files() -> list[Path]:
    """What people read of this repository, hints of errors included."""
    rooms = ("trademon", "tests", "docs", "benchmarks")
    found = [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in _TOLD]
    return [*found, *(path for path in ROOT.iterdir() if path.is_file() and path.suffix in _TOLD)]


def test_every_page_that_is_named_anywhere_exists() -> None:
    """A hint, a comment or a setting that names docs/... names a file there is."""
    named = {
        (match, str(path.relative_to(ROOT)))
        for path in told_files()
        for match in _NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert not sorted(f"{where}: {what}" for what, where in named if not (ROOT / what).exists())


def test_every_page_of_the_site_is_reached_from_its_beginning() -> None:
    """A page in no table of contents is found by nobody."""
    docs, reached, left = ROOT / "docs", set(), [ROOT / "docs" / "index.md"]
    while left:
        page = left.pop()
        reached.add(page)
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            names = [line for line in block.split() if not line.startswith(":") and re.fullmatch(r"[\w./-]+", line)]
            left += {
                path
                for name in names
                if (path := (page.parent / f"{name}.md").resolve()).exists() and path not in reached
            }
    assert {name_of(page) for page in docs.rglob("*.md")} == {name_of(page) for page in reached}
