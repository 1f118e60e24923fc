"""UDP: which ports listen, and what may be answered (RFC 768, RFC 8085).

A source address may be forged, so nothing here can amplify: to one address go at most as many bytes as have come from
it within a window, or a multiple that the service asks for, at a bounded rate. And no two answering machines keep each
other busy: a source port that is itself a known reflector is answered once per window, and a peer that keeps sending
back what it was sent is not answered at all, whoever asks for it and whatever is to go.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import attrs

from honeystack.net.address import Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Anomaly, BoundReached, Datagram, Notice, Scanned
from honeystack.net.output import Output
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.udp import PROTOCOL, UdpDatagram, decode_udp, encode_udp

# Services that answer whoever asks: a datagram "from" one of them is an answer that we would keep going.
REFLECTORS = frozenset({7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 138, 161, 389, 427, 500, 520, 1194, 1434, 1900})
REFLECTORS |= {3283, 3478, 3702, 5060, 5353, 5355, 5683, 10001, 11211, 27960}

WINDOW = 60.0  # seconds in which bytes sent are held against bytes received
MAX_ECHOES = 32  # times that a peer may send us exactly what we lately sent it; then it has no answer in the window
RECENT = 64  # answers to one address that are remembered for it: so many loops at once would be seen
MAX_DATAGRAM = 0xFFFF - 8


@attrs.define(eq=False, slots=True)
class _Remote:
    """What has gone between us and one remote address since `since`."""

    since: float
    tokens: float
    at: float
    received: int = 0
    sent: int = 0
    reflected: bool = False  # a reflector's port has had its one answer
    recent: deque[int] | None = None  # hashes of the last answers' data
    echoes: int = 0

    @property
    def loops(self) -> bool:
        return self.echoes > MAX_ECHOES


class AnswerGuard:
    """What may be answered. Inputs: `heard` for each datagram that comes, `may_send` for each that is to go.

    Addresses are packed. At most `limit` of them are remembered; `forgotten` counts those that gave way, and
    `held_back` the answers beyond so many `per_second` to one of them.
    """

    def __init__(self, limit: int, *, per_second: int) -> None:
        self.forgotten = self.held_back = 0
        self._limit = limit
        self._rate, self._burst = float(per_second), 2.0 * per_second
        self._remotes: OrderedDict[bytes, _Remote] = OrderedDict()

    def __len__(self) -> int:
        return len(self._remotes)

    def heard(self, address: bytes, port: int, data: bytes, now: float) -> bool:
        """A datagram has come; whether it may be answered."""
        remote = self._remote(address, now)
        remote.received += len(data)
        if port == 0:
            return False
        if remote.recent is not None and hash(data) in remote.recent:
            remote.echoes += 1
        return not (remote.loops or (port in REFLECTORS and remote.reflected))

    def may_send(self, address: bytes, port: int, data: bytes, now: float, *, amplification: float = 1.0) -> bool:
        """Whether this may go out; if so it counts as sent. `amplification`: bytes sent for each byte received."""
        remote = self._remote(address, now)
        remote.tokens = min(self._burst, remote.tokens + (now - remote.at) * self._rate)
        remote.at = now
        if port == 0 or remote.loops or remote.sent + len(data) > remote.received * amplification:
            return False
        if remote.tokens < 1.0:
            self.held_back += 1
            return False
        if port in REFLECTORS:
            if remote.reflected:
                return False
            remote.reflected = True
        remote.tokens -= 1.0
        remote.sent += len(data)
        if remote.recent is None:
            remote.recent = deque(maxlen=RECENT)
        remote.recent.append(hash(data))
        return True

    def _remote(self, address: bytes, now: float) -> _Remote:
        remote = self._remotes.get(address)
        if remote is not None and now - remote.since < WINDOW:
            return remote
        if remote is None and len(self._remotes) >= self._limit:
            self._remotes.popitem(last=False)
            self.forgotten += 1
        fresh = _Remote(now, tokens=self._burst, at=now)
        if remote is not None:  # a burst is not given anew, and an answer may be due
            fresh.received = min(remote.received - remote.sent, MAX_DATAGRAM)
            fresh.recent = remote.recent
            fresh.tokens, fresh.at = remote.tokens, remote.at
            if not remote.loops and now - remote.since < 2 * WINDOW:  # a slow loop ends too; one that has, is over
                fresh.echoes = remote.echoes
            self._remotes.move_to_end(address)
        self._remotes[address] = fresh
        return fresh


def _refusal(port: int) -> str:
    """The name for a datagram from this port that may not be answered."""
    if port == 0:
        return "port-zero"
    return "reflector-port" if port in REFLECTORS else "answer-loop"


class Udp:
    """Inputs: `listen`, `unlisten`, `receive`, `send`. Outputs: notices in `notices`, packets to `output`."""

    def __init__(self, output: Output, notices: deque[Notice], limits: Limits) -> None:
        self._output = output
        self._notices = notices
        self._limits = limits
        self._ports: set[int | None] = set()
        self._guard = AnswerGuard(limits.datagram_remotes, per_second=limits.datagram_answers_per_second)
        self._told: dict[str, float] = {}

    def listen(self, port: int | None) -> None:
        """Take datagrams to a port; None: to every port."""
        self._ports.add(port)

    def unlisten(self, port: int | None) -> None:
        self._ports.discard(port)

    def listens(self, port: int) -> bool:
        return port in self._ports or (None in self._ports and port != 0)  # which nobody can bind

    def receive(self, packet: IpPacket, now: float) -> bool:
        """Take a datagram; False when its port is closed. Raises Malformed."""
        path = packet.path
        datagram = decode_udp(packet.payload, path.remote, path.local, verify=packet.verify)
        forgotten = self._guard.forgotten
        answerable = self._guard.heard(path.remote, datagram.source_port, datagram.data, now)
        if self._guard.forgotten > forgotten:
            self._reached("datagram_remotes", path, now)
        if packet.unicast:
            self._notices.append(Scanned(path, "udp", datagram.destination_port, datagram.source_port))
        if not answerable:
            name = _refusal(datagram.source_port)
            self._notices.append(Anomaly(path, "udp", name, datagram.destination_port, datagram.source_port))
        port = datagram.destination_port
        listens = self.listens(port)
        if listens or None in self._ports:  # a datagram to port 0 is told of too, and answered as that of a closed one
            answerable = answerable and packet.unicast and listens
            self._notices.append(Datagram(path, port, datagram.source_port, datagram.data, answerable))
        return listens

    def send(
        self, path: Path, local_port: int, remote_port: int, data: bytes, now: float, *, amplification: float = 1.0
    ) -> bool:
        """Send a datagram if the budget of its remote address allows; the answer says whether it was sent."""
        if len(data) > MAX_DATAGRAM - (20 if path.version == 4 else 0):
            return False
        held_back = self._guard.held_back
        if not self._guard.may_send(path.remote, remote_port, data, now, amplification=amplification):
            if self._guard.held_back > held_back:
                self._reached("datagram_answers_per_second", path, now)
            return False
        segment = encode_udp(UdpDatagram(local_port, remote_port, data), path.local, path.remote)
        self._output.packet(path, PROTOCOL, segment, dont_fragment=True)
        return True

    def _reached(self, bound: str, path: Path, now: float) -> None:
        """Tell of a bound, once in a window."""
        if now - self._told.get(bound, float("-inf")) >= WINDOW:
            self._told[bound] = now
            self._notices.append(BoundReached(bound, getattr(self._limits, bound), path))
