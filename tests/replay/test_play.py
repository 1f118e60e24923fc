"""A capture makes the events that a honeypot would have made, in its own time, and the same each time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from honeystack.config import parse_config
from honeystack.errors import CaptureError, HoneystackError
from honeystack.events.bus import Subscription
from honeystack.events.event import Event
from honeystack.events.sensor import Sensor
from honeystack.net.address import AddressSet
from honeystack.net.wire.tcp import ACK, RST, SYN
from honeystack.replay import play
from honeystack.replay.captures import Recorded
from honeystack.replay.play import Outcome, replay, unserved
from honeystack.testing import RecordingChannel
from tests.replay.files import BEGAN, MILLISECOND, PEER, PEER6, SERVER, SERVER6, Recording, tcp, udp, write

SECOND = 1000 * MILLISECOND
LISTENER = """
[listener]
type = "netstack"
interface = "nowhere0"
allow_no_exclude = true
"""
SERVICES = """
[service.mirror]
type = "echo"
[service.greeter]
type = "banner"
text = "220 a greeting that is longer than that of the recorded server"
[[port]]
ports = ["tcp/7", "udp/7"]
services = ["mirror"]
[[port]]
port = "tcp/21"
services = ["greeter"]
"""


def played(path: Path | list[Path], config: str = "", **named: Any) -> tuple[Outcome, list[Event]]:
    channel = RecordingChannel()
    whole = attrs.evolve(parse_config(LISTENER + config), channels={"out": channel})
    return replay([path] if isinstance(path, Path) else path, whole, **named), channel.events


def kinds(events: list[Event]) -> list[str]:
    return [f"{event.category}/{event.type}" for event in events]


def of(events: list[Event], kind: str) -> Mapping[str, object]:
    [event] = [event for event in events if f"{event.category}/{event.type}" == kind]
    return event.fields


def conversation(port: int = 7, **fields: Any) -> Recording:
    recording = Recording(port=port, **fields)
    recording.shake_hands()
    recording.says(b"hello", answer=b"HI!")
    recording.part()
    return recording


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("ends", [(SERVER, PEER), (SERVER6, PEER6)])
def test_a_conversation_is_told_from_its_beginning_to_its_end(
    tmp_path: Path, ends: tuple[str, str], stamps: bool
) -> None:
    recording = conversation(server=ends[0], peer=ends[1], stamps=stamps)
    outcome, events = played(write(tmp_path, recording.frames), SERVICES)
    assert kinds(events) == ["tcp/connect", "tcp/payload", "echo/echoed", "tcp/close"]
    assert of(events, "tcp/payload")["payload"].data == b"hello"  # type: ignore[attr-defined]
    close = of(events, "tcp/close")
    assert (close["tcp.reason"], close["tcp.bytes-in"], close["tcp.bytes-out"]) == ("fin", 5, 5)
    assert close["tcp.packets-in"] == 6  # no more than were recorded
    assert outcome.complete
    assert (outcome.frames, outcome.inbound, outcome.events) == (9, 6, 4)


def test_dates_are_those_of_the_capture_to_the_microsecond(tmp_path: Path) -> None:
    frames = [Recorded(BEGAN + number * 333_333_000, udp(bytes([number]))) for number in range(50)]
    _, events = played(write(tmp_path, frames))
    dates = [round(event.date * 1e6) for event in events if event.category == "udp"]
    assert dates == [at // 1000 for at, *_ in frames]


def test_the_round_trip_is_that_of_the_capture(tmp_path: Path) -> None:
    _, events = played(write(tmp_path, conversation().frames))
    assert of(events, "tcp/connect")["tcp.rtt-ms"] == 2.0


def test_sensor_mode_takes_the_time_that_it_takes(tmp_path: Path) -> None:
    recording = Recording(port=9999)
    recording.shake_hands()
    recording.says(b"first ")
    recording.pause(0.9)
    recording.says(b"second")
    recording.pause(30.0)
    recording.part()
    _, events = played(write(tmp_path, recording.frames))
    assert kinds(events) == ["tcp/connect", "tcp/payload", "tcp/close"]
    assert of(events, "tcp/payload")["payload"].data == b"first second"  # type: ignore[attr-defined]
    told = {event.type: event.date - BEGAN / 1e9 for event in events}
    assert told["payload"] == pytest.approx(0.9 + 0.006 + 1.0, abs=0.02)
    assert told["close"] == pytest.approx(30.9 + 0.01, abs=0.02)


def test_a_service_that_says_more_than_the_recorded_server_is_acknowledged(tmp_path: Path) -> None:
    recording = conversation(21)
    _, events = played(write(tmp_path, recording.frames), SERVICES)
    close = of(events, "tcp/close")
    assert close["tcp.reason"] == "fin"
    assert close["tcp.bytes-in"] == 5


def test_a_peer_that_was_recorded_to_its_words_only_acknowledges_our_end(tmp_path: Path) -> None:
    recording = Recording(port=9999)
    recording.shake_hands()
    recording.says(b"word")
    _, events = played(write(tmp_path, recording.frames))
    close = of(events, "tcp/close")
    assert close["tcp.reason"] == "timeout"  # of the FIN that never came: not of segments sent again and again
    assert close["tcp.packets-out"] == 3  # type: ignore[comparison-overlap]


def test_where_no_answer_was_recorded_a_syn_stays_half_open(tmp_path: Path) -> None:
    _, events = played(write(tmp_path, [tcp(SYN, 1, port=port) for port in (80, 81)]))
    assert kinds(events) == ["tcp/half-open"]
    assert events[0].fields["count"] == 2


def test_a_reset_that_was_recorded_in_answer_makes_no_connection(tmp_path: Path) -> None:
    _, events = played(write(tmp_path, [tcp(SYN, 1), tcp(RST | ACK, 0, 2, by_server=True)]))
    assert kinds(events) == ["tcp/half-open"]


def test_a_capture_of_one_side_alone_makes_the_same_conversation(tmp_path: Path) -> None:
    frames = conversation().frames
    inbound = [one for one in frames if one.frame[6:12] != frames[1].frame[6:12]]
    both, alone = (played(write(tmp_path, part), SERVICES)[1] for part in (frames, inbound))
    assert len(inbound) == 6
    assert both == alone


def test_what_is_still_open_at_the_end_is_told(tmp_path: Path) -> None:
    recording = Recording(port=7)
    recording.shake_hands()
    recording.says(b"word", answer=b"word")
    _, events = played(write(tmp_path, recording.frames), SERVICES + "[capture]\nidle = 9999\n")
    assert of(events, "tcp/close")["tcp.reason"] in ("shutdown", "timeout")


def test_the_same_files_make_the_same_events(tmp_path: Path) -> None:
    frames = [
        one for port in (7, 21, 99) for number in range(9) for one in conversation(port, peer_port=5 + number).frames
    ]
    frames += [Recorded(BEGAN + SECOND, udp(bytes([number]), 7)) for number in range(20)]
    path = write(tmp_path, sorted(frames, key=lambda one: one.at))
    first, second = (played(path, SERVICES) for _ in range(2))
    assert len(first[1]) > 100
    assert first == second


def test_two_files_are_as_one(tmp_path: Path) -> None:
    frames = conversation().frames
    halves = [write(tmp_path, frames[:4], "a"), write(tmp_path, frames[4:], "b")]
    assert played(halves, SERVICES) == played(write(tmp_path, frames), SERVICES)


def test_hours_pass_quickly_and_wholly(tmp_path: Path) -> None:
    frames = [Recorded(BEGAN, udp(b"a")), Recorded(BEGAN + 2 * 3600 * SECOND, udp(b"b"))]
    outcome, events = played(write(tmp_path, frames))
    assert outcome.seconds == 7200.0
    assert events[1].date - events[0].date == pytest.approx(7200.0)


def test_addresses_are_those_named_else_those_of_the_config(tmp_path: Path) -> None:
    path = write(tmp_path, [udp(b"a"), udp(b"b", source=SERVER, destination=PEER)])
    config = f'addresses = ["{PEER}"]\n'
    named = played(path, config, addresses=AddressSet([SERVER]))[1]
    assert [event.identity.destination_ip for event in named] == [SERVER]  # type: ignore[union-attr]
    configured = played(path, config)[1]
    assert [event.identity.destination_ip for event in configured] == [PEER]  # type: ignore[union-attr]


def test_what_is_excluded_makes_no_event(tmp_path: Path) -> None:
    path = write(tmp_path, [udp(b"a"), udp(b"b", 123)])
    _, events = played(path, 'exclude_ports = ["udp/123"]\n')
    assert [event.identity.destination_port for event in events] == [53]  # type: ignore[union-attr]


def test_what_a_filter_refuses_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, conversation().frames)
    _, events = played(
        path, SERVICES + '[channel.out]\ntype = "console"\n[[filter]]\nchannel = ["out"]\ntypes = ["close"]\n'
    )
    assert kinds(events) == ["tcp/close"]


def test_services_that_forward_are_left_out(tmp_path: Path) -> None:
    text = """
