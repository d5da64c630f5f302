"""What only a server can do to a store: go away at any moment, let several machines in, speak other languages."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres
from tests.store.world import (
    OPENED,
    ROOT,
    add_broker,
    all_at_once,
    book,
    counts,
    derived,
    expected,
    fill,
    open_store,
    span,
    start,
)
from trademon.core.model import Broker
from trademon.errors import StoreError
from trademon.store.database import Database
from trademon.store.sql import Lost
from trademon.store.store import UserStore

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")

HISTORY = [fill("1"), fill("2", "sell", "0.4", "110", at=1), fill("3", "sell", "2", "120", at=2), fill("4", at=3)]


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def spot(ann: UserStore) -> Broker:
    return add_broker(ann)


# --- a connection that breaks -------------------------------------------------------------------------------------


class Scissors:
    """Cuts every connection to a database when one of them is about to send some statement, so often."""

    def __init__(self, postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.postgres, self.url, self.patch = postgres, url, monkeypatch
        self.cuts = 0

    def before(self, words: str, *, times: int = 1) -> None:
        for name in ("execute", "executemany"):
            self.patch.setattr(psycopg.Cursor, name, self._cutting(getattr(psycopg.Cursor, name), words, times))

    def _cutting(self, send: Any, words: str, times: int) -> Any:
        def cut(cursor: Any, query: bytes, *args: Any, **kwargs: Any) -> Any:
            if words.encode() in query and self.cuts < times:
                self.cuts += 1
                self.postgres.cut(self.url)
            return send(cursor, query, *args, **kwargs)

        return cut

    def after_commit(self) -> None:
        """The commit arrives and is done, its answer does not come back."""
        execute = psycopg.Connection.execute

        def cut(connection: Any, query: bytes, *args: Any, **kwargs: Any) -> Any:
            done = execute(connection, query, *args, **kwargs)
            if query == b"COMMIT" and not self.cuts:
                self.cuts += 1
                connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return done

        self.patch.setattr(psycopg.Connection, "execute", cut)


@pytest.fixture
def scissors(postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch) -> Scissors:
    return Scissors(postgres, url, monkeypatch)


@pytest.mark.parametrize("words", ["FROM books", "INSERT INTO fills", "INSERT INTO books", "coverage", "COMMIT"])
def test_a_page_whose_connection_breaks_is_booked_all_the_same_and_once(
    ann: UserStore, spot: Broker, database: Database, scissors: Scissors, words: str
) -> None:
    """The server ends the connection in the middle of a page, wherever that is: the page is booked again, nothing of
    it twice, and whoever booked it does not notice."""
    book(ann, spot, HISTORY[:1])
    scissors.before(words)
    assert book(ann, spot, HISTORY[1:], covered=span(0, 5)) == 3
    assert scissors.cuts == 1
    assert derived(database, 1) == expected(HISTORY, "fifo", signed=False)
    assert counts(database)["fills"] == 4


def test_a_page_read_from_an_iterator_is_whole_the_second_time(
    ann: UserStore, spot: Broker, database: Database, scissors: Scissors
) -> None:
    """What can be read only once was read by the run that was lost."""
    scissors.before("INSERT INTO books")
    assert book(ann, spot, iter(HISTORY)) == 4
    assert derived(database, 1) == expected(HISTORY, "fifo", signed=False)


def test_a_commit_whose_answer_was_lost_is_not_done_again(
    ann: UserStore, scissors: Scissors, database: Database
) -> None:
    """The connection broke after the server had committed: it is asked, says so, and nothing is run a second time; a
    second run would have found the broker's name taken."""
    scissors.after_commit()
    ann.add_broker(
        "spot", exchange="binance", market="spot", since=HISTORY[0].executed_at, base_url=None, symbols=(),
        method=None, credentials=None,
    )  # fmt: skip
    assert scissors.cuts == 1
    assert [b.name for b in ann.brokers()] == ["spot"]


