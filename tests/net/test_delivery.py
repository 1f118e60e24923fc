"""Delivery through the stack: whose packet it is, who has it, what is answered, and what the sniffer tells."""

from __future__ import annotations

import pytest

from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.limits import Limits
from honeystack.net.notices import AddressConflict, BoundReached, Damaged, Datagram, Notice, PacketSeen, Scanned
from honeystack.net.wire import icmpv6, ipv4, ipv6
from honeystack.net.wire.checksum import checksum, pseudo_header_sum
from honeystack.net.wire.ethernet import multicast_mac
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.icmpv6 import ALL_NODES, Neighbour, encode_neighbour, solicited_node
from tests.net.frames import (
    PATH4,
    PATH6,
    PATHS,
    PEER6,
    PEER_MAC,
    US6,
    answers,
    both,
    established,
    fate,
    icmp_frame,
    icmp_payload,
    ip_frame,
    ip_packet,
    make_stack,
    notices,
    packed,
    ping_frame,
    syn_frame,
    udp_frame,
)

EXCLUSIONS = Exclusions(
    tuple(map(parse_port_range, ["tcp/22", "udp/123", "456"])), AddressSet(["198.51.100.0/24", "2001:db8:bad::/48"])
)
FRIENDS = {4: packed("198.51.100.7"), 6: packed("2001:db8:bad::7")}
GROUPS = ["224.0.0.251", "255.255.255.255", "10.0.0.255", "10.0.0.1", "ff02::fb", "2001:db8::1"]


@both
def test_a_datagram_is_delivered(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, udp_frame(path, b"hello")) == "delivered"
    assert notices(stack) == [Scanned(path, "udp", 5000, 40000), Datagram(path, 5000, 40000, b"hello", answerable=True)]


@both
def test_a_closed_port_is_told_unreachable(path: Path) -> None:
    stack = make_stack()
    stack.udp.unlisten(None)
    assert fate(stack, udp_frame(path, b"hello")) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code) == ((3, 3) if path.version == 4 else (1, 4))
    for _ in range(5):
        assert fate(stack, udp_frame(path, b"hello")) == "answered"
    assert fate(stack, udp_frame(path, b"hello")) == "ignored"


@both
def test_a_ping_is_answered(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, ping_frame(path)) == "answered"
    (reply,) = answers(stack)
    assert (reply.type, reply.data) == (0 if path.version == 4 else 129, b"abcdefgh")


@both
def test_other_protocols_are_told_so(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, ip_frame(path, 132, b"sctp")) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == ((3, 2, 0) if path.version == 4 else (4, 1, 6))


@both
def test_pim_has_no_answer(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, ip_frame(path, 103, bytes(8))) == "ignored"
    assert answers(stack) == []


@both
def test_a_sound_datagram_of_udp_lite_finds_no_port(path: Path) -> None:
    stack = make_stack()
    sound = b"\x9c\x40\0\x07\0\x08\0\0"
    total = checksum(sound, pseudo_header_sum(path.remote, path.local, 136, 8))
    assert fate(stack, ip_frame(path, 136, sound[:6] + total.to_bytes(2, "big"))) == "answered"
    assert [(error.type, error.code) for error in answers(stack)] == [(3, 3) if path.version == 4 else (1, 4)]
    assert fate(stack, ip_frame(path, 136, bytes(8))) == "malformed"


def test_no_next_header_and_igmp_have_no_answer() -> None:
    stack = make_stack()
    assert fate(stack, ip_frame(PATH6, ipv6.NO_NEXT_HEADER, b"")) == "ignored"
    assert fate(stack, ip_frame(PATH4, ipv4.IGMP, b"\x11\0\0\0\0\0\0\0")) == "ignored"
    assert stack.poll_transmit(1.0) == []


