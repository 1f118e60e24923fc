"""Two endpoints and a hostile link between them, in virtual time; every segment that leaves is judged."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Accepted, Closed, CloseReason, Fault, Notice
from honeystack.net.persona import Persona
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add, diff
from honeystack.net.tcp.settings import TcpSettings
from honeystack.net.wire.checksum import partial_sum, pseudo_header_sum
from honeystack.net.wire.facts import IpFacts
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, RST, SYN, decode_segment, decode_syn_options, encode_segment

MAC = bytes(6)
FACTS = IpFacts(64, 0, True, 0)
ADDRESSES = {
    4: (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])),
    6: (bytes.fromhex("20010db8000000000000000000000001"), bytes.fromhex("20010db8000000000000000000000002")),
}


def path_of(version: int = 4, remote: bytes | None = None) -> Path:
    """The path from the server to the client."""
    ours, theirs = ADDRESSES[version]
    return Path(version, ours, remote or theirs, MAC, MAC)


def turned(path: Path) -> Path:
    return Path(path.version, path.remote, path.local, path.remote_mac, path.local_mac, path.vlan)


def make_tcp(
    seed: int = 0,
    *,
    persona: Persona | None = None,
    mtu: int = 1500,
    cuts_runs: bool = False,
    **limits: float,
) -> Tcp:
    secret = random.Random(seed).randbytes(32)
    settings = TcpSettings(Limits(**limits), persona or Persona(), secret, mtu, cuts_runs)
    return Tcp(settings, rng=random.Random(seed))


def judge(path: Path, segment: bytes) -> Segment:
    """Parse a segment that left an endpoint; its checksum must hold."""
    total = partial_sum(segment) + pseudo_header_sum(path.local, path.remote, 6, len(segment))
    assert total % 0xFFFF == 0, "bad checksum"
    return decode_segment(memoryview(segment))


class Edges:
    """Watches that no right edge of a window moves left."""

    def __init__(self) -> None:
        self._edges: dict[tuple[bytes, int, int], int] = {}
        self._scales: dict[tuple[bytes, int, int], int] = {}

    def watch(self, path: Path, seg: Segment) -> None:
        key = (path.remote, seg.source_port, seg.destination_port)
        if seg.flags & RST or not seg.flags & ACK:
            return
        if seg.flags & SYN:
            self._scales[key] = decode_syn_options(seg.options).window_scale or 0
            self._edges[key] = add(seg.ack, seg.window)
            return
        edge = add(seg.ack, seg.window << self._scales.get(key, 0))
        if key in self._edges:
            assert diff(edge, self._edges[key]) >= 0, "the right edge moved left"
        self._edges[key] = edge


class Pair:
    """A client and a server `Tcp`; `impair` decides what happens to each segment: the delays of its copies."""

    def __init__(
        self,
        version: int = 4,
        *,
        client: Tcp | None = None,
        server: Tcp | None = None,
        impair: Callable[[], list[float]] | None = None,
    ) -> None:
        self.now = 1000.0
        self.client = client or make_tcp(1)
        self.server = server or make_tcp(2)
        self.server.listen(None)
        self.to_client = path_of(version)
        self.to_server = turned(self.to_client)
        self.impair = impair or (lambda: [0.01])
        self.notices: dict[Tcp, list[Notice]] = {self.client: [], self.server: []}
        self.log: list[tuple[float, Tcp, Segment]] = []
        self.keep_log = False
        self.edges = Edges()
        self.on_notice: Callable[[Tcp, Notice], None] = lambda tcp, notice: None
        self.on_arrival: Callable[[Tcp, bytes], None] = lambda to, segment: None
        self._wire: list[tuple[float, int, Tcp, Path, bytes]] = []
        self._count = 0

    def connect(self, port: int = 80, local_port: int = 40000) -> tuple[Connection, Connection]:
        """Both ends of an established connection."""
        conn = self.client.connect(self.to_server, port, local_port, self.now)
        self.run_until(lambda: any(isinstance(n, Accepted) for n in self.notices[self.server]))
        accepted = [n.connection for n in self.notices[self.server] if isinstance(n, Accepted)][-1]
        self.run(0.1)
        return conn, accepted

    def closed(self, tcp: Tcp) -> list[CloseReason]:
        return [n.reason for n in self.notices[tcp] if isinstance(n, Closed)]

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        self.run_until(lambda: False, end)
        self.now = end

    def run_until(self, done: Callable[[], bool], end: float | None = None) -> None:
        """Step through virtual time until done or, without an end, fail when nothing is left to happen."""
        self.flush()
        while not done():
            upcoming = self._upcoming()
            if end is not None and (upcoming is None or upcoming > end):
                return
            assert upcoming is not None, "nothing more will happen"
            assert upcoming - self.now < 1e6
            self.now = max(self.now, upcoming)
            self._step()

    def flush(self) -> None:
        """Do what the driver does after every input."""
        for tcp, other in ((self.client, self.server), (self.server, self.client)):
            for path, segment in tcp.poll_transmit(self.now):
                seg = judge(path, segment)
                self.edges.watch(path, seg)
                if self.keep_log:
                    self.log.append((self.now, tcp, seg))
                self._send(other, turned(path), segment)
            while (notice := tcp.poll_notice()) is not None:
                assert not isinstance(notice, Fault), notice
                self.notices[tcp].append(notice)
                self.on_notice(tcp, notice)

    def _send(self, to: Tcp, path: Path, segment: bytes) -> None:
        for delay in self.impair():
            self._count += 1
            heapq.heappush(self._wire, (self.now + delay, self._count, to, path, segment))

    def _upcoming(self) -> float | None:
        times = [t for t in (self.client.poll_timeout(), self.server.poll_timeout()) if t is not None]
        if self._wire:
            times.append(self._wire[0][0])
        return min(times) if times else None

    def _step(self) -> None:
        while self._wire and self._wire[0][0] <= self.now:
            _, _, to, path, segment = heapq.heappop(self._wire)
            self.on_arrival(to, segment)
            to.receive_segment(path, memoryview(segment), FACTS, self.now, verify=True)
        for tcp in (self.client, self.server):
            tcp.handle_timeout(self.now)
        self.flush()


def hostile(seed: int, *, loss: float = 0.05, delay: float = 0.01, jitter: float = 0.005) -> Callable[[], list[float]]:
    """Loses, delays, reorders and duplicates, the same for the same seed."""
    rng = random.Random(seed)

    def impair() -> list[float]:
        copies = 0 if rng.random() < loss else 2 if rng.random() < 0.01 else 1
        return [delay + rng.uniform(-jitter, jitter) for _ in range(copies)]

    return impair


def peer_segment(
    path: Path,
    ports: tuple[int, int],
    seq: int,
    ack: int,
    flags: int,
    *,
    window: int = 65535,
    options: bytes = b"",
    data: bytes = b"",
) -> memoryview:
    """A segment as the peer on `path` would send it; ports are the peer's and ours."""
    pseudo = pseudo_header_sum(path.remote, path.local, 6, 0)
    return memoryview(encode_segment(*ports, seq, ack, flags, window, pseudo, options, data))
