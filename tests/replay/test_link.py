"""Recorded frames arrive one by one, and peers hear what our stack sends."""

from __future__ import annotations

from struct import pack

import pytest
import trio
from trio.testing import MockClock

from honeystack.net.address import AddressSet
from honeystack.net.link import ChecksumState, Link, ReceivedFrame
from honeystack.net.wire.ethernet import encode_ethernet
from honeystack.net.wire.tcp import ACK, SYN
from honeystack.replay.captures import NO_MAC, Recorded
from honeystack.replay.link import ACKNOWLEDGES_AFTER, ReplayLink
from honeystack.replay.segments import head_of, place_of
from honeystack.replay.sides import OUR_MAC, PEERS_MAC, Side
from tests.replay.files import BEGAN, PEER_MAC, SERVER, SERVER_MAC, tcp, udp

SIDE = Side(AddressSet([SERVER]), SERVER_MAC, BEGAN)


@pytest.fixture
def link() -> ReplayLink:
    return ReplayLink(SIDE)


def ack_of(frame: ReceivedFrame) -> int:
    place = place_of(frame.data)
    assert place is not None
    head = head_of(frame.data, place)
    assert head is not None
    return head.ack


def test_it_is_a_link(link: ReplayLink) -> None:
    as_link: Link = link
    assert (as_link.mac, as_link.mtu) == (SERVER_MAC, 1500)


def test_only_what_is_inbound_arrives_and_one_at_a_time(link: ReplayLink) -> None:
    for frame in (udp(b"1"), udp(b"x", source=SERVER, destination="192.0.2.2"), udp(b"2")):
        link.arrive(Recorded(BEGAN, frame, 5))
    assert link.receive() == [ReceivedFrame(udp(b"1"), ChecksumState.UNKNOWN, 5)]
    assert link.receive() == [ReceivedFrame(udp(b"2"), ChecksumState.UNKNOWN, 5)]
    assert link.inbound == 2
    assert link.statistics()[:2] == (2, 0)


def test_what_goes_to_another_machine_is_counted(link: ReplayLink) -> None:
    for frame in (udp(b"1"), b"\2" * 6 + udp(b"2")[6:]):
        link.arrive(Recorded(BEGAN, frame))
    assert (link.inbound, link.astray) == (2, 1)


def test_a_checksum_that_was_left_to_the_card_need_not_be_right(link: ReplayLink) -> None:
    frame = bytearray(udp(b"data"))
    place = place_of(bytes(frame))
    assert place is not None
    frame[place.start + 6 : place.start + 8] = pack("!H", 0xBEEF)
    link.arrive(Recorded(BEGAN, bytes(frame)))
    assert link.receive()[0].checksum is ChecksumState.UNKNOWN
    pseudo = sum(int.from_bytes(frame[at : at + 2], "big") for at in range(26, 34, 2)) + 17 + 12
    frame[place.start + 6 : place.start + 8] = pack("!H", pseudo % 0xFFFF)
    link.arrive(Recorded(BEGAN, bytes(frame)))
    assert link.receive()[0].checksum is ChecksumState.PARTIAL


def test_frames_without_addresses_get_them() -> None:
    link = ReplayLink(Side(AddressSet([SERVER]), OUR_MAC, BEGAN))
    link.arrive(Recorded(BEGAN, NO_MAC + NO_MAC + udp(b"1")[12:]))
    assert link.receive()[0].data == OUR_MAC + PEERS_MAC + udp(b"1")[12:]


def shake_hands(link: ReplayLink) -> list[ReceivedFrame]:
    link.arrive(Recorded(BEGAN, tcp(SYN, 1)))
    link.receive()
    link.send([tcp(SYN | ACK, 100, 2, by_server=True)])
    link.arrive(Recorded(BEGAN, tcp(SYN | ACK, 900, 2, by_server=True)))
    link.arrive(Recorded(BEGAN, tcp(ACK, 2, 901)))
    return link.receive()


def test_what_is_received_depends_on_what_was_sent_before(link: ReplayLink) -> None:
    async def main() -> None:
        [last] = shake_hands(link)
        assert ack_of(last) == 101

    trio.run(main, clock=MockClock())


async def test_peers_acknowledge_by_themselves_after_a_while(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    began = trio.current_time()
    link.send([tcp(ACK, 101, 2, b"banner", by_server=True)])
    assert link.receive() == []
    await link.wait_readable()
    assert trio.current_time() - began == pytest.approx(ACKNOWLEDGES_AFTER)
    [said] = link.receive()
    assert ack_of(said) == 107
    assert link.statistics()[:2] == (3, 2)


async def test_waiting_ends_when_something_is_sent_or_arrives(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.wait_readable)
            await trio.testing.wait_all_tasks_blocked()
            link.send([tcp(ACK, 101, 2, b"banner", by_server=True)])
        assert len(link.receive()) == 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.wait_readable)
            await trio.testing.wait_all_tasks_blocked()
            link.arrive(Recorded(BEGAN, udp(b"x")))
        assert len(link.receive()) == 1


async def test_what_was_acknowledged_meanwhile_wakes_for_nothing(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    link.send([tcp(ACK, 101, 2, b"banner", by_server=True)])
    link.arrive(Recorded(BEGAN, tcp(ACK, 2, 907)))
    assert ack_of(link.receive()[0]) == 107
    await link.wait_readable()
    assert link.receive() == []
    assert link.receive() == []


async def test_peers_behind_a_tag_acknowledge_behind_it(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    plain = tcp(ACK, 101, 2, b"banner", by_server=True)
    tagged = encode_ethernet(PEER_MAC, SERVER_MAC, 0x0800, 7) + plain[14:]
    link.send([tagged])
    await link.wait_readable()
    assert link.receive()[0].vlan == 7


async def test_what_is_closed_has_nothing(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    link.send([tcp(ACK, 101, 2, b"banner", by_server=True)])
    link.arrive(Recorded(BEGAN, udp(b"x")))
    link.close()
    await trio.sleep(1)
    assert link.receive() == []


async def test_after_our_reset_a_peer_is_silent(link: ReplayLink, autojump_clock: MockClock) -> None:
    shake_hands(link)
    link.send([tcp(0x04, 101, by_server=True)])
    link.arrive(Recorded(BEGAN, tcp(ACK, 2, 901, b"word")))
    assert link.receive() == []
    assert link.counterparts.left_out == 1
