"""Which of the recorded frames are inbound: those to the addresses that the honeypot answers for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import attrs

from honeystack.errors import CaptureError
from honeystack.net.address import AddressSet, address_text, mac_text
from honeystack.net.wire.tcp import ACK, SYN
from honeystack.replay.captures import NO_MAC, Recorded
from honeystack.replay.segments import TCP, addresses_of, head_of, place_of

# Who has no MAC address in the capture gets one of these, from the range of those that nobody was given.
OUR_MAC, PEERS_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


@attrs.frozen
class Side:
    """The honeypot's side of a capture."""

    addresses: AddressSet = attrs.field(eq=repr)
    mac: bytes
    began: int  # when the first frame was captured, in nanoseconds since 1970
    reason: str = ""  # why these addresses, where nobody has named them

    def __str__(self) -> str:
        names = ", ".join(_shortest(str(network)) for network in self.addresses)
        return f"{names} at {mac_text(self.mac)}{f' ({self.reason})' if self.reason else ''}"

    def is_answer(self, frame: bytes) -> bool:
        """Whether the recorded host has sent the frame, in whose place we are."""
        ends = addresses_of(frame)
        return frame[6:12] == self.mac or (ends is not None and ends[0] in self.addresses)

    def is_astray(self, frame: bytes) -> bool:
        """Whether it goes to one of our addresses, but to another machine: the stack does not take it."""
        ends = addresses_of(frame)
        return ends is not None and ends[1] in self.addresses and frame[:6] != self.mac and not frame[0] & 1

    def addressed(self, frame: bytes) -> bytes:
        """The frame with MAC addresses, where it was captured without."""
        if frame[:12] != NO_MAC + NO_MAC:
            return frame
        ends = addresses_of(frame)
        ours = ends is not None and ends[0] in self.addresses
        return (PEERS_MAC + OUR_MAC if ours else OUR_MAC + PEERS_MAC) + frame[12:]


def find_side(frames: Iterable[Recorded], addresses: AddressSet) -> Side:
    """The side of these addresses; without any, of the one that the first SYN goes to, else most packets go to.

    Raises CaptureError where no packet tells, and what reading the frames raises if they tell nothing until then.
    """
    look = _Look(frames)
    try:
        side = look.at(addresses) if addresses else look.at_first_syn()
    except CaptureError:
        if not look.packets:
            raise
        side = None  # what can be read will do; the damage is told when the replay comes to it
    side = side or look.at_most(addresses)
    if side is None:
        whom = "the addresses that are answered for" if addresses else "anybody"
        raise CaptureError(f"there is no IP packet to {whom} in {look.frames} frames: name others with --address")
    return side


class _Look:
    """One look at the frames, as far as it takes."""

    def __init__(self, frames: Iterable[Recorded]) -> None:
        self._frames = frames
        self.frames = 0
        self._began = 0
        self.packets: Counter[tuple[bytes, bytes]] = Counter()  # by MAC and IP address that they go to

    def at(self, addresses: AddressSet) -> Side | None:
        for frame, destination in self._packets():
            if destination in addresses:
                return Side(addresses, _mac(frame), self._began)
        return None

    def at_first_syn(self) -> Side | None:
        for frame, destination in self._packets():
            place = place_of(frame)
            head = head_of(frame, place) if place is not None and place.protocol == TCP else None
            if head is not None and head.flags & (SYN | ACK) == SYN:
                return Side(_one(destination), _mac(frame), self._began, "the first SYN goes there")
        return None

    def at_most(self, addresses: AddressSet) -> Side | None:
        if addresses or not self.packets:
            return None
        (mac, destination), count = self.packets.most_common(1)[0]
        return Side(_one(destination), mac, self._began, f"{count} of {self.packets.total()} packets go there")

    def _packets(self) -> Iterator[tuple[bytes, bytes]]:
        """Those to single machines, each with the address that it goes to."""
        for at, frame, _ in self._frames:
            self._began = self._began if self.frames else at
            self.frames += 1
            ends = addresses_of(frame)
            if ends is not None and not frame[0] & 1:
                self.packets[_mac(frame), ends[1]] += 1
                yield frame, ends[1]


def _mac(frame: bytes) -> bytes:
    return OUR_MAC if frame[:12] == NO_MAC + NO_MAC else frame[:6]


def _one(address: bytes) -> AddressSet:
    return AddressSet([address_text(address)])


def _shortest(network: str) -> str:
    address, _, length = network.partition("/")
    return address if length == ("128" if ":" in address else "32") else network
