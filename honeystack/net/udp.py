"""UDP: which ports listen, and what may be answered (RFC 768, RFC 8085).

A source address may be forged, so nothing here can amplify: to one address go at most as many bytes as have come from
it within a window, at a bounded rate. And no two answering machines keep each other busy: a source port that is
itself a known reflector is answered once per window, and a peer that only sends back what it was sent is not answered.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import attrs

from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached, Datagram, Notice, Scanned
from honeystack.net.output import Output
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.udp import PROTOCOL, UdpDatagram, decode_udp, encode_udp

# Services that answer whoever asks: a datagram "from" one of them is an answer that we would keep going.
REFLECTORS = frozenset({7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 138, 161, 389, 427, 500, 520, 1194, 1434, 1900})
REFLECTORS |= {3283, 3478, 3702, 5060, 5353, 5355, 5683, 10001, 11211, 27960}

WINDOW = 60.0  # seconds in which bytes sent are held against bytes received
ANSWER_RATE, ANSWER_BURST = 100.0, 200.0  # answers to one address per second, and at once
MAX_ECHOES = 32  # times in a window that a peer may send us exactly what we lately sent it
RECENT = 64  # answers to one address that are remembered for it: so many loops at once would be seen
MAX_DATAGRAM = 0xFFFF - 8


@attrs.define(eq=False, slots=True)
class _Remote:
    """What has gone between us and one remote address since `since`."""

    since: float
    received: int = 0
    sent: int = 0
    tokens: float = ANSWER_BURST
    at: float = 0.0
    reflected: bool = False  # a reflector's port has had its one answer
    recent: deque[int] | None = None  # hashes of the last answers' data
    echoes: int = 0


class Udp:
    """Inputs: `listen`, `unlisten`, `receive`, `send`. Outputs: notices in `notices`, packets to `output`."""

    def __init__(self, output: Output, notices: deque[Notice], limits: Limits) -> None:
        self._output = output
        self._notices = notices
        self._limit = limits.aggregates
        self._ports: set[int | None] = set()
        self._remotes: OrderedDict[bytes, _Remote] = OrderedDict()
        self._told = float("-inf")

    def listen(self, port: int | None) -> None:
        """Take datagrams to a port; None: to every port."""
        self._ports.add(port)

    def unlisten(self, port: int | None) -> None:
        self._ports.discard(port)

    def listens(self, port: int) -> bool:
        return port in self._ports or None in self._ports

    def receive(self, packet: IpPacket, now: float) -> bool:
        """Take a datagram; False when its port is closed. Raises Malformed."""
        path = packet.path
        datagram = decode_udp(packet.payload, path.remote, path.local, verify=packet.verify)
        remote = self._remote(path, now)
        remote.received += len(datagram.data)
        if packet.unicast:
            self._notices.append(Scanned(path, "udp", datagram.destination_port, datagram.source_port))
        if not self.listens(datagram.destination_port):
            return False
        answerable = packet.unicast and self._answerable(remote, datagram)
        self._notices.append(Datagram(path, datagram.destination_port, datagram.source_port, datagram.data, answerable))
        return True

    def send(self, path: Path, local_port: int, remote_port: int, data: bytes, now: float) -> bool:
        """Send a datagram if the budget of its remote address allows; the answer says whether it was sent."""
        remote = self._remote(path, now)
        remote.tokens = min(ANSWER_BURST, remote.tokens + (now - remote.at) * ANSWER_RATE)
        remote.at = now
        if len(data) > MAX_DATAGRAM - (20 if path.version == 4 else 0) or remote_port == 0:
            return False
        if remote.sent + len(data) > remote.received or remote.tokens < 1.0:
            return False
        if remote_port in REFLECTORS:
            if remote.reflected:
                return False
            remote.reflected = True
        remote.tokens -= 1.0
        remote.sent += len(data)
        if remote.recent is None:
            remote.recent = deque(maxlen=RECENT)
        remote.recent.append(hash(data))
        segment = encode_udp(UdpDatagram(local_port, remote_port, data), path.local, path.remote)
        self._output.packet(path, PROTOCOL, segment, dont_fragment=True)
        return True

    def _answerable(self, remote: _Remote, datagram: UdpDatagram) -> bool:
        if datagram.source_port == 0:
            return False
        if remote.recent is not None and hash(datagram.data) in remote.recent:
            remote.echoes += 1
            if remote.echoes > MAX_ECHOES:
                return False
        return not (datagram.source_port in REFLECTORS and remote.reflected)

    def _remote(self, path: Path, now: float) -> _Remote:
        remote = self._remotes.get(path.remote)
        if remote is not None and now - remote.since < WINDOW:
            return remote
        if remote is None and len(self._remotes) >= self._limit:
            self._remotes.popitem(last=False)
            if now - self._told >= WINDOW:
                self._told = now
                self._notices.append(BoundReached("aggregates", self._limit, path))
        fresh = _Remote(now, at=now)
        if remote is not None:  # a burst is not given anew, and an answer may be due
            fresh.received = min(remote.received - remote.sent, MAX_DATAGRAM)
            fresh.recent = remote.recent
            fresh.tokens, fresh.at = remote.tokens, remote.at
            self._remotes.move_to_end(path.remote)
        self._remotes[path.remote] = fresh
        return fresh
