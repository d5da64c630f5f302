"""The conventions of the command line that hold for every command there is, looked up in the commands themselves.

docs/reference/conventions.md lists them all; those that need a process of their own are in test_conventions_run.py.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.cli.shell import ENVELOPE, Shell
from tests.cli.test_two_users import every_command
from trademon.cli import COMMANDS, _loaded, app, main
from trademon.cli.flags import Flags

PATHS = list(every_command())
GROUPS = [name for name in COMMANDS if hasattr(_loaded(name), "commands")]
EACH = pytest.mark.parametrize("path", PATHS)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process and in a home that does not exist."""
    shell = Shell(tmp_path / "home", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, value in shell.env().items():
        monkeypatch.setenv(name, value)
    for name in ("TRADEMON_USER", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def options(path: str) -> dict[str, Any]:
    """Each option of a command by each of its names."""
    return {name: p for p in every_command()[path].params if p.param_type_name == "option" for name in p.opts}


# --- help ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", *PATHS, *GROUPS])
def test_help_is_at_h_and_help_and_touches_nothing(run: Run, tmp_path: Path, path: str) -> None:
    """The same text on stdout, exit 0; also behind other options and where arguments are missing."""
    short, long = run(*path.split(), "-h"), run(*path.split(), "--help")
    assert short == long
    assert (short[0], short[2]) == (0, "")
    assert short[1].startswith(f"Usage: {f'trademon {path}'.strip()}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", *PATHS, *GROUPS])
def test_help_ends_with_a_run_that_can_be_copied(run: Run, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """On one line however narrow the terminal is; it is a line of that very command, and can be understood."""
    monkeypatch.setenv("COLUMNS", "40")
    (example,) = re.findall(r"^ *Example: (trademon .*)$", run(*path.split(), "-h")[1], re.MULTILINE)
    words = shlex.split(example)[1:]
    called, own = understood(words), f"trademon {path}".strip()
    assert called == own or (path in ("", *GROUPS) and called.startswith(own))


def understood(words: list[str]) -> str:
    """The command that these words call, once all of them were taken. Raises what Typer raises for one that is not."""
    command: Any = get_command(app)
    context, name, rest = None, "trademon", words
    while True:
        context = command.make_context(name, list(rest), parent=context)
        rest = [*context._protected_args, *context.args]
        if not rest or not hasattr(command, "resolve_command"):
            return str(context.command_path)
        name, command, rest = command.resolve_command(context, rest)


def test_help_lists_every_command_in_one_line_that_ends_well(run: Run) -> None:
    """A sentence each, and none that is hidden."""
    out = run("-h")[1]
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +\S", out, re.MULTILINE)
        assert line.endswith(".")
    assert "serve" not in run("automation", "-h")[1]


@pytest.mark.parametrize("group", [g for g in GROUPS if not _loaded(g).invoke_without_command])
def test_a_group_alone_shows_what_is_below_it(run: Run, group: str) -> None:
    """Its help, and exit 2, since nothing was done."""
    code, out, err = run(group)
    assert (code, err) == (2, "")
    assert out == run(group, "-h")[1]


def test_the_version_is_one_line(run: Run) -> None:
    """`trademon X.Y.Z` on stdout."""
    code, out, err = run("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"trademon \d+\.\d+\.\d+\S*\n", out)


# --- names --------------------------------------------------------------------------------------------------------


@EACH
def test_every_command_takes_the_options_that_all_take(path: str) -> None:
    """--json, -q, -v, --debug, --no-color, -h."""
    wanted = {"--json", "-q", "--quiet", "-v", "--debug", "--no-color"}
    assert wanted <= options(path).keys()
    assert {"json", "quiet", "verbose", "debug", "no_color"} <= set(Flags.__dataclass_fields__)


@EACH
def test_options_are_spelt_as_everywhere(path: str) -> None:
    """Small letters and hyphens, a word for each; a letter only beside its word (-v is for itself, as in curl)."""
    for name, parameter in options(path).items():
        assert re.fullmatch(r"--[a-z][a-z0-9]*(-[a-z0-9]+)*|-[a-z]", name), name
        assert name == "-v" or any(other.startswith("--") for other in parameter.opts), name
        assert parameter.help, f"{path} {name} says nothing of itself"


def test_a_letter_means_one_thing() -> None:
    """-q is --quiet wherever it is, -y --yes, -n --dry-run; no letter is two words."""
    meant: dict[str, set[str]] = {}
    for path in PATHS:
        for name, parameter in options(path).items():
            if re.fullmatch("-[a-z]", name):
                meant.setdefault(name, set()).update(other for other in parameter.opts if other.startswith("--"))
    assert meant == {"-q": {"--quiet"}, "-v": set(), "-y": {"--yes"}, "-n": {"--dry-run"}} | {
        name: words for name, words in meant.items() if name not in ("-q", "-v", "-y", "-n")
    }
    assert all(len(words) <= 1 for words in meant.values())


@EACH
def test_what_belongs_to_a_user_takes_a_user(path: str) -> None:
    """All but what is about the store or this machine as a whole, or names its user by its argument."""
    whole = ("paths", "config show", "halt", "prices", "prices list")
    named = ("user add", "user set", "user enable", "user disable", "user remove")
    assert ("--user" in options(path)) != (path in (*whole, *named) or path.startswith(("db ", "key ")))


@EACH
def test_no_secret_is_taken_from_the_command_line(path: str) -> None:
    """Whoever lists processes reads it: a key comes from a prompt, or from a variable that is named."""
    for name, parameter in options(path).items():
        if re.search("key|secret|token|pass", name):
            assert name.endswith("-env") or parameter.is_flag, f"{path} {name}"


@EACH
def test_what_destroys_can_be_rehearsed_or_confirmed_or_undone(path: str) -> None:
    """Removals and restores ask, unless --yes says that nobody has to; whatever changes much takes --dry-run."""
    known = options(path)
    if path in ("broker remove", "user remove", "db restore"):
        assert {"--yes", "-y", "--dry-run", "-n"} <= known.keys()
    if path in ("fills import", "cash import", "rebuild", "db upgrade"):
        assert {"--dry-run", "-n"} <= known.keys()
    if path.endswith(" remove") and path != "lots remove":  # one entered lot, which lots open enters again
        assert "--yes" in known


# --- errors -------------------------------------------------------------------------------------------------------


@EACH
def test_a_wrong_option_is_one_line_that_says_where_and_what_to_do(run: Run, tmp_path: Path, path: str) -> None:
    """Exit 2, nothing on stdout, nothing written; the nearest option is named."""
    code, out, err = run(*path.split(), "--jsonn")
    assert (code, out) == (2, "")
    assert err == f"trademon: {path} has no option --jsonn (did you mean --json?)\n"
    assert list(tmp_path.iterdir()) == []


@EACH
def test_a_failure_is_a_whole_document_too(run: Run, path: str) -> None:
    """With --json: the envelope on stdout, the line on stderr."""
    code, out, err = run(*path.split(), "--nosuch", "--json")
    document = json.loads(out)
    assert (code, list(document), document["command"], document["status"]) == (2, ENVELOPE, path, "failed")
    (error,) = document["errors"]
    assert (error["kind"], bool(error["message"]), bool(error["hint"])) == ("usage", True, True)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("scna", "trademon scan"),
        ("postions", "trademon positions"),
        ("broker lst", "trademon broker list"),
        ("pnl explian", "trademon pnl explain"),
        ("strategy ad", "trademon strategy add"),
        ("import x.csv", "trademon fills import or trademon cash import"),
        ("compare", "trademon pnl compare"),
        ("pnl --method fifi", "--method fifo"),
        ("pnl --by mnth", "--by month"),
        ("pnl --symbl BTC", "--symbol"),
        ("pnl --tz Europe/Pari", "Europe/Paris"),
        ("broker add x --exchange binanec", "'binance'"),
        ("notify set execution on", "executions"),
    ],
)
def test_a_misspelt_word_is_told_with_the_one_that_was_meant(run: Run, typed: str, meant: str) -> None:
    """Commands, options, values; brokers, users and symbols are in test_conventions_run.py."""
    code, out, err = run(*typed.split())
    assert (code, out) == (2, "")
    assert "did you mean" in err
    assert meant in err


def test_a_word_that_is_like_none_is_not_guessed(run: Run) -> None:
    """No suggestion is better than a silly one."""
    assert run("qqqqq")[2] == "trademon: there is no command 'qqqqq' (trademon --help lists them)\n"
    assert run("scan", "-z")[2] == "trademon: scan has no option -z (see trademon scan --help)\n"


def test_a_missing_word_is_named_with_an_example(run: Run) -> None:
    """The example of the command's own help."""
    assert run("pnl", "explain")[2] == "trademon: pnl explain needs FILL_ID (as in: trademon pnl explain 17)\n"
    assert "fills import needs --broker (as in: trademon fills import trades.csv" in run("fills", "import", "x.csv")[2]
    assert run("pnl", "--since")[2] == "trademon: pnl --since needs a value (see trademon pnl --help)\n"
    assert run("scan", "main")[2] == "trademon: scan does not take 'main' (see trademon scan --help)\n"


def test_an_option_is_taken_in_either_form_and_anywhere_behind_its_command() -> None:
    """`--since 7d`, `--since=7d`, before and after arguments; `--` ends the options."""
    for line in (
        "fills import x.csv --broker b",
        "fills import --broker=b x.csv",
        "fills import --broker b -- x.csv",
        "scan --broker a --broker b --since=7d",
        "scan -vv -q",
    ):
        assert understood(line.split())


# --- the list of them ---------------------------------------------------------------------------------------------


def test_each_convention_that_is_listed_has_its_test() -> None:
    """And is one of thirty or more."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "conventions.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| \d+ \|.*\| `(test_\w+)` \|$", page, re.MULTILINE)
    numbers = [int(n) for n in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert numbers == list(range(1, len(named) + 1))
    assert len(named) >= 30
    written = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert not [name for name in named if f"def {name}(" not in written]
