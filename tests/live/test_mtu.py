"""The interface's MTU becomes another while the honeypot runs: transfers under way end well, and new ones fit."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.live.arena import ECHO, INTERFACE, V4, V6, Arena, capture, frames_in, honeypot, inside, whole_segments

pytestmark = pytest.mark.live

SIZE = 3_000_000


@pytest.fixture
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with honeypot(tmp_path_factory.mktemp("mtu"), ECHO) as place:
        for host in (place.pot, place.attacker):
            whole_segments(host, INTERFACE)
        yield place


def set_mtu(pot: Arena, mtu: int) -> None:
    """Of both ends: an end of a cable takes no longer frames than it sends."""
    for host in (pot.attacker, pot.pot):
        host.run("ip", "link", "set", INTERFACE, "mtu", str(mtu))


def echoed(pot: Arena, address: str, *, mtu: int | None = None) -> int:
    """How many bytes come back of SIZE; with `mtu`, the cable's becomes that one once a third of them have."""
    with inside(pot.attacker):
        client = socket.create_connection((address, 7), 10)
    count = 0
    with client:
        client.settimeout(20)
        sender = threading.Thread(target=lambda: (client.sendall(bytes(SIZE)), client.shutdown(socket.SHUT_WR)))
        sender.start()
        while more := client.recv(1 << 16):
            before, count = count, count + len(more)
            if mtu is not None and before < SIZE // 3 <= count:
                set_mtu(pot, mtu)
        sender.join(20)
    return count


@pytest.mark.parametrize("address", [V4, V6])
def test_a_smaller_mtu_harms_no_transfer(pot: Arena, address: str) -> None:
    assert echoed(pot, address, mtu=1300) == SIZE
    (told,) = pot.wait_events("sensor", "mtu")
    assert (told["mtu.before"], told["mtu.now"]) == (1500, 1300)
    with capture(pot.attacker, pot.folder / "after.pcap", "tcp", "port", "7") as path:
        assert echoed(pot, address) == SIZE
    mss = {int(row[0]) for row in frames_in(path, "tcp.flags.syn == 1 && tcp.flags.ack == 1", "tcp.options.mss_val")}
    assert mss == {1300 - (40 if address == V4 else 60)}


def test_a_larger_mtu_is_used(pot: Arena) -> None:
    assert echoed(pot, V4, mtu=9000) == SIZE
    pot.wait_events("sensor", "mtu", **{"mtu.now": 9000})
    with capture(pot.attacker, pot.folder / "after.pcap", "tcp", "src", "port", "7") as path:
        assert echoed(pot, V4) == SIZE
    assert max(int(row[0]) for row in frames_in(path, "", "frame.len")) == 9014
