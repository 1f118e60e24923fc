"""The probes of rare meetings in TCP: shut windows, two ends, errors about handshakes, resets that are nearly exact."""

from __future__ import annotations

from struct import pack

import trio

from tests.live import packets
from tests.live.battery_syn import FULL, MSS
from tests.live.battery_tcp import conversation
from tests.live.packets import ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP
from tests.live.street import ISN, Peer, Probe
from tests.live.twin import CLOSER, DEAF, ECHO, HELLO

ERRORS = {  # type and code with IPv4 and with IPv6
    "host unreachable": ((3, 1), (1, 3)),
    "net unreachable": ((3, 0), (1, 0)),
    "port unreachable": ((3, 3), (1, 4)),
    "prohibited": ((3, 13), (1, 1)),
    "time exceeded": ((11, 0), (3, 0)),
    "parameter problem": ((12, 0), (4, 0)),
}


def half_open_error(kind: int, code: int, *, wrong: bool = False) -> Probe:
    """An ICMP error about the SYN-ACK, or about a number that it has not."""

    async def probe(peer: Peer) -> None:
        await peer.open(ECHO, options=MSS, quiet=True)
        seq = (peer.iss or 0) + (1 if wrong else 0)
        quoted = packets.tcp(peer.target, peer.address, ECHO, peer.port, SYN | ACK, seq=seq, ack=ISN + 1)
        if peer.version == 4:
            quote = packets.ipv4(peer.target, peer.address, TCP, quoted)
            await peer.ip_packet(packets.ICMP, packets.icmp(kind, code, bytes(4) + quote[:28]))
        else:
            quote = packets.ipv6(peer.target, peer.address, TCP, quoted)
            await peer.ip_packet(58, packets.icmpv6(peer.address, peer.target, kind, code, bytes(4) + quote))
        await trio.sleep(0.1)
        await peer.tcp(ACK | PSH, ECHO, at=1, ack=1, data=b"still?")
        await trio.sleep(0.2)

    return probe


async def end_into_no_window(peer: Peer) -> None:
    """The server is to end while the window is shut; its probe is answered."""
    await peer.open(ECHO, options=MSS)
    await peer.tcp(ACK | PSH, ECHO, at=1, ack=1, data=b"hello")
    await trio.sleep(0.1)
    await peer.tcp(ACK, ECHO, at=6, ack=6, window=0)
    await trio.sleep(0.1)
    await peer.tcp(ACK | FIN, ECHO, at=6, ack=6, window=0)
    await trio.sleep(0.45)
    await peer.tcp(ACK, ECHO, at=7, ack=6, window=0)
    await trio.sleep(0.1)
    await peer.tcp(ACK, ECHO, at=7, ack=6, window=1000)
    await trio.sleep(0.1)


async def window_that_shrinks(peer: Peer) -> None:
    await peer.open(HELLO, options=MSS)
    await peer.tcp(ACK | PSH, HELLO, at=1, ack=1, data=b"x")
    await peer.tcp(ACK, HELLO, at=2, ack=3, window=1)
    await trio.sleep(1.1)


async def reset_in_time_wait(peer: Peer) -> None:
    await peer.open(CLOSER, options=MSS)
    await peer.tcp(ACK | FIN, CLOSER, at=1, ack=2)
    await trio.sleep(0.2)
    await peer.tcp(RST, CLOSER, at=2)
    await trio.sleep(0.1)
    await peer.tcp(ACK | FIN, CLOSER, at=1, ack=2)
    await trio.sleep(0.2)


def syn_for_ecn(tos: int) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.ip_packet(TCP, peer.segment(SYN | ECE | CWR, ECHO, options=MSS), tos=tos)
        await trio.sleep(0.3)

    return probe


async def half_open_with_type_of_service(peer: Peer) -> None:
    await peer.open(ECHO, options=MSS, quiet=True)
    await peer.ip_packet(TCP, peer.segment(ACK, ECHO, at=9, ack=1), tos=0xB8)
    await trio.sleep(0.2)


def corner_probes(version: int) -> dict[str, Probe]:
    two_ends = [(ACK | FIN, {"at": 6, "ack": 1}), (ACK | FIN, {"at": 11, "ack": 1})]
    early = [(ACK, {"at": 11, "data": b"later", "options": b"\1\1\x08\x0a" + pack("!II", 500_001, 0)})]
    found: dict[str, Probe] = {
        "corner: end into no window": end_into_no_window,
        "corner: window that shrinks": window_that_shrinks,
        "corner: rst in time-wait, then the end again": reset_in_time_wait,
        "corner: half-open with type of service": half_open_with_type_of_service,
        "corner: two ends": conversation([*two_ends, (ACK | PSH, {"data": b"hello"})]),
        "corner: two ends, the other first": conversation([*two_ends[::-1], (ACK | PSH, {"data": b"hello"})]),
        "corner: two ends, the first passed": conversation([*two_ends, (ACK | PSH, {"data": b"helloWORLD"})]),
        "corner: rst at the end of what is early": conversation(
            [*early, (RST, {"at": 16}), (ACK, {"later": 2})], options=FULL
        ),
        "corner: rst that does not count its end": conversation(
            [(ACK | FIN, {"ack": 1}), (RST, {"at": 1}), (ACK, {"at": 2, "ack": 1})], port=DEAF
        ),
    }
    found |= {f"corner: syn for ecn, type of service {tos}": syn_for_ecn(tos) for tos in range(4)}
    for name, both in ERRORS.items():
        found[f"corner: half-open, {name}"] = half_open_error(*both[version != 4])
    found["corner: half-open, wrong number"] = half_open_error(*ERRORS["host unreachable"][version != 4], wrong=True)
    return found
