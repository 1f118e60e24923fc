"""Conversations as pcapng files that open decrypted: the raw bytes both ways as TCP, with the secrets of TLS.

The packets are written anew from the bytes, so they show no retransmission and no sizes of the peer's. Everything has a
bound: bytes of a conversation, conversations at a time, files being written at a time, and all files together. Where
all places are taken, the network that has most gives one to a newcomer of another: the transcript that ends for it is
written as far as it has come.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import attrs
import trio

import honeystack
from honeystack.captures import CaptureFolder
from honeystack.conversation import Conversation
from honeystack.events.event import Identity
from honeystack.net.address import Endpoint, Flow, source_text
from honeystack.net.wire import pcapng
from honeystack.net.wire.checksum import pseudo_header_sum
from honeystack.net.wire.ipv4 import encode_ipv4
from honeystack.net.wire.ipv6 import encode_ipv6
from honeystack.net.wire.tcp import encode_segment
from honeystack.shares import Shares, network_of
from honeystack.tls.contexts import Contexts
from honeystack.tls.keylog import Expected, KeyLog

WRITE_SECONDS = 2.0  # for one file; a disk that hangs must not hold up the honeypot's end
WRITERS = 4  # threads; of their own, so that a slow disk takes none from the channels
SEGMENT = 1400  # bytes of data in one packet
LEAVING = 8  # part of the places: so many may have given way and not be written yet, each with its bytes in memory
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_TCP = 6


@attrs.frozen
class TranscriptLimits:
    """What may be kept."""

    conversation: int = 1024 * 1024  # bytes, both ways
    total: int = 1024 * 1024 * 1024  # bytes of all files
    conversations: int = 256  # at a time, each of which may hold its bytes in memory
    files: int = 32_768
    conversations_of_one: int = 32  # source, at a time


class _Said(NamedTuple):
    at: float
    by_peer: bool
    data: bytes


class Transcript:
    """What was said in one conversation, up to a bound."""

    def __init__(self, flow: Flow, identity: Identity, limit: int, *, keys: KeyLog, clock: Callable[[], float]) -> None:
        self._keys = keys
        self.flow = flow
        self.identity = identity
        self.over = False  # nothing more is noted, and the file is written or being written
        self.secrets: Expected | None = None  # once TLS has begun
        self._began = clock()
        self._left = limit
        self._clock = clock
        self._said: list[_Said] = []

    def tls_begins(self, client_random: bytes, contexts: Contexts) -> None:
        """A handshake follows, under contexts whose secrets are then kept for the file."""
        if self.over:
            return
        self.secrets = self._keys.expect(client_random)
        contexts.log_keys(self._keys.take)

    def note(self, data: bytes | bytearray | memoryview, *, by_peer: bool) -> None:
        """Bytes have passed; beyond the bound nothing more is kept, so that what is kept has no gap."""
        if data and self._left > 0 and not self.over:
            self._said.append(_Said(self._clock(), by_peer, bytes(data[: self._left])))
            self._left = self._left - len(data) if len(data) <= self._left else 0

    def forget(self) -> None:
        """It has been written, or will never be; its conversation may last."""
        self._said = []

    @property
    def empty(self) -> bool:
        return not self._said

    def pcapng(self, secrets: bytes) -> bytes:
        """The whole file."""
        head = pcapng.section_header(f"honeystack {honeystack.__version__}") + pcapng.interface()
        if secrets:
            head += pcapng.secrets(secrets)
        return head + b"".join(pcapng.packet(data, at) for at, data in packets_of(self.flow, self._began, self._said))


class Transcripts:
    """Inputs: `make_room`, `begin`, `end`. Output: a file for each conversation, named by its connection id."""

    def __init__(self, folder: Path, limits: TranscriptLimits, *, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.keys = KeyLog(limits.conversations + self._most_leaving)
        self._folder = CaptureFolder(folder, total=limits.total, files=limits.files, clock=clock)
        self._writers = trio.CapacityLimiter(WRITERS)
        self._clock = clock
        self._places = Shares[Transcript]()
        self._of_source: Counter[str] = Counter()
        self._leaving = 0

    def reached(self, peer: Conversation) -> tuple[str, int] | None:
        """The bound, by name, and its value, that does not let another conversation of this peer be noted as it is."""
        limits = self.limits
        if self._of_source[source_text(peer.flow.remote.address)] >= limits.conversations_of_one:
            return "pcap_conversations_per_source", limits.conversations_of_one
        if len(self._places) >= limits.conversations:
            return "pcap_conversations", limits.conversations
        return None

    def make_room(self, peer: Conversation) -> Transcript | None:
        """Where a bound on all is `reached`, the transcript that gives way to one of this peer, and is to `end` now.

        None where there is none: where no network has two more than the peer's, or too many are being written.
        """
        reached = self.reached(peer)
        if reached is None or reached[0] != "pcap_conversations" or self._leaving >= self._most_leaving:
            return None
        heaviest = self._places.heaviest()
        if heaviest is None or self._places.weight_of(heaviest) < self._places.weight_of(_network_of(peer.flow)) + 2:
            return None
        transcript = self._places.oldest_of(heaviest)
        self._leaving += 1
        self._leave(transcript)
        return transcript

    def begin(self, peer: Conversation) -> Transcript | None:
        """Note what passes from now on; None where a bound is `reached`."""
        if self.reached(peer) is not None:
            return None
        transcript = Transcript(peer.flow, peer.identity, self.limits.conversation, keys=self.keys, clock=self._clock)
        self._places.add(_network_of(peer.flow), transcript, 1)
        self._of_source[source_text(peer.flow.remote.address)] += 1
        transcript.note(peer.ahead, by_peer=True)
        peer.stream = _Noted(peer.stream, transcript)
        peer.transcript = transcript
        return transcript

    async def end(self, transcript: Transcript) -> bool:
        """Write the file, unless it is already; False where that takes too long, and there will be none.

        Raises OSError where it fails.
        """
        if transcript.over:
            await trio.lowlevel.checkpoint()
            return True
        gives_way = transcript not in self._places
        transcript.over = True
        try:
            return await self._write(transcript)
        finally:
            transcript.forget()
            if gives_way:
                self._leaving -= 1
            else:
                self._leave(transcript)

    async def _write(self, transcript: Transcript) -> bool:
        secrets = b"" if transcript.secrets is None else self.keys.secrets_of(transcript.secrets)
        name = f"{transcript.identity.connection_id}.pcapng"
        owner = _network_of(transcript.flow)
        with trio.move_on_after(WRITE_SECONDS, shield=True) as scope:
            if not transcript.empty:
                await trio.to_thread.run_sync(
                    lambda: self._folder.write(
                        name, transcript.pcapng(secrets), owner=owner, wanted=lambda: not scope.cancelled_caught
                    ),
                    abandon_on_cancel=True,
                    limiter=self._writers,
                )
        return not scope.cancelled_caught

    @property
    def _most_leaving(self) -> int:
        return max(1, self.limits.conversations // LEAVING)

    def _leave(self, transcript: Transcript) -> None:
        self._places.remove(transcript)
        source = source_text(transcript.flow.remote.address)
        self._of_source[source] -= 1
        if not self._of_source[source]:
            del self._of_source[source]


def _network_of(flow: Flow) -> str:
    return network_of(flow.remote.address)


class _Noted(trio.abc.HalfCloseableStream):
    """A stream whose bytes are noted as they pass."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, transcript: Transcript) -> None:
        self._stream = stream
        self._transcript = transcript

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self._transcript.note(data, by_peer=True)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._transcript.note(data, by_peer=False)
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


