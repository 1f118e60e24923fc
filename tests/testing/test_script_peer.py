"""The peer of a script: its frames, and how it judges ours."""

from __future__ import annotations

import pytest

from honeystack.errors import Malformed
from honeystack.net.icmp import read_error
from honeystack.net.wire import icmp, icmpv6, ipv4, ipv6
from honeystack.net.wire.checksum import partial_sum
from honeystack.net.wire.ethernet import IPV4, IPV6, encode_ethernet
from honeystack.net.wire.facts import IpFacts, IpPacket
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, RST, SYN, URG, decode_segment, encode_segment
from honeystack.testing.script_notation import parse_segment
from honeystack.testing.script_peer import (
    LOCAL,
    LOCAL_PORT,
    MAC,
    PEER_MAC,
    REMOTE,
    Flow,
    Judged,
    isn_time,
    pattern,
    read_frame,
)
from honeystack.testing.script_syntax import ICMP_KINDS, Arrival, IcmpArrival

VERSIONS = [4, 6]


def flow(version: int = 4, **fields: int) -> Flow:
    return Flow(version, 40_000, fields.pop("peer_isn", 5000), **fields)


def arrival(text: str, *modifiers: str, source: str | None = None, destination: str | None = None) -> Arrival:
    return Arrival(parse_segment(text)[0], frozenset(modifiers), source, destination)


def ours(flags: int = ACK, seq: int = 0, ack: int = 0, window: int = 100, data: bytes = b"") -> Segment:
    return decode_segment(memoryview(encode_segment(80, 40_000, seq, ack, flags, window, 0, b"", data)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frame_of_the_peer_is_whole(version: int) -> None:
    frame = flow(version, our_isn=700).frame(arrival("PU. 1:4(3) ack 2 win 9 urg 3 <nop,nop,TS val 1 ecr 2>"))
    seg = read_frame(frame, version)
    assert (seg.source_port, seg.destination_port, seg.seq, seg.ack) == (40_000, LOCAL_PORT, 5001, 702)
    assert (seg.window, seg.urgent, bytes(seg.data)) == (9, 3, b"\x00\x01\x02")
    assert seg.flags & URG


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("length", range(5))
def test_a_bad_checksum_is_bad(version: int, length: int) -> None:
    frame = flow(version).frame(arrival(f". 1:{1 + length}({length}) ack 1", "badsum"))
    with pytest.raises(Judged, match="checksum"):
        read_frame(frame, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_ip_options_are_in_front_of_the_segment(version: int) -> None:
    frame = flow(version).frame(arrival("S 0:0(0)", "ipoptions"))
    assert len(frame) == len(flow(version).frame(arrival("S 0:0(0)"))) + (4 if version == 4 else 8)
    seg = read_frame(frame, version)
    assert seg.flags == SYN
    if version == 4:
        assert partial_sum(frame[14:38]) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_can_be_others(version: int) -> None:
    def addresses(what: Arrival) -> tuple[bytes, bytes]:
        packet = flow(version).frame(what)[14:]
        if version == 4:
            header = ipv4.decode_ipv4(packet)
            return header.source, header.destination
        six = ipv6.decode_ipv6(packet)
        return six.source, six.destination

    assert addresses(arrival("S 0:0(0)")) == (REMOTE[version], LOCAL[version])
    assert addresses(arrival("S 0:0(0)", "land")) == (LOCAL[version], LOCAL[version])
    assert addresses(arrival("S 0:0(0)", source="unspecified"))[0] == bytes(len(LOCAL[version]))
    assert addresses(arrival("S 0:0(0)", destination="multicast"))[1][0] in (0xE0, 0xFF)


def test_land_comes_from_our_own_port() -> None:
    seg = read_frame(flow().frame(arrival("S 0:0(0)", "land")), 4)
    assert seg.source_port == seg.destination_port == LOCAL_PORT


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", sorted(ICMP_KINDS))
def test_an_icmp_error_quotes_our_segment(version: int, kind: str) -> None:
    frame = flow(version, our_isn=700).icmp_frame(IcmpArrival(kind, 1300, 5))
    payload = memoryview(frame)[14 + (20 if version == 4 else 40) :]
    message = icmp.decode_icmp(payload) if version == 4 else icmpv6.decode_icmpv6(payload, REMOTE[6], LOCAL[6])
    packet = IpPacket(flow(version).path, 1, frame[14:], 20, IpFacts(64, 0, True, 0), unicast=True, verify=True)
    error = read_error(packet, message)
    if kind == "source-quench":
        assert error is None
        return
    assert error is not None
    assert error.quoted[:8] == (80).to_bytes(2, "big") + (40_000).to_bytes(2, "big") + (705).to_bytes(4, "big")


def test_our_numbers_are_learned_from_our_syn() -> None:
    peer = flow()
    assert peer.written(ours(SYN | ACK, 900, 5001)).seq == 0
    assert peer.written(ours(ACK, 901, 5001)).seq == 1
    assert peer.written(ours(SYN | ACK, 1900, 5001)).seq == 1000


def test_data_of_ours_must_be_what_was_sent() -> None:
    peer = flow()
    peer.written(ours(SYN | ACK, 900, 5001))
    assert peer.written(ours(ACK, 901, 5001, data=pattern(0, 10))).length == 10
    with pytest.raises(Judged, match="not what was sent"):
        peer.written(ours(ACK, 901, 5001, data=b"otherwise!"))


def test_the_right_edge_may_not_move_left() -> None:
    peer = flow()
    peer.written(ours(ACK, 1, 5001, window=100))
    peer.written(ours(ACK, 1, 5051, window=50))
    peer.written(ours(RST | ACK, 1, 5051, window=0))
    with pytest.raises(Judged, match="right edge"):
        peer.written(ours(ACK, 1, 5051, window=49))


def test_urgent_is_written_with_its_flag_only() -> None:
    assert flow().written(ours(ACK)).urgent is None
    assert flow().written(ours(ACK | URG)).urgent == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_packet_of_another_protocol_is_wrong(version: int) -> None:
    if version == 4:
        header, ethertype = ipv4.encode_ipv4(LOCAL[4], REMOTE[4], 17, 8, ttl=64), IPV4
    else:
        header, ethertype = ipv6.encode_ipv6(LOCAL[6], REMOTE[6], 17, 8, hop_limit=64), IPV6
    with pytest.raises(Judged, match="protocol 17"):
        read_frame(encode_ethernet(PEER_MAC, MAC, ethertype) + header + bytes(8), version)


def test_a_frame_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed):
        read_frame(bytes(20), 4)


@pytest.mark.parametrize("start", [0, 1, 250, 251, 2007, 2008, 5000])
def test_the_pattern_is_the_same_however_it_is_cut(start: int) -> None:
    assert pattern(start, 3000) == pattern(start, 10) + pattern(start + 10, 2990)
    assert pattern(start, 1) == bytes([start % 251])


def test_the_clock_can_be_asked_for_a_sequence_number() -> None:
    assert (1000 + int(isn_time(1000, 0xFFFF_FF00, 250_000) * 250_000)) & 0xFFFF_FFFF == 0xFFFF_FF00


def test_timestamps_of_ours_count_from_the_first() -> None:
    peer = flow()
    for stamp in (7000, 7005):
        options = b"\x01\x01\x08\x0a" + stamp.to_bytes(4, "big") + bytes(4)
        seg = decode_segment(memoryview(encode_segment(80, 40_000, 0, 0, ACK, 100, 0, options)))
        assert str(peer.written(seg).options[-1]) == f"TS val {stamp - 7000} ecr 0"  # type: ignore[index]
