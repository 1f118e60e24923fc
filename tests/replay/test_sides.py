"""Whose place the honeypot takes in a capture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from honeystack.errors import CaptureError
from honeystack.net.address import AddressSet
from honeystack.net.wire.arp import REQUEST, Arp, encode_arp
from honeystack.net.wire.ethernet import BROADCAST, encode_ethernet
from honeystack.net.wire.tcp import ACK, SYN
from honeystack.replay.captures import NO_MAC, Recorded
from honeystack.replay.sides import OUR_MAC, PEERS_MAC, Side, find_side
from tests.replay.files import BEGAN, PEER, PEER6, PEER_MAC, SERVER, SERVER6, SERVER_MAC, packed, tcp, udp

NOBODY = AddressSet()
QUESTION = encode_ethernet(BROADCAST, PEER_MAC, 0x0806) + encode_arp(
    Arp(REQUEST, PEER_MAC, packed(PEER), bytes(6), packed(SERVER))
)


def recorded(*frames: bytes) -> list[Recorded]:
    return [Recorded(BEGAN + number, frame) for number, frame in enumerate(frames)]


def text(side: Side) -> list[str]:
    return [str(network) for network in side.addresses]


def test_without_a_word_it_is_where_the_first_syn_goes() -> None:
    answer, first = tcp(SYN | ACK, 1, 2, by_server=True), tcp(SYN, 1, peer=PEER6, server=SERVER6)
    side = find_side(recorded(QUESTION, udp(b"x"), udp(b"x"), answer, first, tcp(SYN, 1)), NOBODY)
    assert text(side) == [f"{SERVER6}/128"]
    assert (side.mac, side.began) == (SERVER_MAC, BEGAN)
    assert str(side) == f"{SERVER6} at 02:00:00:00:00:0a (the first SYN goes there)"


def test_without_a_syn_it_is_where_most_packets_go() -> None:
    side = find_side(recorded(udp(b"x", source=SERVER, destination=PEER), *[udp(b"x")] * 2, QUESTION), NOBODY)
    assert text(side) == [f"{SERVER}/32"]
    assert str(side) == f"{SERVER} at 02:00:00:00:00:0a (2 of 3 packets go there)"


def test_named_addresses_are_taken_and_their_mac_address_is_found() -> None:
    frames = recorded(tcp(SYN, 1), udp(b"x", source=SERVER, destination=PEER))
    side = find_side(frames, AddressSet(["192.0.2.2/32", "198.51.100.0/24"]))
    assert text(side) == ["192.0.2.2/32", "198.51.100.0/24"]
    assert side.mac == PEER_MAC
    assert str(side) == "192.0.2.2, 198.51.100.0/24 at 02:00:00:00:00:0b"


def test_what_is_broadcast_tells_nothing() -> None:
    flood = BROADCAST + udp(b"x", destination="192.0.2.255")[6:]
    with pytest.raises(CaptureError, match="there is no IP packet to anybody in 2 frames: name others with --address"):
        find_side(recorded(flood, QUESTION), NOBODY)


def test_named_addresses_that_nobody_speaks_to_are_told() -> None:
    with pytest.raises(CaptureError, match="no IP packet to the addresses that are answered for in 1 frames"):
        find_side(recorded(udp(b"x")), AddressSet(["203.0.113.9"]))


def damaged(*frames: bytes) -> Iterator[Recorded]:
    yield from recorded(*frames)
    raise CaptureError("file: at byte 99: damage")


def test_damage_is_left_to_the_replay_where_enough_was_read() -> None:
    assert text(find_side(damaged(udp(b"x")), NOBODY)) == [f"{SERVER}/32"]


@pytest.mark.parametrize("addresses", [NOBODY, AddressSet(["203.0.113.9"])])
def test_damage_is_told_where_it_kept_the_addresses_from_being_found(addresses: AddressSet) -> None:
    frames = () if not addresses else (QUESTION,)
    with pytest.raises(CaptureError, match="at byte 99"):
        find_side(damaged(*frames), addresses)


def test_answers_come_from_our_address_or_our_mac_address() -> None:
    side = find_side(recorded(tcp(SYN, 1)), NOBODY)
    assert not side.is_answer(tcp(SYN, 1))
    assert not side.is_answer(QUESTION)
    assert side.is_answer(tcp(SYN | ACK, 1, by_server=True))
    elsewhere = encode_ethernet(PEER_MAC, b"\2" * 6, 0x0800) + tcp(SYN | ACK, 1, by_server=True)[14:]
    assert side.is_answer(elsewhere)
    assert side.is_answer(encode_ethernet(BROADCAST, SERVER_MAC, 0x0806) + QUESTION[14:])


def test_packets_to_our_addresses_may_go_to_another_machine() -> None:
    side = find_side(recorded(tcp(SYN, 1)), NOBODY)
    elsewhere = b"\2" * 6 + tcp(SYN, 1)[6:]
    assert side.is_astray(elsewhere)
    for frame in (
        tcp(SYN, 1),
        QUESTION,
        BROADCAST + tcp(SYN, 1)[6:],
        b"\2" * 6 + udp(b"", destination="192.0.2.9")[6:],
    ):
        assert not side.is_astray(frame)


def test_packets_without_ethernet_headers_get_addresses_by_their_direction() -> None:
    bare = NO_MAC + NO_MAC + tcp(SYN, 1)[12:]
    side = find_side(recorded(bare), NOBODY)
    assert side.mac == OUR_MAC
    assert side.addressed(bare) == OUR_MAC + PEERS_MAC + bare[12:]
    answer = NO_MAC + NO_MAC + tcp(SYN | ACK, 1, by_server=True)[12:]
    assert side.addressed(answer) == PEERS_MAC + OUR_MAC + answer[12:]
    assert side.addressed(tcp(SYN, 1)) == tcp(SYN, 1)
    assert side.addressed(NO_MAC + NO_MAC + b"\x08\x06") == OUR_MAC + PEERS_MAC + b"\x08\x06"
