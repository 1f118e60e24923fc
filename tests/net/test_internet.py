"""The internet layer through the stack: which packets are taken, and how fragments become whole."""

from __future__ import annotations

import pytest

from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.internet import is_martian
from honeystack.net.notices import Anomaly, Datagram
from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.ethernet import multicast_mac
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from tests.net.frames import (
    BROADCAST,
    PATH4,
    PATH6,
    PATHS,
    PEER4,
    PEER6,
    answers,
    both,
    cut,
    datagrams,
    every_notice,
    fate,
    frame,
    icmp_payload,
    ip_frame,
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
GROUPS = ["224.0.0.251", "255.255.255.255", "10.0.0.255", "10.0.0.1", "ff02::fb", "2001:db8::1"]


@both
def test_a_padded_frame_is_trimmed(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, udp_frame(path, b"x") + bytes(17)) == "delivered"
    assert datagrams(stack)[0].data == b"x"


@pytest.mark.parametrize(
    "source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.1.2.3", "10.0.0.1", "10.9.3.4"]
)
def test_ipv4_sources_that_can_be_no_peers(source: str) -> None:
    stack, path = make_stack(), PATH4._replace(remote=packed(source))
    for octets in (udp_frame(path, b"x"), ping_frame(path), syn_frame(path), ip_frame(path, 132, b"")):
        assert fate(stack, octets) == "ignored"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


def test_the_broadcast_of_our_link_is_no_peer_and_is_told_of() -> None:
    stack = make_stack(broadcasts=AddressSet(["10.0.0.255"]))
    path = PATH4._replace(remote=packed("10.0.0.255"))
    for octets in (udp_frame(path, b"x"), ping_frame(path), syn_frame(path), ip_frame(path, 132, b"")):
        assert fate(stack, octets) == "ignored"
    assert stack.poll_transmit(1.0) == []
    assert [(told.name, told.path.remote) for told in every_notice(stack) if isinstance(told, Anomaly)] == [
        ("martian-source", path.remote)
    ] * 4
    assert fate(stack, udp_frame(PATH4._replace(remote=packed("10.0.1.255")), b"x")) == "delivered"


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


def with_options(options: bytes, protocol: int, payload: bytes, *, path: Path = PATH4, fragment: int = 0) -> bytes:
    header = ipv4.encode_ipv4(
        *(path.remote, path.local, protocol, len(payload)), ttl=64, fragment=fragment, options=options
    )
    return frame(path, header + payload)


PING = icmp_payload(PATH4, IcmpMessage(8, 0, 1, b"x"))
DATAGRAM = encode_udp(UdpDatagram(40000, 123, b"x"), PEER4, PATH4.local)
ROUTE = b"\7\x0b\4" + bytes(9)
BROKEN = b"\xde\x20\0\0"


def test_a_source_route_is_not_followed_and_told() -> None:
    stack = make_stack()
    assert fate(stack, with_options(b"\x83\x07\x04\x0a\0\0\x01\0", 1, PING)) == "ignored"
    assert [notice.name for notice in every_notice(stack) if isinstance(notice, Anomaly)] == ["source-route"]


def test_options_that_ask_nothing_do_no_harm() -> None:
    stack = make_stack()
    assert fate(stack, with_options(b"\x94\x04\0\0", 1, PING)) == "answered"
    assert stack.poll_transmit(1.0)[0][14] == 0x45


def test_an_answer_carries_the_record_of_its_route() -> None:
    stack = make_stack(midnight=-10.0)
    assert fate(stack, with_options(ROUTE, 1, PING)) == "answered"
    assert stack.poll_transmit(1.0)[0][34:46] == b"\7\x0b\x0c" + PATH4.local * 2 + b"\0"
    assert fate(stack, with_options(b"\x44\x0c\5\0" + bytes(8), 1, PING)) == "answered"
    assert stack.poll_transmit(1.0)[0][34:46] == b"\x44\x0c\x0d\0" + (11_000).to_bytes(4, "big") * 2
    assert fate(stack, with_options(ROUTE, 6, syn_segment(PATH4))) == "delivered"
    assert stack.poll_transmit(1.0)[0][34:46] == b"\7\x0b\x0c" + PATH4.local * 2 + b"\0"


def test_an_error_quotes_options_as_we_have_written_them() -> None:
    stack = make_stack()
    stack.udp.unlisten(None)
    assert fate(stack, with_options(ROUTE, 17, DATAGRAM)) == "answered"
    (sent,) = stack.poll_transmit(1.0)
    assert sent[34:46] == b"\7\x0b\x0c" + PATH4.local * 2 + b"\0"  # the error's own header
    assert sent[74:86] == b"\7\x0b\x08" + PATH4.local + bytes(5)


def test_a_program_answers_without_the_options_of_the_question() -> None:
    stack = make_stack()
    assert fate(stack, with_options(ROUTE, 17, DATAGRAM)) == "delivered"
    assert datagrams(stack)[0].path == PATH4


