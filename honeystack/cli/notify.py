"""Telling systemd how the service fares: sd_notify(3) over its datagram socket, without its library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

READY, STOPPING = "READY=1", "STOPPING=1"


def reloading() -> str:
    """The message that a reload begins; READY ends it. systemd wants the time to tell reloads apart."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def notify(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send one message where a service manager listens; whether one did. Never raises: nobody may be there."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)  # a service manager that does not read must not hold us up
            sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        return False
    return True
