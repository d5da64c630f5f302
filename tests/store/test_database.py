"""How the store's file is opened, shared and refused."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from tests.store.world import all_at_once, finish, open_store, start
from trademon.errors import StoreError
from trademon.store.database import Database, Sql
from trademon.store.sqlite import backup, connect
from trademon.store.store import Store

ROUNDS = 60

COUNT_UP = f"""
import sys
from trademon.store.database import Database
database = Database(sys.argv[1])
for _ in range({ROUNDS}):
    with database.write() as sql:
        count = int(sql.one("SELECT currency FROM users")[0])
        sql.run("UPDATE users SET currency = ?", str(count + 1))
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def value(database: Database, sql: str) -> object:
    with database.read() as run:
        return run.rows(sql)[0][0]


def count_to_nought(database: Database) -> None:
    with database.write() as sql:
        sql.run("UPDATE users SET currency = '0'")


# --- connections --------------------------------------------------------------------------------------------------


def test_the_pragmas_hold_on_every_connection(file: Database) -> None:
    """A commit survives a power cut, readers do not block, references hold: on the tenth connection as on the first."""
    for n in range(10):
        with file.write() if n % 2 else file.read() as sql:
            assert sql.rows("PRAGMA journal_mode") == [("wal",)]
            assert sql.rows("PRAGMA synchronous") == [(2,)]
            assert sql.rows("PRAGMA foreign_keys") == [(1,)]
            assert sql.rows("PRAGMA busy_timeout")[0][0] >= 5_000


def test_the_pragmas_hold_right_after_the_store_was_made(tmp_path: Path) -> None:
    """What a migration switches off is on again: its connection may be the next one handed out."""
    store = open_store(tmp_path / "trademon.db")
    for _ in range(3):
        with store._database.write() as sql:
            assert sql.rows("PRAGMA foreign_keys") == [(1,)]


def test_the_pragmas_hold_while_other_connections_are_open(file: Database) -> None:
    """Also on connections that live at the same time."""
    with file.read() as one, file.read() as two:
        assert one.connection is not two.connection
        assert one.rows("PRAGMA synchronous") == two.rows("PRAGMA synchronous") == [(2,)]
        assert one.rows("PRAGMA foreign_keys") == two.rows("PRAGMA foreign_keys") == [(1,)]


def test_three_processes_that_count_lose_no_update(database: Database, url: str) -> None:
    """Read, add one, write, in three processes at once: nothing is lost and none hears of a locked database."""
    count_to_nought(database)
    all_at_once(COUNT_UP, 3, url)
    assert value(database, "SELECT currency FROM users") == str(3 * ROUNDS)


def test_three_threads_that_count_lose_no_update(database: Database) -> None:
    """The same through one Database in three threads."""
    count_to_nought(database)
    errors: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(ROUNDS):
                with database.write() as sql:
                    row = sql.one("SELECT currency FROM users")
                    assert row is not None
                    sql.run("UPDATE users SET currency = ?", str(int(row[0]) + 1))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert value(database, "SELECT currency FROM users") == str(3 * ROUNDS)


def test_an_exception_inside_a_write_leaves_nothing_of_it(database: Database) -> None:
    """All of a transaction or none of it, also for an exception that is no database's."""

    def write_and_stop() -> None:
        with database.write() as sql:
            sql.run("UPDATE users SET name = 'bob'")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    assert value(database, "SELECT name FROM users") == "ann"


def test_a_read_sees_one_moment(database: Database) -> None:
    """What another writes meanwhile is not seen before the read is over."""
    with database.read() as sql:
        before = sql.rows("SELECT name FROM users")
        with database.write() as other:
            other.run("UPDATE users SET name = 'bob'")
        assert sql.rows("SELECT name FROM users") == before
    assert value(database, "SELECT name FROM users") == "bob"


def test_a_writer_does_not_wait_for_a_reader(database: Database) -> None:
    """A dashboard that reads never holds up a scan: a stream left open does not keep the writer out."""
    with database.read() as sql:
        rows = sql.stream("SELECT name FROM users")
        with database.write() as other:
            other.run("UPDATE users SET currency = 'EUR'")
        assert list(rows) == [("ann",)]


def test_insert_gives_the_new_row_its_id(database: Database) -> None:
    """The id that `insert` returns is the row's."""
    with database.write() as sql:
        assert sql.run("DELETE FROM users") == 1
        first = sql.insert("users", name="bob", active=True, created_at=0)
        assert sql.insert("users", name="cy", active=True, created_at=0) == first + 1
        assert sql.one("SELECT name FROM users WHERE id = ?", first) == ("bob",)


def test_a_broken_constraint_is_not_blamed_on_the_store(file: Database) -> None:
    """A second row with the same unique key is our fault, not the disk's: `_explain` says that it passes as it is."""
    with pytest.raises(Exception, match="UNIQUE") as caught, file.write() as sql:
        sql.insert("users", name="ann", active=True, created_at=0)
    assert not isinstance(caught.value, StoreError)


