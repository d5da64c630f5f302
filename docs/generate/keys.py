"""docs/reference/dashboard.md: the keys, signs and figures of `watch`, as its own help has them."""

from __future__ import annotations

from typing import Final

from docs.generate.markdown import MADE, prose, table
from trademon.ui.text import UNICODE
from trademon.ui.watch.detail import _HELP

_HEADS: Final = {"keys": ("key", "does"), "signs": ("sign", "says"), "figures": ("figure", "is")}


def dashboard_page() -> str:
    parts, rows, name = [_HEAD], list[tuple[str, str]](), ""
    for key, words in (*_HELP, ("", "")):
        if key:
            rows.append((_cell(key), prose(words)))
            continue
        if rows:
            parts.append(f"## {name.capitalize()}\n\n{table(_HEADS[name], rows)}")
        name, rows = words, []
    return "\n\n".join(parts) + "\n"


def _cell(key: str) -> str:
    """A key or a sign as code, several of them apart."""
    g = UNICODE
    text = key.format(ok=g.ok, warn=g.warn, fail=g.fail, about=g.about, idle=g.idle, none=g.none)
    return ", ".join(f"`{part}`" for part in text.split(" " if "{" in key else ", "))


_HEAD: Final = f"""{MADE}

# The dashboard

![The dashboard: brokers, executions, open positions and P&L by symbol, over the demo](../dashboard.svg)

`trademon watch` on a terminal, `trademon watch --demo` without any account. It is made for 60 columns by 18 lines and
more: where there is less room, panels fold by importance, and what needs a look comes first. Without a terminal, or
with `--plain`, it writes a line for each event; `--json` writes an object for each
([JSON](json.md#lines-of-watch---json))."""