def test_a_broken_option_is_told_to_its_sender_with_its_place() -> None:
    stack = make_stack()
    assert fate(stack, with_options(b"\1\1\1\1" + BROKEN, 1, PING)) == "answered"
    (error,) = answers(stack)
    assert (error.type, error.code, error.rest) == (12, 0, 24 << 24)
    assert [notice.name for notice in every_notice(stack) if isinstance(notice, Anomaly)] == ["bad-ip-options"]


@pytest.mark.parametrize(
    ("options", "protocol", "payload", "path", "fragment"),
    [
        (BROKEN, 1, b"\3\3" + PING[2:], PATH4, 0),  # an error
        (BROKEN, 17, DATAGRAM, PATH4, 1),  # a later fragment
        (BROKEN, 17, DATAGRAM, PATH4._replace(local=b"\xe0\0\0\1", local_mac=b"\1\0\x5e\0\0\1"), 0),
        (BROKEN, 17, DATAGRAM, PATH4._replace(local_mac=BROADCAST), 0),
        (BROKEN, 17, DATAGRAM, PATH4._replace(remote=b"\xff" * 4), 0),
    ],
)
def test_a_broken_option_is_not_told(options: bytes, protocol: int, payload: bytes, path: Path, fragment: int) -> None:
    stack = make_stack()
    assert fate(stack, with_options(options, protocol, payload, path=path, fragment=fragment)) == "ignored"
    assert stack.poll_transmit(1.0) == []


def test_a_broken_option_on_the_way_to_an_excluded_port_is_the_hosts() -> None:
    assert fate(make_stack(exclusions=EXCLUSIONS), with_options(BROKEN, 17, DATAGRAM)) == "excluded"


# What is left to the host.


def test_a_bad_option_before_an_excluded_port_is_the_hosts() -> None:
    stack = make_stack(exclusions=EXCLUSIONS)

    def with_option(port: int, remote: bytes = PEER6) -> bytes:
        path = PATH6._replace(remote=remote)
        return ip_frame(path, ipv6.DESTINATION, b"\x06\0\xde\x04aaaa" + syn_segment(path, port))

    assert fate(stack, with_option(22)) == "excluded"
    assert fate(stack, with_option(80)) == "answered"
    assert fate(stack, with_option(80, remote=bytes(16))) == "ignored"


@both
def test_fragments_to_an_excluded_port_are_the_hosts_once_they_are_whole(path: Path) -> None:
    stack = make_stack(exclusions=EXCLUSIONS, sniffer=True)
    segment = encode_udp(UdpDatagram(40000, 123, bytes(3000)), path.remote, path.local)
    assert [fate(stack, part) for part in cut(path, 17, segment)] == ["delivered"] * 2 + ["excluded"]
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


def test_a_problem_in_a_later_fragment_is_the_hosts_where_it_has_ports() -> None:
    """Which port it goes to is not in it, and the host's kernel is given it and answers."""
    beyond = ip_frame(PATH6, ipv6.FRAGMENT, ipv6.encode_fragment_header(17, 65528, 7, more=False) + bytes(64))
    for exclusions, expected in ((EXCLUSIONS, "excluded"), (Exclusions(), "answered")):
        stack = make_stack(exclusions=exclusions)
        assert fate(stack, beyond) == expected
        assert len(stack.poll_transmit(1.0)) == (expected == "answered")


@both
def test_nobody_is_told_that_fragments_to_an_excluded_port_never_came(path: Path) -> None:
    stack = make_stack(exclusions=EXCLUSIONS)
    segment = encode_udp(UdpDatagram(40000, 123, bytes(3000)), path.remote, path.local)
    fate(stack, cut(path, 17, segment)[0])
    stack.handle_timeout(100.0)
    assert stack.poll_transmit(100.0) == []


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


@both
def test_who_can_be_no_peer_and_writes_to_others_is_no_anomaly(path: Path) -> None:
    ours, elsewhere = path.local, PEER4 if path.version == 4 else PEER6
    stack = make_stack()
    assert fate(stack, udp_frame(path._replace(local=elsewhere, remote=ours), b"x")) == "ignored"
    assert every_notice(stack) == []


def test_a_bad_chain_to_a_group_is_no_anomaly() -> None:
    stack = make_stack()
    group = packed("ff02::1")
    path = PATH6._replace(local=group, local_mac=multicast_mac(group), remote=packed("fe80::2"))
    fate(stack, ip_frame(path, ipv6.DESTINATION, b"\x11\0\xde\x04aaaa" + bytes(8)))
    assert every_notice(stack) == []


def test_a_cut_header_in_a_fragment_is_an_anomaly() -> None:
    stack = make_stack()
    fate(stack, ip_frame(PATH4, 6, bytes(8), fragment=0x2000))
    assert [notice.name for notice in every_notice(stack) if isinstance(notice, Anomaly)] == ["tiny-fragment"]
