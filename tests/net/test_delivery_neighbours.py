"""Who is believed that says where a neighbour is: who asks for us, and of others only whom we know or look for."""

from __future__ import annotations

import pytest

from honeystack.net.address import AddressSet
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached
from honeystack.net.reachability import Condition
from honeystack.net.stack import Stack
from honeystack.net.wire import icmpv6
from honeystack.net.wire.arp import REPLY, REQUEST, Arp
from honeystack.net.wire.ethernet import multicast_mac
from honeystack.net.wire.icmpv6 import ALL_NODES, OVERRIDE, SOLICITED, Neighbour, encode_neighbour, solicited_node
from tests.net.frames import (
    BROADCAST,
    OUR_MAC,
    PATH4,
    PATH6,
    PEER4,
    PEER6,
    PEER_MAC,
    US4,
    US6,
    answers,
    arp_frame,
    fate,
    icmp_frame,
    make_stack,
    packed,
    ping_frame,
)

OTHER_MAC = b"\x02\0\0\0\0\x42"
ASK = Arp(REQUEST, PEER_MAC, PEER4, bytes(6), US4)
MOVED = Arp(REPLY, OTHER_MAC, PEER4, OUR_MAC, US4)
ANNOUNCED = Arp(REQUEST, OTHER_MAC, PEER4, bytes(6), PEER4)
ANNOUNCED_AS_REPLY = Arp(REPLY, OTHER_MAC, PEER4, OTHER_MAC, PEER4)
ELSEWHERE = Arp(REQUEST, OTHER_MAC, PEER4, bytes(6), packed("10.0.0.77"))


class House:
    def __init__(self) -> None:
        self.stack: Stack = make_stack(links=AddressSet(["10.0.0.0/24", "2001:db8::/64"]))
        self.reachability = self.stack._delivery.reachability

    def arp(self, packet: Arp, now: float = 1.0, *, to: bytes = OUR_MAC) -> None:
        self.stack.receive_frame(arp_frame(packet, destination=to), now)

    def ndp(self, kind: int, neighbour: Neighbour, now: float = 1.0, *, to: bytes = US6, ttl: int = 255) -> None:
        path = PATH6._replace(local=to, local_mac=multicast_mac(to) if to[0] == 0xFF else OUR_MAC)
        self.stack.receive_frame(icmp_frame(path, encode_neighbour(kind, neighbour), ttl=ttl), now)

    def solicit(self, mac: bytes | None = PEER_MAC, target: bytes = US6) -> None:
        self.ndp(icmpv6.NEIGHBOUR_SOLICITATION, Neighbour(target, 0, mac), to=solicited_node(target))

    def advertise(self, flags: int = 0, mac: bytes | None = OTHER_MAC, *, to: bytes = US6, ttl: int = 255) -> None:
        self.ndp(icmpv6.NEIGHBOUR_ADVERTISEMENT, Neighbour(PEER6, flags, mac), to=to, ttl=ttl)

    def mac_of(self, address: bytes) -> bytes | None:
        path = self.stack.path_to(US4 if len(address) == 4 else US6, address)
        return None if path is None else path.remote_mac


@pytest.mark.parametrize("packet", [MOVED, ANNOUNCED, ANNOUNCED_AS_REPLY, ELSEWHERE, MOVED._replace(operation=9)])
@pytest.mark.parametrize("to", [OUR_MAC, BROADCAST])
def test_what_nobody_asked_for_makes_nobody_known(packet: Arp, to: bytes) -> None:
    house = House()
    house.arp(packet, to=to)
    assert house.mac_of(PEER4) is None


def test_who_asks_for_us_is_known_and_may_move_at_once() -> None:
    house = House()
    house.arp(ASK)
    assert house.mac_of(PEER4) == PEER_MAC
    house.arp(ASK._replace(sender_mac=OTHER_MAC))
    assert house.mac_of(PEER4) == OTHER_MAC


def test_who_only_looks_whether_an_address_is_free_is_not_known() -> None:
    house = House()
    house.arp(ASK._replace(sender=bytes(4)))
    assert house.mac_of(bytes(4)) is None


@pytest.mark.parametrize(
    ("packet", "at_once"),
    [
        (MOVED, False),
        (ELSEWHERE, False),
        (ANNOUNCED_AS_REPLY._replace(target_mac=BROADCAST), False),
        (ANNOUNCED, True),
        (ANNOUNCED_AS_REPLY, True),
    ],
)
def test_of_who_is_known_others_are_believed_after_a_second_and_an_announcement_at_once(
    packet: Arp, at_once: bool
) -> None:
    house = House()
    house.arp(ASK, 1.0)
    house.arp(packet, 1.5)
    assert house.mac_of(PEER4) == (OTHER_MAC if at_once else PEER_MAC)
    house.arp(packet, 2.5)
    assert house.mac_of(PEER4) == OTHER_MAC


def test_the_same_said_again_does_not_make_it_newer() -> None:
    house = House()
    house.arp(ASK, 1.0)
    house.arp(ASK, 2.0)
    house.arp(MOVED, 2.1)
    assert house.mac_of(PEER4) == OTHER_MAC


