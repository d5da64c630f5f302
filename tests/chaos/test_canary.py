"""Canary secrets, put through everything that goes wrong: they appear nowhere.

Each failure runs the program at full verbosity. Then everything it said and left is searched for every spelling of the
canaries: output, logs, every file of the home with its backups, command lines, the environments of children.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest
from aiohttp import web

from tests.chaos.canary import ENVIRON, KEY, SECRET, WORD, Echo, Trace, everything_it_was_sent, rows_that_echo
from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import PROGRAM, House, the_user
from tests.chaos.ledger import Ledger
from tests.chaos.test_bad_answers import FILLS_PATH
from tests.cli.shell import ServerThread, now
from trademon.demo.server import DemoAccount
from trademon.store import crypto
from trademon.store.crypto import Place

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


@dataclass
class Scene:
    """A home with a broker at each exchange, whose keys are the canaries; the exchange; what runs have left."""

    house: House
    exchange: ServerThread
    trace: Trace

    def echo(self, **how: object) -> Echo:
        """From now on the exchange repeats what it was sent."""
        fault = Echo(**how)  # type: ignore[arg-type]
        self.exchange.server.faults[:] = [fault]
        return fault

    def run(self, *args: str, **how: object) -> int:
        return self.trace.run(*args, **how).code  # type: ignore[arg-type]

    @property
    def key_file(self) -> Path:
        return self.house.home / "config" / "master.key"


def the_account(exchange: str, uid: str) -> DemoAccount:
    return DemoAccount(exchange, KEY, SECRET, WORD if exchange == "bitget" else "", uid, Ledger([]))  # type: ignore[arg-type]


@pytest.fixture
def scene(house: House, serve: Serve) -> Scene:
    accounts = the_account("binance", "11"), the_account("bitget", "22")
    exchange = serve(*accounts)
    house.add("main", accounts[0], exchange.url, days=1, symbols=("BTC/USDT",))
    house.add("second", accounts[1], exchange.url, days=1)
    return Scene(house, exchange, Trace(house))


FAILURES: dict[str, Callable[[Scene], None]] = {}


def failure(what: Callable[[Scene], None]) -> Callable[[Scene], None]:
    FAILURES[what.__name__] = what
    return what


# --- the exchange says it again -----------------------------------------------------------------------------------

SCAN = ("scan", "--json")
ANSWERS: dict[str, dict[str, object]] = {
    "a_refusal": {},
    "an_unauthorized": {"status": 401, "body": lambda text: json.dumps({"code": -2015, "msg": text})},
    "a_forbidden_page": {"status": 403, "content_type": "text/html", "body": lambda text: f"<p>{text}</p>"},
    "a_page_instead_of_json": {"status": 200, "content_type": "text/html", "body": lambda text: f"<p>{text}</p>"},
    "a_limit": {"status": 429, "headers": {"Retry-After": "1", "X-Echo": KEY}},
    "a_ban": {"status": 418, "headers": {"Retry-After": KEY}},
    "an_outage": {"status": 503, "body": str},
    "a_redirect": {"status": 302, "headers": {"Location": f"http://127.0.0.1:9/?key={KEY}"}},
    "cut_json": {"status": 200, "body": lambda text: json.dumps([{"msg": text}])[:-2]},
    "two_documents": {"status": 200, "body": lambda text: json.dumps([text]) * 2},
    "a_text": {"status": 200, "body": json.dumps},
    "a_deep_nest": {"status": 200, "body": lambda text: "[" * 600 + json.dumps(text) + "]" * 600},
    "escapes": {
        "status": 400,
        "body": lambda _: json.dumps({"msg": f"{KEY} {SECRET}"}).translate(
            {ord(c): f"\\u{ord(c):04x}" for c in "Canary"}
        ),
    },
    "bitget_s_refusal": {"status": 400, "body": lambda text: json.dumps({"code": "40037", "msg": text, "data": text})},
    "a_cut_in_the_canary": {"status": 502, "body": lambda text: "x" * 1985 + text},
}
for _name, _how in ANSWERS.items():

    def _answered(scene: Scene, how: dict[str, object] = _how) -> None:
        fault = scene.echo(**how)
        assert scene.run(*SCAN) in (0, 1, 3, 4)
        assert fault.struck

    FAILURES[f"{_name}_that_repeats_it"] = _answered

ROWS: dict[str, dict[str, object]] = {
    "a_field_more": {},
    "a_fee_coin": {"commissionAsset": None},
    "a_symbol": {"symbol": None},
    "a_number": {"qty": None},
    "a_time": {"time": None},
    "an_order": {"orderId": None},
}
for _name, _fields in ROWS.items():

    def _row(scene: Scene, fields: dict[str, object] = _fields) -> None:
        fault = scene.echo(status=200, path=FILLS_PATH, body=rows_that_echo(**fields))  # type: ignore[arg-type]
        assert scene.run(*SCAN) in (0, 1, 3)
        assert fault.struck

    FAILURES[f"a_fill_with_it_in_{_name}"] = _row


@failure
def listed_as_an_open_order(scene: Scene) -> None:
    def body(text: str) -> str:
        return json.dumps([{"symbol": "BTCUSDT", "orderId": text, "clientOrderId": text, "price": text}])

    fault = scene.echo(status=200, path="/api/v3/openOrders", body=body)
    scene.run(*SCAN)
    assert fault.struck


@failure
def asked_by_doctor(scene: Scene) -> None:
    scene.echo()
    assert scene.run("doctor", "--json") == 0
    scene.echo(status=401, body=lambda text: json.dumps({"code": -2015, "msg": text}))
    assert scene.run("doctor") == 4


@failure
def asked_by_test_and_verify(scene: Scene) -> None:
    scene.echo(status=401)
    scene.run("broker", "test", "main")
    scene.run("broker", "test", "second", "--json")
    scene.run("verify")


@failure
def watched(scene: Scene) -> None:
    scene.echo()
    scene.run("watch", "--plain", "--cycles", "2", "--interval", "1")
    scene.run("watch", "--json", "--cycles", "1")


@failure
def shown_on_a_narrow_screen(scene: Scene) -> None:
    scene.echo()
    env = scene.house.env() | {"COLUMNS": "40", "LINES": "30"}
    words = [*PROGRAM[1:], "watch", "--cycles", "2", "--interval", "1", "-vvv", "--debug"]
    screen = pexpect.spawn(PROGRAM[0], words, env=env, cwd=str(scene.house.home), dimensions=(30, 40), timeout=60)
    screen.expect(pexpect.EOF)
    screen.close()
    # A long word folds: what the screen shows is looked at without its lines' ends.
    bare = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|[\r\n\s]|\xe2\x94.|\xe2\x95.", b"", screen.before)
    scene.trace.look("the screen", screen.before)
    scene.trace.look("the screen", bare)


# --- the way there ------------------------------------------------------------------------------------------------


@failure
def a_key_the_exchange_does_not_know(scene: Scene) -> None:
    scene.exchange.server.binance._accounts.clear()
    assert scene.run("scan", "--broker", "main") == 4


def move_to(scene: Scene, url: str) -> None:
    with scene.house.opened() as home:
        user = the_user(home)
        for broker in user.brokers():
            user.set_broker(broker, base_url=url)


@failure
def a_refused_connection(scene: Scene) -> None:
    move_to(scene, "http://127.0.0.1:9")
    assert scene.run(*SCAN) == 1


@failure
def no_tls_where_it_should_be(scene: Scene) -> None:
    move_to(scene, scene.exchange.url.replace("http:", "https:"))
    assert scene.run(*SCAN) == 1


@failure
def a_connection_cut_in_the_body(scene: Scene) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = 100_000
        await response.prepare(request)
        await response.write(everything_it_was_sent().encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    scene.exchange.server.faults[:] = [cut]
    assert scene.run(*SCAN) == 1


@failure
def no_answer_in_time(scene: Scene) -> None:
    async def silent(_: web.Request) -> web.StreamResponse | None:
        await asyncio.sleep(30)
        return None

    scene.exchange.server.faults[:] = [silent]
    assert scene.run(*SCAN) == 1


@failure
def not_http_at_all(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        move_to(scene, f"http://127.0.0.1:{port}")
        server.settimeout(60)

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        client.sendall(client.recv(65536)[::-1] + everything_it_was_sent().encode() + b"\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert scene.run(*SCAN) == 1
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


# --- keys that are given wrongly ----------------------------------------------------------------------------------

NAMES = ("--api-key-env", "K", "--api-secret-env", "S")
ADD_THIRD = ("broker", "add", "third", "--exchange", "binance", *NAMES)


def add(scene: Scene, *more: str, **environ: str) -> int:
    return scene.run("broker", "add", "third", "--exchange", "binance", *more, environ=environ)


@failure
def added_from_the_environment(scene: Scene) -> None:
    assert add(scene, "--base-url", scene.exchange.url, *NAMES, **ENVIRON) == 0
    scene.echo()
    assert scene.run("broker", "test", "third") in (1, 4)
    assert scene.run("broker", "remove", "third", "--yes") == 0


@failure
def one_of_two_is_missing(scene: Scene) -> None:
    assert add(scene, *NAMES, K=KEY) == 4
    assert add(scene, "--api-key-env", "K", **ENVIRON) == 4


@failure
def pasted_with_a_line_break(scene: Scene) -> None:
    assert add(scene, *NAMES, K=f"{KEY}\n{KEY}", S=SECRET) == 4
    assert add(scene, *NAMES, K=KEY, S=f"{SECRET} {WORD}") == 4


@failure
def the_key_itself_where_its_name_belongs(scene: Scene) -> None:
    done = scene.house.run("broker", "add", "third", "--exchange", "binance", "--api-key-env", KEY, *NAMES[2:])
    assert done.code == 4  # on its command line it is the person's: what we say is looked at
    scene.trace.look("what was said", (done.out + done.err).encode())


@failure
def typed_and_given_up(scene: Scene) -> None:
    for end in ("\x03", "\r"):
        child = pexpect.spawn(
            PROGRAM[0],
            [*PROGRAM[1:], "broker", "add", "third", "--exchange", "bitget", "-vvv", "--debug"],
            env=scene.house.env(),
            cwd=str(scene.house.home),
            timeout=60,
        )
        said = b""
        for prompt, text in (("API key: ", KEY), ("API secret: ", SECRET)):
            child.expect_exact(prompt)
            said += child.before or b""
            child.sendline(text)
        child.expect_exact("passphrase: ")
        child.send(end)
        child.expect(pexpect.EOF)
        child.close()
        scene.trace.look("the terminal", said + child.before)


@failure
def in_a_settings_file(scene: Scene) -> None:
    (scene.house.home / ".env").write_text("TRADEMON_API_KEY=x\n")
    assert scene.run(*SCAN) == 4
    (scene.house.home / ".env").unlink()
    assert scene.run(*SCAN, environ={"TRADEMON_DATABASE_URL": f"sqlite://{KEY}"}) == 4
    for at in ("u:{}@127.0.0.1:9/x", "{}@127.0.0.1:9/x", "u:p{}@/x?host=127.0.0.1&port=9&options={}"):
        url = "postgresql://" + at.replace("{}", "Canary0123456789abcdef")
        done = scene.trace.run(*SCAN, environ={"TRADEMON_DATABASE_URL": url})
        assert done.code == 4
        if at.startswith("u:{}"):
            assert "Canary0123456789abcdef" not in done.out + done.err


# --- what lies on the disk ----------------------------------------------------------------------------------------


@failure
def another_key_file(scene: Scene) -> None:
    scene.key_file.write_bytes(b"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n")
    assert scene.run(*SCAN) == 4
    assert scene.run("key", "rotate") == 4
    assert scene.run("key", "status") == 4


@failure
def no_key_file(scene: Scene) -> None:
    scene.key_file.unlink()
    assert scene.run(*SCAN) == 4
    assert scene.run("key", "rotate", "--lost", "--yes") == 0
    assert scene.run(*SCAN) == 4


@failure
def a_key_file_that_others_can_read(scene: Scene) -> None:
    scene.key_file.chmod(0o644)
    assert scene.run(*SCAN) == 4
    assert scene.run("doctor") == 4


@failure
def a_canary_in_the_key_file(scene: Scene) -> None:
    """Somebody took it for the place of the exchange's key."""
    whole = scene.key_file.read_bytes()
    scene.key_file.write_text(KEY)
    assert scene.run(*SCAN) == 4
    scene.key_file.write_bytes(whole)


