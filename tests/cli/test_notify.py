from __future__ import annotations

import socket
from pathlib import Path

import pytest

from honeystack.cli.notify import READY, notify, reloading


@pytest.fixture
def manager(tmp_path: Path) -> socket.socket:
    """Stands for systemd."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.setblocking(False)
    return listening


def test_the_service_manager_is_told(manager: socket.socket) -> None:
    with manager:
        assert notify(READY, {"NOTIFY_SOCKET": manager.getsockname()})
        assert manager.recv(100) == b"READY=1"


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel chooses an abstract address
        listening.setblocking(False)
        address = listening.getsockname().decode().replace("\0", "@", 1)
        assert notify("STOPPING=1", {"NOTIFY_SOCKET": address})
        assert listening.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/no/such"}]
)
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    assert not notify(READY, environment)


def test_a_reload_tells_its_time() -> None:
    first, second = reloading().split("\n")
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()
