"""Peers that spoke to another server are heard as if they had spoken to ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN, decode_segment, sack_option, timestamp_option
from honeystack.replay.counterparts import Counterparts
from honeystack.replay.segments import place_of
from tests.replay.files import PEER6, SERVER6, tcp, udp

IRS, RECORDED, OURS = 1000, 5_000_000, 0xFFFF_FF00  # first sequence numbers: the peer's, the recorded server's, ours
STAMPS = timestamp_option(50, 60)


def segment_of(frame: bytes | None) -> Segment:
    assert frame is not None
    place = place_of(frame)
    assert place is not None
    return decode_segment(memoryview(frame)[place.start : place.end])


def at(first: int, distance: int) -> int:
    return (first + distance) % 2**32


class Room:
    """Counterparts, and the two hosts that are heard there."""

    def __init__(self, *, options: bytes = b"", peer_port: int = 40000) -> None:
        self.all = Counterparts()
        self._options = options
        self._port = peer_port

    def peer(
        self, flags: int, seq: int, ack: int | None = None, data: bytes = b"", options: bytes = b""
    ) -> bytes | None:
        """The peer says, numbers counted from both hosts' first ones; what our stack is to be given."""
        acknowledged = 0 if ack is None else at(RECORDED, ack)
        said = tcp(flags, at(IRS, seq), acknowledged, data, options=options or self._options, peer_port=self._port)
        return self.all.heard(said)

    def recorded(self, flags: int, seq: int, ack: int, data: bytes = b"") -> None:
        said = tcp(flags, at(RECORDED, seq), at(IRS, ack), data, by_server=True, peer_port=self._port)
        self.all.answered(said)

    def ours(self, flags: int, seq: int, data: bytes = b"") -> bytes | None:
        said = tcp(flags, at(OURS, seq), at(IRS, 1), data, by_server=True, options=self._options, peer_port=self._port)
        return self.all.sent(said)

    def shake_hands(self) -> None:
        self.peer(SYN, 0)
        self.ours(SYN | ACK, 0)
        self.recorded(SYN | ACK, 0, 1)
        self.peer(ACK, 1, 1)


def test_the_handshake_acknowledges_ours() -> None:
    room = Room()
    syn = tcp(SYN, IRS)
    assert room.all.heard(syn) == syn
    assert room.ours(SYN | ACK, 0) is None
    room.recorded(SYN | ACK, 0, 1)
    last = segment_of(room.peer(ACK, 1, 1))
    assert (last.seq, last.ack, last.flags) == (at(IRS, 1), at(OURS, 1), ACK)


def test_our_numbers_need_not_be_there_before_the_recorded_ones() -> None:
    room = Room()
    room.peer(SYN, 0)
    room.recorded(SYN | ACK, 0, 1)
    room.ours(SYN | ACK, 0)
    assert segment_of(room.peer(ACK, 1, 1)).ack == at(OURS, 1)


def test_whatever_it_acknowledges_it_acknowledges_all_of_ours() -> None:
    room = Room()
    room.shake_hands()
    room.ours(ACK, 1, b"our longer banner")
    assert segment_of(room.peer(ACK, 1, 5, b"word")).ack == at(OURS, 18)
    assert segment_of(room.peer(ACK, 5, 900)).ack == at(OURS, 18)
    room.ours(FIN | ACK, 18)
    assert segment_of(room.peer(FIN | ACK, 5, 900)).ack == at(OURS, 19)


def test_data_and_sequence_numbers_stay_what_they_are() -> None:
    room = Room()
    room.shake_hands()
    said = segment_of(room.peer(ACK, 1, 1, b"some words"))
    assert (said.seq, bytes(said.data)) == (at(IRS, 1), b"some words")


def test_an_acknowledgement_that_was_wrong_stays_as_wrong() -> None:
    room = Room()
    room.shake_hands()
    assert segment_of(room.peer(ACK, 1, 0)).ack == at(OURS, 0)
    assert segment_of(room.peer(ACK, 1, -7)).ack == at(OURS, -7)


def test_where_the_answer_was_not_recorded_the_next_segment_tells_its_number() -> None:
    room = Room()
    room.peer(SYN, 0)
    room.ours(SYN | ACK, 0)
    assert segment_of(room.peer(ACK, 1, 1)).ack == at(OURS, 1)
    assert segment_of(room.peer(ACK, 1, 1, b"word")).ack == at(OURS, 1)


def test_a_blind_acknowledgement_tells_no_number() -> None:
    room = Room()
    room.peer(SYN, 0)
    room.ours(SYN | ACK, 0)
    assert segment_of(room.peer(ACK, 99, 1)).ack == at(RECORDED, 1)


def test_echoed_times_are_ours_and_selective_acknowledgements_go() -> None:
    room = Room(options=STAMPS)
    room.shake_hands()
    said = segment_of(room.peer(ACK, 1, 1, options=timestamp_option(51, 99) + sack_option([(1, 2)])))
    assert said.timestamps == (51, 50)
    assert said.sack == ()


def test_what_began_before_the_capture_is_left_as_it_is() -> None:
    room = Room()
    middle = tcp(ACK, 7, 8, b"word")
    assert room.all.heard(middle) == middle
    assert room.ours(RST, 8) is None
    assert room.all.heard(middle) is None
    assert room.all.left_out == 1


def test_what_our_stack_does_not_answer_is_left_as_it_is() -> None:
    room = Room()
    room.peer(SYN, 0)
    room.recorded(SYN | ACK, 0, 1)
    assert segment_of(room.peer(ACK, 1, 1)).ack == at(RECORDED, 1)