@failure
def a_sealed_row_that_was_changed(scene: Scene) -> None:
    with contextlib.closing(sqlite3.connect(scene.house.database)) as file:
        file.execute("UPDATE secrets SET broker_id = 3 - broker_id WHERE field = 'api_key' AND broker_id = 9")
        file.execute("UPDATE secrets SET sealed = substr(sealed, 1, 40) WHERE field = 'api_secret'")
        file.commit()
    assert scene.run(*SCAN) == 4
    assert scene.run("key", "rotate") == 4


@failure
def a_damaged_store(scene: Scene) -> None:
    with scene.house.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 40_000)
    assert scene.run(*SCAN) in (1, 4)
    scene.run("doctor")


@failure
def a_full_disk(scene: Scene) -> None:
    size = scene.house.database.stat().st_size
    scene.run(*SCAN, fsize=size)
    scene.run("broker", "add", "third", "--exchange", "binance", *NAMES, environ=ENVIRON, fsize=size)


@failure
def a_store_of_an_early_release(scene: Scene) -> None:
    """It is migrated, after a backup; then its secrets are sealed anew."""
    from sqlalchemy import create_engine

    from trademon.store.key_file import KeyFile
    from trademon.store.migrate import upgrade

    scene.house.database.unlink()
    engine = create_engine(f"sqlite:///{scene.house.database}")
    with engine.begin() as connection:
        upgrade(connection, "0005")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(scene.house.database)) as file:
        file.execute("INSERT INTO users (id, name, active, created_at) VALUES (1, 'ann', 1, 0)")
        row = (1, 1, "main", "binance", "spot", scene.exchange.url, 1, "[]", int(now().timestamp() * 1e6) - 10**9, 0)
        names = "id, user_id, name, exchange, market, base_url, enabled, symbols, since_at, created_at"
        file.execute(f"INSERT INTO brokers ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        file.execute("INSERT INTO broker_state (broker_id, errors_in_row) VALUES (1, 0)")
        for field, secret in (("api_key", KEY), ("api_secret", SECRET)):
            master = KeyFile(scene.key_file).load()
            sealed = b"\x01" + crypto.seal(master, secret.encode(), bound_to=str(Place(1, 1, field)))
            file.execute("INSERT INTO secrets (broker_id, field, sealed) VALUES (1, ?, ?)", (field, sealed))
        file.commit()
    scene.house.database.chmod(0o600)
    assert scene.run(*SCAN) == 0
    assert list(scene.house.database.parent.glob("*.before-*"))
    assert scene.run("key", "rotate") == 0
    assert scene.run(*SCAN) == 0


# --- the program itself -------------------------------------------------------------------------------------------


def broken(name: str, *codes: int) -> None:
    def run(scene: Scene) -> None:
        assert scene.run(*SCAN, break_=name) in codes
        scene.run("watch", "--plain", "--cycles", "1", break_=name)

    FAILURES[name.replace("-", "_")] = run


broken("adapter-crashes", 1)
broken("adapter-crashes-in-a-chain", 1)
broken("adapter-logs-everything", 0)
broken("adapter-warns-and-prints", 0)
broken("adapter-leaves-faults-behind", 0)
broken("adapter-starts-a-child", 0)


@failure
def a_child_of_broker_add(scene: Scene) -> None:
    assert scene.run(*ADD_THIRD, environ=ENVIRON, break_="adding-starts-a-child") == 0
    assert "PATH=" in (scene.house.home / "child.txt").read_text()


@failure
def killed_while_it_reads(scene: Scene) -> None:
    scene.echo(status=200, path=FILLS_PATH, body=rows_that_echo())
    for number in (1, 4, 7):
        assert scene.run(*SCAN, kill=f"after-commit:{number}") == -signal.SIGKILL
    scene.run(*SCAN, kill_after_s=0.8)


@failure
def stopped_by_signals(scene: Scene) -> None:
    scene.echo()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child = scene.house.start("watch", "--plain", "--interval", "1", "-vvv", "--debug")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=2)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        scene.trace.look("a stopped watch", (out + err).encode())


