"""Has another host an address that we are to answer for? Asked before it is answered for: RFC 5227 §2.1, RFC 4862 §5.4.

For IPv6 to the letter: one solicitation from nobody, and a second's silence. RFC 5227 wants seven seconds for IPv4,
which it has for radio links and bridges that have just woken up; our interface has long been up, and a host answers
within milliseconds, so that three probes share that second too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from honeystack.errors import Malformed
from honeystack.net.output import Rng
from honeystack.net.wire import arp, icmpv6, ipv6
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import ARP, BROADCAST, IPV6, decode_ethernet, encode_ethernet, multicast_mac
from honeystack.net.wire.facts import ChecksumState
from honeystack.net.wire.icmpv6 import Neighbour

SPREAD = 0.05  # seconds within which the first probes of all addresses go out
ARP_PROBES = 3  # PROBE_NUM
ARP_INTERVAL, ARP_JITTER = 0.25, 0.1  # seconds between them, and at most so many more
ARP_WAIT = 0.25  # seconds of silence after the last
SOLICITATIONS = 1  # DupAddrDetectTransmits
RETRANS_TIMER = 1.0  # seconds of silence after it
NOBODY4, NOBODY6 = bytes(4), bytes(16)


class DuplicateDetection:
    """Inputs: `receive_frame`, `handle_timeout`. Outputs: `poll_transmit`, `poll_timeout`, and at last `conflicts`.

    Addresses are packed. It is over when `poll_timeout` is None.
    """

    def __init__(self, addresses: Iterable[bytes], *, mac: bytes, rng: Rng, now: float) -> None:
        self.conflicts: dict[bytes, bytes] = {}  # address → the MAC address of who has it
        self._mac = mac
        self._rng = rng
        self._asked = set(addresses)
        self._frames: list[bytes] = []
        # When each is to be asked for again, and how often; or is free.
        self._due = [
            (now + rng.random() * SPREAD, address, ARP_PROBES if len(address) == 4 else SOLICITATIONS)
            for address in sorted(self._asked)
        ]
        heapq.heapify(self._due)

    def receive_frame(
        self, frame: bytes, *, checksum: ChecksumState = ChecksumState.UNKNOWN, vlan: int | None = None
    ) -> None:
        """Take any frame from the link; what tells of no conflict is ignored."""
        try:
            ethernet = decode_ethernet(frame, vlan)
            if ethernet.source == self._mac or ethernet.vlan is not None:
                return
            octets = memoryview(frame)[ethernet.offset :]
            if ethernet.ethertype == ARP:
                self._arp(arp.decode_arp(octets))
            elif ethernet.ethertype == IPV6:
                self._ipv6(octets, ethernet.source, verify=checksum is ChecksumState.UNKNOWN)
        except Malformed:
            return

    def handle_timeout(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, address, left = heapq.heappop(self._due)
            if left and address not in self.conflicts:
                self._ask(address)
                heapq.heappush(self._due, (now + self._pause(address, left), address, left - 1))

    def poll_transmit(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` has something to do, in the clock of `now`; None once all is known."""
        while self._due and self._due[0][1] in self.conflicts:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _pause(self, address: bytes, left: int) -> float:
        if len(address) == 16:
            return RETRANS_TIMER
        return ARP_WAIT if left == 1 else ARP_INTERVAL + self._rng.random() * ARP_JITTER

    def _ask(self, address: bytes) -> None:
        if len(address) == 4:
            head = encode_ethernet(BROADCAST, self._mac, ARP)
            probe = arp.encode_arp(Arp(arp.REQUEST, self._mac, NOBODY4, bytes(6), address))
            self._frames.append(head + probe)
            return
        group = icmpv6.solicited_node(address)
        message = icmpv6.encode_neighbour(icmpv6.NEIGHBOUR_SOLICITATION, Neighbour(address, 0, None))
        body = icmpv6.encode_icmpv6(message, NOBODY6, group)
        header = ipv6.encode_ipv6(NOBODY6, group, icmpv6.PROTOCOL, len(body), hop_limit=icmpv6.NDP_HOP_LIMIT)
        self._frames.append(encode_ethernet(multicast_mac(group), self._mac, IPV6) + header + body)

    def _arp(self, packet: Arp) -> None:
        if packet.sender_mac == self._mac:
            return
        self._claimed(packet.sender, packet.sender_mac)
        if packet.operation == arp.REQUEST and packet.sender == NOBODY4:  # another asks whether it is free
            self._claimed(packet.target, packet.sender_mac)

    def _ipv6(self, octets: memoryview, mac: bytes, *, verify: bool) -> None:
        packet = ipv6.decode_ipv6(octets)
        if packet.protocol != icmpv6.PROTOCOL or packet.hop_limit != icmpv6.NDP_HOP_LIMIT or packet.fragment:
            return
        message = icmpv6.decode_icmpv6(
            octets[packet.offset : packet.end], packet.source, packet.destination, verify=verify
        )
        claims = message.type == icmpv6.NEIGHBOUR_ADVERTISEMENT
        if claims or (message.type == icmpv6.NEIGHBOUR_SOLICITATION and packet.source == NOBODY6):
            neighbour = icmpv6.decode_neighbour(message)
            self._claimed(neighbour.target, neighbour.link_address or mac)

    def _claimed(self, address: bytes, mac: bytes) -> None:
        if address in self._asked:
            self.conflicts.setdefault(address, mac)
