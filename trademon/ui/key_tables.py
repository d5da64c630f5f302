"""What is said of keys, as a person reads it."""

from __future__ import annotations

from rich.console import Group, RenderableType

from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.ui.text import UNICODE, Glyphs, count, format_stamp, sentence


def render_key_status(status: KeyStatus, _glyphs: Glyphs = UNICODE) -> RenderableType:
    """Where it lies, which one it is, what it seals; what is left to do last."""
    where = f"{status.path}, handed in by systemd" if status.is_credential else status.path
    if status.version is None or status.since is None:
        which = "not in use yet" if not status.early else "in use as by an early release"
    else:
        which = f"number {status.version}, in use since {format_stamp(status.since)[:16]}"
    said = [
        sentence(f"master key: {where}; {which}"),
        sentence(f"{count(status.secrets, 'secret')} of {count(status.users, 'user')} sealed"),
    ]
    if status.early:
        said.append(sentence(f"{count(status.early, 'secret')} sealed as by an early release: trademon key rotate"))
    if status.is_unfinished:
        said.append(sentence("a rotation was stopped, everything opens: trademon key rotate ends it"))
    return Group(*said)


def render_keys_rotated(done: KeysRotated, _glyphs: Glyphs = UNICODE) -> RenderableType:
    """What was done, and what is left to a person."""
    if done.version is None:
        return sentence("nothing is sealed yet: there is no key to rotate")
    if done.was_unfinished:
        return sentence(f"ended the rotation that was stopped: master key number {done.version} is in place")
    secrets, users = count(done.secrets, "secret"), count(done.users, "user")
    said = [sentence(f"master key number {done.version} is in place; {secrets} of {users} sealed anew")]
    if done.forgotten:
        said.append(
            sentence(f"forgotten, give them again with trademon broker set NAME --new-key: {', '.join(done.forgotten)}")
        )
    said.append(sentence(f"other machines with a copy of {done.path} need the new one", "dim"))
    return Group(*said)
