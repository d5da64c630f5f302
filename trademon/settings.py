"""Settings: flag > environment > `.env` here > `config.env` in the config directory > default, as one frozen value.

A misspelt `TRADEMON_` name in one of the two files is refused: a setting that silently does nothing is worse than an
error. The process environment is not judged, since it belongs to others too.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from trademon.errors import ConfigError
from trademon.redaction import redact, register

_PREFIX = "TRADEMON_"
CREDENTIAL = "trademon-key"
"""The name under which systemd hands in the master key: `LoadCredential=trademon-key:FILE`."""
DEFAULT_PAGER = "less -FRX"
_SECRET = frozenset({"TRADEMON_TELEGRAM_TOKEN", "TRADEMON_NOTIFY_URLS", "TRADEMON_HEARTBEAT_URL"})
"""Settings whose value opens something."""
_OptionalPath = Annotated[Path | None, BeforeValidator(lambda v: v or None)]
_OptionalText = Annotated[str | None, BeforeValidator(lambda v: v or None)]
_OptionalSecret = Annotated[SecretStr | None, BeforeValidator(lambda v: v or None)]


class Settings(BaseModel):
    """One field a setting; its alias is the name in the environment. `.env.example` lists them all."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    home: _OptionalPath = Field(None, validation_alias="TRADEMON_HOME")
    database_url: _OptionalText = Field(None, validation_alias="TRADEMON_DATABASE_URL")
    user: _OptionalText = Field(None, validation_alias="TRADEMON_USER")
    key_file_path: _OptionalPath = Field(None, validation_alias="TRADEMON_KEY_FILE")
    default_minutes: int = Field(30, validation_alias="AUTOMATION_DEFAULT_FREQUENCY", ge=5, le=120)
    tz: str = Field("local", validation_alias="TRADEMON_TZ")
    pager_command: _OptionalText = Field(None, validation_alias="TRADEMON_PAGER")
    keep_days: int = Field(90, validation_alias="AUTOMATION_KEEP_DAYS", ge=1, le=36500)
    log_level: Annotated[str, BeforeValidator(lambda v: str(v).upper())] = Field(
        "INFO", validation_alias="AUTOMATION_LOG_LEVEL", pattern="^(DEBUG|INFO|WARNING|ERROR)$"
    )
    heartbeat_url: _OptionalText = Field(None, validation_alias="TRADEMON_HEARTBEAT_URL")
    metrics_file: _OptionalPath = Field(None, validation_alias="TRADEMON_METRICS_FILE")
    telegram_token: _OptionalSecret = Field(None, validation_alias="TRADEMON_TELEGRAM_TOKEN")
    telegram_base_url: _OptionalText = Field(None, validation_alias="TRADEMON_TELEGRAM_BASE_URL")
    notify_urls: _OptionalSecret = Field(None, validation_alias="TRADEMON_NOTIFY_URLS")
    credentials_dir: _OptionalPath = Field(None, validation_alias="CREDENTIALS_DIRECTORY")

    @property
    def pager(self) -> str:
        """The program for what is longer than the screen; nothing where PAGER is set to nothing."""
        return self.pager_command or os.environ.get("PAGER", DEFAULT_PAGER)

    @property
    def data_dir(self) -> Path:
        return self.home / "data" if self.home else platformdirs.user_data_path("trademon")

    @property
    def state_dir(self) -> Path:
        return self.home / "state" if self.home else platformdirs.user_state_path("trademon")

    @property
    def config_dir(self) -> Path:
        return config_dir(self.home)

    @property
    def key_is_credential(self) -> bool:
        """Whether systemd has handed in the master key."""
        return self.credentials_dir is not None and (self.credentials_dir / CREDENTIAL).exists()

    @property
    def key_file(self) -> Path:
        """Where the master key lies: with systemd's credentials, else where it was said to lie, else in the config
        directory."""
        if self.credentials_dir is not None and self.key_is_credential:
            return self.credentials_dir / CREDENTIAL
        return self.key_file_path or self.config_dir / "master.key"

    @property
    def store_url(self) -> str:
        """The database's URL; without one, SQLite in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'trademon.db'}"


# What a person calls a variable. Anything else may be the key, written where its variable's name belongs.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,39}")
_taken: dict[str, str] = {}
# By its name somebody's key. Our own settings are what a program of ours is started for.
_MAY_BE_KEY = re.compile("KEY|SECRET|TOKEN|PASS|CREDENTIAL", re.IGNORECASE)
_OURS = (_PREFIX, "AUTOMATION_", "CREDENTIALS_DIRECTORY", "PG")  # libpq's, too

NAMES: tuple[str, ...] = tuple(
    name for f in Settings.model_fields.values() if (name := str(f.validation_alias)) != "CREDENTIALS_DIRECTORY"
)


def config_dir(home: Path | None) -> Path:
    return home / "config" if home else platformdirs.user_config_path("trademon")


def here() -> Path:
    """The working directory. Raises ConfigError where it has been removed meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the directory you are in has been removed", hint="cd to one that is there") from None