def test_an_echo_to_all_nodes_is_answered_and_to_other_groups_not() -> None:
    stack = make_stack()
    path = PATH6._replace(local=ALL_NODES, local_mac=multicast_mac(ALL_NODES))
    assert fate(stack, ping_frame(path)) == "answered"
    assert fate(stack, ping_frame(path._replace(local=packed("ff02::fb")))) == "ignored"


# What is left to the host.


@both
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_excluded_ports_are_the_hosts(path: Path, protocol: str) -> None:
    stack = make_stack(exclusions=EXCLUSIONS, sniffer=True)
    make = syn_frame if protocol == "tcp" else (lambda path, port: udp_frame(path, b"x", port))
    assert fate(stack, make(path, 22 if protocol == "tcp" else 123)) == "excluded"
    assert fate(stack, make(path, 456)) == "excluded"
    assert fate(stack, make(path, 123 if protocol == "tcp" else 22)) == "delivered"
    assert not any(getattr(notice, "local_port", 0) == 456 for notice in notices(stack))


@both
def test_errors_about_the_hosts_traffic_are_the_hosts(path: Path) -> None:
    stack = make_stack(exclusions=EXCLUSIONS, sniffer=True)
    kind = 3 if path.version == 4 else 1

    def about(remote: bytes, protocol: int, quoted: bytes) -> bytes:
        back = path._replace(local=remote, remote=path.local)
        return icmp_frame(path, IcmpMessage(kind, 1, 0, ip_packet(back, protocol, quoted)))

    friend = FRIENDS[path.version]
    assert fate(stack, about(path.remote, 6, b"\0\x16\x9c\x40quot")) == "excluded"
    assert fate(stack, about(friend, 6, b"\0\x50\x9c\x40quot")) == "excluded"
    assert fate(stack, about(friend, 132, b"\0\x50\x9c\x40quot")) == "excluded"
    assert notices(stack) == []
    assert fate(stack, about(path.remote, 17, b"\0\x50\x9c\x40quot")) == "ignored"
    assert [type(notice) for notice in notices(stack)] == [PacketSeen]


# ICMP and neighbours.


@both
def test_errors_about_our_segments_reach_tcp(path: Path) -> None:
    stack = make_stack()
    _, ours = established(stack, path)
    (conn,) = stack.tcp.flows.values()
    conn.send(bytes(500), 1.0)
    stack.poll_transmit(1.0)
    back = path._replace(local=path.remote, remote=path.local)
    quote = ip_packet(back, 6, b"\0\x50\x9c\x40" + ours.to_bytes(4, "big"))
    message = IcmpMessage(3, 4, 552, quote) if path.version == 4 else IcmpMessage(2, 0, 1280, quote)
    assert fate(stack, icmp_frame(path, message)) == "delivered"
    assert stack.statistics()["tcp_path_errors"] == 1
    assert conn.mss == (512 if path.version == 4 else 1220)


@pytest.mark.parametrize(
    ("path", "protocol", "quoted", "believed"),
    [
        (PATH4, 1, b"\0\0", True),  # an echo reply
        (PATH4, 1, b"\x08\0", False),
        (PATH4, 17, b"\x13\x88", True),  # of port 5000
        (PATH4, 17, b"\0\x09", False),
        (PATH4, 58, b"\x81\0", False),
        (PATH4, 253, b"\0\0", False),
        (PATH6, 58, b"\x81\0", True),
        (PATH6, 58, b"\x80\0", True),
        (PATH6, 17, b"\x13\x88", True),
        (PATH6, 17, b"\0\x09", False),
        (PATH6, 1, b"\0\0", False),
    ],
)
def test_of_a_narrow_path_is_believed_what_linux_believes(
    path: Path, protocol: int, quoted: bytes, believed: bool
) -> None:
    stack = make_stack()
    stack.udp.unlisten(None)
    stack.udp.listen(5000)
    quote = ip_packet(path._replace(local=path.remote, remote=path.local), protocol, quoted + bytes(6))
    too_big = (3, 4) if path.version == 4 else (2, 0)
    assert fate(stack, icmp_frame(path, IcmpMessage(3 if path.version == 4 else 1, 0, 0, quote))) == "ignored"
    expected = "delivered" if believed else "ignored"
    assert fate(stack, icmp_frame(path, IcmpMessage(*too_big, 1300, quote))) == expected
    assert stack.tcp.path_mtus.mtus == ({path.remote: 1300} if believed else {})
    if path.version == 6:
        assert fate(stack, icmp_frame(path, IcmpMessage(*too_big, 1279, quote))) == "ignored"


