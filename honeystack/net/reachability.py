"""Asks where neighbours are whom we answer, as Linux does: RFC 826 and RFC 4861 §7.3, with Linux's times.

An answer goes back at once the way that its question came, and needs nobody to be found; a host that never asks for
its neighbours would be told from others by that alone. A neighbour without an entry here is STALE if `Neighbours`
knows its MAC address, and nobody's otherwise; every entry has a deadline, so that none outlives its use. Who is not on
the link, that is in none of the prefixes of its interface, stands behind a gateway, and is not asked for.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from honeystack.net.address import AddressSet, Path
from honeystack.net.neighbours import Neighbours
from honeystack.net.output import Output, Rng
from honeystack.net.timers import TimerWheel
from honeystack.net.wire import arp, icmpv6
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import ARP, encode_ethernet, multicast_mac
from honeystack.net.wire.icmpv6 import Neighbour

REACHABLE_SECONDS: Final = 30.0  # on average (RFC 4861 §6.3.2 and §10)
DELAY_SECONDS: Final = 5.0  # in which another may confirm it, before we ask ourselves
RETRANSMIT_SECONDS: Final = 1.0
SOLICITATIONS: Final = 3  # by broadcast as by unicast
BROADCAST_MAC: Final = b"\xff" * 6


class Condition(enum.Enum):
    """The states of RFC 4861 §7.3.2; STALE has no entry."""

    INCOMPLETE = "incomplete"  # all of the link are asked
    REACHABLE = "reachable"
    DELAY = "delay"
    PROBE = "probe"  # the neighbour itself is asked


@attrs.define
class _Entry:
    path: Path
    condition: Condition
    asked: int = 0


class Reachability:
    """Inputs: `use`, `hear`, `handle_timeout`. Output: `next_deadline`; frames go to `output`."""

    def __init__(
        self, output: Output, neighbours: Neighbours, *, links: AddressSet, mac: bytes, limit: int, rng: Rng
    ) -> None:
        self._output = output
        self._neighbours = neighbours
        self._links = links
        self._mac = mac
        self._limit = limit
        self._rng = rng
        self._entries: dict[bytes, _Entry] = {}
        self._timers: TimerWheel[bytes] = TimerWheel()

    def __len__(self) -> int:
        return len(self._entries)

    def condition(self, address: bytes) -> Condition | None:
        """Where a neighbour stands; None for STALE ones and strangers."""
        entry = self._entries.get(address)
        return None if entry is None else entry.condition

    def use(self, path: Path, now: float) -> bool:
        """Something was sent to a peer; False where it is not asked for because too many are."""
        if path.remote in self._entries or path.remote not in self._links:
            return True
        if len(self._entries) >= self._limit:
            return False
        if self._neighbours.path_to(path.local, path.remote) is not None:
            self._entries[path.remote] = _Entry(path, Condition.DELAY)
            self._timers.schedule(path.remote, now + DELAY_SECONDS)
        else:
            entry = self._entries[path.remote] = _Entry(path, Condition.INCOMPLETE)
            self._ask(entry, now)
        return True

    def hear(self, path: Path, now: float, *, solicited: bool, moved: bool = False) -> None:
        """A neighbour has told its MAC address, of itself or because it was asked; `moved` if that is another one."""
        address = path.remote
        entry = self._entries.get(address)
        if entry is None and solicited and address in self._links and len(self._entries) < self._limit:
            entry = self._entries[address] = _Entry(path, Condition.REACHABLE)  # as Linux, though nobody has asked
        if entry is None:
            return
        if solicited:
            entry.condition = Condition.REACHABLE
            self._timers.schedule(address, now + REACHABLE_SECONDS * (0.5 + self._rng.random()))
        elif entry.condition is Condition.INCOMPLETE:
            entry.condition = Condition.DELAY
            self._timers.schedule(address, now + DELAY_SECONDS)
        elif moved:  # STALE
            del self._entries[address]
            self._timers.cancel(address)

    def handle_timeout(self, now: float) -> None:
        """Ask again, give up, and let entries grow stale."""
        for address in self._timers.expire(now):
            entry = self._entries[address]
            if entry.condition is Condition.REACHABLE:
                del self._entries[address]
            elif entry.condition is not Condition.DELAY and entry.asked >= SOLICITATIONS:
                del self._entries[address]
                self._neighbours.forget(address)
            else:
                if entry.condition is Condition.DELAY:
                    entry.condition, entry.asked = Condition.PROBE, 0
                self._ask(entry, now)

    def next_deadline(self) -> float | None:
        return self._timers.next_deadline()

    def _ask(self, entry: _Entry, now: float) -> None:
        entry.asked += 1
        path = entry.path
        self._timers.schedule(path.remote, now + RETRANSMIT_SECONDS)
        known = self._neighbours.path_to(path.local, path.remote)
        to = known.remote_mac if entry.condition is Condition.PROBE and known is not None else None
        if path.version == 4:
            head = encode_ethernet(to or BROADCAST_MAC, self._mac, ARP, path.vlan)
            request = Arp(arp.REQUEST, self._mac, path.local, bytes(6), path.remote)
            self._output.frame(head + arp.encode_arp(request))
        else:
            self._solicit(path, to)

    def _solicit(self, path: Path, to: bytes | None) -> None:
        group = icmpv6.solicited_node(path.remote)
        home = Path(6, path.local, group, self._mac, multicast_mac(group), path.vlan)
        if to is not None:
            home = home._replace(remote=path.remote, remote_mac=to)
        question = icmpv6.encode_neighbour(icmpv6.NEIGHBOUR_SOLICITATION, Neighbour(path.remote, 0, self._mac))
        data = icmpv6.encode_icmpv6(question, home.local, home.remote)
        self._output.packet(home, icmpv6.PROTOCOL, data, ttl=icmpv6.NDP_HOP_LIMIT)
