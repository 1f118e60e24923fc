"""A scripted peer of one server: it sends exactly the segments that a test asks for, and reads the answers."""

from __future__ import annotations

from honeystack.net.address import Path
from honeystack.net.notices import Accepted, Closed, CloseReason, Fault, Notice
from honeystack.net.tcp.connection import Connection
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IpFacts
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, PSH, SYN, syn_options, timestamp_option
from tests.net.tcp.cutting import cut
from tests.net.tcp.pair import judge, make_tcp, path_of, peer_segment

FACTS = IpFacts(57, 4321, True, 0)


class Peer:
    """By default it has SACK, window scale and no timestamps, so that sizes are round."""

    def __init__(
        self,
        tcp: Tcp | None = None,
        *,
        version: int = 4,
        port: int = 80,
        local_port: int = 50_000,
        irs: int = 1000,
        mss: int | None = 1460,
        scale: int | None = 0,
        sack: bool = True,
        timestamp: int | None = None,
        window: int = 65_535,
        path: Path | None = None,
    ) -> None:
        self.tcp = tcp or make_tcp(3)
        self.tcp.listen(None)
        self.path = path or path_of(version)
        self.now = 1000.0
        self.ports = local_port, port
        self.seq = irs
        self.ack = 0
        self.window = window
        self.timestamp = timestamp
        self.echo = 0
        self.mss, self.scale, self.sack = mss, scale, sack
        self.notices: list[Notice] = []
        self.conn: Connection | None = None

    def send(
        self,
        flags: int = ACK,
        data: bytes = b"",
        *,
        seq: int | None = None,
        ack: int | None = None,
        options: bytes | None = None,
        window: int | None = None,
    ) -> list[Segment]:
        """Send one segment at the current numbers unless told otherwise; the answers."""
        if options is None:
            options = b"" if self.timestamp is None else timestamp_option(self.timestamp, self.echo)
        segment = peer_segment(
            self.path,
            self.ports,
            self.seq if seq is None else seq,
            self.ack if ack is None else ack,
            flags,
            window=self.window if window is None else window,
            options=options,
            data=data,
        )
        self.tcp.receive_segment(self.path, segment, FACTS, self.now, verify=True)
        return self.answers()

    def answers(self) -> list[Segment]:
        """What the driver would get now."""
        segments = [
            judge(path, piece) for path, segment in self.tcp.poll_transmit(self.now) for piece in cut(path, segment)
        ]
        while (notice := self.tcp.poll_notice()) is not None:
            assert not isinstance(notice, Fault), notice
            self.notices.append(notice)
        for seg in segments:
            if seg.timestamps is not None:
                self.echo = seg.timestamps[0]
        return segments

    def wait(self, seconds: float) -> list[Segment]:
        """Let virtual time pass; everything that was sent meanwhile."""
        end = self.now + seconds
        sent = self.answers()
        while (deadline := self.tcp.poll_timeout()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.tcp.handle_timeout(self.now)
            sent += self.answers()
        self.now = end
        return sent

    def syn(self) -> list[Segment]:
        options = b""
        if self.mss is not None:
            stamps = None if self.timestamp is None else (self.timestamp, 0)
            options = syn_options(self.mss, window_scale=self.scale, sack=self.sack, timestamps=stamps)
        return self.send(SYN, options=options)

    def open(self) -> Connection:
        """Complete the handshake."""
        (answer,) = self.syn()
        assert answer.flags == SYN | ACK
        self.seq, self.ack = add(self.seq, 1), add(answer.seq, 1)
        self.send()
        self.conn = next(notice.connection for notice in reversed(self.notices) if isinstance(notice, Accepted))
        return self.conn

    def say(self, data: bytes) -> list[Segment]:
        """Send data in order."""
        answers = self.send(ACK | PSH, data)
        self.seq = add(self.seq, len(data))
        return answers

    def told(self, kind: type) -> list[Notice]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


def asked() -> Peer:
    """A peer that has been sent the SYN of an active open."""
    peer = Peer()
    peer.conn = peer.tcp.connect(peer.path, *peer.ports, peer.now)
    (syn,) = peer.answers()
    assert syn.flags == SYN
    peer.ack = add(syn.seq, 1)
    return peer


def reasons(peer: Peer) -> list[CloseReason]:
    """Why connections have ended since this was asked last."""
    return [notice.reason for notice in peer.told(Closed) if isinstance(notice, Closed)]