@failure
def interrupted_while_it_seals(scene: Scene) -> None:
    module = "cryptography.hazmat.primitives.ciphers.aead"
    assert scene.run(*ADD_THIRD, environ=ENVIRON, interrupt=module) == 130


@failure
def keys_rotated_and_killed(scene: Scene) -> None:
    for number in (5, 12, 20):  # one that only ends what was begun has fewer steps
        assert scene.run("key", "rotate", kill=f"step:{number}") in (-signal.SIGKILL, 0)
    assert scene.run("key", "rotate") == 0
    assert scene.run("broker", "test", "main") == 0


# --- the test itself ----------------------------------------------------------------------------------------------

# Of these there is one of each kind; the others are left to the nightly run.
ALWAYS = {
    "a_refusal_that_repeats_it",
    "a_fill_with_it_in_a_field_more",
    "no_tls_where_it_should_be",
    "added_from_the_environment",
    "typed_and_given_up",
    "another_key_file",
    "a_store_of_an_early_release",
    "adapter_crashes",
    "adapter_logs_everything",
    "a_child_of_broker_add",
}


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.nightly) for name in FAILURES]
)
def test_no_canary_is_seen_after(scene: Scene, measured: Measured, name: str) -> None:
    """Not in what was said, not in what was left, in no spelling; and no file is another's to read."""
    FAILURES[name](scene)
    scene.trace.look_at_files()
    assert scene.trace.seen == {}
    assert not [p for p in scene.house.home.rglob("*") if p.lstat().st_mode & 0o077 and p != scene.key_file]
    measured(f"{len(scene.trace.runs)} runs at -vvv --debug: no canary")


