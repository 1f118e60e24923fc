"""Headers found in frames of every kind, and acknowledgements changed under checksums that stay right or wrong."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire import ipv4, ipv6
from honeystack.net.wire.arp import REQUEST, Arp, encode_arp
from honeystack.net.wire.checksum import checksum, pseudo_header_sum
from honeystack.net.wire.ethernet import IPV4, encode_ethernet
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, PSH, SYN, decode_segment, sack_option, syn_options, timestamp_option
from honeystack.replay.segments import (
    Head,
    Place,
    acknowledgement,
    addresses_of,
    head_of,
    is_unfinished,
    place_of,
    with_acknowledgement,
)
from tests.replay.files import PEER, PEER6, PEER_MAC, SERVER, SERVER6, SERVER_MAC, frame, packed, tcp, udp

BOTH = pytest.mark.parametrize("ends", [(PEER, SERVER), (PEER6, SERVER6)], ids=["v4", "v6"])


def found(data: bytes) -> tuple[Place, Head]:
    place = place_of(data)
    assert place is not None
    head = head_of(data, place)
    assert head is not None
    return place, head


def segment_of(data: bytes) -> Segment:
    place = place_of(data)
    assert place is not None
    return decode_segment(memoryview(data)[place.start : place.end])


def is_right(data: bytes) -> bool:
    place = place_of(data)
    assert place is not None
    pseudo = pseudo_header_sum(place.source, place.destination, place.protocol, place.end - place.start)
    return checksum(data[place.start : place.end], pseudo) == 0


@BOTH
def test_a_segment_is_found(ends: tuple[str, str]) -> None:
    data = tcp(PSH | ACK, 7, 9, b"word", peer=ends[0], server=ends[1]) + b"padding"
    place, head = found(data)
    assert (place.source, place.destination, place.protocol) == (packed(ends[0]), packed(ends[1]), 6)
    assert data[place.end :] == b"padding"
    assert head == Head(40000, 7, 7, 9, PSH | ACK, 64240, 0, (0, 0), 4)
    assert addresses_of(data) == (packed(ends[0]), packed(ends[1]))


@BOTH
def test_a_datagram_is_found(ends: tuple[str, str]) -> None:
    place = place_of(udp(b"data", source=ends[0], destination=ends[1]))
    assert place is not None
    assert (place.protocol, place.end - place.start) == (17, 12)


def test_it_is_found_behind_options_and_extension_headers() -> None:
    segment = tcp(SYN, 1)[34:]
    with_options = ipv4.encode_ipv4(packed(PEER), packed(SERVER), 6, len(segment), ttl=9, options=b"\1" * 8) + segment
    _, head = found(encode_ethernet(SERVER_MAC, PEER_MAC, IPV4) + with_options)
    assert (head.seq, head.flags, head.length) == (1, SYN, 1)
    padding = bytes([6, 0, 1, 4, 0, 0, 0, 0])
    place = place_of(frame(PEER6, SERVER6, 60, padding + segment))
    assert place is not None
    assert place.start == 14 + 40 + 8


def test_a_first_fragment_has_it_and_a_later_one_has_not() -> None:
    segment = tcp(SYN, 1)[34:]

    def fragment(field: int) -> bytes:
        head = ipv4.encode_ipv4(packed(PEER), packed(SERVER), 6, len(segment), ttl=9, fragment=field)
        return encode_ethernet(SERVER_MAC, PEER_MAC, IPV4) + head + segment

    assert place_of(fragment(0x2000)) is not None
    assert place_of(fragment(0x2001)) is None
    later = ipv6.encode_fragment_header(6, 8, 1, more=False)
    assert place_of(frame(PEER6, SERVER6, 44, later + segment)) is None
    first = ipv6.encode_fragment_header(6, 0, 1, more=True)
    assert place_of(frame(PEER6, SERVER6, 44, first + segment)) is not None


def test_what_is_no_segment_has_no_place() -> None:
    arp = Arp(REQUEST, PEER_MAC, packed(PEER), bytes(6), packed(SERVER))
    for data in (
        b"",
        encode_ethernet(SERVER_MAC, PEER_MAC, 0x0806) + encode_arp(arp),
        frame(PEER, SERVER, 1, b"\x08\0" + bytes(30)),
        frame(PEER6, SERVER6, 58, bytes(30)),
        tcp(SYN, 1)[:-1],
        tcp(SYN, 1, peer=PEER6, server=SERVER6)[:-1],
        tcp(SYN, 1)[:14] + b"\x55" + tcp(SYN, 1)[15:],
        tcp(SYN, 1, peer=PEER6, server=SERVER6)[:14] + b"\x40" + tcp(SYN, 1, peer=PEER6, server=SERVER6)[15:],
    ):
        assert place_of(data) is None


def test_a_header_that_does_not_fit_is_none() -> None:
    data = bytearray(tcp(SYN, 1))
    place = place_of(bytes(data))
    assert place is not None
    for offset in (0x40, 0x60):
        data[place.start + 12] = offset
        assert head_of(bytes(data), place) is None


def test_syn_and_fin_count() -> None:
    assert [found(tcp(flags, 1, data=b"ab"))[1].length for flags in (ACK, SYN, FIN, SYN | FIN)] == [2, 3, 3, 4]


@pytest.mark.parametrize(
    ("options", "stamps", "sack"),
    [
        (timestamp_option(1, 2), 4, None),
        (b"\x08\x0a" + bytes(8) + b"\1\1", 2, None),
        (timestamp_option(1, 2) + sack_option([(1, 2)]), 4, (14, 24)),
        (b"\x05\x0a" + bytes(8) + b"\0\0", None, (0, 10)),
        (b"\x00" + b"\x08\x0a" + bytes(9), None, None),  # behind the end
        (b"\x08\x09" + bytes(10), None, None),  # of a length that it cannot have
        (b"\x08\x20" + bytes(2), None, None),  # beyond the header
        (b"\x08\x01" + bytes(2), None, None),
        (b"\1\1\1\x08", None, None),
    ],
)
def test_options_are_found_where_they_are(options: bytes, stamps: int | None, sack: tuple[int, int] | None) -> None:
    place, head = found(tcp(ACK, 1, 2, options=options))
    first = place.start + 20
    assert head.stamps_at == (0 if stamps is None else first + stamps)
    assert head.sack_at == ((0, 0) if sack is None else (first + sack[0], first + sack[1]))


@BOTH
@given(
    ack=st.integers(0, 2**32 - 1),
    echo=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=9),
    options=st.sampled_from(
        [b"", timestamp_option(5, 6), sack_option([(8, 9)]), b"\1" + timestamp_option(5, 6)[2:] + b"\1", b"\1\1\1\1"]
    ),
)
def test_a_changed_acknowledgement_has_a_right_checksum(
    ends: tuple[str, str], ack: int, echo: int, data: bytes, options: bytes
) -> None:
    before = tcp(ACK, 7, 9, data, options=options, peer=ends[0], server=ends[1])
    after = with_acknowledgement(before, *found(before), ack=ack, echo=echo)
    was, now = segment_of(before), segment_of(after)
    assert is_right(before)
    assert is_right(after)
    assert (now.ack, now.sack, bytes(now.data)) == (ack, (), data)
    assert now.timestamps == (None if was.timestamps is None else (was.timestamps[0], echo))
    assert (now.seq, now.flags, now.window) == (was.seq, was.flags, was.window)


@given(st.integers(1, 0xFFFE), st.integers(0, 2**32 - 1))
def test_a_wrong_checksum_stays_wrong(off: int, ack: int) -> None:
    before = bytearray(tcp(ACK, 7, 9, b"word"))
    place, head = found(bytes(before))
    stored = int.from_bytes(before[place.start + 16 : place.start + 18], "big")
    before[place.start + 16 : place.start + 18] = pack("!H", (stored + off) % 0xFFFF)
    assert not is_right(bytes(before))
    assert not is_right(with_acknowledgement(bytes(before), place, head, ack=ack, echo=0))


@BOTH
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_checksum_that_the_card_was_to_make_is_known(ends: tuple[str, str], protocol: str) -> None:
    whole = tcp(SYN, 1, peer=ends[0], server=ends[1])
    if protocol == "udp":
        whole = udp(b"data", source=ends[0], destination=ends[1])
    place = place_of(whole)
    assert place is not None
    assert not is_unfinished(whole, place)
    data, at = bytearray(whole), place.start + (16 if protocol == "tcp" else 6)
    pseudo = pseudo_header_sum(place.source, place.destination, place.protocol, place.end - place.start)
    data[at : at + 2] = pack("!H", pseudo % 0xFFFF)
    assert is_unfinished(bytes(data), place)
    data[at : at + 2] = b"\0\0"
    assert not is_unfinished(bytes(data), place)


@BOTH
@pytest.mark.parametrize("stamps", [None, (3, 4)])
def test_an_acknowledgement_of_its_own_comes_from_the_same_sender(
    ends: tuple[str, str], stamps: tuple[int, int] | None
) -> None:
    before = tcp(
        SYN, 7, options=syn_options(1460, window_scale=7, sack=True, timestamps=(1, 0)), peer=ends[0], server=ends[1]
    )
    place, head = found(before)
    made = acknowledgement(before, place, head, seq=8, ack=99, stamps=stamps)
    said = segment_of(made)
    assert is_right(made)
    assert made[:14] == before[:14]
    assert addresses_of(made) == addresses_of(before)
    assert (said.source_port, said.destination_port, said.seq, said.ack, said.flags) == (40000, 7, 8, 99, ACK)
    assert (said.window, said.timestamps, bytes(said.data)) == (head.window, stamps, b"")


@given(st.binary(max_size=120), st.sampled_from([b"\x08\x00", b"\x86\xdd"]))
def test_no_bytes_are_too_much(rest: bytes, ethertype: bytes) -> None:
    data = SERVER_MAC + PEER_MAC + ethertype + rest
    place = place_of(data)
    if place is None:
        return
    assert place.start < place.end <= len(data)
    is_unfinished(data, place)
    head = head_of(data, place)
    if head is not None and place.protocol == 6:
        assert len(with_acknowledgement(data, place, head, ack=1, echo=2)) == len(data)