def test_connections_cut_between_two_passes_are_made_anew(
    ann: UserStore, spot: Broker, postgres: Postgres, url: str
) -> None:
    """A server that was restarted while nobody asked it: neither the next read nor the next page fails."""
    book(ann, spot, HISTORY[:2])
    assert postgres.cut(url) > 0
    assert ann.fills_stored() == 2
    postgres.cut(url)
    assert book(ann, spot, HISTORY[2:]) == 2


def test_a_server_that_ends_every_transaction_is_one_error(
    ann: UserStore, spot: Broker, database: Database, scissors: Scissors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries the person reads of it, and nothing is half written."""
    monkeypatch.setattr("trademon.store.sql.time.sleep", lambda _: None)
    scissors.before("INSERT INTO fills", times=100)
    with pytest.raises(Lost) as caught:
        book(ann, spot, HISTORY)
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.line
    assert counts(database) == dict.fromkeys(counts(database), 0)


def test_a_transaction_the_server_refuses_to_serialize_is_run_again(ann: UserStore, spot: Broker) -> None:
    """Its connection lives; the transaction has to be run from its beginning."""
    tries: list[int] = []
    with_write = ann._database.backend.write

    class Refusing:
        def __init__(self) -> None:
            self.inner = with_write(None, ann._user_id)

        def __enter__(self) -> Any:
            tries.append(1)
            return self.inner.__enter__()

        def __exit__(self, *error: Any) -> Any:
            if len(tries) == 1:
                failure = psycopg.errors.SerializationFailure("could not serialize access")
                return self.inner.__exit__(type(failure), failure, None)
            return self.inner.__exit__(*error)

    ann._database.backend.write = lambda account_id=None, user_id=None: Refusing()  # type: ignore[method-assign]
    assert book(ann, spot, HISTORY) == 4
    assert len(tries) == 2


def test_every_method_that_writes_is_run_again_when_its_transaction_is_lost() -> None:
    """One that is not marked would show a person what the next try mends."""
    unmarked = []
    for path in sorted((ROOT / "trademon" / "store").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name != "_writing":
                body = "".join(ast.unparse(line) for line in node.body)
                marked = any(isinstance(d, ast.Name) and d.id == "rerun" for d in node.decorator_list)
                if ("_database.write(" in body or "self._writing(" in body) and not marked:
                    unmarked.append(f"{path.name}: {node.name}")
    assert unmarked == []


# --- several writers ----------------------------------------------------------------------------------------------

BOOK_ALL = """
import random, sys
from tests.store.test_booking import some_history
from tests.store.world import book, open_store, span
ann = open_store(sys.argv[1]).for_user("ann")
broker = ann.broker("spot")
history = some_history(random.Random(9), 200)
chance = random.Random()
pages = [history[n:n + 10] for n in range(0, 200, 10)]
print(sum(book(ann, broker, page) for page in chance.sample(pages, len(pages))))
"""


def test_writers_at_once_double_no_fill_and_lose_no_update_of_a_book(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """Three processes book the same 200 fills in three orders, without any lease: each fill is new to one of them,
    and the books are those of the plain fold."""
    import random

    from tests.store.test_booking import some_history

    said = all_at_once(BOOK_ALL, 3, url)
    history = some_history(random.Random(9), 200)
    assert sum(map(int, said)) == 200
    assert counts(database)["fills"] == 200
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_ids_become_visible_in_their_order(ann: UserStore, database: Database) -> None:
    """Whoever remembers the last fill it saw must not miss one: no id below one that is visible appears later."""
    one, other = add_broker(ann, "one", uid="1"), add_broker(ann, "two", uid="2")
    for n in range(5):
        book(ann, one if n % 2 else other, [fill(str(n), at=n)])
        with database.read() as sql:
            ids = [row[0] for row in sql.rows("SELECT id FROM fills ORDER BY id")]
        assert ids == list(range(1, n + 2))


def test_first_runs_at_once_make_one_store(postgres: Postgres) -> None:
    """Processes that find an empty database at the same time: one schema, one first user, no error."""
    url = postgres.make()
    code = "import sys\nfrom tests.store.world import open_store\nprint(len(open_store(sys.argv[1]).users()))"
    assert all_at_once(code, 3, url) == ["1"] * 3
    postgres.drop(url)


# --- the database -------------------------------------------------------------------------------------------------


def test_text_is_ordered_byte_by_byte_whatever_the_language(ann: UserStore, spot: Broker, database: Database) -> None:
    """Names, ids and the places of entries that share a moment: `core` and the database must agree on their order, also
    in a database that sorts `a` before `B`. No column is left to the database's own order."""
    ids = ["b-1", "B-1", "a_1", "A1", "10", "9", "ä", "~x"]
    page = [fill(trade_id, "sell" if n % 2 else "buy", str(n + 1)) for n, trade_id in enumerate(ids)]
    for one in page:
        book(ann, spot, [one])
    with database.read() as sql:
        ties = [row[0] for row in sql.rows("SELECT tie FROM entries ORDER BY at, tie")]
        others = sql.rows(
            """SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
            AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"""
        )
    assert ties == sorted(ties)
    assert others == []
    assert derived(database, 1) == expected(page, "fifo", signed=False)


def test_a_database_that_cannot_hold_every_character_is_refused(postgres: Postgres) -> None:
    """Before anything is in it."""
    url = postgres.make(options="TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
    with pytest.raises(StoreError, match="keeps LATIN1, not UTF8"):
        open_store(url)
    postgres.drop(url)


def test_another_program_s_database_is_refused_and_left_as_it_was(postgres: Postgres) -> None:
    """Its tables are not ours, and nothing of ours is put beside them."""
    url = postgres.make()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE songs (title text)")
        with pytest.raises(StoreError, match="belongs to another program"):
            open_store(url)
        assert connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [
            ("songs",)
        ]
    postgres.drop(url)


def test_a_store_may_have_a_schema_of_its_own(postgres: Postgres) -> None:
    """Beside another program's tables, by the URL's `options`."""
    url = postgres.make()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE songs (title text)")
        connection.execute("CREATE SCHEMA trademon")
    own = f"{url}&options=-csearch_path%3Dtrademon"
    for _ in range(2):
        open_store(own).close()
    with psycopg.connect(postgres.as_superuser(url)) as connection:
        row = connection.execute("SELECT count(*) FROM trademon.users").fetchone()
    assert row == (1,)
    postgres.drop(url)


def test_a_store_of_a_later_trademon_is_refused(server_url: str) -> None:
    """Its schema is unknown here."""
    with psycopg.connect(server_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer than this trademon"):
        open_store(server_url)


def test_books_of_the_first_schema_are_derived_from_its_fills(postgres: Postgres) -> None:
    """A server's store that is two schemas behind is brought up to date with what is in it."""
    from sqlalchemy import create_engine

    from trademon.store.migrate import upgrade

    url = postgres.make()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        upgrade(connection, "0001")
        for statement in FIRST_SCHEMA:
            connection.exec_driver_sql(statement)
    engine.dispose()
    user = open_store(url).for_user("ann")
    (row,) = user.stored_books()
    assert (str(row.gross), str(row.fees), row.fills) == ("5", "0.15", 2)
    postgres.drop(url) if not OPENED else None


FIRST_SCHEMA = (
    "INSERT INTO users VALUES (1, 'ann', true, NULL, NULL, NULL, 0)",
    "INSERT INTO accounts VALUES (1, 1, 'binance', '7', 'spot', 0, NULL)",
    """INSERT INTO brokers (id, user_id, account_id, name, exchange, market, enabled, symbols, since_at, created_at)
    VALUES (1, 1, 1, 'spot', 'binance', 'spot', true, '[]', 0, 0)""",
    "INSERT INTO markets VALUES (1, 'binance', 'spot', 'BTCUSDT', 'BTC/USDT', 'BTC', 'USDT')",
    *(
        f"""INSERT INTO fills VALUES ({n}, 1, 1, '{n}', 0, 1, '', '{side}', {quantity}, {price}, 0.1, 'USDT', NULL,
        {n}, '', NULL, 'api', 0, '')"""
        for n, side, quantity, price in ((1, "buy", 1, 100), (2, "sell", 0.5, 110))
    ),
    "INSERT INTO books VALUES (1, 1, 1, 'lifo', 7, 1, 0, '1', 999, 999, 9, 9, 9, '{}', 9, 9)",
)


# --- what a person reads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/x",
        "postgresql://ann:s3cret@no-such-host.invalid/x",
        "postgresql://ann:pa@s3cret@127.0.0.1:1/x",
        "postgresql://ann:pa/s3cret@127.0.0.1:1/x",
        "postgresql://ann:pa#s3cret@127.0.0.1:1/x",
        "postgresql://ann:pa?s3cret@127.0.0.1:1/x",
        "postgresql://ann:s3cret@127.0.0.1:port/x",
        "postgresql://ann@127.0.0.1:1/x?password=s3cret",
        "postgresql://ann:s3cret@127.0.0.1:1/x?nonsense=1",
        "postgres://ann:s3cret@127.0.0.1:1/x",
        "postgresql+psycopg://ann:s3cret@127.0.0.1:1/x",
        "mysql://ann:s3cret@127.0.0.1:1/x",
    ],
)
def test_a_password_is_never_shown(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong with the URL or the server: one line, what to do, and no password."""
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert "s3cret" not in caught.value.line
    assert "\n" not in caught.value.line
    assert caught.value.hint
    assert caught.value.exit_code == 4
    assert "s3cret" not in "".join(capfd.readouterr())


def test_a_password_is_in_no_object_that_may_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A debugger's or a log's `repr` of the database."""
    from trademon.store.postgres import PostgresServer

    server = PostgresServer("postgresql://ann:s3cret@db.example:5433/books?sslmode=require")
    assert server.place == "postgresql://db.example:5433/books"
    assert "s3cret" not in repr(server) + str(server)


def test_without_the_driver_the_person_reads_what_to_install(tmp_path: Path) -> None:
    """One line, exit 4."""
    code = """
import sys
sys.modules["psycopg"] = None
from trademon.cli import main
sys.exit(main(["scan"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"TRADEMON_HOME": str(tmp_path), "TRADEMON_DATABASE_URL": "postgresql://ann:s3cret@db.example/x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "pip install 'trademon[postgres]'" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_store_held_too_long_by_another_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the wait is over the person reads who is in the way."""
    from trademon.store import postgres

    monkeypatch.setattr(postgres, "_WRITE", postgres._WRITE.replace("lock_timeout = '30s'", "lock_timeout = '50ms'"))
    with database.write(), pytest.raises(StoreError, match="held by another program"), database.write():
        pass


def test_a_client_that_falls_silent_in_a_transaction_holds_up_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine lost power: the server ends its transaction, and with it its lock."""
    from trademon.store import postgres

    monkeypatch.setattr(postgres, "_WRITE", postgres._WRITE.replace("'25s'", "'200ms'"))

    def fall_silent() -> None:
        with database.write() as sql:
            sql.run("UPDATE users SET name = 'bob'")
            with database.write() as other:
                assert other.rows("SELECT name FROM users") == [("ann",)]

    with pytest.raises(Lost):
        fall_silent()


WRITE_AND_WAIT = """
import sys
from trademon.store.database import Database
with Database(sys.argv[1]).write() as sql:
    sql.run("UPDATE users SET name = 'bob'")
    print("written", flush=True)
    input()
"""


def test_a_writer_that_is_killed_leaves_nothing_and_holds_up_nobody(database: Database, url: str) -> None:
    """Its transaction ends with its connection."""
    process = start(WRITE_AND_WAIT, url)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with database.write() as sql:
        assert sql.rows("SELECT name FROM users") == [("ann",)]


def test_a_long_read_needs_no_memory_and_may_be_left_in_the_middle(database: Database) -> None:
    """Rows come some thousand at a time, two streams beside each other, and other statements between them."""
    with database.read() as sql:
        numbers = "SELECT n FROM generate_series(1, ?) AS n ORDER BY n"
        left, whole = sql.stream(numbers, 10_000), sql.stream(numbers, 5_001)
        assert next(left) == (1,)
        assert [row[0] for row in whole] == list(range(1, 5_002))
        assert sql.rows("SELECT 1") == [(1,)]
        assert next(left) == (2,)
        assert list(sql.stream(numbers, 0)) == []