def test_an_unknown_operation_moves_nobody() -> None:
    house = House()
    house.arp(ASK, 1.0)
    house.arp(ANNOUNCED._replace(operation=9), 5.0)
    assert house.mac_of(PEER4) == PEER_MAC


@pytest.mark.parametrize(("to", "condition"), [(OUR_MAC, Condition.REACHABLE), (BROADCAST, Condition.DELAY)])
def test_an_answer_to_our_question_is_believed_and_only_one_to_us_says_that_it_was_asked_for(
    to: bytes, condition: Condition
) -> None:
    house = House()
    fate(house.stack, ping_frame(PATH4))
    house.stack.poll_transmit(1.0)
    assert house.reachability.condition(PEER4) is Condition.INCOMPLETE
    house.arp(MOVED._replace(sender_mac=PEER_MAC), 1.1, to=to)
    assert house.mac_of(PEER4) == PEER_MAC
    assert house.reachability.condition(PEER4) is condition


def test_who_has_moved_is_not_reachable_any_more() -> None:
    house = House()
    house.arp(ASK, 1.0)
    fate(house.stack, ping_frame(PATH4))
    house.stack.poll_transmit(1.0)
    assert house.reachability.condition(PEER4) is Condition.DELAY
    house.arp(ANNOUNCED, 1.5, to=BROADCAST)
    assert house.reachability.condition(PEER4) is None
    assert house.stack.poll_timeout() is None


def test_who_solicits_us_is_known() -> None:
    house = House()
    house.solicit()
    assert house.mac_of(PEER6) == PEER_MAC
    house.solicit(OTHER_MAC)
    assert house.mac_of(PEER6) == OTHER_MAC


def test_who_solicits_others_is_not() -> None:
    house = House()
    house.solicit(target=packed("2001:db8::77"))
    assert house.mac_of(PEER6) is None


@pytest.mark.parametrize("flags", [0, SOLICITED, OVERRIDE, SOLICITED | OVERRIDE])
@pytest.mark.parametrize("to", [US6, ALL_NODES])
def test_an_advertisement_that_nobody_asked_for_makes_nobody_known(flags: int, to: bytes) -> None:
    house = House()
    house.advertise(flags, to=to)
    assert house.mac_of(PEER6) is None


def test_an_advertisement_that_overrides_moves_who_is_known() -> None:
    house = House()
    house.solicit()
    house.advertise(OVERRIDE, ttl=254)
    house.advertise(0)
    house.advertise(OVERRIDE, None)
    house.advertise(OVERRIDE | SOLICITED, to=ALL_NODES)  # RFC 4861 §7.1.2: not valid
    assert house.mac_of(PEER6) == PEER_MAC
    house.advertise(OVERRIDE)
    assert house.mac_of(PEER6) == OTHER_MAC


def asked_and_answered(flags: int = SOLICITED) -> House:
    house = House()
    fate(house.stack, ping_frame(PATH6))
    house.stack.poll_transmit(1.0)
    assert house.reachability.condition(PEER6) is Condition.INCOMPLETE
    house.advertise(flags, PEER_MAC)
    return house


def test_the_answer_to_our_question_is_believed() -> None:
    house = asked_and_answered()
    assert house.mac_of(PEER6) == PEER_MAC
    assert house.reachability.condition(PEER6) is Condition.REACHABLE
    assert asked_and_answered(0).reachability.condition(PEER6) is Condition.DELAY


def test_an_answer_that_does_not_say_where_leaves_the_question_open() -> None:
    house = House()
    fate(house.stack, ping_frame(PATH6))
    house.stack.poll_transmit(1.0)
    house.advertise(SOLICITED, None)
    assert house.reachability.condition(PEER6) is Condition.INCOMPLETE


def test_another_address_that_does_not_override_raises_doubts_and_is_not_believed() -> None:
    house = asked_and_answered()
    house.advertise(SOLICITED)
    assert house.mac_of(PEER6) == PEER_MAC
    assert house.reachability.condition(PEER6) is None  # STALE
    house.advertise(SOLICITED)
    assert house.reachability.condition(PEER6) is None


def test_an_answer_without_an_address_confirms_the_known_one() -> None:
    house = asked_and_answered(0)
    house.advertise(SOLICITED, None)
    assert house.reachability.condition(PEER6) is Condition.REACHABLE


def test_learning_does_not_keep_anybody_from_an_answer() -> None:
    house = House()
    for mac in (PEER_MAC, OTHER_MAC, OUR_MAC, BROADCAST):
        house.arp(ASK._replace(sender_mac=mac))
        (frame,) = house.stack.poll_transmit(1.0)
        assert frame[:6] == mac
    assert answers(house.stack) == []


def test_more_peers_than_are_remembered_are_told_as_a_bound() -> None:
    stack = make_stack(links=AddressSet(["10.0.0.0/24"]), limits=Limits(neighbours=1))
    for number in (50, 51, 52):
        stack._delivery.used(PATH4._replace(remote=packed(f"10.0.0.{number}")), 1.0)
    bounds = [notice for notice in iter(stack.poll_notice, None) if isinstance(notice, BoundReached)]
    assert bounds == [BoundReached("neighbours", 1, None)]
