"""The stack as its driver sees it: every frame has one fate, and whatever comes costs that frame only."""

from __future__ import annotations

import pytest

from honeystack.net import flood
from honeystack.net.address import AddressSet, Path, address_text
from honeystack.net.limits import Limits
from honeystack.net.notices import (
    Accepted,
    AddressConflict,
    BoundReached,
    Damaged,
    Fault,
    MtuChanged,
    PacketSeen,
    Readable,
)
from honeystack.net.settings import StackSettings
from honeystack.net.tcp.flow_key import flow_key
from honeystack.net.wire.arp import REPLY, REQUEST, Arp, decode_arp
from honeystack.net.wire.ethernet import VLAN_TAG, decode_ethernet, encode_ethernet
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.syn_batch import SynBatch
from honeystack.net.wire.tcp import ACK, PSH, RST
from tests.net.faults import BrokenKey, BrokenTable
from tests.net.frames import (
    ASK,
    BROADCAST,
    OUR_MAC,
    PATH4,
    PATH6,
    PEER4,
    PEER_MAC,
    US4,
    answer,
    arp_frame,
    both,
    established,
    fate,
    ip_frame,
    make_stack,
    notices,
    packed,
    ping_frame,
    segment,
    syn_frame,
    udp_frame,
)


@both
def test_a_connection_is_made_and_carries_data(path: Path) -> None:
    stack = make_stack()
    seq, ack = established(stack, path)
    stack.receive_frame(ip_frame(path, 6, segment(path, ACK | PSH, seq, ack, b"hello")), 1.0)
    found = notices(stack)
    (connection,) = (notice.connection for notice in found if isinstance(notice, Accepted))
    assert any(isinstance(notice, Readable) for notice in found)
    assert connection.receive(100, 1.0) == b"hello"
    assert connection.path == path
    stack.shut_down(1.0)
    assert answer(stack, path)[1] & RST


@both
def test_a_closed_port_is_reset(path: Path) -> None:
    stack = make_stack()
    assert fate(stack, syn_frame(path, 81)) == "delivered"
    sent, flags, _, ack = answer(stack, path)
    assert (flags & (RST | ACK), ack) == (RST | ACK, 1001)
    header = decode_ethernet(sent)
    assert (header.destination, header.source) == (PEER_MAC, OUR_MAC)


@both
def test_the_tag_that_came_with_a_frame_goes_with_the_answer(path: Path) -> None:
    stack = make_stack()
    inside, stripped = syn_frame(path._replace(vlan=5), 81), syn_frame(path, 81)
    for octets, options in ((inside, {}), (stripped, {"vlan": 5}), (stripped, {"vlan": 6}), (stripped, {})):
        assert fate(stack, octets, **options) == "delivered"
    assert [decode_ethernet(sent).vlan for sent in stack.poll_transmit(1.0)] == [5, 5, 6, None]


@both
def test_a_broken_segment_checksum_is_malformed_unless_the_kernel_vouches(path: Path) -> None:
    stack, broken = make_stack(), bytearray(syn_frame(path, 81))
    broken[-1] ^= 1
    assert fate(stack, bytes(broken)) == "malformed"
    assert fate(stack, bytes(broken), checksum=ChecksumState.PARTIAL) == "delivered"
    assert fate(stack, bytes(broken), checksum=ChecksumState.VALID) == "delivered"


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (arp_frame(ASK), "answered"),
        (arp_frame(ASK, destination=OUR_MAC), "answered"),
        (arp_frame(ASK._replace(sender=bytes(4))), "answered"),
        (arp_frame(ASK._replace(target=PEER4)), "ignored"),
        (arp_frame(ASK._replace(sender=US4)), "ignored"),
        (arp_frame(ASK._replace(sender=b"\x7f\0\0\x01")), "ignored"),
        (arp_frame(ASK._replace(operation=REPLY)), "ignored"),
        (arp_frame(ASK, destination=PEER_MAC), "ignored"),
        (arp_frame(ASK, source=OUR_MAC), "ignored"),
        (arp_frame(ASK, source=BROADCAST), "ignored"),
        (arp_frame(ASK)[:30], "malformed"),
    ],
)
def test_arp_is_answered_where_it_asks_for_us(octets: bytes, expected: str) -> None:
    stack = make_stack()
    assert fate(stack, octets) == expected
    assert len(stack.poll_transmit(1.0)) == (expected == "answered")


def test_who_says_that_an_address_of_ours_is_his_is_told() -> None:
    stack = make_stack()
    for operation in (REQUEST, REPLY):
        assert fate(stack, arp_frame(ASK._replace(operation=operation, sender=US4))) == "ignored"
    assert notices(stack) == [AddressConflict(US4, PEER_MAC, withdrawn=False)] * 2


