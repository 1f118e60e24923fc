"""The scoreboard: what is in flight, what is lost, what is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.tcp.flight import FLYING, LOST, SACKED, Flight
from honeystack.net.tcp.seq import add, diff

BASE = 0xFFFF_FFC0
SIZE = 10


def at(index: int) -> int:
    return add(BASE, index * SIZE)


def flight_of(count: int) -> Flight:
    flight = Flight(BASE)
    for i in range(count):
        flight.sent(at(i), at(i + 1), i * 0.001)
    return flight


def fates(flight: Flight) -> list[int]:
    return [record.fate for record in flight.records]


def test_acknowledged_segments_leave_and_give_a_round_trip() -> None:
    flight = flight_of(3)
    flight.acknowledge(at(2), 0.101, 0.0)
    assert len(flight.records) == 1
    assert flight.flying == SIZE
    assert flight.rtt == 0.1
    assert flight


def test_a_segment_acknowledged_in_part_is_cut() -> None:
    flight = flight_of(1)
    flight.acknowledge(add(BASE, 4), 0.1, 0.0)
    assert flight.records[0].seq == add(BASE, 4)
    assert flight.flying == 6


def test_three_selected_segments_lose_those_sent_before() -> None:
    flight = flight_of(5)
    assert flight.select([(at(2), at(5))], BASE, 0.1, 0.05)
    found, again = flight.lose_by_time(0.1, 0.05, recovering=False)
    assert found
    assert again == 0
    assert fates(flight) == [LOST, LOST, SACKED, SACKED, SACKED]
    assert flight.flying == 0


def test_fewer_wait_for_reordering_first() -> None:
    flight = flight_of(3)
    flight.select([(at(1), at(2))], BASE, 0.1, 0.08)
    found, again = flight.lose_by_time(0.1, 0.08, recovering=False)
    assert not found
    assert 0 < again <= 0.021
    assert flight.lose_by_time(0.1 + again, 0.08, recovering=False)[0]


def test_a_path_seen_to_reorder_is_given_time_whatever_is_selected() -> None:
    flight = flight_of(6)
    flight.select([(at(3), at(4))], BASE, 0.1, 0.05)
    flight.select([(at(1), at(2))], BASE, 0.1, 0.05)
    assert flight.reordered
    flight.select([(at(4), at(6))], BASE, 0.1, 0.05)
    assert not flight.lose_by_time(0.1, 0.05, recovering=True)[0]


def test_a_lost_segment_flies_again_once_resent() -> None:
    flight = flight_of(5)
    flight.select([(at(1), at(5))], BASE, 0.1, 0.05)
    flight.lose_by_time(0.1, 0.05, recovering=False)
    record = flight.next_lost()
    assert record is not None
    flight.resent(record, 0.1)
    assert flight.next_lost() is None
    assert (record.times, flight.flying) == (2, SIZE)


def test_a_retransmission_acknowledged_too_soon_says_nothing() -> None:
    flight = flight_of(2)
    flight.lose_all()
    for record in flight.records:
        flight.resent(record, 0.5)
    flight.acknowledge(at(1), 0.501, 0.1)
    assert flight.rtt is None


def test_blocks_outside_of_the_flight_and_empty_ones_are_ignored() -> None:
    flight = flight_of(3)
    for block in ((at(-1), at(1)), (at(2), at(4)), (at(2), at(1)), (at(1), at(1))):
        assert not flight.select([block], BASE, 0.1, 0.05)
    assert not Flight(BASE).select([(at(0), at(1))], BASE, 0.1, 0.05)


def test_duplicates_stand_in_for_selective_acknowledgements() -> None:
    flight = flight_of(4)
    flight.duplicates = 2
    assert flight.pipe(SIZE) == 2 * SIZE
    assert flight.lose_first()
    assert not flight.lose_first()
    flight.duplicates = 99
    assert flight.pipe(SIZE) == 0


def test_what_was_sent_again_is_not_lost_by_a_partial_acknowledgement() -> None:
    flight = flight_of(2)
    flight.lose_first()
    flight.resent(flight.records[0], 0.2)
    assert not flight.lose_first()
    assert not Flight(BASE).lose_first()


def test_a_timeout_loses_all_but_the_selected() -> None:
    flight = flight_of(4)
    flight.select([(at(2), at(3))], BASE, 0.1, 0.05)
    flight.lose_all()
    assert fates(flight) == [LOST, LOST, SACKED, LOST]


def test_a_peer_that_reneged_is_not_believed() -> None:
    flight = flight_of(3)
    flight.select([(at(0), at(1))], BASE, 0.1, 0.05)
    flight.lose_all()
    assert fates(flight) == [LOST, LOST, LOST]
    assert flight.sacked == 0


def test_a_selected_segment_that_was_lost_needs_no_sending() -> None:
    flight = flight_of(3)
    flight.lose_all()
    flight.select([(at(0), at(3))], BASE, 0.1, 0.05)
    assert flight.lost == 0
    assert flight.flying == 0


def test_splitting_keeps_every_octet_and_its_fate() -> None:
    flight = flight_of(3)
    flight.select([(at(1), at(2))], BASE, 0.1, 0.05)
    flight.lose_first()
    flight.split(4)
    assert [len(record) for record in flight.records] == [4, 4, 2] * 3
    assert fates(flight) == [LOST] * 3 + [SACKED] * 3 + [FLYING] * 3
    assert (flight.lost, flight.sacked, flight.flying) == (3, 3, SIZE)


STEP = st.one_of(
    st.tuples(st.just("ack"), st.integers(0, 12), st.just(0)),
    st.tuples(st.just("sack"), st.integers(0, 12), st.integers(0, 12)),
    st.tuples(st.sampled_from(["send", "resend", "time", "first", "all", "split"]), st.just(0), st.just(0)),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=30))
def test_the_counts_hold_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    flight, now, una, nxt = flight_of(8), 0.01, 0, 8
    for verb, a, b in steps:
        now += 0.013
        if verb == "ack" and una <= a <= nxt:
            una = a
            flight.acknowledge(at(a), now, 0.02)
        elif verb == "sack":
            flight.select([(at(a), at(b))], at(una), now, 0.02)
        elif verb == "send":
            flight.sent(at(nxt), at(nxt + 1), now)
            nxt += 1
        elif verb == "resend" and (record := flight.next_lost()):
            flight.resent(record, now)
        elif verb == "time":
            flight.lose_by_time(now, 0.02, recovering=False)
        elif verb == "first":
            flight.lose_first()
        elif verb == "all":
            flight.lose_all()
        elif verb == "split":
            flight.split(7)
        assert flight.flying == sum(len(r) for r in flight.records if r.fate == FLYING)
        assert flight.lost == fates(flight).count(LOST)
        assert flight.sacked == fates(flight).count(SACKED)
        assert sum(len(r) for r in flight.records) == diff(at(nxt), at(una))


def test_a_segment_may_go_out_again_before_it_is_lost() -> None:
    flight = Flight(0)
    flight.sent(0, 1000, 1.0)
    flight.resent(flight.records[0], 2.0)
    assert (flight.flying, flight.lost, flight.records[0].times) == (1000, 0, 2)


def test_what_was_selected_or_lost_is_forgotten_when_acknowledged() -> None:
    flight = Flight(0)
    for start in (0, 1000, 2000, 3000):
        flight.sent(start, start + 1000, 1.0)
    flight.select([(1000, 2000)], 0, 2.0, 0.1)
    assert flight.lose_first()
    flight.acknowledge(2000, 2.0, 0.1)
    assert (flight.lost, flight.sacked, flight.flying) == (0, 0, 2000)
    assert flight.lose_first()
    flight.acknowledge(2500, 2.0, 0.1)  # a part of a lost segment
    assert (flight.lost, flight.flying, flight.records[0].seq) == (1, 1000, 2500)


def test_a_lost_segment_that_has_arrived_after_all_is_selected() -> None:
    flight = Flight(0)
    for start in (0, 1000):
        flight.sent(start, start + 1000, 1.0)
    flight.lose_all()
    flight.select([(1000, 2000)], 0, 2.0, 0.1)
    assert (flight.lost, flight.sacked) == (1, 1)


def test_no_more_duplicates_count_than_segments_are_out() -> None:
    flight = Flight(0)
    flight.sent(0, 1000, 1.0)
    for _ in range(5):
        flight.duplicate()
    assert flight.duplicates == 1


def test_an_older_segment_does_not_become_the_newest() -> None:
    flight = Flight(0)
    flight.sent(0, 1000, 1.0)
    flight.sent(1000, 2000, 2.0)
    flight.select([(1000, 2000)], 0, 3.0, 0.1)
    flight.acknowledge(1000, 3.0, 0.1)
    flight.sent(2000, 3000, 1.5)
    assert flight.lose_by_time(10.0, 0.1, recovering=False) == (True, 0.0)


def test_a_segment_sent_earlier_is_not_the_newest_delivered() -> None:
    flight = Flight(0)
    flight.sent(0, 1000, 1.0)
    flight.sent(1000, 2000, 2.0)
    flight.sent(2000, 3000, 2.0)
    flight.select([(1000, 2000)], 0, 3.0, 0.1)
    flight.acknowledge(1000, 3.0, 0.1)
    assert flight.lose_by_time(10.0, 0.1, recovering=False)[0] is False


def test_a_retransmission_counts_as_delivered_after_a_round_trip() -> None:
    flight = Flight(0)
    flight.sent(0, 1000, 1.0)
    flight.resent(flight.records[0], 5.0)
    flight.sent(1000, 2000, 2.0)
    flight.acknowledge(1000, 6.0, 0.1)
    assert flight.rtt is None
    assert flight.lose_by_time(9.0, 0.1, recovering=True) == (True, 0.0)  # sent before what has been delivered


def test_what_waited_at_the_peer_for_a_retransmission_gives_no_round_trip() -> None:
    flight = flight_of(2)
    flight.resent(flight.records[0], 60.0)
    flight.acknowledge(at(2), 60.1, 0.0)
    assert flight.rtt is None


def test_no_blocks_are_no_news() -> None:
    assert not flight_of(3).select([], BASE, 0.1, 0.05)


def test_what_time_loses_of_a_run_is_lost_by_the_segment() -> None:
    flight = Flight(BASE)
    flight.sent(at(0), at(4), 0.0, piece=SIZE)
    flight._newest_at = 1.0  # something that was sent later has arrived
    assert flight.lose_by_time(2.0, 0.05, recovering=True) == (True, 0.0)
    assert fates(flight) == [LOST] * 4


# Segments that are put together anew


def lengths(flight: Flight) -> list[int]:
    return [len(record) for record in flight.records]


def sums(flight: Flight) -> tuple[int, int, int]:
    """What is counted must be what is there."""
    records = flight.records
    flying = sum(len(record) for record in records if record.fate == FLYING)
    assert flight.flying == flying
    assert (flight.lost, flight.sacked) == (fates(flight).count(LOST), fates(flight).count(SACKED))
    return flight.flying, flight.lost, flight.sacked


@pytest.mark.parametrize(
    ("room", "left"),
    [(SIZE, [10] * 4), (SIZE * 2 - 1, [10] * 4), (SIZE * 2, [20, 10, 10]), (SIZE * 3 + 5, [30, 10]), (SIZE * 9, [40])],
)
@pytest.mark.parametrize("lost", [True, False])
def test_a_segment_takes_those_along_that_there_is_room_for(room: int, left: list[int], lost: bool) -> None:
    flight = flight_of(4)
    if lost:
        flight.lose_all()
    flight.gather(flight.records[0], room)
    assert lengths(flight) == left
    assert sums(flight) == ((0, len(left), 0) if lost else (40, 0, 0))
    flight.resent(flight.records[0], 9.0)
    assert sums(flight)[0] == (left[0] if lost else 40)


def test_it_takes_nothing_along_that_has_arrived_nor_what_lies_beyond() -> None:
    flight = flight_of(4)
    flight.select([(at(2), at(3))], BASE, 0.1, 0.05)
    flight.gather(flight.records[0], 1000)
    assert lengths(flight) == [20, 10, 10]
    assert sums(flight) == (30, 0, 1)


def test_what_was_taken_along_keeps_its_history() -> None:
    flight = flight_of(3)
    flight.resent(flight.records[1], 5.0)
    flight.gather(flight.records[0], 20)
    assert [(record.seq, record.end, record.times) for record in flight.records] == [
        (at(0), at(2), 2),
        (at(2), at(3), 1),
    ]
    flight.gather(flight.records[1], 20)
    assert lengths(flight) == [20, 10]


@pytest.mark.parametrize("lost", [True, False])
def test_a_segment_is_cut_at_an_edge_and_its_push_stays_at_its_end(lost: bool) -> None:
    flight = Flight(BASE)
    flight.sent(at(0), at(1), 0.0, pushed=True)
    flight.sent(at(1), at(2), 0.001)
    if lost:
        flight.lose_all()
    flight.cut(flight.records[0], 3)
    assert lengths(flight) == [3, 7, 10]
    assert [record.pushed for record in flight.records] == [False, True, False]
    assert sums(flight) == ((0, 3, 0) if lost else (20, 0, 0))
    flight.gather(flight.records[0], 10)
    assert (lengths(flight), flight.records[0].pushed) == ([10, 10], True)
    flight.cut(flight.records[0], 3)
    flight.recut(100)
    assert (lengths(flight), flight.records[0].pushed) == ([20], False)


@pytest.mark.parametrize(("count", "left"), [(1, [3, 7]), (4, [3, 7, 10, 10, 10])])
def test_what_is_cut_off_stands_next(count: int, left: list[int]) -> None:
    flight = flight_of(count)
    flight.cut(flight.records[0], 3)
    assert lengths(flight) == left


@pytest.mark.parametrize(("size", "left"), [(4, [4] * 10), (15, [15, 15, 10]), (7, [7] * 5 + [5]), (100, [40])])
def test_after_a_smaller_size_all_is_cut_anew(size: int, left: list[int]) -> None:
    flight = flight_of(4)
    flight.recut(size)
    assert lengths(flight) == left
    assert sums(flight) == (0, len(left), 0)
    assert flight.segments_flying == 0


def test_what_has_arrived_is_not_cut_into_what_has_not() -> None:
    flight = flight_of(5)
    flight.select([(at(2), at(3))], BASE, 0.1, 0.05)
    flight.resent(flight.records[4], 5.0)
    flight.recut(15)
    assert lengths(flight) == [15, 5, 10, 15, 5]
    assert fates(flight) == [LOST, LOST, SACKED, LOST, LOST]
    assert [record.times for record in flight.records] == [1, 1, 1, 2, 2]
    assert sums(flight) == (0, 4, 1)


def test_what_flies_is_counted_by_the_segment_too() -> None:
    flight = flight_of(4)
    assert flight.segments_flying == 4
    flight.select([(at(1), at(2))], BASE, 0.1, 0.05)
    assert flight.segments_flying == 3
    flight.lose_first()
    assert flight.segments_flying == 2


def test_a_run_counts_by_its_segments_and_is_one_record_until_its_last_is_asked_for() -> None:
    flight = Flight(BASE)
    flight.sent(at(0), at(3), 0.0, piece=SIZE)
    assert (len(flight.records), flight.segments) == (1, 1 + 3)
    assert (flight.last().seq, flight.last().end) == (at(2), at(3))
    assert (len(flight.records), flight.segments) == (3, 3)
