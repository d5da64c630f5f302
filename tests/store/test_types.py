"""Money and times come back from the database as they went in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from trademon.errors import DataError
from trademon.store.types import ExactDecimal, UtcTime, decimal_text

TABLE = Table(
    "kept",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("amount", ExactDecimal),
    Column("at", UtcTime),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database file with one column of each type."""
    engine = create_engine(f"sqlite:///{tmp_path / 'types.db'}")
    TABLE.metadata.create_all(engine)
    yield engine
    engine.dispose()


def kept(engine: Engine, **values: list[Any]) -> list[Any]:
    """Write the values of one column, read them back in order."""
    ((column, given),) = values.items()
    with engine.begin() as connection:
        connection.execute(insert(TABLE), [{"id": n, column: value} for n, value in enumerate(given)])
    with engine.connect() as connection:
        return list(connection.execute(select(TABLE.c[column]).order_by(TABLE.c.id)).scalars())


def some_decimal(chance: random.Random) -> Decimal:
    """From 1e-18 to 1e15, with up to 30 decimals, either sign."""
    places = chance.choice([0, 1, 2, 8, 12, 18, 18, 24, 30])
    integer = chance.randrange(10 ** chance.randint(0, 15))
    value = Decimal(f"{integer}.{chance.randrange(10**places):0{places}d}" if places else integer)
    return -value if chance.random() < 0.2 else value


def test_ten_thousand_decimals_come_back_identical(engine: Engine) -> None:
    """No digit is lost between 1e-18 and 1e15 with up to 30 decimals: no float is on the way."""
    chance = random.Random(18)
    given = [some_decimal(chance) for _ in range(9_990)]
    given += [Decimal(t) for t in ("1e-18", "1e15", "0.1", "-0.1", "0", "1e-30", "123456789012345.123456789012345678")]
    given += [Decimal("999999999999999.999999999999999999999999999999"), Decimal("1E+3"), Decimal("2.50")]
    assert len(given) == 10_000
    assert kept(engine, amount=given) == given


def test_an_empty_amount_stays_empty(engine: Engine) -> None:
    """NULL is not nought."""
    assert kept(engine, amount=[None, Decimal(0)]) == [None, Decimal(0)]


@pytest.mark.parametrize(
    "value",
    [0.1, float("nan"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"), 1, "1", True],
)
def test_what_is_no_finite_decimal_is_refused_on_the_way_in(engine: Engine, value: Any) -> None:
    """A float, a NaN, an infinity, an int and a text are all refused before the database sees them."""
    with pytest.raises(DataError):
        decimal_text(value)
    with pytest.raises((DataError, StatementError)), engine.begin() as connection:
        connection.execute(insert(TABLE), {"id": 1, "amount": value})
    with engine.connect() as connection:
        assert connection.execute(select(TABLE)).all() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.500", "1.5"), ("1E+3", "1000"), ("-0", "0"), ("0E-20", "0"), ("1E-18", "0.000000000000000001")],
)
def test_an_amount_is_stored_as_plain_text(value: str, text: str) -> None:
    """No exponent, no trailing zeros: a person may read the column."""
    assert decimal_text(Decimal(value)) == text


def test_amounts_are_text_on_sqlite_and_unconstrained_numeric_on_postgresql() -> None:
    """Neither column type may round: TEXT here, NUMERIC without digits there."""
    assert str(ExactDecimal().compile(dialect=sqlite.dialect())) == "TEXT"
    assert str(ExactDecimal().compile(dialect=postgresql.dialect())) == "NUMERIC"


def test_aware_times_are_exact_to_the_microsecond(engine: Engine) -> None:
    """Also in other zones, and where a float of seconds would round."""
    chance = random.Random(6)
    first = datetime(1970, 1, 1, tzinfo=UTC)
    given = [first + timedelta(microseconds=chance.randrange(7 * 10**15)) for _ in range(2_000)]
    given += [first, datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    given += [datetime(2026, 3, 29, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))]
    back = kept(engine, at=given)
    assert back == given
    assert {at.utcoffset() for at in back} == {timedelta(0)}


def test_times_sort_in_the_database_as_they_do_outside(engine: Engine) -> None:
    """Queries may compare and sort times, whatever zone they came in."""
    east, west = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    given = [datetime(2026, 1, 1, h, tzinfo=zone) for h in (1, 12, 23) for zone in (east, UTC, west)]
    kept(engine, at=given)
    with engine.connect() as connection:
        assert list(connection.execute(select(TABLE.c.at).order_by(TABLE.c.at)).scalars()) == sorted(given)


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), 1_700_000_000, "2026-01-01T00:00:00Z"])  # noqa: DTZ001
def test_a_time_without_a_zone_is_refused(engine: Engine, value: Any) -> None:
    """A naive time could mean any hour; a number or a text is not a time at all."""
    with pytest.raises((DataError, StatementError)), engine.begin() as connection:
        connection.execute(insert(TABLE), {"id": 1, "at": value})
