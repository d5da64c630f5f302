"""What systemd wants to hear of a service: that it is ready, and that it is still alive."""

from __future__ import annotations

import contextlib
import os
import socket


def tell(state: str) -> None:
    """Send `READY=1`, `WATCHDOG=1` or the like to who started us; nothing where that is not systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(address)
        out.sendall(state.encode())
