"""The probes of paths that take less than the link: which reports are believed, and what follows from them."""

from __future__ import annotations

from struct import pack

import trio

from tests.live import packets
from tests.live.asking import datagram, echo, protocol_of
from tests.live.battery_syn import CLOSED, FULL, MSS
from tests.live.packets import ACK, ICMP, ICMPV6, SYN, TCP, UDP
from tests.live.street import ISN, Peer, Probe
from tests.live.twin import ECHO_UDP, FLOOD, SINK

MTUS = {4: (0, 68, 300, 551, 552, 700, 1400, 1500, 9000), 6: (0, 1279, 1280, 1400, 1500, 9000)}


def too_big(peer: Peer, mtu: int, protocol: int, quoted: bytes) -> bytes:
    """A router's report about a packet of the house's to the peer."""
    if peer.version == 4:
        quote = packets.ipv4(peer.target, peer.address, protocol, quoted, total=1500)
        return peer.ip(ICMP, packets.icmp(3, 4, pack("!I", mtu) + quote[:28]))
    quote = packets.ipv6(peer.target, peer.address, protocol, quoted, length=1460)
    return peer.ip(ICMPV6, packets.icmpv6(peer.address, peer.target, 2, 0, pack("!I", mtu) + quote))


def quotes(version: int) -> dict[str, tuple[int, bytes]]:
    """What a report may be about: protocol, and the first bytes of the packet."""
    reply, request = ((0, 8), (129, 128))[version == 6]
    own = ICMP if version == 4 else ICMPV6
    return {
        "an echo reply": (own, bytes([reply, 0, 0, 0]) + pack("!HH", 7, 9)),
        "an echo request": (own, bytes([request, 0, 0, 0]) + pack("!HH", 7, 9)),
        "a datagram of open": (UDP, pack("!HHHH", ECHO_UDP, 40000, 1400, 0)),
        "a datagram of closed": (UDP, pack("!HHHH", CLOSED, 40000, 1400, 0)),
        "no connection": (TCP, pack("!HHI", SINK, 40000, 1)),
        "an unknown protocol": (253, bytes(8)),
    }


def reported(mtu: int, protocol: int, quoted: bytes) -> Probe:
    """Large answers before and after a report, and a handshake."""

    async def probe(peer: Peer) -> None:
        await peer.frame(too_big(peer, mtu, protocol, quoted))
        await trio.sleep(0.05)
        await peer.frame(peer.ip(protocol_of(peer), echo(peer, 1400)))
        await trio.sleep(0.05)
        await peer.frame(datagram(bytes(1400), port=ECHO_UDP)(peer))
        await peer.frame(datagram(bytes(100), port=ECHO_UDP)(peer))
        await trio.sleep(0.05)
        await peer.tcp(SYN, SINK, options=MSS)
        await trio.sleep(0.3)

    return probe


def reported_to_tcp(mtu: int, options: bytes) -> Probe:
    """A report about a flight, and then a connection from another port."""

    async def probe(peer: Peer) -> None:
        peer.keep = False
        await peer.open(FLOOD, options=options)
        seq = (peer.iss or 0) + 1
        quoted = packets.tcp(peer.target, peer.address, FLOOD, peer.port, ACK, seq=seq, ack=ISN + 1)
        await peer.frame(too_big(peer, mtu, TCP, quoted))
        await trio.sleep(0.05)
        await peer.tcp(packets.RST, FLOOD, at=1)
        await trio.sleep(0.05)
        peer.port, peer.keep, peer.iss = 40001, True, None
        peer.shaken = trio.Event()
        await peer.open(FLOOD, options=options)
        await trio.sleep(0.05)

    return probe


def path_probes(version: int) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for name, (protocol, quoted) in quotes(version).items():
        for mtu in MTUS[version] if name == "an echo reply" else (1300,):
            found[f"path: {mtu} about {name}"] = reported(mtu, protocol, quoted)
    for mtu in MTUS[version]:
        found[f"flight: after {mtu} about another"] = reported_to_tcp(mtu, MSS)
    found["flight: after 1400 about another, with timestamps"] = reported_to_tcp(1400, FULL)
    return found
