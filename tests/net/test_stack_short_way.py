"""The short way that plain segments take through the stack: nothing is seen of it but the time."""

from __future__ import annotations

import random

import pytest

from honeystack.net import stack as module
from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.notices import Accepted
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.tcp import ACK
from tests.net.frames import (
    ASK,
    BROADCAST,
    OUR_MAC,
    PATH4,
    PATH6,
    PEER_MAC,
    arp_frame,
    both,
    established,
    fate,
    ip_frame,
    make_stack,
    notices,
    packed,
    segment,
    syn_frame,
    syn_segment,
)


@both
def test_a_super_frame_is_one_segment(path: Path) -> None:
    stack = make_stack()
    seq, ack = established(stack, path)
    data = random.Random(1).randbytes(30_000)
    assert (
        fate(stack, ip_frame(path, 6, segment(path, ACK, seq, ack, data)), checksum=ChecksumState.PARTIAL)
        == "delivered"
    )
    (connection,) = (notice.connection for notice in notices(stack) if isinstance(notice, Accepted))
    assert connection.receive(100_000, 1.0) == data


@both
def test_a_super_frame_may_have_no_length(path: Path) -> None:
    stack = make_stack()
    octets = bytearray(syn_frame(path, 81))
    if path.version == 4:
        total = int.from_bytes(octets[16:18], "big")
        octets[24:26] = (int.from_bytes(octets[24:26], "big") + total).to_bytes(2, "big")  # keeps the checksum right
        octets[16:18] = bytes(2)
    else:
        octets[18:20] = bytes(2)
    assert fate(stack, bytes(octets)) == "malformed"
    assert fate(stack, bytes(octets), checksum=ChecksumState.PARTIAL) == "delivered"


@both
def test_the_long_way_and_the_short_way_agree(path: Path) -> None:
    """The same frame with its tag inside goes the long way; without it the short one."""
    for remote in ("10.0.0.2", "127.0.0.1", "10.0.0.1", "2001:db8::2", "::1", "ff02::1", "2001:db8::1"):
        if len(packed(remote)) != len(path.remote):
            continue
        for mac in (OUR_MAC, BROADCAST, PEER_MAC):
            tried = path._replace(remote=packed(remote), local_mac=mac)
            long, short = make_stack(), make_stack()
            fates = {fate(long, syn_frame(tried._replace(vlan=5))), fate(short, syn_frame(tried), vlan=5)}
            assert len(fates) == 1
            assert long.poll_transmit(1.0) == short.poll_transmit(1.0)


@both
def test_frames_that_are_not_quite_plain_take_the_long_way(path: Path) -> None:
    stack = make_stack()
    whole = syn_frame(path, 81)
    assert fate(stack, whole[:-1]) == "malformed"
    assert fate(stack, whole[:40]) == "malformed"
    assert fate(stack, whole + bytes(6)) == "delivered"
    bent = bytearray(whole)
    bent[14] ^= 0x10
    assert fate(stack, bytes(bent)) == "malformed"
    if path.version == 4:
        assert fate(stack, ip_frame(path, 6, syn_segment(path, 81), fragment=0x2000)) == "delivered"
        assert stack.statistics()["fragments_held"] == 1
        assert fate(stack, ip_frame(path, 6, syn_segment(path, 81) + bytes(4), fragment=0x2000)) == "delivered"
        bent = bytearray(whole)
        bent[22] ^= 1
        assert fate(stack, bytes(bent)) == "malformed"


@both
def test_tcp_is_handed_the_same_facts_either_way(path: Path) -> None:
    short, long = make_stack(), make_stack()
    fate(short, ip_frame(path, 6, syn_segment(path), ttl=57), vlan=5)
    fate(long, ip_frame(path._replace(vlan=5), 6, syn_segment(path), ttl=57))
    assert short.poll_transmit(1.0) == long.poll_transmit(1.0)
    (embryo,), (other,) = short.tcp.handshakes.entries.values(), long.tcp.handshakes.entries.values()
    assert (embryo.path, embryo.syn) == (other.path, other.syn) == (path._replace(vlan=5), embryo.syn)
    assert (embryo.syn.ttl, embryo.syn.sequence, embryo.syn.dont_fragment) == (57, 1000, path.version == 6)


def test_paths_are_bounded_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PATHS", 3)
    stack = make_stack()
    for port, host in enumerate((1, 1, 2, 3, 4, 5)):
        fate(stack, syn_frame(PATH4._replace(remote=packed(f"10.0.1.{host}")), remote_port=40000 + port))
        assert len(stack._paths) <= 3
    first, second, *_ = stack.tcp.handshakes.entries.values()
    assert first.path is second.path


def test_excluded_ports_and_peers_take_the_short_way_out() -> None:
    exclusions = Exclusions((parse_port_range("tcp/22"),), AddressSet(["198.51.100.0/24"]))
    stack = make_stack(exclusions=exclusions)
    assert fate(stack, syn_frame(PATH4, 22)) == "excluded"
    assert fate(stack, syn_frame(PATH6, 22)) == "excluded"
    friend = PATH4._replace(remote=packed("198.51.100.7"))
    assert fate(stack, syn_frame(friend)) == "excluded"
    assert fate(stack, arp_frame(ASK._replace(sender=friend.remote))) == "excluded"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])
