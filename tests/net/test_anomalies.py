"""Anomalies: each odd packet is told by its name, once for each packet, and nothing is told of what is in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.anomalies import NAMES, damage_anomaly, probe_of, source_anomaly
from honeystack.net.notices import Anomaly
from honeystack.net.stack import Stack
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.icmp import IcmpMessage
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, URG, decode_segment, encode_segment
from honeystack.net.wire.udp import UdpDatagram, encode_udp
from tests.net.frames import (
    ADDRESSES,
    OUR_MAC,
    PATH4,
    PATH6,
    PEER_MAC,
    both,
    every_notice,
    icmp_frame,
    ip_frame,
    make_stack,
    notices,
    packed,
    syn_frame,
    udp_frame,
)
from tests.net.test_hostile_frames import established, segment


def names(stack: Stack) -> list[str]:
    return [notice.name for notice in every_notice(stack) if isinstance(notice, Anomaly)]


def told(frame: bytes, **settings: object) -> list[str]:
    """The names that one frame is told by."""
    stack = make_stack(**settings)
    stack.receive_frame(frame, 1.0)
    return names(stack)


def bare(path: Path, flags: int, *, options: bytes = b"", data: bytes = b"", seq: int = 5, ack: int = 9) -> bytes:
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return ip_frame(path, 6, encode_segment(40001, 80, seq, ack, flags, 1024, pseudo, options, data))


PROBES = [
    (0, "null-probe"),
    (FIN, "fin-probe"),
    (FIN | PSH | URG, "xmas-probe"),
    (ACK, "ack-probe"),
    (FIN | ACK, "maimon-probe"),
    (SYN | FIN, "syn-fin-probe"),
    (SYN | ACK, "syn-ack-probe"),
    (SYN | URG, "odd-flags"),
    (PSH, "odd-flags"),
]


@both
@pytest.mark.parametrize(("flags", "name"), PROBES)
def test_each_odd_probe_has_its_name(path: Path, flags: int, name: str) -> None:
    assert told(bare(path, flags)) == [name]


@both
def test_an_honest_syn_and_what_may_be_late_are_not_told(path: Path) -> None:
    assert told(syn_frame(path)) == []
    assert told(bare(path, ACK | PSH, data=b"late")) == []
    assert told(bare(path, RST)) == []
    assert told(bare(path, ACK, options=b"\x01\x01\x08\x0a" + bytes(8))) == []


@pytest.mark.parametrize(
    "options",
    [
        b"\x02\x04\x00\x00",
        b"\x02\x03\x05\x01",
        b"\x03\x03\x0f\x01",
        b"\x03\x04\x01\x01",
        b"\x02\x04\x05\xb4\x02\x04\x05\xb4",
        b"\x08\x0a\x00\x00",
        b"\x04\x01\x01\x01",
    ],
)
def test_options_that_no_stack_sends_are_told(options: bytes) -> None:
    assert told(bare(PATH4, SYN, options=options)) == ["impossible-options"]


@pytest.mark.parametrize(
    "options", [b"", b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x0e", b"\x01\0\xff\xff", b"\x03\x03\x07\0"]
)
def test_options_of_true_stacks_are_possible(options: bytes) -> None:
    assert probe_of(Segment(1, 2, 3, 0, SYN, 5, 0, None, (), options, memoryview(b""))) is None


@given(st.binary(max_size=40), st.integers(0, 255))
def test_any_segment_has_a_known_name_or_none(options: bytes, flags: int) -> None:
    found = probe_of(Segment(1, 2, 3, 4, flags, 5, 0, None, (), options, memoryview(b"")))
    assert found is None or found in NAMES


def connected(path: Path) -> tuple[Stack, int, int]:
    stack = make_stack()
    seq, ack = established(stack, path)
    notices(stack)
    return stack, seq, ack


@both
@pytest.mark.parametrize("behind", [1, 25, 2001])
def test_a_peer_that_is_gone_answers_what_crossed_its_last_segments(path: Path, behind: int) -> None:
    """Its reset has the number that we acknowledged before they came: no guess."""
    stack, seq, ack = connected(path)
    end = seq
    for size in (1400, 600):
        stack.receive_frame(ip_frame(path, 6, segment(path, ACK | PSH, end, ack, bytes(size))), 2.0)
        end += size
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK | FIN, end, ack)), 2.0)
    stack.receive_frame(ip_frame(path, 6, segment(path, RST, end + 1 - behind, 0)), 2.0)
    assert names(stack) == []


@both
def test_a_reset_before_a_fin_or_far_behind_it_is_a_guess_all_the_same(path: Path) -> None:
    stack, seq, ack = connected(path)
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK | PSH, seq, ack, bytes(100))), 2.0)
    stack.receive_frame(ip_frame(path, 6, segment(path, RST, seq + 50, 0)), 2.0)
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK | FIN, seq + 100, ack)), 2.0)
    stack.receive_frame(ip_frame(path, 6, segment(path, RST, (seq - 0xFFFF) % 2**32, 0)), 2.0)
    assert names(stack) == ["rst-probe", "blind-rst"]


CONNECTION: list[tuple[str, Callable[[Path, int, int], bytes]]] = [
    ("rst-probe", lambda path, seq, ack: segment(path, RST, seq + 100, 0)),
    ("blind-rst", lambda path, seq, ack: segment(path, RST, seq + 2**30, 0)),
    ("blind-syn", lambda path, seq, ack: segment(path, SYN, seq + 100, 0)),
    ("blind-ack", lambda path, seq, ack: segment(path, ACK, seq, ack + 2**20, b"x")),
]


@both
@pytest.mark.parametrize(("name", "make"), CONNECTION, ids=[name for name, _ in CONNECTION])
def test_guesses_into_a_connection(path: Path, name: str, make: Callable[[Path, int, int], bytes]) -> None:
    stack, seq, ack = connected(path)
    stack.receive_frame(ip_frame(path, 6, make(path, seq, ack)), 2.0)
    assert names(stack) == [name]


@both
@pytest.mark.parametrize(("first", "second"), [((0, b"abcd"), (2, b"CDEF")), ((9, b"abcd"), (7, b"xxab?"))])
@pytest.mark.parametrize("differs", [True, False])
def test_data_that_comes_again_otherwise(
    path: Path, first: tuple[int, bytes], second: tuple[int, bytes], differs: bool
) -> None:
    stack, seq, ack = connected(path)
    again = second[1] if differs else {0: b"cdEF", 9: b"xxabc"}[first[0]]
    for offset, data in (first, (second[0], again)):
        stack.receive_frame(ip_frame(path, 6, segment(path, ACK, seq + offset, ack, data)), 2.0)
    assert names(stack) == (["segment-overlap"] if differs else [])


@both
def test_an_icmp_error_that_guesses_the_sequence_number(path: Path) -> None:
    stack, _, ack = connected(path)
    pseudo = pseudo_header_sum(path.local, path.remote, 6, 0)
    back = path._replace(local=path.remote, remote=path.local)
    ours = ip_frame(back, 6, encode_segment(80, 40000, ack + 2**20, 0, ACK, 0, pseudo))[14:]
    kind = IcmpMessage(3, 4, 600, ours) if path.version == 4 else IcmpMessage(2, 0, 1280, ours)
    stack.receive_frame(icmp_frame(path, kind), 2.0)
    assert names(stack) == ["spoofed-icmp"]


@both
def test_sources_that_no_peer_has(path: Path) -> None:
    other, martian = ("10.9.0.1", "127.0.0.1") if path.version == 4 else ("2001:db8:9::1", "::1")
    assert told(syn_frame(path._replace(remote=path.local))) == ["land"]
    assert told(syn_frame(path._replace(remote=packed(other)))) == ["own-source"]
    assert told(syn_frame(path._replace(remote=packed(martian)))) == ["martian-source"]
    assert told(syn_frame(path._replace(remote=packed(martian), local_mac=b"\x02\0\0\0\0\x77"))) == []
    assert source_anomaly(path.local, path.local, ADDRESSES) == "land"


@both
def test_a_checksum_that_does_not_hold(path: Path) -> None:
    for frame in (syn_frame(path), udp_frame(path, b"text")):
        assert told(frame[:-1] + bytes([frame[-1] ^ 1])) == ["bad-checksum"]


def test_a_wrong_header_checksum_is_not_told_of_what_is_the_hosts() -> None:
    frame = bytearray(syn_frame(PATH4))
    frame[24] ^= 1
    assert told(bytes(frame)) == ["bad-checksum"]
    assert told(bytes(frame), exclusions=Exclusions(addresses=AddressSet(["10.0.0.2/32"]))) == []
    assert told(bytes(frame), addresses=AddressSet(["10.0.0.9/32"])) == []


def test_damage_that_is_not_of_ip_is_not_an_anomaly() -> None:
    assert damage_anomaly(b"", "short", ADDRESSES, AddressSet()) is None
    assert damage_anomaly(syn_frame(PATH4)[:30], "short", ADDRESSES, AddressSet()) is None
    assert damage_anomaly(OUR_MAC + PEER_MAC + b"\x08\x06", "short", ADDRESSES, AddressSet()) is None
    found = damage_anomaly(syn_frame(PATH6), "odd", ADDRESSES, AddressSet())
    assert found is not None
    assert (found.protocol, found.name, found.path) == ("tcp", "malformed", PATH6)


def test_fragments_that_evade() -> None:
    assert told(ip_frame(PATH4, 6, bytes(8), fragment=0x0001)) == ["tiny-fragment"]
    assert told(ip_frame(PATH4, 6, bytes(8), fragment=0x2000)) == ["tiny-fragment"]
    assert told(ip_frame(PATH4, 6, bytes(24), fragment=0x2000)) == []
    assert told(ip_frame(PATH4, 17, bytes(7), fragment=0x2000)) == ["bad-fragment"]
    stack = make_stack()
    stack.receive_frame(ip_frame(PATH4, 17, bytes(24), fragment=0x2000), 1.0)
    stack.receive_frame(ip_frame(PATH4, 17, b"x" * 24, fragment=0x2001), 1.0)
    assert names(stack) == ["fragment-overlap"]


def test_headers_that_lead_astray() -> None:
    assert told(ip_frame(PATH6, 43, b"\x06\x02\x00\x01" + bytes(20) + bytes(20))) == ["routing-header"]
    assert told(ip_frame(PATH6, 60, b"\x06\x00\x9f\x04" + bytes(4) + bytes(20))) == ["bad-extension-header"]


@both
def test_datagrams_that_would_loop_or_amplify(path: Path) -> None:
    def datagram(port: int, data: bytes = b"x") -> bytes:
        return ip_frame(path, 17, encode_udp(UdpDatagram(port, 9, data), path.remote, path.local))

    stack = make_stack()
    stack.receive_frame(datagram(0), 1.0)
    assert names(stack) == ["port-zero"]
    stack.receive_frame(datagram(53), 1.0)
    assert names(stack) == []
    assert stack.send_datagram(path, 9, 53, b"x", 1.0)
    stack.receive_frame(datagram(53, b"y"), 1.0)
    assert names(stack) == ["reflector-port"]
    assert stack.send_datagram(path, 9, 4000, b"x", 1.0)
    for _ in range(40):
        stack.receive_frame(datagram(4000, b"x"), 1.0)
    assert set(names(stack)) == {"answer-loop"}


def test_ports_left_to_the_host_are_not_told() -> None:
    host = Exclusions((parse_port_range("tcp/80"),))
    assert told(bare(PATH4, FIN), exclusions=host) == []


def test_answers_are_still_those_of_the_specification() -> None:
    """Telling changes no answer."""
    stack = make_stack()
    stack.receive_frame(bare(PATH4, FIN | ACK), 1.0)
    (frame,) = stack.poll_transmit(1.0)
    assert decode_segment(memoryview(frame)[34:]).flags == RST
