"""SYNs answered by the hundred, while the table of handshakes is full and each would get a cookie anyway. Needs numpy.

What is plain and begins a new flow is judged by columns and gets the very frame, counters and facts that it would get
one by one. All else goes the ordinary way: what is odd, what belongs to a flow that is known, what is not for us.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from honeystack.net.address import AddressSet, IPNetwork, Path
from honeystack.net.notices import Scanned
from honeystack.net.settings import StackSettings
from honeystack.net.sieve import Sieve
from honeystack.net.tcp.cookie_rows import make_cookies, stamp_rows
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.sizes import DEFAULT_MSS
from honeystack.net.tcp.transmit import clock_ticks
from honeystack.net.wire.crc_columns import crc32_rows
from honeystack.net.wire.ranges import Addresses, Ranges
from honeystack.net.wire.syn_acks import Answers, FrameBlock, write_syn_acks
from honeystack.net.wire.syn_batch import SynBatch, Syns, plain_syns

MAX_TOLD: Final = 64  # suspects of one batch that scan detection hears of

# What no peer has for an address: unspecified, loopback, groups and broadcasts, mapped IPv4 (net.internet.is_martian).
MARTIANS: Final = AddressSet(["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/96", "::ffff:0:0/96", "ff00::/8"])
SOURCE_AT: Final = {4: 28, 6: 24}  # where addresses, ports and the sequence number lie in a row, one behind the other
ADDRESS_SIZE: Final = {4: 4, 6: 16}


class Flood:
    """Input and output: `answer`."""

    def __init__(
        self, settings: StackSettings, tcp: Tcp, *, host_ports: list[bool], label_seed: int, sieve_seed: int
    ) -> None:
        self._tcp = tcp
        self._mac = settings.mac
        self._ttl = settings.persona.ttl
        self._label_seed = label_seed
        self._left_to_us = ~np.array(host_ports)
        self._open, self._open_as_of = self._left_to_us, -1
        ours = list(settings.addresses)
        refused = [*ours, *settings.exclusions.addresses, *settings.broadcasts, *MARTIANS]
        self._ours = {version: Ranges(version, ours) for version in (4, 6)}
        self._refused = {version: Ranges(version, _only(refused, version)) for version in (4, 6)}
        self._sieve = Sieve(sieve_seed)
        self._overlooked = False

    def answer(self, batch: SynBatch, now: float) -> tuple[list[FrameBlock], NDArray[np.int64]]:
        """SYN-ACKs with cookies for the plain ones of a batch, and the rows of all others."""
        left = np.ones(len(batch), np.bool_)
        blocks = []
        for version in (4, 6):
            syns = plain_syns(batch, version)
            if len(syns):
                syns = syns.where(self._judge(syns))
            if len(syns):
                left[syns.places] = False
                blocks.append(self._answer(syns, now))
                self._tell(syns)
        return blocks, np.flatnonzero(left)

    def overlooks(self) -> bool:
        """Whether there were more suspects than were told since this was asked last."""
        overlooked, self._overlooked = self._overlooked, False
        return overlooked

    def _judge(self, syns: Syns) -> NDArray[np.bool_]:
        """Which of them begin a new flow to a port of ours that is listened to."""
        local, remote = _addresses(syns, 1), _addresses(syns, 0)
        good = self._is_addressed_well(syns)
        good &= self._ours[syns.version].hold(local) & ~self._refused[syns.version].hold(remote)
        good &= self._listened_to()[syns.local_ports]
        start, size = SOURCE_AT[syns.version], ADDRESS_SIZE[syns.version]
        length = 2 * size + 4
        keys: list[bytes] = syns.octets(start, start + length).view(f"V{length}").ravel().tolist()
        tcp = self._tcp
        for known in (tcp.flows, tcp.handshakes.entries, tcp.time_wait.entries):
            if not known.keys().isdisjoint(keys):
                good &= ~np.fromiter(map(known.__contains__, keys), np.bool_, len(keys))
        full = tcp.full_sources
        if full:
            size = min(size, 8)  # net.tcp.bounds.source_of
            good &= ~np.fromiter((key[:size] in full for key in keys), np.bool_, len(keys))
        return good

    def _is_addressed_well(self, syns: Syns) -> NDArray[np.bool_]:
        """To our own MAC address, from that of another single machine."""
        mac = int.from_bytes(self._mac, "big")
        high, low = syns.word(2), syns.word(3)
        good: NDArray[np.bool_] = (syns.word(0) & 0xFFFF) << 32 | syns.word(1) == mac
        good &= (high >> 24 & 1 == 0) & (high << 16 | low >> 16 != mac)
        return good

    def _listened_to(self) -> NDArray[np.bool_]:
        """For each port whether it is ours and listened to."""
        if self._open_as_of != self._tcp.listen_changes:
            self._open_as_of = self._tcp.listen_changes
            self._open = self._left_to_us & np.fromiter(map(self._tcp.listens, range(65536)), np.bool_, 65536)
        return self._open

    def _answer(self, syns: Syns, now: float) -> FrameBlock:
        tcp, version, count = self._tcp, syns.version, len(syns)
        persona, sizes = tcp.persona, tcp.sizes
        stamped = (syns.timestamp >= 0) & persona.timestamps
        scale = np.where(stamped, syns.scale, -1)  # without timestamps nothing carries it back
        sack = syns.sack & stamped & persona.sack
        start, size = SOURCE_AT[version], ADDRESS_SIZE[version]
        messages = syns.octets(start, start + 2 * size + 8)
        mss = np.where(syns.mss > 0, syns.mss, DEFAULT_MSS[version])
        answers = Answers(
            sizes.advertised_mss[version],
            persona.window_scale,
            make_cookies(tcp.cookies, messages, mss, now),
            stamp_rows(self._ticks(messages, stamped, now), scale, sack),
            (sizes.offered_window(version, timestamps=False), sizes.offered_window(version, timestamps=True)),
            scale >= 0,
            sack,
            stamped,
            self._ttl,
            self._mac,
            self._flow_labels(syns) if version == 6 else np.zeros(0, np.int64),
        )
        tcp.handshakes.answered_together(count, _path(syns, 0), now)
        return write_syn_acks(syns, answers)

    def _ticks(self, messages: NDArray[np.uint8], stamped: NDArray[np.bool_], now: float) -> NDArray[np.int64]:
        """Our timestamp clock for each flow; where each has its own, these are worked out one by one."""
        tcp = self._tcp
        if tcp.persona.linear_timestamps:
            return np.full(len(messages), clock_ticks(now, tcp.flow_secrets(b"", now)[1]), np.int64)
        ticks = np.zeros(len(messages), np.int64)
        for row in np.flatnonzero(stamped).tolist():
            ticks[row] = clock_ticks(now, tcp.flow_secrets(messages[row, :-4].tobytes(), now)[1])
        return ticks

    def _flow_labels(self, syns: Syns) -> NDArray[np.int64]:
        """As net.output chooses them: from our ports in the answer, and the peer's address."""
        ports = syns.octets(56, 60)[:, [2, 3, 0, 1]]
        labels = crc32_rows(ports, self._label_seed) ^ crc32_rows(syns.octets(24, 40))
        return labels.astype(np.int64) & 0xFFFFF

    def _tell(self, syns: Syns) -> None:
        """Scan detection hears of those who try several targets."""
        sources, local = (_numbers(syns, which) for which in (0, 1))
        suspects, more = self._sieve.suspects(sources, local, syns.local_ports, MAX_TOLD)
        self._overlooked |= more
        for suspect in suspects:
            path, ports = _path(syns, suspect.row), int(syns.ports[suspect.row])
            if suspect.earlier_times:
                self._tcp.notices.append(Scanned(path, "tcp", suspect.earlier_port, ports >> 16, suspect.earlier_times))
            self._tcp.notices.append(Scanned(path, "tcp", ports & 0xFFFF, ports >> 16, suspect.times))


def _addresses(syns: Syns, which: int) -> Addresses:
    """The sources (0) or destinations (1)."""
    if syns.version == 4:
        return syns.word(7 + which)
    start = SOURCE_AT[6] + 16 * which
    packed: NDArray[np.bytes_] = syns.octets(start, start + 16).view("S16").ravel()
    return packed


def _numbers(syns: Syns, which: int) -> NDArray[np.uint64]:
    """The same as numbers of 64 bits."""
    if syns.version == 4:
        return syns.word(7 + which).astype(np.uint64)
    start = SOURCE_AT[6] + 16 * which
    halves = syns.octets(start, start + 16).view(np.uint64)
    return halves[:, 0] * np.uint64(0x9E37_79B9_7F4A_7C15) ^ halves[:, 1]


def _path(syns: Syns, row: int) -> Path:
    frame = syns.words[row].view(np.uint8).tobytes()
    start, size = SOURCE_AT[syns.version], ADDRESS_SIZE[syns.version]
    middle = start + size
    return Path(syns.version, frame[middle : middle + size], frame[start:middle], frame[2:8], frame[8:14])


def _only(networks: list[IPNetwork], version: int) -> list[IPNetwork]:
    return [network for network in networks if network.version == version]
