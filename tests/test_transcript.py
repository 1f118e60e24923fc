"""Transcripts: what was said, as packets that belong together, within every bound."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapNgReader

from honeystack.captures import BLOCK, CaptureFolder
from honeystack.net.address import Endpoint, Flow
from honeystack.testing.conversations import Meeting
from honeystack.transcript import SEGMENT, WRITE_SECONDS, WRITERS, TranscriptLimits, Transcripts, _Said, packets_of
from tests.routing import ALL, entry, make, visiting

V4 = Flow("tcp", Endpoint("203.0.113.4", 80), Endpoint("198.51.100.7", 4000))
V6 = Flow("tcp", Endpoint("2001:db8::4", 80), Endpoint("fe80::7%eth0", 4000))


def streams(flow: Flow, said: list[_Said]) -> dict[int, bytes]:
    """The bytes by source port, put together by sequence numbers; each packet must be sound."""
    found: dict[int, bytes] = {80: b"", 4000: b""}
    expected: dict[int, int] = {}
    for _, data in packets_of(flow, 1.0, said):
        whole = (IPv6 if flow is V6 else IP)(data)
        segment = whole[TCP]
        sent = bytes(segment.payload)
        assert segment.seq == expected.get(segment.sport, 0)
        expected[segment.sport] = segment.seq + len(sent) + ("S" in segment.flags) + ("F" in segment.flags)
        if "A" in segment.flags:
            assert segment.ack == expected.get(segment.dport, 0)
        assert len(sent) <= SEGMENT
        found[segment.sport] += sent
        checked = segment.chksum
        del segment.chksum
        assert type(whole)(bytes(whole))[TCP].chksum == checked
    return found


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=3000)), max_size=4), st.sampled_from([V4, V6]))
def test_packets_carry_what_was_said(parts: list[tuple[bool, bytes]], flow: Flow) -> None:
    found = streams(flow, [_Said(2.0, by_peer, data) for by_peer, data in parts])
    assert found[4000] == b"".join(data for by_peer, data in parts if by_peer)
    assert found[80] == b"".join(data for by_peer, data in parts if not by_peer)


def scene(folder: Path, **limits: int) -> Transcripts:
    return Transcripts(folder / "captures", TranscriptLimits(**limits), clock=lambda: 1e9)


async def talk(transcripts: Transcripts, said: bytes = b"hello", *, meeting: Meeting | None = None) -> Path | None:
    """A conversation with an answer to each word; its file, where there is one."""
    client, peer = (meeting or Meeting()).conversation()
    transcript = transcripts.begin(peer)
    assert transcript is not None
    if said:
        await client.send_all(said)
        assert await peer.receive_some() == said
        await peer.send_all(said.upper())
        await peer.wait_send_all_might_not_block()
        await peer.send_eof()
    await peer.aclose()
    await transcripts.end(transcript)
    path = transcripts._folder._path / f"{peer.identity.connection_id}.pcapng"
    return path if path.exists() else None


async def test_a_conversation_leaves_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    path = await talk(scene(tmp_path))
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with PcapNgReader(io.BytesIO(path.read_bytes())) as reader:
        said: list[Any] = [bytes(packet[TCP].payload) for packet in reader]
    assert [data for data in said if data] == [b"hello", b"HELLO"]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_silence_leaves_none(tmp_path: Path) -> None:
    assert await talk(scene(tmp_path), b"") is None


async def test_what_had_come_before_is_in_it(tmp_path: Path) -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"early")
    await peer.peek_more()
    transcripts = scene(tmp_path)
    transcript = transcripts.begin(peer)
    assert transcript is not None
    assert b"early" in transcript.pcapng(b"")
    assert b"SECRET" in transcript.pcapng(b"SECRET")


async def test_bounds(tmp_path: Path) -> None:
    transcripts = scene(tmp_path, conversation=7)
    path = await talk(transcripts)
    assert path is not None
    assert b"HE" in path.read_bytes()
    assert b"HEL" not in path.read_bytes()
    transcripts = scene(tmp_path, conversations=3)
    kept = [transcripts.begin(Meeting().conversation()[1]) for _ in range(4)]
    assert kept[-1] is None
    assert None not in kept[:-1]


async def test_as_many_have_their_secrets_as_may_be_written_down(tmp_path: Path) -> None:
    keys = scene(tmp_path, conversations=2000).keys
    first, *_ = [keys.expect(number.to_bytes(32, "big")) for number in range(2000)]
    keys.take(b"CLIENT_RANDOM " + bytes(32).hex().encode() + b" 00ff")
    assert b"00ff" in keys.secrets_of(first)


def visitor(address: str) -> Any:
    return Meeting().conversation(remote=Endpoint(address, 4000))[1]


async def test_one_source_cannot_take_all_places(tmp_path: Path) -> None:
    transcripts = scene(tmp_path, conversations=4, conversations_of_one=2)
    ours = [visitor("2001:db8::1"), visitor("2001:db8::2"), visitor("2001:db8::3")]
    kept = [transcripts.begin(peer) for peer in ours]
    assert [transcript is not None for transcript in kept] == [True, True, False]
    assert transcripts.reached(ours[2]) == ("pcap_conversations_per_source", 2)
    assert transcripts.begin(visitor("2001:db8:0:1::1")) is not None
    assert transcripts.begin(visitor("198.51.100.7")) is not None
    assert transcripts.reached(visitor("198.51.100.8")) == ("pcap_conversations", 4)
    assert kept[0] is not None
    await transcripts.end(kept[0])
    assert transcripts.begin(ours[2]) is not None


async def test_of_all_places_the_network_with_most_gives_one_to_a_newcomer(tmp_path: Path) -> None:
    transcripts = scene(tmp_path, conversations=16)
    crowd = [transcripts.begin(visitor(f"198.51.100.{number}")) for number in range(16)]
    assert transcripts.make_room(visitor("198.51.100.99")) is None  # to one of its own
    first = crowd[0]
    assert first is not None
    first.note(b"so far", by_peer=True)
    newcomer = visitor("2001:db8::1")
    assert transcripts.make_room(newcomer) is first
    new = transcripts.begin(newcomer)
    assert new is not None
    assert await transcripts.end(first)
    path = transcripts._folder._path / f"{first.identity.connection_id}.pcapng"
    assert b"so far" in path.read_bytes()
    first.note(b"more", by_peer=True)
    assert first.empty  # nothing is held of a conversation that goes on
    written = path.stat().st_mtime_ns
    assert await transcripts.end(first)
    assert path.stat().st_mtime_ns == written
    for number in range(7):
        given_way = transcripts.make_room(visitor(f"2001:db8::{number}"))
        assert given_way is crowd[1 + number]
        assert given_way is not None
        assert transcripts.begin(visitor(f"2001:db8::{number}"))
        assert await transcripts.end(given_way)
    assert transcripts.make_room(visitor("2001:db8::9")) is None  # eight for each
    assert transcripts.make_room(visitor("203.0.113.9")) is not None


async def test_no_more_give_way_than_are_written(tmp_path: Path) -> None:
    transcripts = scene(tmp_path, conversations=16)
    for number in range(16):
        transcripts.begin(visitor(f"198.51.100.{number}"))
    given_way = []
    for number in range(3):
        given_way.append(transcripts.make_room(visitor(f"192.0.{number}.1")))
        transcripts.begin(visitor(f"192.0.{number}.1"))
    assert [transcript is not None for transcript in given_way] == [True, True, False]
    assert given_way[0] is not None
    await transcripts.end(given_way[0])
    assert transcripts.make_room(visitor("192.0.3.1")) is not None


async def say(client: Any, what: bytes) -> None:
    await client.send_all(what)
    assert await client.receive_some() == what


async def test_who_gives_way_is_written_and_served_on(tmp_path: Path) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "echo")], ALL)
    router.transcripts = transcripts = scene(tmp_path, conversations=2)
    files = transcripts._folder._path
    async with visiting(router, meeting) as client:
        await say(client, b"first")
        async with visiting(router, meeting) as other:
            await say(other, b"other")
            newcomer, peer = meeting.conversation(remote=Endpoint("192.0.2.9", 4000))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(router.converse, peer)
                await say(newcomer, b"new")
                with trio.fail_after(5):
                    while not list(files.glob("*.pcapng")):
                        await trio.lowlevel.checkpoint()
                await say(client, b"second")
                await newcomer.send_eof()
    said = sorted(path.read_bytes() for path in files.glob("*.pcapng"))
    assert len(said) == 3
    assert sum(b"first" in data for data in said) == 1
    assert not any(b"second" in data for data in said)
    drops = [dict(event.fields) for event in meeting.of("sensor", "drop")]
    assert drops == [{"reason": "pcap_conversations", "limit": 2}]


async def test_a_handshake_after_the_end_leaves_no_secrets_to_be_kept(tmp_path: Path) -> None:
    transcripts = scene(tmp_path)
    transcript = transcripts.begin(visitor("192.0.2.9"))
    assert transcript is not None
    await transcripts.end(transcript)
    transcript.tls_begins(bytes(32), None)  # type: ignore[arg-type]
    assert transcript.secrets is None


async def test_the_oldest_files_give_way(tmp_path: Path) -> None:
    meeting = Meeting()
    transcripts = scene(tmp_path, total=2 * BLOCK)
    paths = [await talk(transcripts, bytes([number]) * 100, meeting=meeting) for number in range(4)]
    left = sorted(path for path in paths if path is not None and path.exists())
    assert left == paths[-2:]


async def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("")
    with pytest.raises(OSError, match="exists"):
        await talk(scene(tmp_path))
    assert trio.current_time() >= 0


async def test_conversations_beyond_the_bound_are_told(tmp_path: Path) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "echo")], ALL)
    router.transcripts = scene(tmp_path, conversations=1)
    async with visiting(router, meeting), visiting(router, meeting) as client:
        await trio.testing.wait_all_tasks_blocked()
        await say(client, b"hello")
    drops = [dict(event.fields) for event in meeting.of("sensor", "drop")]
    assert drops == [{"reason": "pcap_conversations", "limit": 1}]


class Hung(CaptureFolder):
    """Of a disk that takes nothing until it is let."""

    let = threading.Event()

    def write(self, name: str, data: bytes, *, owner: str = "", wanted: Any = lambda: True) -> None:
        self.let.wait()
        super().write(name, data, owner=owner, wanted=wanted)


async def test_a_disk_that_hangs_costs_the_captures_alone_and_is_told(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/80", "echo")], ALL)
    router.transcripts = scene(tmp_path)
    router.transcripts._folder = Hung(tmp_path, total=10**6, files=100, clock=lambda: 1e9)
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(WRITERS * 3):
                nursery.start_soon(visit, router, meeting)
        assert trio.current_time() <= WRITE_SECONDS * 2
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        drops = [dict(event.fields) for event in meeting.of("sensor", "drop")]
        assert drops == [{"reason": "pcap_write_seconds", "limit": WRITE_SECONDS}] * WRITERS * 3
    finally:
        Hung.let.set()
    limiter = router.transcripts._writers
    while limiter.borrowed_tokens:
        await trio.lowlevel.checkpoint()
    assert await trio.to_thread.run_sync(os.listdir, tmp_path) == []  # what was told as lost is not there either


async def visit(router: Any, meeting: Meeting) -> None:
    async with visiting(router, meeting) as client:
        await say(client, b"hello")
