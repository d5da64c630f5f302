"""Which setting wins, where files lie, and that a misspelt name is never silently nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from trademon.errors import ConfigError
from trademon.redaction import register
from trademon.settings import NAMES, Settings, child_environment, load_settings, read_env_file, secret_from

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The working directory."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """TRADEMON_HOME, with a config directory."""
    (tmp_path / "home" / "config").mkdir(parents=True)
    return tmp_path / "home"


# --- what wins ----------------------------------------------------------------------------------------------------


def test_the_environment_wins_over_env_over_config_env_over_the_default(here: Path, home: Path) -> None:
    """Taken away one by one, the next one holds."""
    environ = {"TRADEMON_HOME": str(home), "TRADEMON_USER": "of-the-environment"}
    (here / ".env").write_text("TRADEMON_USER=of-env\n")
    (home / "config" / "config.env").write_text("TRADEMON_USER=of-config\n")
    assert load_settings(environ, directory=here).user == "of-the-environment"
    del environ["TRADEMON_USER"]
    assert load_settings(environ, directory=here).user == "of-env"
    (here / ".env").unlink()
    assert load_settings(environ, directory=here).user == "of-config"
    (home / "config" / "config.env").unlink()
    assert load_settings(environ, directory=here).user is None


def test_each_setting_is_taken_by_itself(here: Path, home: Path) -> None:
    """A file that sets one name hides no other of the file below it."""
    (here / ".env").write_text(f"TRADEMON_HOME={home}\nTRADEMON_USER=ann\n")
    (home / "config" / "config.env").write_text("TRADEMON_USER=bob\nTRADEMON_DATABASE_URL=sqlite:////x/y.db\n")
    settings = load_settings({"TRADEMON_KEY_FILE": "/k"}, directory=here)
    assert (settings.home, settings.user) == (home, "ann")
    assert (settings.store_url, settings.key_file) == ("sqlite:////x/y.db", Path("/k"))


def test_without_anything_the_defaults_hold(here: Path) -> None:
    """No file, no variable."""
    settings = load_settings({}, directory=here)
    assert (settings.home, settings.user, settings.database_url, settings.key_file_path) == (None,) * 4


def test_an_empty_value_is_the_default(here: Path, home: Path) -> None:
    """`TRADEMON_USER=` is how a template leaves a setting open."""
    (here / ".env").write_text("TRADEMON_USER=\nTRADEMON_DATABASE_URL=\nTRADEMON_KEY_FILE\n")
    settings = load_settings({"TRADEMON_HOME": str(home)}, directory=here)
    assert settings.user is None
    assert settings.key_file == home / "config" / "master.key"
    assert load_settings({"TRADEMON_USER": ""}, directory=home).user is None


def test_config_env_is_the_one_in_the_home_that_holds(here: Path, home: Path) -> None:
    """The directory config.env is read from is the directory the settings name, whatever is empty or set where."""
    (here / ".env").write_text(f"TRADEMON_HOME={home}\n")
    (home / "config" / "config.env").write_text("TRADEMON_USER=bob\n")
    settings = load_settings({"TRADEMON_HOME": ""}, directory=here)
    assert (settings.user == "bob") == (settings.home == home)


def test_the_settings_cannot_be_changed(here: Path) -> None:
    """One frozen value for a run."""
    settings = load_settings({}, directory=here)
    with pytest.raises(ValidationError):
        settings.user = "bob"  # type: ignore[misc]


def test_the_working_directory_is_the_process_s_by_default(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person expects of `.env`; and the environment is the process's."""
    (here / ".env").write_text("TRADEMON_USER=ann\n")
    monkeypatch.chdir(here)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    assert load_settings().user == "ann"
    monkeypatch.setenv("TRADEMON_USER", "bob")
    assert load_settings().user == "bob"


# --- places -------------------------------------------------------------------------------------------------------


def test_trademon_home_puts_everything_under_one_directory(here: Path, home: Path) -> None:
    """data/, state/ and config/ with the key file."""
    settings = load_settings({"TRADEMON_HOME": str(home)}, directory=here)
    assert settings.data_dir == home / "data"
    assert settings.state_dir == home / "state"
    assert settings.config_dir == home / "config"
    assert settings.key_file == home / "config" / "master.key"
    assert settings.store_url == f"sqlite:///{home}/data/trademon.db"


