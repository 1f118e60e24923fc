"""What a defender wants to know of odd packets: one name for each kind of oddity, and the judgement where it is pure.

Nothing here is asked about a packet that is in order, except for a SYN's options.
"""

from __future__ import annotations

from typing import Final

from honeystack.net.address import AddressSet, Path
from honeystack.net.notices import Anomaly
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, PSH, RST, SYN, URG, decode_syn_options

NAMES: Final = {
    "ack-probe": "a bare ACK to no connection, as a scanner that maps firewalls sends it",
    "answer-loop": "a peer keeps sending back what we sent it; it is not answered any more",
    "bad-checksum": "a checksum that does not hold",
    "bad-extension-header": "an IPv6 header chain that cannot be followed",
    "bad-fragment": "a fragment that can belong to no datagram",
    "bad-ip-options": "IPv4 options that do not fit their header or themselves",
    "blind-ack": "an acknowledgement of what was never sent, into a connection that exists",
    "blind-rst": "a reset beside the window of a connection that exists",
    "blind-syn": "a SYN into a connection that exists",
    "fin-probe": "a FIN to no connection",
    "fragment-overlap": "fragments that overlap; the datagram was discarded",
    "impossible-options": "a SYN with options that no stack sends",
    "land": "a packet from our address to itself",
    "malformed": "a packet for us that does not parse",
    "martian-source": "a source address that no peer can have",
    "maimon-probe": "a bare FIN with ACK to no connection",
    "null-probe": "a segment without flags",
    "odd-flags": "a combination of flags that no stack sends",
    "own-source": "a packet from an address of ours",
    "port-zero": "a datagram from port 0, which nobody can answer",
    "reflector-port": "a datagram from the port of a service that amplifies; it is answered once at most",
    "routing-header": "an IPv6 routing header that asks to be followed",
    "rst-probe": "a reset within the window, but not at its edge: somebody guesses",
    "second-end": "a stream that ends at two places: readers that do not agree which one counts read different things",
    "segment-overlap": "data that differs from what came before at the same place; the first is kept",
    "source-route": "an IPv4 source route",
    "spoofed-icmp": "an ICMP error that quotes what we have not in flight",
    "syn-ack-probe": "a SYN with ACK to no connection: a probe, or an answer to who spoofs our address",
    "syn-fin-probe": "a SYN with FIN",
    "tiny-fragment": "a fragment that divides a TCP header",
    "xmas-probe": "FIN, PSH and URG to no connection",
}

_PROBES: Final = {
    0: "null-probe",
    FIN: "fin-probe",
    FIN | PSH | URG: "xmas-probe",
    SYN | ACK: "syn-ack-probe",
    SYN | FIN: "syn-fin-probe",
}
_BARE_PROBES: Final = {ACK: "ack-probe", FIN | ACK: "maimon-probe"}
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}


def probe_of(seg: Segment) -> str | None:
    """What a segment that belongs to no connection probes for; None for an honest SYN, or what may be late."""
    flags = seg.flags & (FIN | SYN | RST | PSH | ACK | URG)
    if flags == SYN:
        return None if decode_syn_options(seg.options).sound else "impossible-options"
    if flags in _PROBES:
        return _PROBES[flags]
    if flags in _BARE_PROBES and not seg.data and seg.timestamps is None:
        return _BARE_PROBES[flags]
    return "odd-flags" if flags & SYN or not flags & ACK else None


def source_anomaly(local: bytes, remote: bytes, addresses: AddressSet) -> str:
    """The name for a source that cannot be a peer's."""
    if local == remote:
        return "land"
    return "own-source" if remote in addresses else "martian-source"


def damage_anomaly(frame: bytes, reason: str, addresses: AddressSet, excluded: AddressSet) -> Anomaly | None:
    """What to tell of a packet for us that did not parse; None where it was not for us, or is the host's."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and len(frame) >= 34:
        version, number, remote, local = 4, frame[23], frame[26:30], frame[30:34]
    elif kind == b"\x86\xdd" and len(frame) >= 54:
        version, number, remote, local = 6, frame[20], frame[22:38], frame[38:54]
    else:
        return None
    if local not in addresses or remote in excluded:
        return None
    name, protocol = "malformed", _PROTOCOLS.get(number, "ip")
    if "checksum" in reason:
        name = "bad-checksum"
    elif "fragment" in reason:
        name, protocol = "bad-fragment", "ip"
    return Anomaly(Path(version, local, remote, frame[:6], frame[6:12]), protocol, name)
