"""The fence of a running honeypot is taken away: it notices, tells, and puts it up again."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.live.arena import LISTENER, V4, Arena, honeypot, inside

pytestmark = pytest.mark.live


def holders(place: Arena) -> list[int]:
    """The processes of nft that the honeypot has."""
    assert place.process is not None
    pid = place.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/comm").read_text().strip() == "nft"]


def rules(place: Arena) -> list[str]:
    found = [line.strip() for line in place.fence().splitlines() if line.endswith(("drop", "accept"))]
    assert len(found) > 5
    return found


@pytest.mark.parametrize("more", ["", "workers = 2\n"], ids=["one process", "workers"])
def test_a_fence_that_is_taken_away_is_back_at_once_and_told(tmp_path: Path, more: str) -> None:
    with honeypot(tmp_path, listener=LISTENER + more) as place:
        (holder,) = holders(place)
        before = rules(place)
        with inside(place.attacker):
            open_still = socket.create_connection((V4, 80), 10)
        with open_still:
            os.kill(holder, signal.SIGKILL)
            down, up = place.wait_events("sensor", "fence", 2)
            assert (down["fence.state"], up["fence.state"]) == ("down", "up")
            assert down["fence.reason"] == "nft was killed by signal 9"
            assert up["fence.down-ms"] < 5000
            assert rules(place) == before
            (again,) = holders(place)
            assert again != holder
            open_still.sendall(b"still here")
            place.wait_events("tcp", "payload", payload="still here")
        place.stop()
        assert "ingress" not in place.fence()