def test_frames_that_are_no_segments_pass() -> None:
    room = Room()
    assert room.all.heard(udp(b"x")) == udp(b"x")
    assert room.all.heard(b"short") == b"short"
    assert room.all.sent(udp(b"x")) is None
    room.all.answered(udp(b"x"))


def test_after_our_reset_the_peer_says_nothing_until_it_begins_anew() -> None:
    room = Room()
    room.shake_hands()
    room.ours(RST | ACK, 1)
    assert room.peer(ACK, 1, 1, b"word") is None
    assert room.peer(FIN | ACK, 5, 1) is None
    assert room.all.left_out == 2
    assert room.all.heard(tcp(SYN, 77)) is not None
    room.ours(SYN | ACK, 500)
    assert segment_of(room.all.heard(tcp(ACK, 78, 4321))).ack == at(OURS, 501)


def test_a_syn_that_comes_again_begins_nothing_anew() -> None:
    room = Room()
    room.peer(SYN, 0)
    room.ours(SYN | ACK, 0)
    room.recorded(SYN | ACK, 0, 1)
    room.peer(SYN, 0)
    assert segment_of(room.peer(ACK, 1, 1)).ack == at(OURS, 1)


def test_what_nothing_acknowledges_in_time_it_acknowledges_by_itself() -> None:
    room = Room(options=STAMPS)
    room.shake_hands()
    room.peer(ACK, 1, 1, b"word")
    key = room.ours(ACK, 1, b"answer")
    assert key is not None
    assert room.ours(ACK, 7, b"more") is None  # one acknowledgement will do
    said = segment_of(room.all.speaks(key))
    assert (said.seq, said.ack, said.flags, said.timestamps) == (at(IRS, 5), at(OURS, 11), ACK, (50, 50))
    assert room.all.speaks(key) is None
    assert room.ours(ACK, 1, b"answer") is None  # sent again: acknowledged already
    assert room.ours(FIN | ACK, 11) == key
    assert segment_of(room.all.speaks(key)).ack == at(OURS, 12)


def test_without_timestamps_it_acknowledges_without() -> None:
    room = Room()
    room.shake_hands()
    key = room.ours(ACK, 1, b"answer")
    assert key is not None
    assert segment_of(room.all.speaks(key)).timestamps is None


def test_what_was_acknowledged_meanwhile_is_not_again() -> None:
    room = Room()
    room.shake_hands()
    key = room.ours(ACK, 1, b"answer")
    assert key is not None
    room.peer(ACK, 1, 9)
    assert room.all.speaks(key) is None


@pytest.mark.parametrize("by_peer", [True, False])
def test_who_is_reset_acknowledges_nothing(by_peer: bool) -> None:
    room = Room()
    room.shake_hands()
    key = room.ours(ACK, 1, b"answer")
    assert key is not None
    if by_peer:
        room.peer(RST, 1)
    else:
        room.ours(RST, 7)
    assert room.all.speaks(key) is None
    assert room.ours(ACK, 7, b"x") is None


def test_an_unfinished_handshake_stays_unfinished() -> None:
    room = Room()
    room.peer(SYN, 0)
    assert room.ours(SYN | ACK, 0) is None
    assert room.ours(SYN | ACK, 0) is None


def test_conversations_do_not_mix_and_are_of_both_families() -> None:
    room, other = Room(), tcp(SYN, 1, peer=PEER6, server=SERVER6)
    room.shake_hands()
    assert room.all.heard(other) == other
    room.all.sent(tcp(SYN | ACK, 70, 2, by_server=True, peer=PEER6, server=SERVER6))
    said = room.all.heard(tcp(ACK, 2, 31, peer=PEER6, server=SERVER6))
    assert segment_of(said).ack == 71
    assert segment_of(room.peer(ACK, 1, 1)).ack == at(OURS, 1)


def test_who_was_silent_for_longest_is_forgotten_beyond_the_bound() -> None:
    counterparts = Counterparts(most=2)
    for port in (1, 2):
        counterparts.heard(tcp(SYN, 1, peer_port=port))
    counterparts.sent(tcp(SYN | ACK, 50, 2, by_server=True, peer_port=1))
    counterparts.heard(tcp(SYN, 1, peer_port=3))
    assert counterparts.forgotten == 1
    assert segment_of(counterparts.heard(tcp(ACK, 2, 8, peer_port=1))).ack == 51
    assert counterparts.sent(tcp(SYN | ACK, 50, 2, by_server=True, peer_port=2)) is None
    assert counterparts.speaks(b"nobody") is None


FLAGS = st.sampled_from([0, SYN, ACK, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN, SYN | FIN])
NUMBERS = st.sampled_from([0, 1, 2, 2**31 - 1, 2**31, 2**32 - 1])


@given(
    st.lists(st.tuples(st.sampled_from(["peer", "recorded", "ours", "speaks"]), FLAGS, NUMBERS, NUMBERS), max_size=30)
)
def test_no_order_of_segments_is_too_much(said: list[tuple[str, int, int, int]]) -> None:
    counterparts, keys = Counterparts(most=2), [b""]
    for who, flags, seq, ack in said:
        if who == "speaks":
            counterparts.speaks(keys[-1])
            continue
        frame = tcp(flags, seq, ack, b"ab", by_server=who != "peer", options=STAMPS)
        if who == "peer":
            heard = counterparts.heard(frame)
            assert heard is None or len(heard) == len(frame)
        elif who == "recorded":
            counterparts.answered(frame)
        elif (key := counterparts.sent(frame)) is not None:
            keys.append(key)
