"""A connection is known by both ends, and by the VLAN where there is one."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Accepted
from honeystack.net.tcp.flow_key import flow_key, segment_key
from honeystack.net.tcp.seq import add
from honeystack.net.wire.tcp import ACK, RST
from tests.net.tcp.pair import make_tcp, path_of
from tests.net.tcp.peer import Peer


def test_one_flow_is_one_connection_whatever_its_reverse_does() -> None:
    path = path_of()
    assert flow_key(path, 80, 9) != flow_key(path, 9, 80)
    assert len(flow_key(path, 80, 9)) == 12
    assert len(flow_key(path_of(6), 80, 9)) == 36


@pytest.mark.parametrize("version", [4, 6])
def test_the_vlan_is_part_of_it_and_the_priority_is_not(version: int) -> None:
    path = path_of(version)
    keys = [segment_key(path._replace(vlan=tag), b"\0\x09\0\x50") for tag in (None, 5, 7, 0xE005, 0x88A8_0005)]
    assert len(set(keys)) == 3
    assert keys[1] == keys[3] == keys[4]
    assert keys[0] == flow_key(path, 80, 9)


@pytest.mark.parametrize("version", [4, 6])
def test_a_segment_of_another_vlan_is_of_no_connection(version: int) -> None:
    tcp = make_tcp(3)
    peer = Peer(tcp, path=path_of(version)._replace(vlan=5))
    conn = peer.open()
    stranger = Peer(tcp, path=path_of(version)._replace(vlan=7))
    for tag in (7, None):
        stranger.path = stranger.path._replace(vlan=tag)
        (answer,) = stranger.send(ACK, b"text", seq=peer.seq, ack=peer.ack)
        assert answer.flags == RST
    assert conn.readable == 0
    peer.path = peer.path._replace(vlan=0xE005)
    (answer,) = peer.say(b"text")
    assert (answer.ack, conn.readable) == (peer.seq, 4)


@pytest.mark.parametrize("version", [4, 6])
def test_a_handshake_is_completed_in_its_own_vlan_only(version: int) -> None:
    tcp = make_tcp(3)
    peer, stranger = (Peer(tcp, path=path_of(version)._replace(vlan=vlan)) for vlan in (5, 7))
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), add(answer.seq, 1)
    assert [seg.flags for seg in stranger.send(seq=peer.seq, ack=peer.ack)] == [RST]
    assert peer.send() == []
    assert len(peer.told(Accepted)) == 1


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("vlan", "opened"), [(5, 1), (7, 0), (None, 0)])
def test_a_cookie_is_good_in_its_own_vlan_only(version: int, vlan: int | None, opened: int) -> None:
    peer = Peer(make_tcp(3, half_open=0), path=path_of(version)._replace(vlan=5))
    (answer,) = peer.syn()
    peer.path = peer.path._replace(vlan=vlan)
    peer.send(seq=add(peer.seq, 1), ack=add(answer.seq, 1))
    assert len(peer.told(Accepted)) == opened


@pytest.mark.parametrize("version", [4, 6])
def test_what_goes_to_another_address_of_ours_is_of_no_connection(version: int) -> None:
    # MUST-45
    tcp = make_tcp(3)
    peer = Peer(tcp, path=path_of(version))
    conn = peer.open()
    home, elsewhere = peer.path, peer.path._replace(local=peer.path.local[:-1] + b"\x63")
    peer.path = elsewhere
    assert [seg.flags for seg in peer.send(ACK, b"text")] == [RST]
    assert conn.readable == 0
    peer.path = home
    conn.send(b"answer", peer.now)
    assert [path for path, _ in tcp.poll_transmit(peer.now)] == [home]
