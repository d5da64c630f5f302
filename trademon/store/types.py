"""Column types that keep what they are given.

The stock Decimal column goes through a float on SQLite: `Numeric(38, 18)` gave 0.1 back as 0.100000000000000006.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Numeric, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine

from trademon.core.times import from_us, to_us
from trademon.errors import DataError
from trademon.store.exact import decimal_text


@compiles(String, "postgresql")
@compiles(Text, "postgresql")
def _bytewise(type_: String, compiler: Any, **options: Any) -> str:
    """Every text compares byte by byte, as it does on SQLite: the order of entries and of names is no language's."""
    written = compiler.visit_TEXT if isinstance(type_, Text) else compiler.visit_VARCHAR
    return f'{written(type_, **options)} COLLATE "C"'


class ExactDecimal(TypeDecorator[Decimal]):
    """TEXT on SQLite, unconstrained NUMERIC elsewhere; a Decimal in and the same Decimal out.

    TEXT sorts and sums wrongly in SQL: arithmetic on these columns is done in Python.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(asdecimal=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = decimal_text(value)
        return text if dialect.name == "sqlite" else Decimal(text)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time as microseconds since 1970: exact, and sorts and compares in SQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise DataError("only aware times are stored")
        return to_us(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


class AnyInteger(TypeDecorator[int]):
    """An integer of any size: no affinity on SQLite, where one beyond 64 bits is kept as text, NUMERIC elsewhere.

    With INTEGER affinity SQLite would turn a text that looks like a large integer into a float.
    """

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LargeBinary() if dialect.name == "sqlite" else Numeric(asdecimal=True))
