"""The witness: notices become events, repeated ones become counts, and nothing grows without bound."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.events.catalogue import undeclared
from honeystack.events.event import Payload
from honeystack.events.recorder import Recorder
from honeystack.net.address import Path, flow_of
from honeystack.net.limits import Limits
from honeystack.net.notices import (
    Anomaly,
    BoundReached,
    CloseReason,
    Damaged,
    Datagram,
    Fault,
    HalfOpen,
    Notice,
    PacketSeen,
    Scanned,
    SynFacts,
)
from honeystack.reception import CaptureLimits
from honeystack.testing import RecordingPublisher
from honeystack.witness import Counters, Witness
from honeystack.witness.crowd import DESCRIBED
from honeystack.witness.kinds import PACKETS
from tests.tls.packets import crypto, initial

PATH = Path(4, bytes([203, 0, 113, 4]), bytes([198, 51, 100, 7]), bytes(6), bytes([2, 0, 0, 0, 0, 1]))
SYN = SynFacts(64, 64240, 1460, 7, bytes([2, 4, 8, 1, 3]), True, 1234, 99)


class Scene:
    """A witness in virtual time, and what it has told."""

    def __init__(self, payload_bytes: int = 100, **limits: int) -> None:
        self.now = 0.0
        self.publisher = RecordingPublisher()
        numbers = itertools.count()
        recorder = Recorder(self.publisher, clock=lambda: self.now, new_id=lambda: f"id-{next(numbers)}")
        self.witness = Witness(
            recorder,
            clock=lambda: self.now,
            limits=Limits(**{"aggregates": 100, **limits}),
            capture=CaptureLimits(payload_bytes=payload_bytes),
        )

    def at(self, now: float) -> Scene:
        self.now = now
        self.witness.tick(now)
        return self

    def counts(self, category: str, type: str | None = None) -> list[object]:
        return [event.fields.get("count") for event in self.publisher.of(category, type)]


def datagram(data: bytes, remote_port: int = 4000) -> Datagram:
    return Datagram(PATH, 53, remote_port, data, True)


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


def test_odd_packets_of_many_sources_stay_within_the_bound() -> None:
    scene = Scene(aggregates=10)
    for number in range(100):
        scene.witness.noticed(Anomaly(PATH._replace(remote=number.to_bytes(4, "big")), "udp", "port-zero", 9, 0))
    assert scene.counts("udp", "anomaly") == [None] * 100
    scene.witness.finish()
    assert len(scene.counts("udp", "anomaly")) == 100


def test_full_tables_are_told_by_their_bounds() -> None:
    scene = Scene(aggregates=10)
    for number in range(20):
        scene.witness.noticed(Anomaly(PATH._replace(remote=number.to_bytes(4, "big")), "udp", "port-zero", 9, 0))
    for _ in range(2):
        scene.at(scene.now + 1)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("aggregates", 10)
    scene = Scene(aggregate_memory=250)
    for number in range(4):
        scene.witness.noticed(datagram(bytes([number]) * 100))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("aggregate_memory", 250)
    scene = Scene(scan_sources=10)
    for number in range(20):
        scene.witness.noticed(Scanned(PATH._replace(remote=number.to_bytes(4, "big")), "tcp", 80, 4000))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("scan_sources", 10)


@pytest.mark.parametrize("bound", ["scan_addresses", "scan_addresses_per_source"])
def test_addresses_that_a_scan_does_not_name_are_told_by_their_bound(bound: str) -> None:
    scene = Scene(**{bound: 8})
    for number in range(20):
        scene.witness.noticed(Scanned(PATH._replace(local=number.to_bytes(4, "big")), "tcp", 80, 4000))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == (bound, 8)


def test_datagrams_that_are_not_searched_for_a_hello_are_told_by_the_bound() -> None:
    scene = Scene(datagram_hellos_per_second=2)
    for number in range(10):
        scene.witness.noticed(datagram(b"\xc0\0\0\0\1" + bytes(100), remote_port=4000 + number))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("datagram_hellos_per_second", 2)
    assert len(scene.publisher.of("udp", "payload")) == 10
    scene = Scene(datagram_hellos=2)
    for number in range(10):
        scene.witness.noticed(datagram(initial(crypto(0, b"\1\0\2\0")), remote_port=4000 + number))
    scene.at(1.0)
    (drop,) = scene.publisher.of("sensor", "drop")
    assert (drop.fields["reason"], drop.fields["limit"]) == ("datagram_hellos", 2)


def spoofed(number: int) -> Path:
    return PATH._replace(remote=(0x0B000000 + number).to_bytes(4, "big"))


FLOODS: dict[str, tuple[Callable[[int], list[Notice]], tuple[str, str]]] = {
    "anomaly": (lambda n: [Anomaly(spoofed(n), "tcp", "rst-probe", 80, 4000)], ("tcp", "anomaly")),
    "half-open": (lambda n: [HalfOpen(spoofed(n), 80, 4000, SYN, True)], ("tcp", "half-open")),
    "portscan": (
        lambda n: [Scanned(spoofed(n), "tcp", port, 4000) for port in range(1, 6)],
        ("portscan", "portscan"),
    ),
    "datagram": (lambda n: [Datagram(spoofed(n), 53, 4000, b"%d" % n, True)], ("udp", "payload")),
    "packet": (lambda n: [PacketSeen("icmp", "icmp", spoofed(n), "text", {"icmp.type": 8}, b"")], ("icmp", "packet")),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_no_flood_of_invented_sources_makes_more_events_than_the_bound_says(flood: str) -> None:
    make, kind = FLOODS[flood]
    scene = Scene(aggregates=50, scan_sources=50, told_sources=20, told_datagrams=20, told_packets=20)
    for number in range(2000):
        for notice in make(number):
            scene.witness.noticed(notice)
        if number % 100 == 0:
            scene.at(scene.now + 1)
    assert len(scene.publisher.of(*kind)) <= 20
    scene.at(scene.now + 100)
    scene.witness.finish()
    told = scene.publisher.of(*kind)
    assert len(told) <= 2 * (20 + 1)  # scans end in a second period
    together = [event for event in told if "sources" in event.fields]
    alone = len({event.identity for event in told} - {event.identity for event in together})
    assert alone + sum(int(str(event.fields["count"])) for event in together) == 2000
    sources = sum(int(str(event.fields["sources"])) for event in together)
    assert abs(sources - 1980) < 100
    assert [event for event in told if undeclared(event)] == []
    bound = {"datagram": "told_datagrams", "packet": "told_packets"}.get(flood, "told_sources")
    drops = scene.publisher.of("sensor", "drop")
    assert (bound, 20) in {(event.fields["reason"], event.fields["limit"]) for event in drops}
    assert len(drops) <= 6


def test_frames_without_addresses_are_told_together_by_their_macs() -> None:
    scene = Scene(told_packets=1)
    for number in range(50):
        fields: dict[str, object] = {"ethernet.source": f"02:00:00:00:00:{number % 10:02x}", "ethertype": "0x88b5"}
        scene.witness.noticed(PacketSeen("ethernet", "0x88b5", None, "text", fields, b""))
    scene.witness.finish()
    together = scene.publisher.of("ethernet", "packet")[-1]
    assert together.fields == {"ethertype": "0x88b5", "sources": 10, "count": 49}


def test_an_anomaly_is_told_while_another_is_flooded() -> None:
    scene = Scene(told_sources=5)
    for number in range(100):
        scene.witness.noticed(Anomaly(spoofed(number), "tcp", "syn-ack-probe", 80, 4000))
    scene.witness.noticed(Anomaly(PATH, "tcp", "rst-probe", 80, 4000))
    last = scene.publisher.of("tcp", "anomaly")[-1]
    assert (last.fields["anomaly"], last.identity and last.identity.source_ip) == ("rst-probe", "198.51.100.7")


def test_lengths_that_a_peer_chooses_make_no_reasons_of_their_own() -> None:
    scene = Scene()
    for number in range(500):
        scene.witness.noticed(Damaged(b"", f"a UDP length of {number} in a packet that has {number * 2} bytes for it"))
    assert len(scene.publisher.of("sensor", "drop")) == 1


def test_faults_of_one_line_are_one_whatever_their_texts() -> None:
    scene = Scene()
    for number in range(100):
        try:
            raise ValueError(number)
        except ValueError as error:
            scene.witness.fault(error)
    assert len(scene.publisher.of("sensor", "fault")) == 1


def test_a_source_that_repeats_very_often_is_counted_and_described_no_more() -> None:
    scene = Scene()
    for number in range(DESCRIBED + 10):
        late = number > DESCRIBED
        scene.witness.noticed(HalfOpen(PATH, 80 + late, 4000, SYN, not late))
        scene.witness.noticed(Anomaly(PATH, "tcp", "rst-probe", 80 + late, 4000))
    scene.witness.finish()
    (half_open,) = scene.publisher.of("tcp", "half-open")
    assert (half_open.fields["count"], half_open.fields["tcp.reset"]) == (DESCRIBED + 10, False)
    anomaly = scene.publisher.of("tcp", "anomaly")[-1]
    assert anomaly.fields["count"] == DESCRIBED + 9
    assert {event.identity and event.identity.destination_port for event in (half_open, anomaly)} == {80}
