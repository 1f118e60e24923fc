"""ICMP: what is answered, what never is, how often, and what errors of others say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.net import icmp as module
from honeystack.net.address import AddressSet, Path
from honeystack.net.icmp import ErrorBuckets, Icmp, may_answer, read_error
from honeystack.net.output import Output
from honeystack.net.wire import icmp, icmpv6, ipv6
from honeystack.net.wire.facts import IcmpErrorKind, IpPacket
from honeystack.net.wire.icmp import IcmpMessage, decode_icmp
from honeystack.net.wire.icmpv6 import ALL_NODES, decode_icmpv6
from tests.net.frames import (
    ADDRESSES,
    LINK_LOCAL,
    OUR_MAC,
    PATH4,
    PATH6,
    PATHS,
    PEER4,
    PEER6,
    US4,
    US6,
    icmp_payload,
    ip_packet,
    packed,
    received,
)

ECHO4, ECHO6 = IcmpMessage(8, 0, 0x12340001, b"data"), IcmpMessage(128, 0, 0x12340001, b"data")


class Bench:
    """An Icmp and what it sends, decoded."""

    def __init__(self, addresses: object = ADDRESSES, midnight: float | None = None) -> None:
        self.output = Output(mtu=1500, ttl=64, rng=random.Random(1))
        self.bounds: list[tuple[str, Path, float]] = []
        self.icmp = Icmp(
            self.output,
            addresses=addresses,  # type: ignore[arg-type]
            mac=OUR_MAC,
            rng=random.Random(1),
            remotes=3,
            reached=lambda *told: self.bounds.append(told),
            midnight=midnight,
        )

    def sent(self) -> list[IcmpMessage]:
        return [self._decode(frame) for frame in self.output.drain()]

    @staticmethod
    def _decode(frame: bytes) -> IcmpMessage:
        if frame[12:14] == b"\x08\0":
            return decode_icmp(frame[34:])
        return decode_icmpv6(frame[54:], frame[22:38], frame[38:54])


def packet(path: Path, message: IcmpMessage, *, unicast: bool = True) -> IpPacket:
    return received(path, 1 if path.version == 4 else 58, icmp_payload(path, message), unicast=unicast)


@pytest.mark.parametrize(("path", "request_", "kind"), [(PATH4, ECHO4, 0), (PATH6, ECHO6, 129)])
def test_an_echo_request_is_answered_with_its_data(path: Path, request_: IcmpMessage, kind: int) -> None:
    bench = Bench()
    assert bench.icmp.receive(packet(path, request_), request_, 0.0)
    assert bench.sent() == [request_._replace(type=kind)]


def test_a_large_echo_reply_leaves_in_fragments() -> None:
    bench = Bench()
    request = ECHO4._replace(data=bytes(60_000))
    assert bench.icmp.receive(packet(PATH4, request), request, 0.0)
    assert len(bench.output) == 41


def test_the_reply_has_the_service_class_of_the_request() -> None:
    bench = Bench()
    asked = packet(PATH4, ECHO4)
    bench.icmp.receive(asked._replace(facts=asked.facts._replace(tos=0x28)), ECHO4, 0.0)
    assert bench.output.drain()[0][15] == 0x28


def test_a_timestamp_reply_tells_the_time_of_day() -> None:
    bench = Bench(midnight=-5.0)
    request = IcmpMessage(13, 0, 7, b"when" + bytes(8))
    assert bench.icmp.receive(packet(PATH4, request), request, 1.5)
    (reply,) = bench.sent()
    assert (reply.type, reply.rest, reply.data) == (14, 7, b"when" + (6500).to_bytes(4, "big") * 2)


@pytest.mark.parametrize(
    ("path", "message", "unicast"),
    [
        (PATH4._replace(local=packed("224.0.0.1")), ECHO4, False),
        (PATH4, IcmpMessage(0, 0, 0, b""), True),
        (PATH4, IcmpMessage(15, 0, 0, b""), True),
        (PATH4, IcmpMessage(17, 0, 0, bytes(4)), True),
        (PATH4, IcmpMessage(13, 0, 0, bytes(3)), True),
        (PATH6, IcmpMessage(129, 0, 0, b""), True),
        (PATH6, IcmpMessage(13, 0, 0, bytes(12)), True),
    ],
)
def test_other_messages_have_no_answer(path: Path, message: IcmpMessage, unicast: bool) -> None:
    bench = Bench()
    assert not bench.icmp.receive(packet(path, message, unicast=unicast), message, 0.0)
    assert bench.sent() == []


@pytest.mark.parametrize(("path", "request_"), [(PATH4, ECHO4), (PATH6, ECHO6)])
def test_the_code_of_an_echo_request_comes_back(path: Path, request_: IcmpMessage) -> None:
    bench = Bench()
    request_ = request_._replace(code=7)
    assert bench.icmp.receive(packet(path, request_), request_, 0.0)
    assert [reply.code for reply in bench.sent()] == [7]


@pytest.mark.parametrize(("path", "request_"), [(PATH4, ECHO4), (PATH6, ECHO6)])
def test_what_came_for_us_in_a_group_frame_is_answered_from_our_own_mac(path: Path, request_: IcmpMessage) -> None:
    bench = Bench()
    to_group = path._replace(local_mac=b"\xff" * 6)
    assert bench.icmp.receive(packet(to_group, request_, unicast=False), request_, 0.0)
    assert bench.output.drain()[0][6:12] == OUR_MAC


def test_a_first_fragment_without_its_header_is_told_though_it_may_be_an_error() -> None:
    bench = Bench()
    headless = received(PATH6, 58, b"")
    assert bench.icmp.problem(headless, ipv6.Problem(ipv6.INCOMPLETE_CHAIN, 0), 0.0)
    assert not bench.icmp.problem(headless, ipv6.Problem(ipv6.ERRONEOUS_FIELD, 0), 0.0)


def test_a_timestamp_says_that_it_does_not_know_midnight() -> None:
    bench = Bench()
    request = IcmpMessage(13, 0, 5, b"\0\0\0\x09" + bytes(8))
    assert bench.icmp.receive(packet(PATH4, request), request, 1.0)
    stamp = (0x80000000 | 1000).to_bytes(4, "big")
    assert bench.sent() == [IcmpMessage(14, 0, 5, b"\0\0\0\x09" + stamp + stamp)]


@pytest.mark.parametrize(("remote", "own"), [(packed("fe80::2"), LINK_LOCAL), (PEER6, US6)])
def test_an_echo_to_all_nodes_is_answered_from_an_address_of_the_same_scope(remote: bytes, own: bytes) -> None:
    bench = Bench()
    path = PATH6._replace(local=ALL_NODES, remote=remote, local_mac=b"\x33\x33\0\0\0\x01")
    assert bench.icmp.receive(packet(path, ECHO6, unicast=False), ECHO6, 0.0)
    (frame,) = bench.output.drain()
    assert (frame[6:12], frame[22:38], frame[38:54]) == (OUR_MAC, own, remote)


def test_without_such_an_address_nothing_answers() -> None:
    bench = Bench(addresses=[])
    path = PATH6._replace(local=ALL_NODES)
    assert not bench.icmp.receive(packet(path, ECHO6, unicast=False), ECHO6, 0.0)


@pytest.mark.parametrize(
    ("call", "path", "answer"),
    [
        ("port_unreachable", PATH4, (3, 3, 0)),
        ("port_unreachable", PATH6, (1, 4, 0)),
        ("protocol_unreachable", PATH4, (3, 2, 0)),
        ("protocol_unreachable", PATH6, (4, 1, 9)),
        ("time_exceeded", PATH4, (11, 1, 0)),
        ("time_exceeded", PATH6, (3, 1, 0)),
    ],
)
def test_errors_quote_what_they_are_about(call: str, path: Path, answer: tuple[int, int, int]) -> None:
    bench = Bench()
    cause = received(path, 17, bytes(100))
    assert getattr(bench.icmp, call)(cause, 0.0)
    (message,) = bench.sent()
    assert message == IcmpMessage(*answer, bytes(cause.octets))


@pytest.mark.parametrize(("path", "length"), [(PATH4, 576), (PATH6, 1280)])
def test_an_error_is_no_longer_than_linux_makes_it(path: Path, length: int) -> None:
    bench = Bench()
    assert bench.icmp.port_unreachable(received(path, 17, bytes(5000)), 0.0)
    (frame,) = bench.output.drain()
    assert len(frame) == 14 + length
    assert path.version == 6 or frame[15] == 0xC0


@pytest.mark.parametrize(("asked", "told"), [(0x00, 0xC0), (0x48, 0xC8), (0xB8, 0xD8), (0xFF, 0xDE), (0x03, 0xC2)])
def test_an_error_has_the_service_of_its_packet_with_the_precedence_of_the_network_s_control(
    asked: int, told: int
) -> None:
    bench = Bench()
    for path, expected in ((PATH4, told), (PATH6, 0)):
        cause = received(path, 17, bytes(8))
        cause = cause._replace(facts=cause.facts._replace(tos=asked))
        assert bench.icmp.port_unreachable(cause, 0.0)
        (frame,) = bench.output.drain()
        found = frame[15] if path.version == 4 else (frame[14] << 4 | frame[15] >> 4) & 0xFF
        assert found == expected


def test_a_problem_may_be_told_to_who_wrote_to_a_group() -> None:
    bench = Bench()
    path = PATH6._replace(local=ALL_NODES)
    cause = received(path, 17, bytes(8), unicast=False)
    assert not bench.icmp.problem(cause, ipv6.Problem(2, 44), 0.0)
    assert bench.icmp.problem(cause, ipv6.Problem(2, 44, even_to_multicast=True), 0.0)
    (frame,) = bench.output.drain()
    assert frame[22:38] == US6


@pytest.mark.parametrize(
    ("path", "protocol", "payload", "may"),
    [
        (PATH4, 17, b"12345678", True),
        (PATH4, 1, b"\x08", True),
        (PATH4, 1, b"", False),
        *[(PATH4, 1, bytes([kind]), False) for kind in (3, 4, 5, 11, 12, 19, 255)],
        (PATH6, 58, b"\x80", True),
        (PATH6, 58, b"", False),
        *[(PATH6, 58, bytes([kind]), False) for kind in (1, 2, 3, 4, 127, 137)],
        (PATH4, 58, b"\x01", True),
        (PATH6, 1, b"\x03", True),
    ],
)
def test_errors_are_never_answered_with_errors(path: Path, protocol: int, payload: bytes, may: bool) -> None:
    assert may_answer(received(path, protocol, payload)) is may
    assert not may_answer(received(path, protocol, payload, unicast=False))


@given(st.sampled_from([PATH4, PATH6]), st.integers(0, 255), st.binary(max_size=40), st.booleans())
def test_the_predicate_takes_anything(path: Path, protocol: int, payload: bytes, unicast: bool) -> None:
    assert may_answer(received(path, protocol, payload, unicast=unicast)) in (True, False)


def test_one_destination_gets_six_errors_and_then_one_a_second() -> None:
    buckets = ErrorBuckets(random.Random(1), 4096)
    assert [buckets.take(PEER4, 100.0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert [buckets.take(PEER4, 101.1) for _ in range(2)] == [True, False]
    assert buckets.take(US4, 101.1)


def test_an_ipv6_destination_is_its_network() -> None:
    buckets = ErrorBuckets(random.Random(1), 4096)
    assert sum(buckets.take(packed(f"2001:db8::{n:x}"), 100.0) for n in range(20)) == 6


def test_all_destinations_together_get_a_burst_of_unknown_length() -> None:
    bursts = set()
    for seed in range(20):
        buckets = ErrorBuckets(random.Random(seed), 4096)
        bursts.add(sum(buckets.take(n.to_bytes(4, "big"), 100.0) for n in range(100)))
    assert len(bursts) > 1
    assert max(bursts) <= 50


def test_the_memory_of_destinations_is_bounded() -> None:
    buckets = ErrorBuckets(random.Random(1), 3)
    for n in (0, 1, 2, 0):
        buckets.take(n.to_bytes(4, "big"), float(n))
    assert buckets.forgotten == 0
    for n in range(3, 10):
        buckets.take(n.to_bytes(4, "big"), float(n))
    assert (len(buckets._peers), buckets.forgotten) == (3, 7)


def test_who_was_answered_longest_ago_is_forgotten_and_that_is_told() -> None:
    bench = Bench()
    paths = [PATH4._replace(remote=bytes([10, 0, 0, n])) for n in range(4)]
    first, second, third, fourth = (received(path, 17, bytes(8)) for path in paths)
    assert [bench.icmp.port_unreachable(first, 0.0) for _ in range(7)][-2:] == [True, False]
    for cause in (second, third, first):
        bench.icmp.port_unreachable(cause, 0.0)
    assert bench.bounds == []
    assert bench.icmp.port_unreachable(fourth, 1.5)
    assert bench.bounds == [("icmp_remotes", paths[3], 1.5)]
    assert [bench.icmp.port_unreachable(first, 1.5) for _ in range(2)] == [True, False]  # it is remembered


def test_a_rate_limited_error_is_not_sent() -> None:
    bench = Bench()
    cause = received(PATH4, 17, bytes(8))
    assert [bench.icmp.port_unreachable(cause, 0.0) for _ in range(7)].count(True) == 6


def error(path: Path, message: IcmpMessage, protocol: int = 6) -> IcmpMessage:
    back = path._replace(local=path.remote, remote=path.local)
    return message._replace(data=ip_packet(back, protocol, b"\0\x50\x9c\x40quoted"))


@pytest.mark.parametrize(
    ("path", "message", "kind", "mtu"),
    [
        (PATH4, IcmpMessage(3, 4, 1400, b""), IcmpErrorKind.PACKET_TOO_BIG, 1400),
        (PATH4, IcmpMessage(3, 3, 0, b""), IcmpErrorKind.HARD, None),
        (PATH4, IcmpMessage(3, 1, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH4, IcmpMessage(11, 0, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH4, IcmpMessage(12, 0, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH6, IcmpMessage(2, 0, 1300, b""), IcmpErrorKind.PACKET_TOO_BIG, 1300),
        (PATH6, IcmpMessage(1, 4, 0, b""), IcmpErrorKind.HARD, None),
        (PATH6, IcmpMessage(1, 0, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH6, IcmpMessage(3, 0, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH6, IcmpMessage(4, 0, 0, b""), IcmpErrorKind.HARD, None),
        (PATH6, IcmpMessage(1, 3, 0, b""), IcmpErrorKind.SOFT, None),
        (PATH6, IcmpMessage(1, 5, 0, b""), IcmpErrorKind.HARD, None),
    ],
)
def test_errors_of_others_are_read(path: Path, message: IcmpMessage, kind: IcmpErrorKind, mtu: int | None) -> None:
    message = error(path, message)
    quoted = read_error(packet(path, message), message)
    assert quoted is not None
    assert (quoted.path, quoted.protocol, quoted.quoted) == (path, 6, b"\0\x50\x9c\x40quoted")
    assert (quoted.kind, quoted.mtu) == (kind, mtu)


@pytest.mark.parametrize(("path", "kind"), [(PATH4, 0), (PATH4, 4), (PATH4, 5), (PATH6, 0), (PATH6, 100), (PATH6, 129)])
def test_other_messages_quote_nothing(path: Path, kind: int) -> None:
    message = IcmpMessage(kind, 0, 0, b"")
    assert read_error(packet(path, message), message) is None


@pytest.mark.parametrize(
    ("path", "quote"),
    [
        (PATH4, b""),
        (PATH4, ip_packet(PATH4, 6, b"1234567")),
        (PATH4, b"\x65" + bytes(40)),
        (PATH4, b"\x44" + bytes(40)),
        (PATH4, b"\x4f" + bytes(40)),
        (PATH6, ip_packet(PATH6, 6, b"1234567")),
        (PATH6, ip_packet(PATH4, 6, bytes(60))),
    ],
)
def test_a_broken_quote_is_malformed(path: Path, quote: bytes) -> None:
    message = IcmpMessage(3, 0, 0, quote)
    with pytest.raises(Malformed, match="quotes no"):
        read_error(packet(path, message), message)


@given(st.sampled_from(list(PATHS.values())), st.integers(0, 20), st.integers(0, 255), st.binary(max_size=90))
def test_any_quote_is_read_or_malformed(path: Path, kind: int, code: int, quote: bytes) -> None:
    message = IcmpMessage(kind, code, 0, quote)
    try:
        quoted = read_error(packet(path, message), message)
    except Malformed:
        return
    assert quoted is None or len(quoted.path.remote) == len(path.remote)


def test_the_limits_are_those_of_the_headers() -> None:
    assert module.QUOTE_LIMITS == {4: 548, 6: 1232}
    assert icmp.HEADER_LENGTH == 8
    assert icmpv6.FIRST_INFORMATION == 128


def test_a_wrong_option_of_ipv4_is_told_with_its_place() -> None:
    bench = Bench()
    assert bench.icmp.parameter_problem(received(PATH4, 17, bytes(20)), 22, 1.0)
    (error,) = bench.sent()
    assert (error.type, error.code, error.rest) == (12, 0, 22 << 24)


def test_a_problem_of_a_group_packet_needs_an_address_of_ours_to_be_told_from() -> None:
    bench = Bench(AddressSet(["10.0.0.1/32"]))
    group = received(PATH6._replace(local=packed("ff02::1")), 60, bytes(20), unicast=False)
    assert not bench.icmp.problem(group, ipv6.Problem(2, 40, even_to_multicast=True), 1.0)
    assert bench.sent() == []