def load_settings(environ: Mapping[str, str] | None = None, *, directory: Path | None = None) -> Settings:
    """The settings that hold for a run in `directory` (the working directory).

    Raises:
        ConfigError: a misspelt name, an unreadable file, or a value that is none.
    """
    values: dict[str, Any] = {name: value for name, (value, _) in _found(environ, directory).items()}
    register(*(value for name, value in values.items() if name in _SECRET))
    given = os.environ if environ is None else environ
    values["CREDENTIALS_DIRECTORY"] = given.get("CREDENTIALS_DIRECTORY")  # systemd's word, which no file has
    try:
        return Settings(**values)
    except ValidationError as error:
        wrong = ", ".join(str(e["loc"][0]) for e in error.errors())
        raise ConfigError(f"a setting has a value that cannot be used: {wrong}", hint="see .env.example") from None


def _found(environ: Mapping[str, str] | None, directory: Path | None) -> dict[str, tuple[str, str]]:
    """The value of each setting that is set, and where. An empty value is one that is not set: the next source is
    asked."""
    given = os.environ if environ is None else environ
    local_file = (directory or here()) / ".env"
    local = read_env_file(local_file)
    home = given.get("TRADEMON_HOME") or local.get("TRADEMON_HOME")
    shared_file = config_dir(Path(home) if home else None) / "config.env"
    shared = read_env_file(shared_file)
    if shared.get("TRADEMON_HOME"):
        raise ConfigError(
            f"{shared_file} sets TRADEMON_HOME", hint="set it in the environment or in .env: it says where that file is"
        )
    if local.get("TRADEMON_PAGER"):
        where = f"set it in the environment or in {shared_file}: a directory one works in starts no program"
        raise ConfigError(f"{local_file} sets TRADEMON_PAGER", hint=where)
    sources = ((given, "environment"), (local, str(local_file)), (shared, str(shared_file)))
    return {
        name: next((values[name], where) for values, where in sources if values.get(name))
        for name in NAMES
        if any(values.get(name) for values, _ in sources)
    }


def explain_settings(
    environ: Mapping[str, str] | None = None, *, directory: Path | None = None
) -> list[tuple[str, str | None, str]]:
    """Each setting's name, its value as it may be shown, and where that comes from."""
    found, settings = _found(environ, directory), load_settings(environ, directory=directory)
    defaults = {
        "TRADEMON_DATABASE_URL": settings.store_url,
        "TRADEMON_KEY_FILE": str(settings.key_file),
        "TRADEMON_TZ": settings.tz,
        "TRADEMON_PAGER": settings.pager,
        "AUTOMATION_DEFAULT_FREQUENCY": str(settings.default_minutes),
        "AUTOMATION_KEEP_DAYS": str(settings.keep_days),
        "AUTOMATION_LOG_LEVEL": settings.log_level,
    }
    rows: list[tuple[str, str | None, str]] = []
    for name in NAMES:
        value, where = found.get(name) or (defaults.get(name), "default")
        rows.append((name, None if value is None else _shown(name, value), where))
    return rows


def _shown(name: str, value: str) -> str:
    if name in _SECRET:
        return "***"
    return shown_url(value) if name == "TRADEMON_DATABASE_URL" else value


def shown_url(url: str) -> str:
    """A database's URL without a password, which stands before the last @ or is named in the query."""
    scheme, colon, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    shown = f"{user.partition(':')[0]}{':***' if ':' in user else ''}{at}{place}"
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", f"{scheme}{colon}{shown}")


def read_env_file(path: Path) -> dict[str, str]:
    """The names and values of an env file; empty where there is none.

    Values are taken as they stand: `${...}` is not expanded, so that a secret with a dollar sign stays whole.
    """
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    for name in values:
        if name.startswith(_PREFIX) and name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {close[0]}?" if close else "see .env.example for the names there are"
            raise ConfigError(f"{path} sets {name}, which is no setting of trademon", hint=hint)
    return {name: value for name, value in values.items() if value is not None}


def secret_from(name: str, environ: Mapping[str, str] | None = None, *, directory: Path | None = None) -> str:
    """The value of a named environment variable, or of that name in `.env`. The process's own environment holds it no
    more from then on, so that no child inherits it.

    Raises:
        ConfigError: it is set in neither, or empty.
    """
    environ = os.environ if environ is None else environ
    value = environ.get(name) or _taken.get(name) or read_env_file((directory or here()) / ".env").get(name)
    if not value or not value.strip():
        if not _VARIABLE.fullmatch(name):
            raise ConfigError(
                "no environment variable has the name that was given for a key",
                hint="it is not shown, since it may be the key itself: name the variable, as in --api-key-env MY_KEY",
            )
        raise ConfigError(f"the environment variable {name} is not set or empty", hint=f"export {name}=...")
    if environ is os.environ and name in os.environ:
        _taken[name] = os.environ.pop(name)
    register(value.strip())
    return value.strip()


def child_environment() -> dict[str, str]:
    """What a program that is started inherits: our own settings, and nothing else that is a known secret or by its name
    may be somebody's key."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_OURS) or not (_MAY_BE_KEY.search(name) or redact(value) != value)
    }
