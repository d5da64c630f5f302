"""The shape of JSON: which keys there are, of what kind, and which are sometimes left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from docs.generate.samples import COUNT, TEXT, Word

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?")


@dataclass(slots=True)
class Shape:
    """What a value can be: `kinds` of single values, or one of some `choices`, an object's keys, what a list holds."""

    kinds: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    keys: dict[str, Shape] | None = None
    sometimes: set[str] = field(default_factory=set)
    items: Shape | None = None


def shape_of(values: Sequence[Any]) -> Shape:
    """The shape that all of these values have."""
    shape = Shape()
    objects = [value for value in values if isinstance(value, dict)]
    if objects:
        names = list(dict.fromkeys(name for value in objects for name in value))
        shape.keys = {name: shape_of([value[name] for value in objects if name in value]) for name in names}
        shape.sometimes = {name for name in names if any(name not in value for value in objects)}
    lists = [value for value in values if isinstance(value, list | tuple)]
    if lists:
        shape.items = shape_of([item for value in lists for item in value])
    for value in values:
        if isinstance(value, Word) and value.choices:
            shape.choices += [choice for choice in value.choices if choice not in shape.choices]
        elif not isinstance(value, dict | list | tuple) and (kind := kind_of(value)) not in shape.kinds:
            shape.kinds.append(kind)
    return shape


def kind_of(value: Any) -> str:
    """What a single value is called in these pages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "number"
    text = str(value)
    if text == str(COUNT):
        return "number as text"
    for kind, pattern in (("time", _TIME), ("date", _DAY), ("decimal", _DECIMAL)):
        if pattern.fullmatch(text):
            return kind
    return "text"


def draw(shape: Shape, indent: int = 0) -> list[str]:
    """The keys of an object, a line each, those of objects in it below, indented."""
    lines = []
    keys = shape.keys or {}
    width = max((len(_name(name, below)) for name, below in keys.items()), default=0)
    for name, below in keys.items():
        inner = _innermost(below)
        told = ", ".join(part for part in (_told(below), "not always there" if name in shape.sometimes else "") if part)
        lines.append(f"{' ' * indent}{_name(name, below):{width}}  {told}".rstrip())
        if inner.keys:
            lines += draw(inner, indent + 2)
    return lines


def _name(name: str, shape: Shape) -> str:
    return ("(any name)" if name == TEXT else name) + ("[]" if shape.items is not None else "")


def _innermost(shape: Shape) -> Shape:
    return _innermost(shape.items) if shape.items is not None else shape


def _told(shape: Shape) -> str:
    inner = _innermost(shape)
    words = [kind for kind in inner.kinds if kind != "null"]
    if inner.choices:
        words.insert(0, f"one of {', '.join(inner.choices)}")
    if "null" in (*inner.kinds, *shape.kinds):
        words.append("null")
    told = " or ".join(words)
    return f"or {told}" if inner.keys and told else told


def unlike(shape: Shape, value: Any, at: str = "data") -> list[str]:
    """Where a value has keys that the shape does not know, or lacks some that it always has."""
    if isinstance(value, dict) and shape.keys is not None and TEXT not in shape.keys:
        known = shape.keys
        wrong = [f"{at}.{name} is not known" for name in value if name not in known]
        wrong += [f"{at}.{name} is missing" for name in known if name not in value and name not in shape.sometimes]
        both = [name for name in value if name in known]
        return wrong + [found for name in both for found in unlike(known[name], value[name], f"{at}.{name}")]
    if isinstance(value, list) and shape.items is not None:
        return [found for item in value for found in unlike(shape.items, item, f"{at}[]")]
    return []
