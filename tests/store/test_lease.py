"""One holder per account and pass."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.store.world import finish, start
from trademon.errors import Busy, StoreError
from trademon.store import lease
from trademon.store.lease import hold

HOLDER = """
import sys
from pathlib import Path
from trademon.store.lease import hold
with hold(Path(sys.argv[1]), "account-1"):
    print("held", flush=True)
    input()
print("left", flush=True)
"""


def holder(directory: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock by now."""
    process = start(HOLDER, directory)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_told_at_once(tmp_path: Path) -> None:
    """It does not wait: another run is doing the work, exit code 75."""
    other = holder(tmp_path)
    began = time.monotonic()
    with pytest.raises(Busy) as caught, hold(tmp_path, "account-1"):
        pytest.fail("held twice")
    assert time.monotonic() - began < 0.5
    assert caught.value.exit_code == 75
    assert finish(other, "\n") == "left"


def test_one_process_cannot_hold_it_twice_either(tmp_path: Path) -> None:
    """Two passes in one process, as under watch, exclude each other too."""
    with hold(tmp_path, "account-1"), pytest.raises(Busy), hold(tmp_path, "account-1"):
        pytest.fail("held twice")


def test_other_accounts_are_not_held_up(tmp_path: Path) -> None:
    """A lock is one account's."""
    with hold(tmp_path, "account-1"), hold(tmp_path, "account-2"):
        pass


def test_it_is_free_after_use(tmp_path: Path) -> None:
    """Also after an exception inside, and as often as one likes."""
    for _ in range(3):
        with pytest.raises(ValueError, match="oops"), hold(tmp_path, "account-1"):
            raise ValueError("oops")
    with hold(tmp_path, "account-1"):
        pass


def test_it_is_free_the_moment_its_holder_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves no chance to tidy up: the operating system frees the lock, no waiting, no stale file."""
    other = holder(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with hold(tmp_path, "account-1"):
        pass


def test_it_is_not_inherited_by_child_processes(tmp_path: Path) -> None:
    """A program started by the holder and outliving it does not keep the lock."""
    code = HOLDER.replace(
        "    print(",
        """    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(child.pid, flush=True)
    print(""",
    )
    other = start(code, tmp_path)
    assert other.stdout is not None
    child = int(other.stdout.readline())
    try:
        assert other.stdout.readline() == "held\n"
        other.kill()
        other.communicate()
        os.kill(child, 0)  # it lives
        with hold(tmp_path, "account-1"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_its_directory_and_file_are_its_owners_alone(tmp_path: Path) -> None:
    """They are made on first use, 0700 and 0600."""
    with hold(tmp_path / "state" / "locks", "account-1"):
        assert stat.S_IMODE((tmp_path / "state" / "locks").stat().st_mode) == 0o700
        (file,) = (tmp_path / "state" / "locks").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    """The person reads where and what to do."""
    (tmp_path / "state").write_text("mine")
    with pytest.raises(StoreError) as caught, hold(tmp_path / "state", "account-1"):
        pytest.fail("held")
    assert caught.value.hint


def test_a_full_disk_keeps_the_name_of_the_holder_and_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is held is the kernel's to say: what then cannot be stored is said by the store."""

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with hold(tmp_path, "account-1"):
        assert lease.holder(tmp_path, "account-1") == "another run"
        with pytest.raises(Busy), hold(tmp_path, "account-1"):
            pass
