"""The stack: one frame in, and what is to be said and told of it out. Pure; see docs/architecture.md for the contract.

A frame has exactly one fate, and the fates add up to the frames. What is not for us is ignored, what is the host's is
excluded before anything else is done with it, and whatever goes wrong costs the one frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from struct import unpack_from
from typing import TYPE_CHECKING, Final

from honeystack.errors import Malformed
from honeystack.net import sniffer
from honeystack.net.address import Path
from honeystack.net.anomalies import damage_anomaly
from honeystack.net.delivery import Delivery, Fate
from honeystack.net.internet import Internet, is_martian
from honeystack.net.notices import AddressConflict, Damaged, Fault, MtuChanged, Notice
from honeystack.net.output import Output, Rng
from honeystack.net.settings import StackSettings
from honeystack.net.tcp.endpoint import Tcp
from honeystack.net.tcp.path_errors import change_mtu
from honeystack.net.tcp.settings import TcpSettings
from honeystack.net.udp import Udp
from honeystack.net.wire import arp, ipv4, ipv6
from honeystack.net.wire.ethernet import ARP, HEADER_LENGTH, IPV4, IPV6, EthernetHeader, decode_ethernet, is_reserved
from honeystack.net.wire.facts import ChecksumState, IpFacts

if TYPE_CHECKING:
    from honeystack.net.flood import Flood
    from honeystack.net.wire.syn_acks import FrameBlock
    from honeystack.net.wire.syn_batch import SynBatch

__all__ = ["Fate", "Stack"]

# By name alone: nearly every frame asks.
UNKNOWN: Final = ChecksumState.UNKNOWN
DELIVERED: Final = Fate.DELIVERED

MAX_PATHS = 16_384  # paths of TCP traffic kept ready; all forgotten, and judged again, when full


class Stack:
    """Inputs: `receive_frame`, `handle_timeout`, `send_datagram`, `shut_down`, and the user calls of `tcp` and `udp`.

    Outputs: `poll_transmit`, `poll_notice`, `poll_timeout`. The driver asks them in this order after every input.
    """

    def __init__(self, settings: StackSettings, *, rng: Rng) -> None:
        self.settings = settings
        self.addresses = settings.addresses
        self._mac = settings.mac
        self._notices: deque[Notice] = deque()
        self._output = Output(mtu=settings.mtu, ttl=settings.persona.ttl, rng=rng)
        self.udp = Udp(self._output, self._notices, settings.limits)
        self.tcp = Tcp(
            TcpSettings(settings.limits, settings.persona, settings.secret, settings.mtu, cuts_runs=settings.cuts_runs),
            rng=rng,
        )
        self._output.path_mtus = self.tcp.path_mtus.mtus
        self._output.fragmentable = self.tcp.path_mtus.fragmentable
        self._delivery = Delivery(settings, self._output, self._notices, self.tcp, self.udp, rng=rng)
        if settings.links:
            self._output.contacts = {}
        self._internet = Internet(settings, self._delivery)
        self._paths: dict[bytes, Path] = {}
        self._fates = [0] * len(Fate)
        self._frames_out = 0
        self._rng = rng
        self._flood: Flood | None = None

    # inputs

    def receive_frame(
        self,
        frame: bytes,
        now: float,
        *,
        checksum: ChecksumState = ChecksumState.UNKNOWN,
        vlan: int | None = None,
    ) -> None:
        """Take one frame from the link. Never raises: what a frame does to the code costs that frame only."""
        try:
            fate = self._segment(frame, now, checksum, vlan)
            if fate is None:
                fate = self._frame(frame, now, checksum, vlan)
        except Malformed as damage:
            fate = Fate.MALFORMED
            self._damaged(frame, str(damage))
        except Exception as error:
            fate = Fate.FAULT
            self._notices.append(Fault(frame, error))
        self._fates[fate] += 1

    def receive_syns(self, batch: SynBatch, now: float) -> list[FrameBlock]:
        """Take many SYNs from the link, as if they came one by one; what is answered at once is to be sent as it is.

        Never raises. Who has batches has numpy.
        """
        begun = 0
        while begun < len(batch) and not self.tcp.handshakes.full:  # each has room to be remembered
            self._receive_row(batch, begun, now)
            begun += 1
        blocks: list[FrameBlock] = []
        rows: Sequence[int] = range(begun, len(batch))
        try:
            blocks, left = self._flood_for().answer(batch.after(begun), now)
            rows = [begun + row for row in left.tolist()]
            if self._flood_for().overlooks():
                self._delivery.bound("scan_sources", None, now)
        except Exception as error:
            self._notices.append(Fault(b"", error))
        answered = sum(map(len, blocks))
        self._fates[Fate.DELIVERED] += answered
        self._frames_out += answered
        for row in rows:
            self._receive_row(batch, row, now)
        return blocks

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        try:
            self.tcp.handle_timeout(now)
            self.tcp.path_mtus.expire(now)
            self._delivery.groups.handle_timeout(now)
            self._delivery.reachability.handle_timeout(now)
            self._internet.handle_timeout(now)
        except Exception as error:
            self._notices.append(Fault(b"", error))

    def send_datagram(
        self, path: Path, local_port: int, remote_port: int, data: bytes, now: float, *, amplification: float = 1.0
    ) -> bool:
        """Send a UDP datagram; False when its address has no budget left and nothing was sent.

        Its budget is `amplification` bytes for each byte that came from it.
        """
        return self.udp.send(path, local_port, remote_port, data, now, amplification=amplification)

    def change_mtu(self, mtu: int, now: float) -> None:
        """The link takes packets of another length from now on."""
        self._notices.append(MtuChanged(self._output.mtu, mtu))
        self._output.mtu = mtu
        change_mtu(self.tcp, mtu, now)

    def shut_down(self, now: float) -> None:
        """End every connection, with reason SHUTDOWN."""
        self.tcp.shut_down(now)

    # outputs

    def poll_transmit(self, now: float) -> list[bytes]:
        """All frames that are due, in order."""
        for path, segment in self.tcp.poll_transmit(now):
            self._output.segment(path, segment)
        frames = self._output.drain()
        if self._output.contacts:
            frames = self._questions(now) + frames
        self._frames_out += len(frames)
        return frames

    def poll_notice(self) -> Notice | None:
        return self._notices.popleft() if self._notices else self.tcp.poll_notice()

    def poll_timeout(self) -> float | None:
        """The next deadline in the clock of `now`; None while nothing is waited for."""
        delivery, first = self._delivery, self.tcp.poll_timeout()
        others = (
            delivery.groups.next_deadline(),
            delivery.reachability.next_deadline(),
            self._internet.next_deadline(),
        )
        for at in others:
            if at is not None and (first is None or at < first):
                first = at
        return first

    # getters

    def statistics(self) -> dict[str, int]:
        """Counters since the beginning; frames_in is the sum of the six fates that follow it."""
        answered, delivered, ignored, malformed, excluded, faults = self._fates
        return {
            "frames_in": sum(self._fates),
            "answered": answered,
            "delivered": delivered,
            "ignored": ignored,
            "malformed": malformed,
            "excluded": excluded,
            "faults": faults,
            "frames_out": self._frames_out,
            "fragments_held": self._internet.fragments_held,
            "neighbours_forgotten": self._delivery.neighbours.forgotten,
            **{f"tcp_{name}": count for name, count in self.tcp.statistics().items()},
        }

    def path_to(self, local: bytes, remote: bytes) -> Path | None:
        """How to reach a neighbour that has told its MAC address; both packed."""
        return self._delivery.neighbours.path_to(local, remote)

    def _questions(self, now: float) -> list[bytes]:
        """What is to be asked of the neighbours that the frames of now go to."""
        contacts, self._output.contacts = self._output.contacts or {}, {}
        for path in contacts.values():
            self._delivery.used(path, now)
        self._output.contacts.clear()  # the questions themselves
        return self._output.drain()

    # the short way: TCP over plain headers, which nearly every frame of a busy day is

    def _segment(self, frame: bytes, now: float, checksum: ChecksumState, vlan: int | None) -> Fate | None:
        """Hand a plain segment for us to TCP; None sends the frame the long way, which judges all the rest."""
        kind = frame[12:15]
        if kind == b"\x08\x00\x45" and len(frame) >= 54 and frame[23] == ipv4.TCP:
            total, ident, fragment = unpack_from("!HHH", frame, 16)
            start, end = 34, HEADER_LENGTH + total
            if fragment & 0xBFFF or not 54 <= end <= len(frame) or int.from_bytes(frame[14:34], "big") % 0xFFFF:
                return None
            path = self._path(frame, 26, 30, 34, vlan)
            facts = IpFacts(frame[22], ident, fragment != 0, frame[15])
        elif kind[:2] == b"\x86\xdd" and len(frame) >= 74 and frame[20] == ipv6.TCP and frame[14] >> 4 == 6:
            start, end = 54, 54 + (frame[18] << 8 | frame[19])
            if not 74 <= end <= len(frame):
                return None
            path = self._path(frame, 22, 38, 54, vlan)
            facts = IpFacts(frame[21], 0, True, (frame[14] << 4 | frame[15] >> 4) & 0xFF)
        else:
            return None
        if path is None:
            return None
        if self._delivery.host_ports[ipv4.TCP][frame[start + 2] << 8 | frame[start + 3]]:
            return Fate.EXCLUDED
        segment = memoryview(frame)[start:end]
        self.tcp.receive_segment(path, segment, facts, now, verify=checksum is UNKNOWN)
        return DELIVERED

    def _path(self, frame: bytes, source: int, destination: int, end: int, vlan: int | None) -> Path | None:
        """The path back to a good sender of a frame that is for us, from memory or judged now."""
        key = frame[:12] + frame[source:end]
        if vlan is not None:
            key += vlan.to_bytes(4, "big")
        path = self._paths.get(key)
        if path is not None:
            return path
        local, remote = frame[destination:end], frame[source:destination]
        local_mac, remote_mac = frame[:6], frame[6:12]
        if local_mac != self._mac or remote_mac == self._mac or remote_mac[0] & 1 or local not in self.addresses:
            return None
        if remote in self.settings.exclusions.addresses or remote in self.addresses or is_martian(remote):  # MUST-63
            return None
        if remote in self.settings.broadcasts:
            return None
        if vlan is not None and (self.settings.vlan == "ignore" or is_reserved(vlan)):
            return None
        if len(self._paths) >= MAX_PATHS:
            self._paths.clear()
        path = self._paths[key] = Path(4 if len(local) == 4 else 6, local, remote, local_mac, remote_mac, vlan)
        return path

    # many SYNs at once

    def _flood_for(self) -> Flood:
        if self._flood is None:
            from honeystack.net.flood import Flood

            self._flood = Flood(
                self.settings,
                self.tcp,
                host_ports=self._delivery.host_ports[ipv4.TCP],
                label_seed=self._output.seed,
                sieve_seed=self._rng.getrandbits(64),
            )
        return self._flood

    def _receive_row(self, batch: SynBatch, row: int, now: float) -> None:
        data, checksum, vlan = batch.frame(row)
        self.receive_frame(data, now, checksum=checksum, vlan=vlan)

    # the long way

    def _damaged(self, frame: bytes, reason: str) -> None:
        self._notices.append(Damaged(frame, reason))
        anomaly = damage_anomaly(frame, reason, self.addresses, self.settings.exclusions.addresses)
        if anomaly is not None:
            self._notices.append(anomaly)

    def _frame(self, frame: bytes, now: float, checksum: ChecksumState, vlan: int | None) -> Fate:
        ethernet = decode_ethernet(frame, vlan)
        to_group = ethernet.destination[0] & 1
        if (
            ethernet.source[0] & 1
            or ethernet.source == self._mac
            or not (to_group or ethernet.destination == self._mac)
            or (ethernet.vlan is not None and (self.settings.vlan == "ignore" or is_reserved(ethernet.vlan)))
        ):
            return Fate.IGNORED
        octets = memoryview(frame)[ethernet.offset :]
        if ethernet.ethertype == IPV4:
            return self._internet.receive_ipv4(octets, ethernet, now, checksum)
        if ethernet.ethertype == IPV6:
            return self._internet.receive_ipv6(octets, ethernet, now, checksum)
        if ethernet.ethertype == ARP:
            return self._arp(octets, ethernet, now)
        if self.settings.sniffer:
            self._notices.append(sniffer.ethernet_seen(frame, ethernet))
        return Fate.IGNORED

    def _arp(self, octets: memoryview, ethernet: EthernetHeader, now: float) -> Fate:
        packet = arp.decode_arp(octets)
        if packet.sender in self.settings.exclusions.addresses:
            return Fate.EXCLUDED
        if self.settings.sniffer:
            self._notices.append(sniffer.arp_seen(packet, ethernet))
        if packet.sender in self.addresses:  # RFC 5227 §2.4
            self._notices.append(AddressConflict(packet.sender, packet.sender_mac, withdrawn=False))
            return Fate.IGNORED
        if any(packet.sender) and is_martian(packet.sender):
            return Fate.IGNORED
        return self._delivery.arp(packet, ethernet, now)
