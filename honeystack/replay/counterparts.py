"""The recorded peers, as they would have spoken with us.

They acknowledge the sequence numbers of the server that was recorded, and what that one said. Here they acknowledge
ours: whoever has acknowledged the recorded SYN-ACK has ours, and with each later segment all that we had sent until
then. What no segment acknowledges in time a peer acknowledges by itself, as its kernel would have. Where no SYN-ACK
was recorded, the first segment after the SYN tells its number; where nothing follows, the handshake stays unfinished.

    recorded server ─ `answered` ─┐
    recorded peer ─ `heard` ──────┼─ to our stack
    our stack ─ `sent` ───────────┘
"""

from __future__ import annotations

from collections import OrderedDict

from honeystack.net.tcp.seq import add, after, diff, latest
from honeystack.net.wire.tcp import ACK, RST, SYN
from honeystack.replay.segments import TCP, Head, Place, acknowledgement, head_of, place_of, with_acknowledgement

MOST = 262_144  # conversations followed at once; the one that was silent for longest is forgotten


class Counterpart:
    """One peer in one conversation."""

    __slots__ = (
        "acknowledged",
        "began",
        "due",
        "frame",
        "head",
        "last",
        "our_isn",
        "our_next",
        "our_stamp",
        "place",
        "recorded_isn",
        "silent",
    )

    def __init__(self, frame: bytes, place: Place, head: Head) -> None:
        self.frame, self.place, self.head = frame, place, head  # the last that it sent
        self.began = head.seq if head.flags & (SYN | ACK) == SYN else None  # its SYN's number
        self.last = add(head.seq, head.length)  # the number that follows all it has sent
        self.recorded_isn: int | None = None
        self.our_isn: int | None = None
        self.our_next = 0  # the number that follows all we have sent
        self.our_stamp = 0  # the last value of our timestamps
        self.acknowledged = 0
        self.due = False  # it will acknowledge by itself
        self.silent = False  # one side has reset the connection


class Counterparts:
    """Inputs: `answered`, `heard`, `sent`, `speaks`. Frames begin at their Ethernet header and have no VLAN tag."""

    def __init__(self, most: int = MOST) -> None:
        self._all: OrderedDict[bytes, Counterpart] = OrderedDict()
        self._most = most
        self.left_out = 0  # segments that a peer would not have sent, as we had reset the connection
        self.forgotten = 0

    def answered(self, frame: bytes) -> None:
        """The recorded server has sent a frame."""
        found = self._found(frame, ours=True)
        if found is None:
            return
        peer, _, head = found
        if head.flags & (SYN | ACK) == SYN | ACK:
            peer.recorded_isn = head.seq

    def heard(self, frame: bytes) -> bytes | None:
        """What a recorded peer sends is to be given to our stack as this; None: it would not have sent it."""
        found = self._found(frame, ours=False)
        if found is None:
            return frame
        peer, place, head = found
        if peer.silent:
            self.left_out += 1
            return None
        peer.frame, peer.place, peer.head = frame, place, head
        peer.last = latest(peer.last, add(head.seq, head.length))
        peer.silent = bool(head.flags & RST)
        if not head.flags & ACK or peer.our_isn is None:
            return frame
        if peer.recorded_isn is None and peer.began is not None and head.seq == add(peer.began, 1):
            peer.recorded_isn = add(head.ack, -1)
        if peer.recorded_isn is None:
            return frame
        distance = diff(head.ack, peer.recorded_isn)
        ack = peer.our_next if distance > 0 else add(peer.our_isn, distance)
        if distance > 0:
            peer.acknowledged = ack
        return with_acknowledgement(frame, place, head, ack=ack, echo=peer.our_stamp)

    def sent(self, frame: bytes) -> bytes | None:
        """Our stack has sent a frame; returns the key for `speaks`, where the peer may have to acknowledge it."""
        found = self._found(frame, ours=True)
        if found is None:
            return None
        peer, place, head = found
        if head.flags & SYN:
            peer.our_isn, peer.our_next, peer.acknowledged = head.seq, add(head.seq, 1), add(head.seq, 1)
        if head.flags & RST:
            peer.silent = True
        if peer.our_isn is None:
            return None
        if head.stamps_at:
            peer.our_stamp = int.from_bytes(frame[head.stamps_at : head.stamps_at + 4], "big")
        peer.our_next = latest(peer.our_next, add(head.seq, head.length))
        if peer.due or peer.silent or not after(peer.our_next, peer.acknowledged):
            return None
        peer.due = True
        return _key(place, head, ours=True)

    def speaks(self, key: bytes) -> bytes | None:
        """It is time: an acknowledgement of all that we have sent, if the peer has not acknowledged it meanwhile."""
        peer = self._all.get(key)
        if peer is None or not peer.due:
            return None
        peer.due = False
        if peer.silent or not after(peer.our_next, peer.acknowledged):
            return None
        peer.acknowledged = peer.our_next
        at = peer.head.stamps_at
        stamps = (int.from_bytes(peer.frame[at : at + 4], "big"), peer.our_stamp) if at else None
        return acknowledgement(peer.frame, peer.place, peer.head, seq=peer.last, ack=peer.our_next, stamps=stamps)

    def _found(self, frame: bytes, *, ours: bool) -> tuple[Counterpart, Place, Head] | None:
        """Whom a TCP segment is about. A new SYN of a peer begins anew."""
        place = place_of(frame)
        head = head_of(frame, place) if place is not None and place.protocol == TCP else None
        if place is None or head is None:
            return None
        key = _key(place, head, ours=ours)
        peer = self._all.get(key)
        if not ours and (peer is None or _begins_anew(peer, head)):
            peer = self._all[key] = Counterpart(frame, place, head)
            if len(self._all) > self._most:
                self._all.popitem(last=False)
                self.forgotten += 1
        if peer is None:
            return None
        self._all.move_to_end(key)
        return peer, place, head


def _begins_anew(peer: Counterpart, head: Head) -> bool:
    return head.flags & (SYN | ACK | RST) == SYN and head.seq != peer.began


def _key(place: Place, head: Head, *, ours: bool) -> bytes:
    """Addresses and ports, the peer's first."""
    source, destination = place.source + head.source_port.to_bytes(2, "big"), place.destination
    destination += head.destination_port.to_bytes(2, "big")
    return destination + source if ours else source + destination