def test_there_are_forty_failures() -> None:
    """As many as were promised, a tenth of them and more in every run."""
    assert len(FAILURES) >= 40
    assert FAILURES.keys() >= ALWAYS


def no_masking_of_an_answer(scene: Scene) -> None:
    scene.echo()
    scene.run(*SCAN, break_="no-masking")


def no_masking_of_a_fill(scene: Scene) -> None:
    scene.echo(status=200, path=FILLS_PATH, body=rows_that_echo())
    scene.run("scan", break_="no-masking")


def no_masking_of_a_crash(scene: Scene) -> None:
    scene.run("scan", break_="no-masking+adapter-crashes")


def no_masking_of_logs(scene: Scene) -> None:
    scene.run("scan", break_="no-masking+adapter-logs-everything")


def no_sealing(scene: Scene) -> None:
    scene.run(*ADD_THIRD, environ=ENVIRON, break_="no-sealing")


def a_child_inherits(scene: Scene) -> None:
    scene.run(*ADD_THIRD, environ=ENVIRON, break_="nothing-taken-from-the-environment+adding-starts-a-child")


@pytest.mark.parametrize(
    ("control", "places"),
    [
        (no_masking_of_an_answer, {"stdout of scan", "stderr of scan", "file trademon.db"}),
        (no_masking_of_a_fill, {"file trademon.db"}),
        (no_masking_of_a_crash, {"stderr of scan"}),
        (no_masking_of_logs, {"stderr of scan"}),
        (no_sealing, {"file trademon.db"}),
        (a_child_inherits, {"a child's environment", "file child.txt"}),
    ],
)
def test_a_program_that_does_not_hide_them_is_found_out(
    scene: Scene, measured: Measured, control: Callable[[Scene], None], places: set[str]
) -> None:
    """The same look at the same places, with the program built wrong."""
    control(scene)
    scene.trace.look_at_files()
    assert places <= scene.trace.seen.keys()
    measured(f"found out: {', '.join(sorted(places))}")