[service.far]
type = "proxy"
director = "there"
[director.there]
type = "forward"
host = "192.0.2.99:7"
[[port]]
port = "tcp/7"
services = ["far"]
"""
    assert unserved(parse_config(LISTENER + text)) == ["far"]
    _, events = played(write(tmp_path, conversation().frames), text)
    assert kinds(events) == ["tcp/connect", "tcp/payload", "tcp/close"]


def test_packets_of_both_kinds_of_damage_are_told_as_ever(tmp_path: Path) -> None:
    wrong = bytearray(tcp(SYN, 1))
    wrong[-1] ^= 1
    _, events = played(write(tmp_path, [bytes(wrong)]))
    assert "sensor/drop" in kinds(events)


def test_events_before_the_damage_are_made_and_the_damage_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, conversation().frames)
    path.write_bytes(path.read_bytes() + b"half")
    outcome, events = played(path, SERVICES)
    assert len(events) == 4
    assert not outcome.complete
    assert "the file ends within the header of a packet: 4 of 16 bytes are there" in str(outcome.damage)


def test_where_nothing_can_be_replayed_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no IP packet to anybody in 0 frames"):
        played(write(tmp_path, []))


def test_without_a_config_events_go_to_standard_output_as_json_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, conversation().frames)
    outcomes = [replay([path]) for _ in range(2)]
    lines = capfd.readouterr().out.splitlines()
    assert outcomes[0] == outcomes[1]
    assert lines[:3] == lines[3:]
    first, second, third = map(json.loads, lines[:3])
    assert [event["type"] for event in (first, second, third)] == ["connect", "payload", "close"]
    assert first["date"] == "2023-11-14T22:13:20.125456Z"
    assert (first["sensor"], first["token"]) == ("honeystack", "replay")
    assert first["connection-id"] == second["connection-id"] == third["connection-id"]


class Failing:
    """A channel that cannot write."""

    async def run(self, events: Subscription, *, sensor: Sensor) -> None:
        async for _ in events:
            raise OSError("the disk is full")


def test_a_channel_that_fails_ends_the_replay(tmp_path: Path) -> None:
    config = attrs.evolve(parse_config(LISTENER), channels={"out": Failing()})
    with pytest.raises(HoneystackError, match="the channel out failed: the disk is full"):
        replay([write(tmp_path, [udp(b"a")])], config)


class Dropping:
    """A channel that drops what it gets."""

    async def run(self, events: Subscription, *, sensor: Sensor) -> None:
        async for batch in events.batches():
            events.drop("unwritable", len(batch))


def test_events_that_a_channel_drops_are_told(tmp_path: Path) -> None:
    config = attrs.evolve(parse_config(LISTENER), channels={"out": Dropping()})
    outcome = replay([write(tmp_path, [udp(b"a")])], config)
    assert outcome.lost == {"out": {"unwritable": 1}}
    assert not outcome.complete


@attrs.define
class Gathering:
    """A channel that writes seldom, and takes long."""

    taken: list[Event] = attrs.field(factory=list)

    async def run(self, events: Subscription, *, sensor: Sensor) -> None:
        async for batch in events.batches(gather=40.0):
            await trio.to_thread.run_sync(self.taken.extend, batch)


def test_a_channel_that_is_slow_gets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "BACKLOG", 3)
    monkeypatch.setattr(play, "PATIENCE", 2)
    channel = Gathering()
    config = attrs.evolve(parse_config(LISTENER), channels={"out": channel})
    path = write(tmp_path, [udp(bytes([number])) for number in range(60)])
    outcome = replay([path], config)
    assert len(channel.taken) == outcome.events == 60
    assert outcome.complete


def test_our_own_faults_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(play.ReplayLink, "arrive", fault)
    with pytest.raises(BaseExceptionGroup) as told:
        played(write(tmp_path, [udp(b"a")]))
    assert told.group_contains(ZeroDivisionError)