# --- what is refused ----------------------------------------------------------------------------------------------


def text_file(path: Path) -> None:
    path.write_text("executed_at,symbol,side\n" * 50)


def short_text_file(path: Path) -> None:
    path.write_bytes(b"SQLite")


def other_programs_file(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.execute("INSERT INTO songs VALUES ('Yesterday')")
    connection.commit()
    connection.close()


def other_alembic_program(path: Path) -> None:
    other_programs_file(path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    connection.commit()
    connection.close()


def other_program_in_wal_mode(path: Path) -> None:
    other_programs_file(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def damaged_from_the_first_page(path: Path) -> None:
    open_store(path).close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 8_000)


def newer_store(path: Path) -> None:
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


FOREIGN = {
    "a text file": (text_file, "is not a database"),
    "a short text file": (short_text_file, "is not a database"),
    "another program's database": (other_programs_file, "belongs to another program"),
    "another program's that uses alembic too": (other_alembic_program, "belongs to another program"),
    "another program's in WAL mode": (other_program_in_wal_mode, "belongs to another program"),
    "a damaged store": (damaged_from_the_first_page, "damaged"),
    "a store of a later trademon": (newer_store, "newer than this trademon"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_that_is_no_store_of_ours_is_one_error_with_a_hint(what: str, tmp_path: Path) -> None:
    """Each is named in one line that says what to do; a person must act."""
    make, words = FOREIGN[what]
    path = tmp_path / "trademon.db"
    make(path)
    with pytest.raises(StoreError, match=words) as caught:
        open_store(path)
    assert caught.value.hint
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_that_is_refused_is_left_as_it_was(what: str, tmp_path: Path) -> None:
    """Not a byte of it changes, and nothing stays beside it."""
    path = tmp_path / "trademon.db"
    FOREIGN[what][0](path)
    before, beside = path.read_bytes(), set(tmp_path.iterdir())
    with pytest.raises(StoreError):
        open_store(path)
    assert path.read_bytes() == before
    assert {p.name for p in set(tmp_path.iterdir()) - beside} <= {"trademon.db.migrate.lock"}


@pytest.mark.parametrize("torn", [b"\xa5" * 400, b"\x00" * 400], ids=["garbage", "nothing yet"])
def test_a_store_whose_log_is_being_written_back_is_still_a_store(torn: bytes, path: Path) -> None:
    """While a process copies its log into the file, a look at the file alone finds pages that are half written: what
    cron opens then is neither damaged nor another program's."""
    writer = connect(path)
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("CREATE TABLE later (id INTEGER)")  # the schema's page stands in the log now, whole
    with path.open("r+b") as file:
        file.seek(100)
        file.write(torn)
    reader = Database(f"sqlite:///{path}")
    assert value(reader, "SELECT count(*) FROM users") == 1
    reader.close()
    writer.close()


def test_a_zero_length_file_is_a_store_that_was_never_begun(tmp_path: Path) -> None:
    """A first run that died at once leaves one; so does one that runs at this moment: it is made a store."""
    path = tmp_path / "trademon.db"
    path.touch()
    store = open_store(path)
    assert len(store.users()) == 1
    store.close()


def test_damage_found_later_is_one_error_too(path: Path) -> None:
    """A page gone bad in the middle of the file shows when it is read, and then says so."""
    connection = sqlite3.connect(path)
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'users'").fetchone()[0]
    connection.close()
    with path.open("r+b") as file:
        file.seek(page * (root - 1))
        file.write(b"\xa5" * page)
    with pytest.raises(StoreError, match="damaged") as caught:
        open_store(path).users()
    assert "backup" in (caught.value.hint or "")


def test_a_directory_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    """A link that leads nowhere stands where the directory should be."""
    (tmp_path / "data").symlink_to(tmp_path / "nowhere" / "at" / "all")
    with pytest.raises(StoreError, match="cannot make the data directory") as caught:
        open_store(tmp_path / "data" / "trademon.db")
    assert "TRADEMON_HOME" in (caught.value.hint or "")


def test_a_path_below_a_file_is_one_error(tmp_path: Path) -> None:
    """The directory that should hold it is a file, which stays as it is."""
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(StoreError, match="cannot make the data directory") as caught:
        open_store(tmp_path / "notes" / "data" / "trademon.db")
    assert caught.value.hint
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_directory_in_place_of_the_store_is_one_error(tmp_path: Path) -> None:
    """The name is taken by a directory."""
    (tmp_path / "trademon.db").mkdir()
    with pytest.raises(StoreError, match="cannot read the store"):
        open_store(tmp_path / "trademon.db")


def test_a_postgresql_url_is_refused_in_one_line(tmp_path: Path) -> None:
    """This release keeps SQLite files only; the password in the URL is not shown."""
    with pytest.raises(StoreError) as caught:
        Store("postgresql://ann:s3cret@db.example/x", key_file=tmp_path / "k", clock=lambda: None)  # type: ignore[arg-type,return-value]
    assert "postgresql" in caught.value.line
    assert "s3cret" not in caught.value.line
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    """A store that would be gone at the end of the run is none."""
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert "sqlite:///" in (caught.value.hint or "")


# --- first use and backup -----------------------------------------------------------------------------------------


def test_first_use_makes_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    """The file, what SQLite keeps beside it and the lock are 0600, the directory is 0700."""
    path = tmp_path / "home" / "data" / "trademon.db"
    store = open_store(path)
    with store._database.write() as sql:
        sql.run("UPDATE users SET currency = 'EUR'")
        beside = sorted(p.name for p in path.parent.iterdir())
        assert "trademon.db-wal" in beside
        assert {name: mode(path.parent / name) for name in beside} == dict.fromkeys(beside, 0o600)
    assert mode(path.parent) == 0o700
    store.close()


def test_eight_first_runs_at_once_all_succeed(tmp_path: Path) -> None:
    """Eight processes that find no store make one together: one schema, one first user, no error."""
    path = tmp_path / "data" / "trademon.db"
    code = """
import sys
from tests.store.world import open_store
from pathlib import Path
store = open_store(Path(sys.argv[1]))
print(len(store.users()), store.users()[0].name)
"""
    said = all_at_once(code, 8, path)
    assert len(said) == 8
    assert {line.split()[0] for line in said} == {"1"}
    database = Database(f"sqlite:///{path}")
    assert value(database, "SELECT count(*) FROM users") == 1
    assert value(database, "SELECT count(*) FROM alembic_version") == 1
    database.close()


def test_an_open_store_does_not_need_its_directory_made_twice(path: Path) -> None:
    """Opening again changes nothing in the file."""
    before = path.read_bytes()
    open_store(path).close()
    assert path.read_bytes() == before


def test_a_backup_holds_what_is_only_in_the_wal(file: Database, tmp_path: Path) -> None:
    """Rows committed but not yet moved into the file are in the copy; copying the file alone would miss them."""
    keeper = connect(file.path)  # while it is open, nothing is moved from the WAL into the file
    with file.write() as sql:
        sql.run("UPDATE users SET name = 'written-to-the-wal'")
    assert b"written-to-the-wal" not in file.path.read_bytes()
    backup(file.path, tmp_path / "copy.db")
    keeper.close()
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert value(copy, "SELECT name FROM users") == "written-to-the-wal"
    copy.close()
    assert mode(tmp_path / "copy.db") == 0o600


def test_a_backup_takes_the_place_of_an_older_one(file: Database, tmp_path: Path) -> None:
    """The same name twice is not an error."""
    for name in ("bob", "cy"):
        with file.write() as sql:
            sql.run("UPDATE users SET name = ?", name)
        backup(file.path, tmp_path / "copy.db")
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert value(copy, "SELECT name FROM users") == "cy"
    copy.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(file: Database) -> None:
    """SQLite's own limit of pages stands for the disk's: the write fails whole and says what to do."""
    with file.read() as sql:
        pages = sql.rows("PRAGMA page_count")[0][0]

    def fill_up(sql: Sql) -> None:
        sql.run(f"PRAGMA max_page_count = {pages}")
        for n in range(1_000):
            sql.insert("users", name=f"u{n}" + "x" * 500, active=True, created_at=0)

    with pytest.raises(StoreError, match="full") as caught, file.write() as sql:
        fill_up(sql)
    assert "disk space" in (caught.value.hint or "")
    assert value(file, "SELECT count(*) FROM users") == 1


def test_a_store_held_too_long_by_another_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the wait is over the person reads who is in the way, not SQLite's words."""
    monkeypatch.setattr("trademon.store.sqlite._BUSY_TIMEOUT_S", 0.05)
    holder, waiter = Database(f"sqlite:///{path}"), Database(f"sqlite:///{path}")
    with holder.write(), pytest.raises(StoreError, match="held by another program"), waiter.write():
        pass
    holder.close()
    waiter.close()


def test_opening_waits_for_one_who_migrates(tmp_path: Path) -> None:
    """The lock on migrations is the operating system's: it is free again the moment its holder is killed."""
    path = tmp_path / "trademon.db"
    holder = start(
        """
import sys
from pathlib import Path
from trademon.store.migrate import _file_lock
with _file_lock(Path(sys.argv[1] + ".migrate.lock")):
    print("held", flush=True)
    input()
""",
        path,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    opener = start("import sys; from trademon.store.database import Database as D; D('sqlite:///' + sys.argv[1])", path)
    with pytest.raises(Exception, match="timed out"):
        opener.wait(0.8)
    holder.kill()
    holder.communicate()
    finish(opener)