def test_an_arp_answer_goes_back_with_its_tag_and_its_sender_is_remembered() -> None:
    stack = make_stack()
    fate(stack, arp_frame(ASK, vlan=7))
    (sent,) = stack.poll_transmit(1.0)
    assert decode_ethernet(sent).vlan == 7
    assert decode_arp(sent[18:]) == Arp(REPLY, OUR_MAC, US4, PEER_MAC, PEER4)
    assert stack.path_to(US4, PEER4) == PATH4._replace(vlan=7)


@both
@pytest.mark.parametrize(("ours", "theirs"), [(PEER_MAC, PEER_MAC), (OUR_MAC, OUR_MAC), (OUR_MAC, BROADCAST)])
def test_frames_for_others_and_from_impossible_senders_are_ignored(path: Path, ours: bytes, theirs: bytes) -> None:
    stack = make_stack(sniffer=True)
    path = path._replace(local_mac=ours, remote_mac=theirs)
    for octets in (syn_frame(path), udp_frame(path, b"x"), ping_frame(path)):
        assert fate(stack, octets) == "ignored"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


@pytest.mark.parametrize("ethertype", [0x88B5, VLAN_TAG, 38])
def test_other_frames_are_told_by_the_sniffer_only(ethertype: int) -> None:
    octets = encode_ethernet(BROADCAST, PEER_MAC, ethertype) + bytes(46)
    for sniffer in (True, False):
        stack = make_stack(sniffer=sniffer)
        assert fate(stack, octets, vlan=5) == "ignored"
        assert [type(notice) for notice in notices(stack)] == [PacketSeen] * sniffer
    stack = make_stack(sniffer=True)
    fate(stack, arp_frame(ASK))
    assert [type(notice) for notice in notices(stack)] == [PacketSeen]


def test_answers_to_datagrams_keep_to_the_budget() -> None:
    stack = make_stack()
    fate(stack, udp_frame(PATH4, b"12345"))
    assert not stack.send_datagram(PATH4, 5000, 40000, b"123456", 1.0)
    assert stack.send_datagram(PATH4, 5000, 40000, b"12345", 1.0)
    assert len(stack.poll_transmit(1.0)) == 1
    assert stack.statistics()["frames_out"] == 1


# Containment.


@pytest.mark.parametrize("octets", [syn_frame(PATH4), syn_frame(PATH4._replace(vlan=5)), syn_frame(PATH6)])
def test_a_fault_costs_its_frame_and_is_told(octets: bytes) -> None:
    stack = make_stack()
    path = PATH6 if octets[12] == 0x86 else PATH4._replace(vlan=decode_ethernet(octets).vlan)
    stack.tcp.flows[BrokenKey(flow_key(path, 80, 40000))] = None  # type: ignore[index,assignment]
    assert fate(stack, octets) == "faults"
    stack.tcp.flows = {}
    (notice,) = notices(stack)
    assert isinstance(notice, Fault)
    assert (notice.frame, type(notice.error)) == (octets, ZeroDivisionError)
    assert fate(stack, octets) == "delivered"


def test_a_fault_in_a_timer_is_told_too() -> None:
    stack = make_stack()
    fate(stack, syn_frame(PATH4))
    stack.tcp.timers._slot_of = BrokenTable()
    stack.handle_timeout(10.0)
    notice = notices(stack)[0]
    assert isinstance(notice, Fault)
    assert notice.frame == b""


def test_an_idle_stack_waits_for_nothing() -> None:
    stack = make_stack()
    assert (stack.poll_timeout(), stack.poll_notice(), stack.poll_transmit(0.0)) == (None, None, [])
    stack.handle_timeout(5.0)


def test_the_first_of_all_deadlines_counts() -> None:
    stack = make_stack()
    stack.receive_frame(ip_frame(PATH4, 17, bytes(800), fragment=0x2000), 1.0)
    assert stack.poll_timeout() == 31.0
    stack.receive_frame(syn_frame(PATH4), 1.0)
    assert stack.poll_timeout() == 2.0


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(StackSettings(OUR_MAC, AddressSet(), secret=b"secret"))


def test_damage_is_told_with_its_reason() -> None:
    stack = make_stack()
    stack.receive_frame(b"short", 1.0)
    (notice,) = notices(stack)
    assert isinstance(notice, Damaged)
    assert "5 bytes" in notice.reason


@both
@pytest.mark.parametrize("vlan", [0xFFF, 0xEFFF])
def test_frames_of_the_reserved_vlan_are_ignored(path: Path, vlan: int) -> None:
    stack = make_stack()
    for octets in (syn_frame(path), udp_frame(path, b"x"), ping_frame(path)):
        assert fate(stack, octets, vlan=vlan) == "ignored"
    assert (stack.poll_transmit(1.0), notices(stack)) == ([], [])