def packets_of(flow: Flow, began: float, said: Iterable[_Said]) -> Iterator[tuple[float, bytes]]:
    """IP packets with their times: a handshake, the data in segments, and both FINs."""
    ends = (flow.local, flow.remote)
    sent = [0, 0]  # by us, by the peer: the next sequence number
    at = began

    def made(by_peer: bool, flags: int, data: bytes = b"") -> bytes:
        source, destination = ends[by_peer], ends[not by_peer]
        acknowledged = sent[not by_peer] if flags & _ACK else 0
        whole = _packet(source, destination, sent[by_peer] % 2**32, acknowledged % 2**32, flags, data)
        sent[by_peer] += len(data) + bool(flags & (_SYN | _FIN))
        return whole

    yield at, made(True, _SYN)
    yield at, made(False, _SYN | _ACK)
    yield at, made(True, _ACK)
    for at, by_peer, data in said:
        for start in range(0, len(data), SEGMENT):
            yield at, made(by_peer, _PSH | _ACK, data[start : start + SEGMENT])
    yield at, made(True, _FIN | _ACK)
    yield at, made(False, _FIN | _ACK)
    yield at, made(True, _ACK)


def _packet(source: Endpoint, destination: Endpoint, seq: int, ack: int, flags: int, data: bytes) -> bytes:
    ours, theirs = (ipaddress.ip_address(end.address.partition("%")[0]).packed for end in (source, destination))
    pseudo = pseudo_header_sum(ours, theirs, _TCP, 0)
    segment = encode_segment(source.port, destination.port, seq, ack, flags, 0xFFFF, pseudo, data=data)
    if len(ours) == 4:
        return encode_ipv4(ours, theirs, _TCP, len(segment), ttl=64) + segment
    return encode_ipv6(ours, theirs, _TCP, len(segment), hop_limit=64) + segment
