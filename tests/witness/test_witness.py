"""The witness: notices become events, and repeated ones become counts."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.events.event import Payload
from honeystack.events.recorder import Recorder
from honeystack.net.address import flow_of
from honeystack.net.limits import Limits
from honeystack.net.notices import Anomaly, BoundReached, CloseReason, Damaged, Fault, HalfOpen, PacketSeen, Scanned
from honeystack.reception import CaptureLimits
from honeystack.testing import RecordingPublisher
from honeystack.witness import Counters, Witness
from honeystack.witness.kinds import PACKETS
from tests.witness.scenes import PATH, SYN, Scene, datagram


def test_a_connection_is_told_at_both_ends_with_one_identity() -> None:
    scene = Scene()
    identity = scene.witness.connected(flow_of("tcp", PATH, 80, 4000), syn=SYN, rtt=0.0123)
    scene.witness.closed(identity, CloseReason.RST, Counters(10, 20, 1.5, 3, 4))
    connect, close = scene.publisher.events
    assert connect.identity == close.identity == identity
    assert identity.connection_id
    assert (identity.source_ip, identity.source_port, identity.source_mac) == (
        "198.51.100.7",
        4000,
        "02:00:00:00:00:01",
    )
    assert connect.fields["tcp.rtt-ms"] == 12.3
    assert connect.fields["tcp.syn.options"] == "mss,sok,ts,nop,ws"
    assert close.fields == {
        "tcp.reason": "rst",
        "tcp.bytes-in": 10,
        "tcp.bytes-out": 20,
        "tcp.duration-ms": 1500,
        "tcp.packets-in": 3,
        "tcp.packets-out": 4,
    }


def test_what_a_kernel_socket_does_not_tell_is_absent() -> None:
    scene = Scene()
    identity = scene.witness.connected(flow_of("tcp", PATH, 80, 4000))
    scene.witness.closed(identity, CloseReason.FIN, Counters(0, 0, 0.0))
    assert scene.publisher.events[0].fields == {}
    assert "tcp.packets-in" not in scene.publisher.events[1].fields


def test_a_datagram_is_told_at_once_and_its_repeats_later() -> None:
    scene = Scene()
    for _ in range(4):
        scene.witness.noticed(datagram(b"x" * 200))
    scene.witness.noticed(datagram(b"other"))
    scene.witness.noticed(datagram(b"x" * 200, remote_port=4001))
    first = scene.publisher.of("udp")
    assert [event.fields["payload"] for event in first] == [
        Payload(b"x" * 100, 200),
        Payload(b"other", 5),
        Payload(b"x" * 100, 200),
    ]
    assert len({event.identity for event in first}) == 3
    scene.at(31)
    assert scene.counts("udp") == [None, None, None, 3]
    assert scene.publisher.events[-1].identity == first[0].identity
    scene.witness.noticed(datagram(b"x" * 200))
    scene.at(62)
    assert scene.counts("udp")[4:] == [1]
    scene.at(200)
    assert scene.witness.next_deadline() is None
    scene.witness.noticed(datagram(b"x" * 200))  # forgotten by now: told anew
    assert scene.counts("udp")[5:] == [None]


def test_unfinished_handshakes_of_a_source_are_one_event() -> None:
    scene = Scene()
    for port in (22, 23):
        scene.witness.noticed(HalfOpen(PATH, port, 4000, SYN, True))
    other = PATH._replace(remote=bytes([198, 51, 100, 8]))
    scene.witness.noticed(HalfOpen(other, 25, 5000, SYN, False))
    assert not scene.publisher.events
    scene.at(11)
    assert scene.counts("tcp", "half-open") == [2, 1]
    many, one = (event.identity for event in scene.publisher.events)
    assert many is not None
    assert one is not None
    assert (many.source_ip, many.source_port, many.destination_port) == ("198.51.100.7", 4000, None)
    assert (one.source_ip, one.destination_port) == ("198.51.100.8", 25)


def test_bounds_and_damage_are_told_together() -> None:
    scene = Scene()
    for _ in range(3):
        scene.witness.noticed(BoundReached("half_open", 10, PATH))
        scene.witness.noticed(Damaged(b"\x01", "too short"))
    assert [(e.fields["reason"], e.fields.get("count")) for e in scene.at(31).publisher.of("sensor", "drop")] == [
        ("half_open", None),
        ("malformed: too short", None),
        ("half_open", 2),
        ("malformed: too short", 2),
    ]
    assert scene.publisher.events[1].fields["frame"] == b"\x01"


def test_a_fault_is_told_with_its_frame_and_its_repeats_are_counted() -> None:
    scene = Scene()
    for number in range(1000):
        try:
            raise KeyError("bug")
        except KeyError as error:
            scene.witness.noticed(Fault(bytes([number % 256]), error))
    scene.witness.fault(ValueError("elsewhere"))
    events = scene.at(31).publisher.of("sensor", "fault")
    assert [event.fields.get("count") for event in events] == [None, None, 999]
    assert events[0].fields["error"] == "KeyError: 'bug'"
    assert events[0].fields["frame"] == b"\x00"
    assert str(events[0].fields["where"]).startswith("test_witness.py:")
    assert "frame" not in events[1].fields


@pytest.mark.parametrize("category", sorted(PACKETS))
def test_sniffed_packets_are_told_without_a_connection(category: str) -> None:
    scene = Scene()
    scene.witness.noticed(PacketSeen(category, "sctp", PATH, "a message", {}, b"abc"))
    scene.witness.noticed(PacketSeen(category, "0x88b5", None, "a message", {}, b""))
    with_path, without = scene.publisher.events
    assert (with_path.category, with_path.type) == (category, "packet")
    assert with_path.fields == {"message": "a message", "payload": Payload(b"abc", 3)}
    assert with_path.identity is not None
    assert with_path.identity.source_ip == "198.51.100.7"
    assert with_path.identity.source_port is None
    assert with_path.identity.connection_id is None
    assert without.identity is not None
    assert without.identity == without.identity._replace(source_ip=None, protocol="0x88b5")


def test_a_scan_is_told_while_it_runs_and_at_its_end() -> None:
    scene = Scene()
    for port in range(1, 11):
        scene.witness.noticed(Scanned(PATH, "tcp", port, 4000))
    events = scene.at(6).publisher.of("portscan")
    assert [event.fields["portscan.final"] for event in events] == [False]
    assert events[0].fields["portscan.ports"] == ["tcp/1-10"]
    assert events[0].identity is not None
    assert (events[0].identity.protocol, events[0].identity.source_port) == ("tcp", None)
    assert scene.at(200).publisher.of("portscan")[-1].fields["portscan.final"] is True


def test_at_the_end_all_that_is_pending_is_told() -> None:
    scene = Scene()
    scene.witness.noticed(HalfOpen(PATH, 22, 4000, SYN, True))
    for _ in range(3):
        scene.witness.noticed(datagram(b"x"))
    for port in range(1, 11):
        scene.witness.noticed(Scanned(PATH, "udp", port, 4000))
    scene.witness.finish()
    assert scene.counts("tcp") == [1]
    assert scene.counts("udp") == [None, 2]
    assert len(scene.publisher.of("portscan")) == 1
    assert scene.witness.next_deadline() is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 40)), max_size=60), st.integers(1, 5))
def test_no_datagram_is_lost_whatever_the_bound(seen: list[tuple[int, float]], bound: int) -> None:
    scene = Scene(aggregates=bound)
    for which, pause in seen:
        scene.at(scene.now + pause)
        scene.witness.noticed(datagram(b"%d" % which))
    scene.witness.finish()
    told = [1 if count is None else count for count in scene.counts("udp")]
    assert sum(told) == len(seen)  # type: ignore[arg-type]


async def test_it_ticks_by_itself(autojump_clock: trio.testing.MockClock) -> None:
    publisher = RecordingPublisher()
    recorder = Recorder(publisher, clock=trio.current_time, new_id=lambda: "id")
    witness = Witness(recorder, clock=trio.current_time, limits=Limits(), capture=CaptureLimits())
    witness.noticed(HalfOpen(PATH, 22, 4000, SYN, True))
    with trio.move_on_after(12):
        await witness.run()
    assert len(publisher.of("tcp", "half-open")) == 1


def test_odd_packets_are_told_once_for_each_source_and_name() -> None:
    scene = Scene()
    for port in (80, 81, 81):
        scene.witness.noticed(Anomaly(PATH, "tcp", "fin-probe", port, 4000))
    scene.witness.noticed(Anomaly(PATH, "tcp", "xmas-probe", 80, 4000))
    scene.witness.noticed(Anomaly(PATH, "ip", "land"))
    scene.at(40.0)
    assert scene.counts("tcp", "anomaly") == [None, None, 2]
    first, _, last = scene.publisher.of("tcp", "anomaly")
    assert first.fields["anomaly"] == last.fields["anomaly"] == "fin-probe"
    assert first.identity is not None
    assert last.identity is not None
    assert (first.identity.destination_port, last.identity.destination_port) == (80, None)
    assert last.identity.source_ip == "198.51.100.7"
    (below,) = scene.publisher.of("ip", "anomaly")
    assert below.identity is not None
    assert below.identity.source_port is None