def test_a_tagged_segment_is_left_alone_where_tags_are_ignored() -> None:
    stack = make_stack(vlan="ignore")
    assert fate(stack, syn_frame(PATH4), vlan=5) == "ignored"
    assert fate(stack, syn_frame(PATH4)) == "delivered"


def many(count: int) -> SynBatch:
    return SynBatch.of([(syn_frame(PATH4, remote_port=1 + n), ChecksumState.UNKNOWN, None) for n in range(count)])


def test_many_syns_are_remembered_while_there_is_room_and_then_answered_at_once() -> None:
    stack = make_stack(limits=Limits(half_open=3))
    (block,) = stack.receive_syns(many(10), 1.0)
    assert (len(block), len(stack.poll_transmit(1.0))) == (7, 3)
    counted = stack.statistics()
    assert [counted[name] for name in ("delivered", "frames_out", "tcp_cookies_sent")] == [10, 10, 7]
    assert stack.receive_syns(many(0), 1.0) == []
    assert make_stack().receive_syns(many(2), 1.0) == []


def test_what_is_odd_among_many_syns_goes_its_own_way() -> None:
    stack = make_stack(limits=Limits(half_open=0))
    odd = (syn_frame(PATH4)[:40], ChecksumState.UNKNOWN, None)
    assert stack.receive_syns(SynBatch.of([odd, many(1).frame(0), odd]), 1.0)[0].lengths.tolist() == [58]
    assert sum(isinstance(notice, Damaged) for notice in notices(stack)) == 2


def test_an_error_while_many_syns_are_answered_costs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack(limits=Limits(half_open=0))
    stack.receive_syns(many(1), 1.0)
    monkeypatch.setattr(stack._flood, "answer", None)
    assert stack.receive_syns(many(5), 1.0) == []
    assert len(stack.poll_transmit(1.0)) == 5
    assert sum(isinstance(notice, Fault) for notice in notices(stack)) == 1


def test_more_scans_than_are_told_of_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack(limits=Limits(half_open=0))
    stack.tcp.listen(81)
    monkeypatch.setattr(flood, "MAX_TOLD", 1)
    both = [(syn_frame(PATH4, port), ChecksumState.UNKNOWN, None) for port in (80, 81)]
    stack.receive_syns(SynBatch.of(both), 1.0)
    told = notices(stack)
    assert [notice.bound for notice in told if isinstance(notice, BoundReached)] == ["scan_sources", "half_open"]


def test_a_new_mtu_is_told_and_kept_to_by_datagrams_and_segments() -> None:
    stack = make_stack()
    established(stack, PATH4)
    (connection,) = (notice.connection for notice in notices(stack) if isinstance(notice, Accepted))
    stack.change_mtu(1300, 1.0)
    assert notices(stack) == [MtuChanged(1500, 1300)]
    connection.send(bytes(4000), 1.0)
    stack.receive_frame(ping_frame(PATH4, bytes(1400)), 1.0)
    sizes = [len(frame) - 14 for frame in stack.poll_transmit(1.0)]
    assert max(sizes) == 1300
    assert sum(sizes) > 5400


@pytest.mark.parametrize("source", [US4[:3] + b"\xff", packed("10.0.0.77")], ids=["broadcast", "ours"])
def test_neither_a_broadcast_of_our_link_nor_we_ourselves_open_a_connection(source: bytes) -> None:
    # MUST-63
    addresses = AddressSet([address_text(US4), "10.0.0.77"])
    stack = make_stack(addresses=addresses, broadcasts=AddressSet([address_text(US4[:3] + b"\xff")]))
    stack.receive_frame(syn_frame(PATH4._replace(remote=source)), 1.0)
    assert stack.poll_transmit(1.0) == []
    assert stack.statistics()["tcp_half_open"] == 0


def test_who_is_on_our_link_is_asked_for_before_the_answer_and_once() -> None:
    stack = make_stack(links=AddressSet(["10.0.0.0/24"]))
    stack.receive_frame(syn_frame(PATH4), 1.0)
    question, syn_ack = stack.poll_transmit(1.0)
    assert decode_arp(memoryview(question)[14:]).target == PEER4
    assert syn_ack[12:14] == b"\x08\x00"
    assert stack.poll_timeout() == 2.0
    stack.receive_frame(syn_frame(PATH4, remote_port=7), 1.5)
    assert [frame[12:14] for frame in stack.poll_transmit(1.5)] == [b"\x08\x00"]
