"""What is said of keys, as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.core.times import format_time


def key_status_to_json(status: KeyStatus) -> dict[str, Any]:
    """`{"key_file", "is_credential", "version", "since", "unfinished", "users", "secrets", "early"}`."""
    return {
        "key_file": status.path,
        "is_credential": status.is_credential,
        "version": status.version,
        "since": None if status.since is None else format_time(status.since),
        "unfinished": status.is_unfinished,
        "users": status.users,
        "secrets": status.secrets,
        "early": status.early,
    }


def keys_rotated_to_json(done: KeysRotated) -> dict[str, Any]:
    """`{"key_file", "version", "was_unfinished", "users", "secrets", "forgotten"}`."""
    return {
        "key_file": done.path,
        "version": done.version,
        "was_unfinished": done.was_unfinished,
        "users": done.users,
        "secrets": done.secrets,
        "forgotten": list(done.forgotten),
    }
