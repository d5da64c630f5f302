"""docs/reference/settings.md: the settings of the code, in the words of .env.example."""

from __future__ import annotations

import re
from typing import Any, Final

from docs.generate.markdown import MADE, paragraphs
from trademon.settings import _SECRET, NAMES, Settings

_COMMENTED: Final = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$")


def told(example: str) -> dict[str, tuple[str, str]]:
    """What the example says of each setting, and the value that it shows."""
    found: dict[str, tuple[str, str]] = {}
    words: list[str] = []
    for line in example.splitlines():
        if match := _COMMENTED.match(line):
            found[match[1]] = (" ".join(words), match[2])
            words = []
        elif line.startswith("# "):
            words.append(line[2:])
        elif not line:
            words = []
    return found


def settings_page(example: str) -> str:
    """Raises KeyError where the example leaves a setting out."""
    known, parts = told(example), [_HEAD]
    fields = {str(field.validation_alias): field for field in Settings.model_fields.values()}
    for name in NAMES:
        words, _ = known[name]
        parts += [f"### {name}", _linked(paragraphs(words)), *_facts(name, fields[name])]
    return "\n\n".join([*parts, _OTHERS]) + "\n"


def _linked(text: str) -> str:
    """Pages that are named by their path, as links from the reference."""
    return re.sub(r"\bdocs/([\w/-]+)\.md", r"[\1](../\1.md)", text)


def _facts(name: str, field: Any) -> list[str]:
    limits = {type(rule).__name__: rule for rule in field.metadata}
    facts = [] if field.default is None else [f"Default: `{field.default}`."]
    if "Ge" in limits and "Le" in limits:
        facts.append(f"From {limits['Ge'].ge} to {limits['Le'].le}.")
    if name in _SECRET:
        facts.append("A secret: shown as `***`, masked in all that leaves.")
    return [" ".join(facts)] if facts else []


_HEAD: Final = f"""{MADE}

# Settings

A flag of a command wins over the environment, that over `.env` in the directory you work in, that over `config.env` in
the config directory, that over the default. `trademon config show` says which value holds and where it comes from.
Both files are written as [.env.example](../../.env.example) is; a misspelt `TRADEMON_` name in one of them is refused.
Values are taken as they stand: nothing in them is expanded.

Keys of exchanges are no settings: `trademon broker add` asks for them, and keeps them encrypted.

## The settings there are"""
_OTHERS: Final = """## What else is heeded

| variable | for |
|---|---|
| `NO_COLOR`, `TERM=dumb` | no colour and no escape codes |
| `PAGER` | the program for what is longer than the screen, where `TRADEMON_PAGER` names none |
| `COLUMNS` | the width of tables; without a terminal and without it, 200 |
| `PAGER` | what long tables go through on a terminal, where `TRADEMON_PAGER` does not say |
| `TZ` | the machine's zone, as everywhere |
| `USER`, `LOGNAME` | the first user's name, and whose command it is where there are several |
| `XDG_DATA_HOME`, `XDG_STATE_HOME`, `XDG_CONFIG_HOME` | where data, state and settings lie without `TRADEMON_HOME` |
| `CREDENTIALS_DIRECTORY`, `NOTIFY_SOCKET` | set by systemd: a handed-in master key, the watchdog |
| `BROWSER`, `DISPLAY`, `WAYLAND_DISPLAY` | whether `trademon broker login` can open a browser here |
| `PGPASSWORD` and other `PG...` | PostgreSQL's own client |
| any name you give to `--api-key-env` and its like | a key, read once and taken out of the environment |"""