def test_without_a_home_the_xdg_places_hold(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own places, each by its variable; config.env is read from there."""
    for kind in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    (tmp_path / "config" / "trademon").mkdir(parents=True)
    (tmp_path / "config" / "trademon" / "config.env").write_text("TRADEMON_USER=ann\n")
    settings = load_settings({}, directory=here)
    assert settings.data_dir == tmp_path / "data" / "trademon"
    assert settings.state_dir == tmp_path / "state" / "trademon"
    assert settings.key_file == tmp_path / "config" / "trademon" / "master.key"
    assert settings.user == "ann"


def test_the_key_file_lies_outside_the_data_directory(here: Path, home: Path) -> None:
    """Whoever copies the data directory does not carry the key away with it."""
    settings = load_settings({"TRADEMON_HOME": str(home)}, directory=here)
    assert not settings.key_file.is_relative_to(settings.data_dir)


# --- misspelt names -----------------------------------------------------------------------------------------------


def test_a_misspelt_name_in_env_is_refused_with_the_name_that_was_meant(here: Path) -> None:
    """The message says which file sets what; the hint says what was meant."""
    (here / ".env").write_text("# mine\nTRADEMON_USR=ann\n")
    with pytest.raises(ConfigError, match="TRADEMON_USR") as caught:
        load_settings({}, directory=here)
    assert str(here / ".env") in caught.value.message
    assert caught.value.hint == "did you mean TRADEMON_USER?"
    assert caught.value.exit_code == 4


def test_a_misspelt_name_in_config_env_is_refused_too(here: Path, home: Path) -> None:
    """As in `.env`; where nothing is near, the hint is the list of names."""
    (home / "config" / "config.env").write_text("export TRADEMON_QQQQQQQQQQQQQQ=1\n")
    with pytest.raises(ConfigError, match=r"config\.env") as caught:
        load_settings({"TRADEMON_HOME": str(home)}, directory=here)
    assert ".env.example" in (caught.value.hint or "")


def test_the_environment_is_not_judged(here: Path) -> None:
    """It belongs to others too: a wrapper may have names of its own."""
    assert load_settings({"TRADEMON_WRAPPER": "1"}, directory=here).user is None


def test_names_of_others_in_the_files_are_let_be(here: Path) -> None:
    """Exchange keys by any name, and other programs' settings, stand in the same file."""
    (here / ".env").write_text("DJANGO_SECRET=1\nBINANCE_KEY=k\nMY_TRADEMON_USER=x\nAUTOMATION_LOG_LEVEL=DEBUG\n")
    assert load_settings({}, directory=here).user is None


def test_the_channels_settings_are_secrets(here: Path) -> None:
    """Neither a settings value nor its error shows a token or a URL with one."""
    (here / ".env").write_text("TRADEMON_TELEGRAM_TOKEN=1:the-token\nTRADEMON_NOTIFY_URLS=json://the-url\n")
    settings = load_settings({}, directory=here)
    assert "the-" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.telegram_token is not None
    assert settings.telegram_token.get_secret_value() == "1:the-token"


# --- the files ----------------------------------------------------------------------------------------------------


def test_values_are_taken_as_they_stand(here: Path) -> None:
    """`${...}` is not expanded: a secret with a dollar sign stays whole. Quotes hold blanks and #."""
    (here / ".env").write_text(
        "PLAIN=a$HOME-${HOME}\nQUOTED=\"b${HOME} # c\"\nSINGLE='d$1 #'\nexport EXPORTED=e=f\nCOMMENT=g # not this\n"
    )
    values = read_env_file(here / ".env")
    assert values == {
        "PLAIN": "a$HOME-${HOME}",
        "QUOTED": "b${HOME} # c",
        "SINGLE": "d$1 #",
        "EXPORTED": "e=f",
        "COMMENT": "g",
    }


def test_a_file_that_is_not_there_is_no_settings(here: Path) -> None:
    """Nor is a directory of that name."""
    assert read_env_file(here / ".env") == {}
    (here / ".env").mkdir()
    assert read_env_file(here / ".env") == {}


def test_a_file_that_cannot_be_read_is_one_error(here: Path) -> None:
    """Not text: the message names the file."""
    (here / ".env").write_bytes(b"TRADEMON_USER=\xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot read") as caught:
        load_settings({}, directory=here)
    assert str(here / ".env") in caught.value.message


# --- secrets ------------------------------------------------------------------------------------------------------


def test_a_secret_comes_from_the_environment_then_from_env(here: Path) -> None:
    """By the name a person gives; blanks around it are not part of it."""
    (here / ".env").write_text("MY_KEY='from-env $x'\n")
    assert secret_from("MY_KEY", {"MY_KEY": " from-environ\n"}, directory=here) == "from-environ"
    assert secret_from("MY_KEY", {}, directory=here) == "from-env $x"


@pytest.mark.parametrize("environ", [{}, {"MY_KEY": ""}, {"MY_KEY": "  \n"}])
def test_a_secret_that_is_not_set_is_told_by_its_name(here: Path, environ: dict[str, str]) -> None:
    """Unset, empty and blank are the same: no key."""
    with pytest.raises(ConfigError, match="MY_KEY") as caught:
        secret_from("MY_KEY", environ, directory=here)
    assert caught.value.hint == "export MY_KEY=..."


def test_a_wrong_value_is_not_shown() -> None:
    """It may be a secret put on the wrong line."""
    with pytest.raises(ValidationError) as caught:
        Settings(TRADEMON_HOME=["s3cret"])  # type: ignore[call-arg]
    assert "s3cret" not in str(caught.value)


# --- .env.example -------------------------------------------------------------------------------------------------


def test_the_example_lists_exactly_the_settings_there_are() -> None:
    """Each once, commented out, so that a copy changes nothing."""
    example = ROOT / ".env.example"
    if not example.exists():
        pytest.skip("no .env.example here")
    listed = re.findall(r"^#?\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=", example.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(NAMES)
    assert read_env_file(example) == {}


def test_a_key_read_from_the_environment_is_not_handed_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child finds neither the name nor the value; read again, it is still known."""
    monkeypatch.setenv("MY_KEY", "a-key-for-a-test-of-ours")
    monkeypatch.setenv("MY_OTHER", "x")
    assert secret_from("MY_KEY", directory=here) == "a-key-for-a-test-of-ours"
    child = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "MY_OTHER=x" in child
    assert "MY_KEY" not in child
    assert "a-key-for-a-test-of-ours" not in child
    assert secret_from("MY_KEY", directory=here) == "a-key-for-a-test-of-ours"


@pytest.mark.parametrize(
    "key", ["vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "bg_0a1b2c", "my pass", "A" * 64]
)
def test_a_key_where_its_name_belongs_is_not_repeated(here: Path, key: str) -> None:
    """Whoever mistakes the one for the other does not find it in a mail from cron."""
    with pytest.raises(ConfigError) as caught:
        secret_from(key, {}, directory=here)
    assert key not in caught.value.line
    assert caught.value.exit_code == 4


def test_a_credential_of_systemd_goes_before_a_key_file(here: Path, home: Path, tmp_path: Path) -> None:
    """Where there is one of that name; the directory is systemd's word, and no file's."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    given = {"TRADEMON_HOME": str(home), "TRADEMON_KEY_FILE": "/k", "CREDENTIALS_DIRECTORY": str(directory)}
    settings = load_settings(given, directory=here)
    assert (settings.key_file, settings.key_is_credential) == (Path("/k"), False)
    (directory / "trademon-key").write_text("x")
    settings = load_settings(given, directory=here)
    assert (settings.key_file, settings.key_is_credential) == (directory / "trademon-key", True)
    (here / ".env").write_text(f"CREDENTIALS_DIRECTORY={directory}\n")
    del given["CREDENTIALS_DIRECTORY"]
    assert load_settings(given, directory=here).key_file == Path("/k")


def test_a_started_program_inherits_our_settings_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what looks like one by its name, nor what holds a known secret under any name."""
    register("a-known-secret-of-a-test")
    given = {"BINANCE_KEY": "x", "my_token": "x", "URL": "https://u:a-known-secret-of-a-test@h/"}
    kept = {"TRADEMON_KEY_FILE": "/k", "AUTOMATION_LOG_LEVEL": "INFO", "PGPASSWORD": "x", "LANG": "C", "MY_HOME": "/h"}
    for name, value in {**given, **kept}.items():
        monkeypatch.setenv(name, value)
    inherited = child_environment()
    assert not given.keys() & inherited.keys()
    assert kept.items() <= inherited.items()
