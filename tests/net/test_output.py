"""How packets leave: headers, identification, fragments, tags."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net import output as module
from honeystack.net.address import Path
from honeystack.net.output import Output
from honeystack.net.wire.checksum import checksum, pseudo_header_sum
from honeystack.net.wire.ethernet import decode_ethernet
from honeystack.net.wire.ipv4 import decode_ipv4
from honeystack.net.wire.ipv6 import FRAGMENT, decode_ipv6
from honeystack.net.wire.runs import SuperFrame, make_run
from honeystack.net.wire.segment import MarkableSegment, StraySegment
from honeystack.net.wire.tcp import ACK, RST, SYN, encode_segment
from tests.net.frames import OUR_MAC, PATH4, PATH6, PEER4, PEER6, PEER_MAC, US4, US6, packed


def output(mtu: int = 1500) -> Output:
    return Output(mtu=mtu, ttl=64, rng=random.Random(1))


def segment(flags: int, remote_port: int = 40000) -> bytes:
    return encode_segment(80, remote_port, 1, 2, flags, 3, pseudo_header_sum(US4, PEER4, 6, 0))


def idents(out: Output) -> list[int]:
    return [decode_ipv4(frame[14:]).ident for frame in out.drain()]


def test_a_segment_goes_back_where_its_peer_is() -> None:
    out = output()
    out.segment(PATH4, segment(ACK))
    (frame,) = out.drain()
    ethernet, header = decode_ethernet(frame), decode_ipv4(frame[14:])
    assert (ethernet.destination, ethernet.source, ethernet.vlan) == (PEER_MAC, OUR_MAC, None)
    assert (header.source, header.destination, header.ttl, header.dont_fragment) == (US4, PEER4, 64, True)
    assert frame[34:] == segment(ACK)
    assert out.drain() == []


def test_a_segment_over_ipv6_has_a_flow_label_of_its_flow() -> None:
    out = output()
    for port in (40000, 40000, 40001):
        out.segment(PATH6, segment(ACK, port))
    frames = out.drain()
    header = decode_ipv6(frames[0][14:])
    assert (header.source, header.destination, header.hop_limit, header.protocol) == (US6, PEER6, 64, 6)
    labels = [frame[15:18] for frame in frames]
    assert labels[0] == labels[1] != labels[2]


@pytest.mark.parametrize("path", [PATH4, PATH6], ids=["4", "6"])
def test_what_may_be_marked_says_so(path: Path) -> None:
    out = output()
    run = make_run(segment(ACK), bytes(2000), 1000, 2)
    run.markable = True
    for one in (segment(ACK), MarkableSegment(segment(ACK)), run, make_run(segment(ACK), bytes(2000), 1000, 2)):
        out.segment(path, one)
    frames = out.drain()
    found = [frame[15] if path.version == 4 else frame[15] >> 4 for frame in frames]
    assert found == [0, 2, 2, 0]
    assert path.version == 6 or all(checksum(frame[14:34]) == 0 for frame in frames)


def test_where_routers_may_cut_our_packets_only_the_first_segment_forbids_it() -> None:
    out = output()
    out.fragmentable = {PEER4}
    for flags in (SYN | ACK, ACK):
        out.segment(PATH4, segment(flags))
    out.packet(PATH4, 17, bytes(100), dont_fragment=True)
    out.segment(PATH4._replace(remote=bytes(4)), segment(ACK))
    headers = [decode_ipv4(frame[14:]) for frame in out.drain()]  # which looks at the checksums
    assert [header.dont_fragment for header in headers] == [True, False, False, True]
    assert [header.ident != 0 for header in headers] == [False, True, True, True]


def test_the_tag_of_the_path_is_kept() -> None:
    out = output()
    out.segment(PATH4._replace(vlan=5), segment(ACK))
    out.packet(PATH6._replace(vlan=5), 17, b"12345678")
    assert [decode_ethernet(frame).vlan for frame in out.drain()] == [5, 5]


def test_syn_ack_and_what_no_connection_sends_have_no_identification() -> None:
    out = output()
    out.segment(PATH4, segment(SYN | ACK))
    out.segment(PATH4, StraySegment(segment(RST)))
    out.segment(PATH4, StraySegment(segment(ACK)))
    out.segment(PATH4, segment(RST | ACK))
    assert [ident == 0 for ident in idents(out)] == [True, True, True, False]


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_a_stray_segment_gives_the_type_of_service_back(path: Path) -> None:
    out = output()
    stray = StraySegment(segment(RST))
    stray.tos = 0xB8
    out.segment(path, stray)
    (frame,) = out.drain()
    if path.version == 6:
        assert int.from_bytes(frame[14:16], "big") >> 4 & 0xFF == 0xB8
    else:
        assert frame[15] == 0xB8
        assert checksum(frame[14:34]) == 0


def test_flow_labels_are_set_but_not_of_neighbour_discovery() -> None:
    out = output()
    out.packet(PATH6, 58, b"x" * 8)
    out.packet(PATH6, 58, b"x" * 3000)
    out.packet(PATH6, 58, b"x" * 8, ttl=255)
    labels = [int.from_bytes(frame[14:18], "big") & 0xFFFFF for frame in out.drain()]
    assert labels[0] != 0
    assert set(labels[:-1]) == {labels[0]}
    assert labels[-1] == 0


def test_the_identification_of_a_flow_counts_on_and_says_nothing_of_other_flows() -> None:
    out = output()
    for port in (1, 1, 2, 1):
        out.segment(PATH4, segment(ACK, port))
    first, second, other, third = idents(out)
    assert (second, third) == ((first + 1) & 0xFFFF, (first + 2) & 0xFFFF)
    assert other not in (first, second, third)


def test_icmp_may_be_fragmented_on_the_way_and_udp_may_not() -> None:
    out = output()
    out.packet(PATH4, 1, b"12345678", tos=0xC0, ttl=3)
    out.packet(PATH4, 17, b"12345678", dont_fragment=True)
    icmp, udp = (decode_ipv4(frame[14:]) for frame in out.drain())
    assert (icmp.dont_fragment, icmp.tos, icmp.ttl) == (False, 0xC0, 3)
    assert (udp.dont_fragment, udp.tos, udp.ttl) == (True, 0, 64)


ROUTE = b"\7\7\x08\x0a\0\0\1\0"


def test_a_segment_carries_options_where_it_has_room() -> None:
    out, path = output(), PATH4._replace(options=ROUTE)
    out.segment(path, segment(SYN, 1))
    out.segment(path, segment(ACK, 1) + bytes(1460))
    small, full = out.drain()
    assert (decode_ipv4(small[14:]).header_length, small[34:42]) == (28, ROUTE)
    assert decode_ipv4(full[14:]).header_length == 20


def test_only_the_first_fragment_carries_options() -> None:
    out = output()
    out.packet(PATH4._replace(options=ROUTE), 1, bytes(3000))
    frames = out.drain()
    assert [frame[34:42] for frame in frames] == [ROUTE, b"\1" * 8, b"\1" * 8]
    assert sum(len(frame) - 42 for frame in frames) == 3000
    assert all(decode_ipv4(frame[14:]).total_length <= 1500 for frame in frames)


@given(st.integers(0, 9000), st.sampled_from([576, 1500, 1499]))
def test_ipv4_fragments_make_the_whole(length: int, mtu: int) -> None:
    data = random.Random(length).randbytes(length)
    out = output(mtu)
    out.packet(PATH4, 17, data, dont_fragment=True)
    made, ids, frames = b"", set(), out.drain()
    for number, frame in enumerate(frames):
        header = decode_ipv4(frame[14:])
        assert header.total_length <= mtu
        assert header.fragment_offset == len(made)
        assert header.more_fragments is (number < len(frames) - 1)
        assert header.dont_fragment is (len(frames) == 1)
        made += frame[34:]
        ids.add(header.ident)
    assert made == data
    assert len(ids) == 1


@given(st.integers(0, 9000), st.sampled_from([1280, 1500]))
def test_ipv6_fragments_make_the_whole(length: int, mtu: int) -> None:
    data = random.Random(length).randbytes(length)
    out = output(mtu)
    out.packet(PATH6, 17, data)
    frames = out.drain()
    if length <= mtu - 40:
        assert [frame[54:] for frame in frames] == [data]
        return
    made = b""
    for number, frame in enumerate(frames):
        header = decode_ipv6(frame[14:])
        assert header.end <= mtu
        assert frame[20] == FRAGMENT
        assert header.fragment is not None
        assert (header.fragment.offset, header.fragment.more) == (len(made), number < len(frames) - 1)
        made += frame[62:]
    assert made == data


def test_templates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEMPLATES", 2)
    out = output()
    for host in range(1, 6):
        out.segment(PATH4._replace(remote=packed(f"10.0.1.{host}")), segment(ACK))
        assert len(out._templates) <= 2
    assert len(out) == 5


def test_whole_frames_keep_their_place() -> None:
    out = output()
    out.frame(b"first")
    out.packet(PATH4, 1, b"")
    out.frame(b"last")
    assert [frame[:5] for frame in out.drain()][::2] == [b"first", b"last"]


# MUST-49
@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_the_time_to_live_can_be_chosen(path: Path) -> None:
    out = Output(mtu=1500, ttl=7, rng=random.Random(1))
    out.segment(path, segment(ACK))
    (frame,) = out.drain()
    assert (frame[22] if path.version == 4 else frame[21]) == 7


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_a_run_keeps_its_data_apart_and_its_pieces_identifications(path: Path) -> None:
    out = output()
    run = make_run(segment(ACK), bytes(3000), 1000, 3)
    for part in (segment(ACK), run, segment(ACK)):
        out.segment(path, part)
    before, frame, after = out.drain()
    assert isinstance(frame, SuperFrame)
    assert (frame.data, frame.size, frame[frame.offset :], frame.version) == (run.data, 1000, run, path.version)
    if path.version == 6:
        assert int.from_bytes(frame[18:20], "big") == len(run) + 3000
        return
    header = decode_ipv4(frame[14:] + frame.data)
    assert header.total_length == 20 + len(run) + 3000
    first = decode_ipv4(before[14:]).ident
    assert [header.ident, decode_ipv4(after[14:]).ident] == [(first + 1) & 0xFFFF, (first + 4) & 0xFFFF]


@pytest.mark.parametrize("path", [PATH4, PATH6], ids=["4", "6"])
def test_whom_something_was_begun_with_is_known_where_that_is_asked(path: Path) -> None:
    out = output()
    out.segment(path, segment(SYN))
    out.packet(path, 17, b"x")
    assert out.contacts is None
    out.contacts = {}
    out.segment(path, segment(ACK))
    assert out.contacts == {}
    out.segment(path, segment(SYN))
    assert out.contacts == {path.remote: path}
    out.contacts.clear()
    out.packet(path, 17, b"x")
    assert out.contacts == {path.remote: path}
    assert 0 <= out.seed < 1 << 32
    assert out.seed != Output(mtu=1500, ttl=64, rng=random.Random(2)).seed
