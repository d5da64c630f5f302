"""Texts of the code as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MADE = "<!-- Made from the code: python -m docs.generate -->"


def prose(text: str) -> str:
    """A help text or a comment: options as code, nothing taken for markup."""
    text = re.sub(r"([*<>|])", r"\\\1", text)
    return re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"`\1`", text)


def paragraphs(text: str) -> str:
    """A help text of several paragraphs, without the line ends of the source."""
    return "\n\n".join(prose(" ".join(part.split())) for part in re.split(r"\n\s*\n", text.strip()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without the columns that are empty; cells are Markdown already."""
    cells = list(rows)
    kept = [n for n in range(len(head)) if any(row[n] for row in cells)]
    lines = [[head[n] for n in kept], ["---"] * len(kept), *([row[n] for n in kept] for row in cells)]
    return "\n".join("| " + " | ".join(line).rstrip() + " |" for line in lines)


def first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].rstrip(".")
