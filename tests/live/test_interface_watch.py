"""The interface goes down, gets another address, and is taken away, while a honeypot answers on it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.live.arena import INTERFACE, LISTENER, V4, honeypot, inside

pytestmark = pytest.mark.live


@pytest.mark.parametrize("more", ["", "workers = 2\n"], ids=["one process", "workers"])
def test_an_interface_is_told_of_until_it_is_gone_which_ends_the_honeypot(tmp_path: Path, more: str) -> None:
    with honeypot(tmp_path, listener=LISTENER + more) as place:
        assert place.process is not None
        link = ("ip", "link", "set", INTERFACE)
        place.pot.run("ip", "address", "add", "203.0.113.77/24", "dev", INTERFACE)
        (added,) = place.wait_events("sensor", "interface")
        assert added["interface.state"] == "up"
        assert "203.0.113.77/24" in added["interface.added"]

        place.pot.run(*link, "down")
        place.wait_events("sensor", "interface", **{"interface.state": "down"})
        place.pot.run(*link, "up")
        place.wait_events("sensor", "interface", 3)
        with inside(place.attacker), socket.create_connection((V4, 80), 10) as open_still:
            open_still.sendall(b"again")
            place.wait_events("tcp", "payload", payload="again")
            place.pot.run("ip", "link", "delete", INTERFACE)
            assert place.process.wait(10) == 1
        (closed,) = place.wait_events("tcp", "close", **{"tcp.reason": "shutdown"})
        assert closed["destination-port"] == 80
        assert len(place.wait_events("sensor", "stop")) == 1