@both
def test_errors_that_cannot_be_about_us_are_ignored(path: Path) -> None:
    stack = make_stack()
    kind = 3 if path.version == 4 else 1
    elsewhere = path._replace(local=path.remote, remote=PATHS[path.version].remote)
    assert fate(stack, icmp_frame(path, IcmpMessage(kind, 1, 0, ip_packet(elsewhere, 6, bytes(8))))) == "ignored"
    assert fate(stack, icmp_frame(path, IcmpMessage(kind, 1, 0, b"broken"))) == "malformed"
    assert fate(stack, icmp_frame(path, IcmpMessage(5 if path.version == 4 else 100, 1, 0, b""))) == "ignored"
    assert stack.poll_transmit(1.0) == []


def test_a_quote_whose_headers_leave_no_ports_is_ignored() -> None:
    quote = ip_packet(PATH6._replace(local=PEER6, remote=US6), ipv6.DESTINATION, b"\x06\0\x01\x04\0\0\0\0")
    assert fate(make_stack(), icmp_frame(PATH6, IcmpMessage(1, 4, 0, quote))) == "ignored"


def solicitation(remote: bytes = PEER6, target: bytes = US6, mac: bytes | None = PEER_MAC, ttl: int = 255) -> bytes:
    group = solicited_node(target)
    path = PATH6._replace(local=group, remote=remote, local_mac=multicast_mac(group))
    message = encode_neighbour(icmpv6.NEIGHBOUR_SOLICITATION, Neighbour(target, 0, mac))
    return icmp_frame(path, message, ttl=ttl)


def test_a_neighbour_is_answered_and_remembered() -> None:
    stack = make_stack()
    assert fate(stack, solicitation()) == "answered"
    assert stack.path_to(US6, PEER6) == PATH6
    assert fate(stack, solicitation(remote=bytes(16), mac=None)) == "answered"
    assert fate(stack, solicitation(remote=FRIENDS[6], ttl=64)) == "ignored"
    assert stack.path_to(US6, FRIENDS[6]) is None
    assert fate(stack, solicitation(target=PEER6)) == "ignored"


@pytest.mark.parametrize("option", [None, b"\x02\0\0\0\0\x99"])
def test_who_advertises_an_address_of_ours_is_told(option: bytes | None) -> None:
    stack = make_stack()

    def advertise(target: bytes, ttl: int = 255) -> list[Notice]:
        message = icmpv6.encode_neighbour(icmpv6.NEIGHBOUR_ADVERTISEMENT, Neighbour(target, 0, option))
        assert fate(stack, icmp_frame(PATH6, message, ttl=ttl)) == "ignored"
        return notices(stack)

    assert advertise(US6) == [AddressConflict(US6, option or PEER_MAC, withdrawn=False)]
    assert advertise(PEER6) == []
    assert advertise(US6, ttl=254) == []


def test_neighbours_are_bounded_and_that_is_told() -> None:
    stack = make_stack(limits=Limits(neighbours=3))
    for host in range(1, 9):
        fate(stack, solicitation(remote=packed(f"2001:db8::1:{host}")))
    (notice,) = notices(stack)
    assert notice == BoundReached("neighbours", 3, None)
    assert stack.statistics()["neighbours_forgotten"] == 5


