"""ARP and neighbour discovery: who gets which answer, and who gets none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net.address import AddressSet, Path
from honeystack.net.neighbours import LOCK_SECONDS, UNSPECIFIED, Neighbours
from honeystack.net.output import Output
from honeystack.net.wire.arp import REPLY, REQUEST, Arp, decode_arp
from honeystack.net.wire.ethernet import ARP, EthernetHeader, decode_ethernet
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import (
    ALL_NODES,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    OVERRIDE,
    SOLICITED,
    Neighbour,
    decode_icmpv6,
    decode_neighbour,
    encode_neighbour,
    solicited_node,
)
from tests.net.frames import (
    ADDRESSES,
    BROADCAST,
    OUR_MAC,
    PATH6,
    PEER4,
    PEER6,
    PEER_MAC,
    US4,
    US6,
    icmp_payload,
    packed,
    received,
)

ROUTER = packed("fe80::99")
GROUP_MAC = b"\x33\x33\xff\0\0\x01"


class Bench:
    def __init__(self, addresses: AddressSet = ADDRESSES, limit: int = 10) -> None:
        self.output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        self.neighbours = Neighbours(self.output, addresses=addresses, mac=OUR_MAC, limit=limit)

    def solicit(
        self, target: bytes, *, local: bytes = US6, remote: bytes = PEER6, mac: bytes | None = PEER_MAC, ttl: int = 255
    ) -> bool:
        message = encode_neighbour(NEIGHBOUR_SOLICITATION, Neighbour(target, 0, mac))
        path = PATH6._replace(local=local, remote=remote, local_mac=OUR_MAC if local == US6 else GROUP_MAC)
        return self.neighbours.receive_neighbour(packet(path, message, ttl=ttl), message)


def packet(path: Path, message: IcmpMessage, ttl: int = 255) -> IpPacket:
    return received(path, 58, icmp_payload(path, message), ttl=ttl)


ETHERNET = EthernetHeader(BROADCAST, PEER_MAC, ARP, None, 14)


@pytest.mark.parametrize("sender", [PEER4, bytes(4)], ids=["request", "probe"])
@pytest.mark.parametrize("vlan", [None, 5])
def test_arp_requests_and_probes_for_our_address_are_answered(sender: bytes, vlan: int | None) -> None:
    bench = Bench()
    assert bench.neighbours.receive_arp(Arp(REQUEST, PEER_MAC, sender, bytes(6), US4), ETHERNET._replace(vlan=vlan))
    (frame,) = bench.output.drain()
    header = decode_ethernet(frame)
    assert (header.destination, header.source, header.vlan) == (PEER_MAC, OUR_MAC, vlan)
    assert decode_arp(frame[header.offset :]) == Arp(REPLY, OUR_MAC, US4, PEER_MAC, sender)


def test_every_address_of_a_prefix_is_ours() -> None:
    bench = Bench()
    assert bench.neighbours.receive_arp(Arp(REQUEST, PEER_MAC, PEER4, bytes(6), packed("10.9.200.3")), ETHERNET)
    assert bench.solicit(packed("2001:db8:9::1234"), local=solicited_node(packed("2001:db8:9::1234")))


@pytest.mark.parametrize(
    "request_",
    [
        Arp(REPLY, PEER_MAC, PEER4, OUR_MAC, US4),
        Arp(REQUEST, PEER_MAC, PEER4, bytes(6), PEER4),
        Arp(77, PEER_MAC, PEER4, bytes(6), US4),
    ],
)
def test_other_arp_packets_have_no_answer(request_: Arp) -> None:
    bench = Bench()
    assert not bench.neighbours.receive_arp(request_, ETHERNET)
    assert len(bench.output) == 0


def advertisement(bench: Bench) -> tuple[bytes, Neighbour]:
    (frame,) = bench.output.drain()
    message = decode_icmpv6(frame[54:], frame[22:38], frame[38:54])
    assert (frame[21], message.type) == (255, NEIGHBOUR_ADVERTISEMENT)
    return frame, decode_neighbour(message)


def test_a_solicitation_to_the_group_is_answered_with_our_mac_address() -> None:
    bench = Bench()
    assert bench.solicit(US6, local=solicited_node(US6))
    frame, neighbour = advertisement(bench)
    assert neighbour == Neighbour(US6, SOLICITED | OVERRIDE, OUR_MAC)
    assert (frame[:6], frame[6:12], frame[22:38], frame[38:54]) == (PEER_MAC, OUR_MAC, US6, PEER6)


def test_a_solicitation_by_unicast_is_answered_as_linux_does() -> None:
    bench = Bench()
    assert bench.solicit(US6)
    assert advertisement(bench)[1] == Neighbour(US6, SOLICITED, None)


def test_who_wants_our_address_for_himself_is_told_before_all_nodes() -> None:
    bench = Bench()
    assert bench.solicit(US6, local=solicited_node(US6), remote=UNSPECIFIED, mac=None)
    frame, neighbour = advertisement(bench)
    assert neighbour == Neighbour(US6, OVERRIDE, OUR_MAC)
    assert (frame[:6], frame[38:54]) == (b"\x33\x33\0\0\0\x01", ALL_NODES)


@pytest.mark.parametrize(
    "solicitation",
    [
        {"target": PEER6},
        {"target": US6, "ttl": 254},
        {"target": US6, "remote": UNSPECIFIED, "mac": None},
        {"target": US6, "remote": UNSPECIFIED, "local": solicited_node(US6)},
    ],
)
def test_other_solicitations_have_no_answer(solicitation: dict[str, bytes]) -> None:
    bench = Bench()
    assert not bench.solicit(**solicitation)  # type: ignore[arg-type]
    assert len(bench.output) == 0


def test_an_advertisement_has_no_answer() -> None:
    message = encode_neighbour(NEIGHBOUR_ADVERTISEMENT, Neighbour(US6, 0, PEER_MAC))
    assert not Bench().neighbours.receive_neighbour(packet(PATH6, message), message)


def test_who_has_spoken_can_be_reached() -> None:
    bench = Bench()
    assert bench.neighbours.path_to(US4, PEER4) is None
    bench.neighbours.remember(PEER4, PEER_MAC, 5, 0.0)
    bench.neighbours.remember(PEER6, PEER_MAC, None, 0.0)
    bench.neighbours.remember(bytes(4), PEER_MAC, None, 0.0)
    assert bench.neighbours.path_to(US4, PEER4) == Path(4, US4, PEER4, OUR_MAC, PEER_MAC, 5)
    assert bench.neighbours.path_to(US6, PEER6) == PATH6
    assert bench.neighbours.path_to(US4, bytes(4)) is None


def test_neighbours_are_bounded_and_the_one_unheard_for_longest_gives_way() -> None:
    bench = Bench(limit=2)
    one, two, three = (packed(f"10.0.0.{n}") for n in (11, 12, 13))
    for address in (one, two, one, three):
        bench.neighbours.remember(address, PEER_MAC, None, 0.0)
    assert bench.neighbours.path_to(US4, one) is not None
    assert bench.neighbours.path_to(US4, two) is None
    assert bench.neighbours.forgotten == 1


@given(st.integers(133, 137), st.integers(0, 255), st.binary(max_size=50), st.integers(0, 255))
def test_any_neighbour_message_is_answered_ignored_or_malformed(kind: int, code: int, data: bytes, ttl: int) -> None:
    bench = Bench()
    message = IcmpMessage(kind, code, 0, data)
    try:
        answered = bench.neighbours.receive_neighbour(packet(PATH6, message, ttl=ttl), message)
    except Malformed:
        answered = False
    assert len(bench.output) == answered


def test_it_knows_which_addresses_are_ours() -> None:
    neighbours = Bench().neighbours
    assert [neighbours.owns(address) for address in (US4, US6, PEER4, PEER6)] == [True, True, False, False]


@pytest.mark.parametrize("mac", [b"\x02\0\0\0\0\x42", BROADCAST, OUR_MAC])
def test_a_reply_goes_to_who_the_request_says_it_is_from(mac: bytes) -> None:
    bench = Bench()
    assert bench.neighbours.receive_arp(Arp(REQUEST, mac, PEER4, bytes(6), US4), ETHERNET)
    assert bench.output.drain()[0][:6] == mac


def test_it_knows_what_contradicts_what_a_neighbour_has_said_and_for_how_long_that_stands() -> None:
    neighbours = Bench().neighbours
    assert not neighbours.is_known(PEER4)
    assert not neighbours.contradicts(PEER4, PEER_MAC)
    assert not neighbours.is_locked(PEER4, 5.0)
    neighbours.remember(PEER4, PEER_MAC, None, 5.0)
    assert neighbours.is_known(PEER4)
    assert [neighbours.contradicts(PEER4, mac) for mac in (PEER_MAC, BROADCAST)] == [False, True]
    neighbours.remember(PEER4, PEER_MAC, None, 5.9)
    assert [neighbours.is_locked(PEER4, now) for now in (5.0, 6.0, 6.1)] == [True, True, False]
    neighbours.remember(PEER4, BROADCAST, None, 7.0)
    assert neighbours.is_locked(PEER4, 7.5)


def test_who_asks_the_group_and_does_not_say_where_he_is_must_be_known() -> None:
    bench = Bench()
    assert not bench.solicit(US6, local=solicited_node(US6), mac=None)
    bench.neighbours.remember(PEER6, PEER_MAC, None, 0.0)
    assert bench.solicit(US6, local=solicited_node(US6), mac=None)


def test_what_a_neighbour_has_just_said_is_not_replaced_in_passing() -> None:
    bench = Bench()
    assert not bench.neighbours.is_locked(PEER4, 5.0)
    bench.neighbours.remember(PEER4, PEER_MAC, None, 5.0)
    assert bench.neighbours.is_locked(PEER4, 5.0 + LOCK_SECONDS)
    assert not bench.neighbours.is_locked(PEER4, 5.1 + LOCK_SECONDS)
    bench.neighbours.forget(PEER4)
    assert not bench.neighbours.is_locked(PEER4, 5.0)
