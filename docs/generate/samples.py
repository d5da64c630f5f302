"""A report of any class with something in every field, so that its JSON shows all the keys it can have.

A report is made several times: with all that may be absent, without it, without single values alone, with other
alternatives, and with empty texts and lists. A list in it holds one of each. What the writers of the JSON make of these
is laid over one another (`shapes`).
"""

from __future__ import annotations

import enum
import functools
import importlib
import pkgutil
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import trademon.core
from trademon.errors import DataError

VARIANTS: Final = 5
_WITHOUT: Final = 1
_WITHOUT_SINGLE_VALUES: Final = 3
_EMPTY: Final = 4
AT: Final = datetime(2026, 1, 31, 10, tzinfo=UTC)
NUMBER: Final = Decimal("1.5")
COUNT: Final = 7
TEXT: Final = "anything"
"""No key of ours is called so: one that is stands for any name."""


@functools.cache
def core_names() -> dict[str, Any]:
    """Every name of `trademon.core`: its modules name some of each other's classes for the type checker alone."""
    modules = [importlib.import_module(f"trademon.core.{m.name}") for m in pkgutil.iter_modules(trademon.core.__path__)]
    return {name: value for module in modules for name, value in vars(module).items()}


def hints_of(kind: type) -> dict[str, Any]:
    """The types of a class's fields."""
    names = core_names() | vars(importlib.import_module(kind.__module__))
    return get_type_hints(kind, globalns=names, include_extras=True)


class Word(str):
    """A text that stands for any; with `choices` for one of these."""

    __slots__ = ("choices",)
    choices: tuple[str, ...]

    def __new__(cls, text: str, choices: tuple[str, ...] = ()) -> Word:
        made = super().__new__(cls, text)
        made.choices = choices
        return made


def sample(kind: Any, variant: int = 0) -> Any:
    """A value of a type, as its variant has it."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return sample(args[0], variant)
    if origin is Literal:
        return _one_of(args, variant)
    if origin in (Union, types.UnionType):
        return _optional([arg for arg in args if arg is not type(None)], type(None) in args, variant)
    if isinstance(kind, type) and is_dataclass(kind):
        return _filled(kind, variant)
    return _several(origin, args, variant) if origin is not None else _plain(kind, variant)


def _optional(some: list[Any], may_be_none: bool, variant: int) -> Any:
    one = some[variant % len(some)]
    absent = variant == _WITHOUT or (variant == _WITHOUT_SINGLE_VALUES and not is_dataclass(one))
    return None if may_be_none and absent else sample(one, variant)


def _one_of(choices: tuple[Any, ...], variant: int) -> Any:
    one = choices[variant % len(choices)]
    return Word(one, tuple(map(str, choices))) if isinstance(one, str) else one


def _filled(kind: type, variant: int) -> Any:
    hints = hints_of(kind)
    given = {}
    for field in fields(kind):
        if not field.init:
            continue
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        if variant == _WITHOUT and has_default:
            continue
        given[field.name] = sample(hints[field.name], variant)
    try:
        return kind(**given)
    except DataError:  # a class that takes no empty text
        return _filled(kind, 0)


def _several(origin: Any, args: tuple[Any, ...], variant: int) -> Any:
    if origin is tuple and args[-1:] != (...,):
        return tuple(sample(arg, variant) for arg in args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {sample(args[0], variant): sample(args[1], variant)}
    if isinstance(origin, type) and (issubclass(origin, Sequence) or origin in (set, frozenset)):
        made = origin if origin in (list, set, frozenset) else tuple
        return made([] if variant == _EMPTY else [sample(args[0], other) for other in range(VARIANTS)])
    raise TypeError(f"no sample of {origin}")


def _plain(kind: Any, variant: int) -> Any:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[variant % len(kind)]
    known: dict[Any, Any] = {
        str: Word("" if variant == _EMPTY else TEXT),
        bool: variant not in (2, _WITHOUT_SINGLE_VALUES),
        int: COUNT,
        Decimal: NUMBER,
        datetime: AT,
        date: AT.date(),
        time: AT.time(),
        timedelta: timedelta(minutes=1),
        Path: Path(TEXT),
        type(None): None,
        Any: Word(TEXT),
        object: Word(TEXT),
        dict: {},
    }
    return known[kind]