def test_a_listener_query_is_reported_to_later() -> None:
    stack = make_stack()
    path = PATH6._replace(local=ALL_NODES, remote=packed("fe80::99"), local_mac=multicast_mac(ALL_NODES))
    query = IcmpMessage(icmpv6.MLD_QUERY, 0, 1000 << 16, bytes(20))
    alerting = bytes([58, 0, 5, 2, 0, 0, 1, 0]) + icmp_payload(path, query)
    assert fate(stack, icmp_frame(path, query, ttl=1)) == "ignored"
    assert fate(stack, ip_frame(path, ipv6.HOP_BY_HOP, alerting, ttl=64)) == "ignored"
    assert fate(stack, ip_frame(path, ipv6.HOP_BY_HOP, alerting, ttl=1)) == "delivered"
    assert stack.poll_transmit(1.0) == []
    deadline = stack.poll_timeout()
    assert deadline is not None
    stack.handle_timeout(deadline)
    assert len(stack.poll_transmit(deadline)) == 1


# The sniffer.


@pytest.mark.parametrize(
    ("octets", "category"),
    [
        (ping_frame(PATH4), "icmp"),
        (ping_frame(PATH6), "icmp6"),
        (solicitation(), "ndp"),
        (icmp_frame(PATH6, IcmpMessage(130, 0, 0, bytes(16))), "mld"),
        (ip_frame(PATH4, 2, b"\x11\0\0\0\0\0\0\0"), "igmp"),
        (ip_frame(PATH4, 132, b"sctp"), "ip"),
        (ip_frame(PATH6, 47, b"gre"), "ip"),
        (ip_frame(PATH6, 59, b""), "ip"),
        (icmp_frame(PATH4, IcmpMessage(3, 3, 0, ip_packet(PATH4, 17, bytes(8)))), "icmp"),
    ],
)
def test_the_sniffer_tells_each_packet_once_and_only_if_wanted(octets: bytes, category: str) -> None:
    for wanted in (True, False):
        stack = make_stack(sniffer=wanted)
        fate(stack, octets)
        assert [getattr(notice, "category", None) for notice in notices(stack)] == [category] * wanted


def test_the_sniffer_leaves_tcp_and_udp_to_their_own_events() -> None:
    stack = make_stack(sniffer=True)
    fate(stack, syn_frame(PATH4))
    fate(stack, udp_frame(PATH6, b"x"))
    assert not [notice for notice in notices(stack) if isinstance(notice, PacketSeen)]


def test_what_does_not_parse_is_told_with_the_frame() -> None:
    stack = make_stack(sniffer=True)
    broken = ip_frame(PATH4, 1, b"short")
    assert fate(stack, broken) == "malformed"
    (notice,) = notices(stack)
    assert isinstance(notice, Damaged)
    assert (notice.frame, "ICMP" in notice.reason) == (broken, True)


@both
def test_a_segment_that_came_the_long_way_reaches_tcp_unless_it_went_to_a_group(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, syn_frame(path._replace(vlan=5))) == "delivered"
    assert len(stack.poll_transmit(1.0)) == 1
    group = ALL_NODES if path.version == 6 else packed("224.0.0.1")
    assert fate(stack, syn_frame(path._replace(local=group, local_mac=multicast_mac(group)))) == "ignored"
    assert stack.poll_transmit(1.0) == []


@both
def test_nobody_is_answered_who_has_no_address(path: Path) -> None:
    stack, path = make_stack(), path._replace(remote=bytes(len(path.remote)))
    assert fate(stack, udp_frame(path, b"x")) == "ignored"
    assert fate(stack, syn_frame(path._replace(vlan=5))) == "ignored"


def test_the_reports_of_others_are_heard_and_have_no_answer() -> None:
    stack = make_stack()
    group = solicited_node(US6)
    path = PATH6._replace(local=group, remote=packed("fe80::2"), local_mac=multicast_mac(group))
    assert fate(stack, icmp_frame(path, IcmpMessage(icmpv6.MLD_REPORT, 0, 0, group), ttl=1)) == "ignored"
    assert stack.poll_transmit(1.0) == []
