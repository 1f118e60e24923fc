"""The internet layer through the stack: whose packet it is, who may be answered, fragments, errors of others."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.internet import is_martian
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached, Damaged, Datagram, PacketSeen, Scanned
from honeystack.net.stack import Stack
from honeystack.net.wire import icmpv6, ipv4, ipv6
from honeystack.net.wire.ethernet import multicast_mac
from honeystack.net.wire.facts import IcmpErrorKind
from honeystack.net.wire.icmp import IcmpMessage, decode_icmp
from honeystack.net.wire.icmpv6 import ALL_NODES, Neighbour, decode_icmpv6, encode_neighbour, solicited_node
from honeystack.net.wire.ipv6 import encode_fragment_header
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from tests.net.frames import (
    BROADCAST,
    PATH4,
    PATH6,
    PATHS,
    PEER4,
    PEER6,
    PEER_MAC,
    US6,
    frame,
    icmp_frame,
    icmp_payload,
    ip_frame,
    ip_packet,
    make_stack,
    notices,
    packed,
    ping_frame,
    syn_frame,
    syn_segment,
    udp_frame,
)

EXCLUSIONS = Exclusions(
    tuple(map(parse_port_range, ["tcp/22", "udp/123", "456"])), AddressSet(["198.51.100.0/24", "2001:db8:bad::/48"])
)
FRIENDS = {4: packed("198.51.100.7"), 6: packed("2001:db8:bad::7")}
FATES = ("answered", "delivered", "ignored", "malformed", "excluded", "faults")
GROUPS = ["224.0.0.251", "255.255.255.255", "10.0.0.255", "10.0.0.1", "ff02::fb", "2001:db8::1"]
both = pytest.mark.parametrize("path", PATHS.values(), ids=["4", "6"])


def fate(stack: Stack, octets: bytes, now: float = 1.0) -> str:
    """Give a frame to the stack; what became of it."""
    before = stack.statistics()
    stack.receive_frame(octets, now)
    after = stack.statistics()
    (name,) = (
        n for n in ("answered", "delivered", "ignored", "malformed", "excluded", "faults") if after[n] > before[n]
    )
    return name


def answers(stack: Stack, now: float = 1.0) -> list[IcmpMessage]:
    return [
        decode_icmp(sent[34:]) if sent[12:14] == b"\x08\0" else decode_icmpv6(sent[54:], sent[22:38], sent[38:54])
        for sent in stack.poll_transmit(now)
    ]


def datagrams(stack: Stack) -> list[Datagram]:
    return [notice for notice in notices(stack) if isinstance(notice, Datagram)]


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
def test_a_padded_frame_is_trimmed(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, udp_frame(path, b"x") + bytes(17)) == "delivered"
    assert datagrams(stack)[0].data == b"x"


@both
def test_other_protocols_are_told_so(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, ip_frame(path, 132, b"sctp")) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == ((3, 2, 0) if path.version == 4 else (4, 1, 6))


def test_no_next_header_and_igmp_have_no_answer() -> None:
    stack = make_stack()
    assert fate(stack, ip_frame(PATH6, ipv6.NO_NEXT_HEADER, b"")) == "ignored"
    assert fate(stack, ip_frame(PATH4, ipv4.IGMP, b"\x11\0\0\0\0\0\0\0")) == "ignored"
    assert stack.poll_transmit(1.0) == []


@pytest.mark.parametrize(
    "source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.1.2.3", "10.0.0.1", "10.9.3.4"]
)
def test_ipv4_sources_that_can_be_no_peers(source: str) -> None:
    stack, path = make_stack(), PATH4._replace(remote=packed(source))
    for octets in (udp_frame(path, b"x"), ping_frame(path), syn_frame(path), ip_frame(path, 132, b"")):
        assert fate(stack, octets) == "ignored"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1", "::ffff:10.0.0.2", "2001:db8::1", "2001:db8:9::77"])
def test_ipv6_sources_that_can_be_no_peers(source: str) -> None:
    stack, path = make_stack(), PATH6._replace(remote=packed(source))
    for octets in (udp_frame(path, b"x"), ping_frame(path), syn_frame(path), ip_frame(path, 132, b"")):
        assert fate(stack, octets) == "ignored"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


@pytest.mark.parametrize("remote", ["10.0.0.2", "192.168.1.255", "2001:db8::2", "fe80::7", "::ffff:0:0:1"])
def test_peers_are_no_martians(remote: str) -> None:
    assert not is_martian(packed(remote))


@both
def test_what_is_for_another_address_is_ignored(path: Path) -> None:
    stack = make_stack()
    path = path._replace(local=PEER4 if path.version == 4 else PEER6)
    assert fate(stack, udp_frame(path, b"x")) == "ignored"


@pytest.mark.parametrize("group", GROUPS)
def test_a_datagram_to_a_group_is_told_and_not_answerable(group: str) -> None:
    local = packed(group)
    base = PATHS[4 if len(local) == 4 else 6]
    mac = multicast_mac(local) if group.startswith(("224", "ff")) else BROADCAST
    path, stack = base._replace(local=local, local_mac=mac), make_stack()
    assert fate(stack, udp_frame(path, b"x")) == "delivered"
    assert notices(stack) == [Datagram(path, 5000, 40000, b"x", answerable=False)]
    stack.udp.unlisten(None)
    assert fate(stack, udp_frame(path, b"x")) == "ignored"
    assert fate(stack, syn_frame(path)) == "ignored"
    assert fate(stack, ip_frame(path, 132, b"")) == "ignored"
    assert stack.poll_transmit(1.0) == []


def test_a_directed_broadcast_needs_a_broadcast_frame() -> None:
    stack = make_stack()
    assert fate(stack, udp_frame(PATH4._replace(local=packed("10.0.0.255")), b"x")) == "ignored"
    assert fate(stack, ping_frame(PATH4._replace(local=packed("10.0.0.255"), local_mac=BROADCAST))) == "ignored"


def test_an_echo_to_all_nodes_is_answered_and_to_other_groups_not() -> None:
    stack = make_stack()
    path = PATH6._replace(local=ALL_NODES, local_mac=multicast_mac(ALL_NODES))
    assert fate(stack, ping_frame(path)) == "answered"
    assert fate(stack, ping_frame(path._replace(local=packed("ff02::fb")))) == "ignored"


def test_a_source_route_is_not_followed_and_other_options_do_no_harm() -> None:
    def with_options(options: bytes) -> bytes:
        packet = bytearray(ip_packet(PATH4, 1, icmp_payload(PATH4, IcmpMessage(8, 0, 1, b"x"))))
        header = packet[:20] + options
        header[0] = 0x40 | len(header) // 4
        header[2:4] = (len(header) + len(packet) - 20).to_bytes(2, "big")
        header[10:12] = bytes(2)
        header[10:12] = ipv4.checksum(header).to_bytes(2, "big")
        return frame(PATH4, bytes(header + packet[20:]))

    assert fate(make_stack(), with_options(b"\x83\x07\x04\x0a\0\0\x01\0")) == "ignored"
    assert fate(make_stack(), with_options(b"\x94\x04\0\0")) == "answered"
    assert fate(make_stack(), with_options(b"\x83\x07")) == "malformed"


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
def test_everything_of_an_excluded_peer_is_the_hosts(path: Path) -> None:
    stack, path = make_stack(exclusions=EXCLUSIONS, sniffer=True), path._replace(remote=FRIENDS[path.version])
    for octets in (
        udp_frame(path, b"x"),
        syn_frame(path),
        ping_frame(path),
        ip_frame(path, 132, b""),
        ip_frame(path, 1, b"broken"),
    ):
        assert fate(stack, octets) == "excluded"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


@both
def test_fragments_to_an_excluded_port_are_the_hosts_once_they_are_whole(path: Path) -> None:
    stack = make_stack(exclusions=EXCLUSIONS, sniffer=True)
    segment = encode_udp(UdpDatagram(40000, 123, bytes(3000)), path.remote, path.local)
    assert [fate(stack, part) for part in cut(path, 17, segment)] == ["delivered"] * 2 + ["excluded"]
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


@both
def test_nobody_is_told_that_fragments_to_an_excluded_port_never_came(path: Path) -> None:
    stack = make_stack(exclusions=EXCLUSIONS)
    segment = encode_udp(UdpDatagram(40000, 123, bytes(3000)), path.remote, path.local)
    fate(stack, cut(path, 17, segment)[0])
    stack.handle_timeout(100.0)
    assert stack.poll_transmit(100.0) == []


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


def test_a_bad_option_before_an_excluded_port_is_the_hosts() -> None:
    stack = make_stack(exclusions=EXCLUSIONS)

    def with_option(port: int, remote: bytes = PEER6) -> bytes:
        path = PATH6._replace(remote=remote)
        return ip_frame(path, ipv6.DESTINATION, b"\x06\0\xde\x04aaaa" + syn_segment(path, port))

    assert fate(stack, with_option(22)) == "excluded"
    assert fate(stack, with_option(80)) == "answered"
    assert fate(stack, with_option(80, remote=bytes(16))) == "ignored"


# Fragments.


def cut(path: Path, protocol: int, payload: bytes, size: int = 1400, ident: int = 9) -> list[bytes]:
    """The frames of a packet in fragments."""
    frames = []
    for start in range(0, len(payload), size):
        part, more = payload[start : start + size], start + size < len(payload)
        if path.version == 4:
            field = start >> 3 | (ipv4.MORE_FRAGMENTS if more else 0)
            frames.append(ip_frame(path, protocol, part, fragment=field, ident=ident))
        else:
            header = encode_fragment_header(protocol, start, ident, more=more)
            frames.append(ip_frame(path, ipv6.FRAGMENT, header + part))
    return frames


@both
def test_a_large_datagram_in_fragments_in_any_order_is_delivered_once(path: Path) -> None:
    stack, data = make_stack(), random.Random(1).randbytes(60_000)
    frames = cut(path, 17, encode_udp(UdpDatagram(40000, 5000, data), path.remote, path.local))
    random.Random(2).shuffle(frames)
    assert {fate(stack, part) for part in frames} == {"delivered"}
    assert [datagram.data for datagram in datagrams(stack)] == [data]


@both
def test_a_large_ping_is_answered_in_fragments_that_make_it_whole(path: Path) -> None:
    stack, data = make_stack(), random.Random(1).randbytes(8000)
    kind = 8 if path.version == 4 else 128
    for part in cut(path, 1 if path.version == 4 else 58, icmp_payload(path, IcmpMessage(kind, 0, 1, data))):
        stack.receive_frame(part, 1.0)
    peer = make_stack(mac=PEER_MAC, addresses=AddressSet(["10.0.0.2", "2001:db8::2"]), sniffer=True)
    for sent in stack.poll_transmit(1.0):
        peer.receive_frame(sent, 1.0)
    (seen,) = notices(peer)
    assert isinstance(seen, PacketSeen)
    assert seen.payload == data


@both
def test_a_broken_checksum_is_found_in_the_whole(path: Path) -> None:
    stack = make_stack()
    segment = bytearray(encode_udp(UdpDatagram(40000, 5000, bytes(3000)), path.remote, path.local))
    segment[-1] ^= 1
    assert [fate(stack, part) for part in cut(path, 17, bytes(segment))][-1] == "malformed"


@both
def test_an_unfinished_datagram_is_told_to_its_sender(path: Path) -> None:
    stack = make_stack()
    first, second, _ = cut(path, 17, encode_udp(UdpDatagram(40000, 5000, bytes(3000)), path.remote, path.local))
    fate(stack, first)
    deadline = stack.poll_timeout()
    assert deadline == (31.0 if path.version == 4 else 61.0)
    stack.handle_timeout(deadline)
    (error,) = answers(stack)
    assert (error.type, error.code) == ((11, 1) if path.version == 4 else (3, 1))
    fate(stack, second, 200.0)
    stack.handle_timeout(300.0)
    assert stack.poll_transmit(300.0) == []


def test_the_bound_on_fragments_is_told_once_in_a_while() -> None:
    stack = make_stack(limits=Limits(fragment_datagrams=2))
    for ident in range(10):
        fate(stack, cut(PATH4, 17, bytes(2000), ident=ident)[0])
    (notice,) = notices(stack)
    assert notice == BoundReached("fragment_datagrams", 2, PATH4)
    assert stack.statistics()["fragments_held"] == 2


def test_a_first_fragment_without_the_whole_chain_is_a_problem() -> None:
    stack = make_stack()
    header = encode_fragment_header(17, 0, 9, more=True)
    assert fate(stack, ip_frame(PATH6, ipv6.FRAGMENT, header)) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == (4, 3, 0)


def test_fragments_within_fragments_are_malformed() -> None:
    inner = encode_fragment_header(17, 0, 1, more=False) + bytes(8)
    outer = encode_fragment_header(ipv6.FRAGMENT, 0, 2, more=False)
    assert fate(make_stack(), ip_frame(PATH6, ipv6.FRAGMENT, outer + inner)) == "malformed"


def test_headers_before_the_fragment_header_stay_in_the_whole() -> None:
    stack = make_stack()
    segment = encode_udp(UdpDatagram(40000, 5000, bytes(2000)), PEER6, US6)
    options = bytes([ipv6.FRAGMENT, 0]) + b"\x01\x04\0\0\0\0"
    for start, part in ((0, segment[:1000]), (1000, segment[1000:])):
        header = encode_fragment_header(17, start, 9, more=start == 0)
        fate(stack, ip_frame(PATH6, ipv6.DESTINATION, options + header + part))
    assert [len(datagram.data) for datagram in datagrams(stack)] == [2000]


def test_a_whole_that_ipv6_cannot_tell_is_malformed() -> None:
    stack = make_stack()
    options = bytes([ipv6.FRAGMENT, 0]) + b"\x01\x04\0\0\0\0"
    fates = [
        fate(
            stack,
            ip_frame(
                PATH6,
                ipv6.DESTINATION,
                options + encode_fragment_header(17, start, 9, more=start < 60000) + bytes(size),
            ),
        )
        for start, size in ((0, 32000), (32000, 28000), (60000, 5535))
    ]
    assert fates == ["delivered", "delivered", "malformed"]


# ICMP and neighbours.


@both
def test_problems_of_header_chains_are_told_with_their_pointer(path: Path) -> None:
    stack = make_stack()
    chain = b"\x11\0\xde\x04aaaa" + bytes(8)
    if path.version == 4:
        assert fate(stack, ip_frame(path, ipv6.DESTINATION, chain)) == "answered"  # an unknown protocol, no more
        return
    assert fate(stack, ip_frame(path, ipv6.DESTINATION, chain)) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == (4, 2, 42)
    assert fate(stack, ip_frame(path, ipv6.DESTINATION, b"\x11\0\x5e\x04aaaa" + bytes(8))) == "ignored"


def test_an_icmpv6_error_behind_a_bad_option_is_not_answered() -> None:
    error = icmp_payload(PATH6, IcmpMessage(1, 4, 0, bytes(48)))
    assert fate(make_stack(), ip_frame(PATH6, ipv6.DESTINATION, b"\x3a\0\xde\x04aaaa" + error)) == "ignored"


class FakeTcp:
    """Keeps the ICMP errors it is told."""

    def __init__(self) -> None:
        self.errors: deque[tuple[Any, ...]] = deque()

    def icmp_error(self, *error: Any) -> None:
        self.errors.append(error)


@both
def test_errors_about_our_segments_reach_tcp(path: Path) -> None:
    stack = make_stack()
    fake = stack._internet._tcp = FakeTcp()  # type: ignore[assignment]
    back = path._replace(local=path.remote, remote=path.local)
    quote = ip_packet(back, 6, b"\0\x50\x9c\x40\0\0\x03\xe8")
    message = IcmpMessage(3, 4, 1400, quote) if path.version == 4 else IcmpMessage(2, 0, 1400, quote)
    assert fate(stack, icmp_frame(path, message)) == "delivered"
    assert list(fake.errors) == [(path, b"\0\x50\x9c\x40\0\0\x03\xe8", IcmpErrorKind.PACKET_TOO_BIG, 1400, 1.0)]


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
    assert fate(stack, icmp_frame(path, query, ttl=64)) == "ignored"
    assert fate(stack, icmp_frame(path, query, ttl=1)) == "delivered"
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
