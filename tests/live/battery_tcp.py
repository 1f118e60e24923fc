"""The probes of TCP: handshakes, resets, sequence numbers, options, ends."""

from __future__ import annotations

from struct import pack

import trio

from tests.live import packets
from tests.live.battery_half_open import half_open_probes, stamped
from tests.live.battery_syn import CLOSED, FULL, MSS, SYN_FIELDS, SYN_OPTIONS, from_port, once, timestamps, wrapped
from tests.live.packets import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, flag_names
from tests.live.street import ISN, Peer, Probe
from tests.live.twin import CLOSER, DEAF, ECHO, FLOOD, HELLO, LATE_CLOSER, SINK, UNREAD

# What is sent in a handshake under way: flags, and fields of the segment.


# What comes three times in a handshake under way: all are within the limit of half a second.


Step = tuple[int, dict[str, object]]

# What is sent to a server that echoes, after the handshake. `at` counts from our ISN, `ack` from the server's.
ESTABLISHED: dict[str, list[Step]] = {
    "data": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"})],
    "data without push": [(ACK, {"at": 1, "ack": 1, "data": b"hello"})],
    "data without ack": [(PSH, {"at": 1, "data": b"hello"})],
    "rst": [(RST, {"at": 1}), (ACK, {"at": 1, "ack": 1})],
    "rst with ack": [(RST | ACK, {"at": 1, "ack": 1}), (ACK, {"at": 1, "ack": 1})],
    "rst with a wrong ack": [(RST | ACK, {"at": 1, "ack": 9999}), (ACK, {"at": 1, "ack": 1})],
    "rst inside": [(RST, {"at": 100}), (ACK | PSH, {"at": 1, "ack": 1, "data": b"alive"})],
    "rst inside twice": [(RST, {"at": 100}), (RST, {"at": 101})],
    "rst before": [(RST, {"at": 0}), (ACK | PSH, {"at": 1, "ack": 1, "data": b"alive"})],
    "rst at the edge": [(RST, {"at": 64241})],
    "rst beyond": [(RST, {"at": 64242}), (ACK | PSH, {"at": 1, "ack": 1, "data": b"alive"})],
    "rst with data": [(RST, {"at": 1, "data": b"reason"}), (ACK, {"at": 1, "ack": 1})],
    "syn": [(SYN, {"at": 1})],
    "syn of old": [(SYN, {"at": 0})],
    "syn outside": [(SYN, {"at": 1_000_000})],
    "syn-ack": [(SYN | ACK, {"at": 0, "ack": 1})],
    "syn twice": [(SYN, {"at": 1}), (SYN, {"at": 1})],
    "syn with rst": [(SYN | RST, {"at": 1}), (ACK, {"at": 1, "ack": 1})],
    "syn with fin": [(SYN | FIN, {"at": 1}), (ACK, {"at": 1, "ack": 1})],
    "nothing set": [(0, {"at": 1})],
    "every flag": [(0xFF, {"at": 1})],
    "fin": [(FIN | ACK, {"at": 1, "ack": 1}), (ACK, {"at": 2, "ack": 2})],
    "fin without ack": [(FIN, {"at": 1})],
    "fin with data": [(FIN | ACK | PSH, {"at": 1, "ack": 1, "data": b"bye"}), (ACK, {"at": 5, "ack": 5})],
    "fin early": [(FIN | ACK, {"at": 6, "ack": 1}), (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"})],
    "fin outside": [(FIN | ACK, {"at": 100_000, "ack": 1})],
    "fin twice": [(FIN | ACK, {"at": 1, "ack": 1}), (FIN | ACK, {"at": 1, "ack": 1})],
    "data after fin": [(FIN | ACK, {"at": 1, "ack": 1}), (ACK | PSH, {"at": 2, "ack": 1, "data": b"more"})],
    "data after all": [
        (FIN | ACK, {"at": 1, "ack": 1}),
        (ACK, {"at": 2, "ack": 2}),
        (ACK | PSH, {"at": 2, "ack": 2, "data": b"more"}),
    ],
    "xmas": [(FIN | PSH | URG, {"at": 1})],
    "maimon": [(FIN | ACK, {"at": 1, "ack": 7777})],
    "ack of the future": [(ACK, {"at": 1, "ack": 5000}), (ACK, {"at": 1, "ack": 5000})],
    "data with ack of the future": [(ACK | PSH, {"at": 1, "ack": 5000, "data": b"hello"})],
    "ack of the past": [(ACK, {"at": 1, "ack": -100})],
    "data with ack of the past": [(ACK | PSH, {"at": 1, "ack": -100, "data": b"hello"})],
    "data with ack of long ago": [(ACK | PSH, {"at": 1, "ack": -100_000, "data": b"hello"})],
    "ack of long ago": [(ACK, {"at": 1, "ack": -100_000})],
    "ack again": [(ACK, {"at": 1, "ack": 1}), (ACK, {"at": 1, "ack": 1})],
    "ack before": [(ACK, {"at": 0, "ack": 1})],
    "ack beyond": [(ACK, {"at": 100_000, "ack": 1})],
    "ack at the edge": [(ACK, {"at": 64241, "ack": 1})],
    "keep-alive with a byte": [(ACK, {"at": 0, "ack": 1, "data": b"\0"})],
    "data outside": [(ACK | PSH, {"at": 100_000, "ack": 1, "data": b"hello"})],
    "data of the past": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
        (ACK | PSH, {"at": 1, "ack": 6, "data": b"HELLO"}),
    ],
    "data half of the past": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
        (ACK | PSH, {"at": 3, "ack": 6, "data": b"LLO world"}),
    ],
    "data far in the past": [(ACK | PSH, {"at": -50, "ack": 1, "data": b"hello"})],
    "data from the past on": [(ACK | PSH, {"at": -4, "ack": 1, "data": b"12345hello"})],
    "data in wrong order": [
        (ACK | PSH, {"at": 6, "ack": 1, "data": b"world"}),
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
    ],
    "two holes": [
        (ACK, {"at": 21, "ack": 1, "data": b"ccccc"}),
        (ACK, {"at": 11, "ack": 1, "data": b"bbbbb"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaaaaaaa"}),
        (ACK, {"at": 16, "ack": 16, "data": b"ddddd"}),
    ],
    "an early segment twice": [
        (ACK, {"at": 21, "ack": 1, "data": b"ccccc"}),
        (ACK, {"at": 21, "ack": 1, "data": b"ccccc"}),
    ],
    "overlap from behind": [
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBBBBBBB"}),
        (ACK, {"at": 11, "ack": 1, "data": b"CCCCCCCCCC"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "overlap from before": [
        (ACK, {"at": 11, "ack": 1, "data": b"CCCCCCCCCC"}),
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBBBBBBB"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "overlap by a larger one": [
        (ACK, {"at": 11, "ack": 1, "data": b"CCCCC"}),
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBBBBBBBBBBBB"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "overlap by the one in order": [
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBB"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaaaaaaaaaaaa"}),
    ],
    "overlap from the same place, longer": [
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBB"}),
        (ACK, {"at": 6, "ack": 1, "data": b"CCCCCCCCCC"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "overlap from the same place, shorter": [
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBBBBBBB"}),
        (ACK, {"at": 6, "ack": 1, "data": b"CCCCC"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "overlap of two with a gap between": [
        (ACK, {"at": 6, "ack": 1, "data": b"BBBBB"}),
        (ACK, {"at": 16, "ack": 1, "data": b"DDDDD"}),
        (ACK, {"at": 8, "ack": 1, "data": b"CCCCCCCCCC"}),
        (ACK, {"at": 1, "ack": 1, "data": b"aaaaa"}),
    ],
    "window 2 with newer text": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
        (ACK | PSH, {"at": 6, "ack": 6, "data": b"hello", "window": 2}),
    ],
    "window 2 and then a larger one": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello"}),
        (ACK | PSH, {"at": 6, "ack": 6, "data": b"hello", "window": 2}),
        (ACK, {"at": 11, "ack": 6, "window": 4}),
    ],
    "text with the fin's place": [
        (FIN | ACK, {"at": 1, "ack": 1}),
        (ACK | PSH, {"at": 0, "ack": 2, "data": b"ab"}),
    ],
    "urgent": [(ACK | PSH | URG, {"at": 1, "ack": 1, "data": b"hello", "urgent": 2})],
    "urgent pointer of zero": [(ACK | PSH | URG, {"at": 1, "ack": 1, "data": b"hello", "urgent": 0})],
    "urgent far ahead": [(ACK | PSH | URG, {"at": 1, "ack": 1, "data": b"hello", "urgent": 9999})],
    "urgent without data": [(ACK | URG, {"at": 1, "ack": 1, "urgent": 1})],
    "bad checksum": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "damage": 1})],
    "options cut off": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "options": b"\x08\x0a\0\0"})],
    "mss in data": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "options": MSS})],
    "md5 in data": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "options": b"\x13\x12" + bytes(16)})],
    "unasked timestamps": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "options": timestamps()})],
    "unasked sack": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "options": b"\5\x0a" + bytes(8)})],
    "congestion experienced": [(ACK | PSH | ECE | CWR, {"at": 1, "ack": 1, "data": b"hello"})],
    "window 0, then open": [
        (ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "window": 0}),
        (ACK, {"at": 6, "ack": 1, "window": 1000}),
        (ACK, {"at": 6, "ack": 6}),
    ],
    "window 2": [(ACK | PSH, {"at": 1, "ack": 1, "data": b"hello", "window": 2})],
}

# With timestamps, SACK and window scale agreed on.
STAMPED: dict[str, list[Step]] = {
    "data": [(ACK | PSH, {"data": b"hello", "later": 1})],
    "no timestamp": [(ACK | PSH, {"data": b"hello"})],
    "older timestamp": [(ACK | PSH, {"data": b"hello", "later": -100})],
    "older timestamp by one": [(ACK | PSH, {"data": b"hello", "later": -1})],
    "older timestamp by two": [(ACK | PSH, {"data": b"hello", "later": -2})],
    "older timestamp by one, and then the same": [
        (ACK | PSH, {"data": b"hello", "later": -1}),
        (ACK | PSH, {"at": 6, "ack": 6, "data": b"hello", "later": -1}),
        (ACK | PSH, {"at": 11, "ack": 11, "data": b"hello", "later": -2}),
    ],
    "older timestamp on a bare ack": [(ACK, {"later": -100})],
    "older timestamp on a bare ack of long ago": [(ACK, {"later": -10_000})],
    "older timestamp on a bare ack beside": [(ACK, {"at": 2, "later": -100})],
    "older timestamp on a bare ack with a larger window": [(ACK, {"later": -100, "window": 65_535})],
    "older timestamp on a reset beside": [(RST, {"at": 9, "later": -100}), (ACK | PSH, {"data": b"hello", "later": 0})],
    "much later timestamp": [(ACK | PSH, {"data": b"hello", "later": 0x7FFF0000})],
    "rst with an older timestamp": [(RST, {"later": -100}), (ACK, {"later": 1})],
    "fin with an older timestamp": [(ACK | FIN, {"later": -100})],
    "syn": [(SYN, {"options": FULL})],
    "a hole": [(ACK | PSH, {"at": 6, "data": b"world", "later": 1})],
    "an early segment twice": [
        (ACK | PSH, {"at": 6, "data": b"world", "later": 1}),
        (ACK | PSH, {"at": 6, "data": b"world", "later": 1}),
    ],
    "five holes": [(ACK | PSH, {"at": at, "data": b"xxxxx", "later": 1}) for at in (11, 21, 31, 41, 51)],
    "data of the past": [
        (ACK | PSH, {"data": b"hello", "later": 1}),
        (ACK | PSH, {"ack": 6, "data": b"hello", "later": 1}),
    ],
    "rst inside": [(RST, {"at": 50})],
}


def conversation(steps: list[Step], *, port: int = ECHO, options: bytes = MSS, rest: float = 0.15) -> Probe:
    async def probe(peer: Peer) -> None:
        await peer.open(port, options=options)
        for flags, fields in steps:
            await peer.tcp(flags, port, **stamped(peer, fields))
            await trio.sleep(0.12)
        await trio.sleep(rest)

    return probe


def watched(port: int, seconds: float, *, options: bytes = MSS, window: int = 64240, quiet: bool = False) -> Probe:
    """Open, acknowledge nothing, and see what comes."""

    async def probe(peer: Peer) -> None:
        await peer.open(port, options=options, window=window, quiet=quiet)
        await trio.sleep(seconds)

    return probe


def in_time_wait(flags: int, *, times: int = 1, **fields: object) -> Probe:
    """The server has closed first, and is in TIME-WAIT when this comes."""

    async def probe(peer: Peer) -> None:
        await peer.open(CLOSER, options=MSS)
        await peer.tcp(ACK | FIN, CLOSER, at=1, ack=2)
        await trio.sleep(0.2)
        before = peer.iss
        for _ in range(times):
            await peer.tcp(flags, CLOSER, **fields)
            await trio.sleep(0.05)
        await trio.sleep(0.35)
        assert before is not None

    return probe


def path_error(kind: int, code: int, word: int, *, wrong: bool = False, port: int = FLOOD) -> Probe:
    """An ICMP error about what the server has sent."""

    async def probe(peer: Peer) -> None:
        peer.keep = False
        await peer.open(port, options=MSS)
        quoted = packets.tcp(
            peer.target,
            peer.address,
            port,
            peer.port,
            ACK,
            seq=(peer.iss or 0) + 1 + (-5000 if wrong else 0),
            ack=ISN + 1,
        )
        peer.keep = True
        if peer.version == 4:
            quote = packets.ipv4(peer.target, peer.address, packets.TCP, quoted, total=1500)
            await peer.ip_packet(packets.ICMP, packets.icmp(kind, code, pack("!I", word) + quote[:28]))
        else:
            quote = packets.ipv6(peer.target, peer.address, packets.TCP, quoted, length=1460)
            await peer.ip_packet(58, packets.icmpv6(peer.address, peer.target, kind, code, pack("!I", word) + quote))
        await trio.sleep(0.05)  # well before the time-out
        await peer.tcp(ACK, port, at=1, ack=1)
        await trio.sleep(0.02)

    return probe


async def syn_again(peer: Peer) -> None:
    """The SYN comes again while its answer waits to be sent again."""
    await peer.tcp(SYN, SINK, options=MSS)
    await trio.sleep(0.6)
    await peer.tcp(SYN, SINK, options=MSS)
    await trio.sleep(4.4)


async def words(peer: Peer) -> None:
    """Three words are echoed one by one, and nobody acknowledges the echo."""
    await peer.open(ECHO, options=MSS)
    for at, word in ((1, b"one"), (4, b"two"), (7, b"three")):
        await peer.tcp(ACK | PSH, ECHO, at=at, ack=1, data=word)
        await trio.sleep(0.05)
    await trio.sleep(0.75)


async def silly_reader(peer: Peer) -> None:
    """A window that is one segment large, acknowledged bit by bit."""
    await peer.open(FLOOD, options=MSS, window=1460)
    for step in (700, 1460, 2000):
        await peer.tcp(ACK, FLOOD, at=1, ack=1 + step, window=1460)
        await trio.sleep(0.15)


async def fill(peer: Peer) -> None:
    """Send to a server that never reads until its window is shut."""
    peer.keep = False
    await peer.open(DEAF, options=FULL)
    for at in range(1, 40 * 1400, 1400):
        await peer.tcp(ACK, DEAF, at=at, ack=1, data=b"x" * 1400, options=peer.stamps())
        await trio.sleep(0.002)
    peer.keep = True
    await peer.tcp(ACK, DEAF, at=1 + 40 * 1400, ack=1, data=b"x", options=peer.stamps())
    await trio.sleep(0.3)


def tcp_probes(version: int) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for flags in range(64):
        for name, port in (("open", SINK), ("closed", CLOSED)):
            found[f"flags {flag_names(flags)} to {name}"] = once(flags, port)
    for flags in (SYN | ECE | CWR, SYN | ECE, SYN | CWR, 0xFF, ECE | CWR):
        found[f"flags {flag_names(flags)} to open"] = once(flags, SINK)
        found[f"flags {flag_names(flags)} to closed"] = once(flags, CLOSED)
    found |= {f"syn options: {name}": once(SYN, SINK, options=options) for name, options in SYN_OPTIONS.items()}
    found |= {f"syn with {name}": once(SYN, SINK, **fields) for name, fields in SYN_FIELDS.items()}
    found["syn with data to closed"] = once(SYN, CLOSED, data=b"hello")
    found["fin with data to closed"] = once(FIN, CLOSED, data=b"hello")
    found["ack with data to closed"] = once(ACK, CLOSED, data=b"hello")
    found["bad checksum to closed"] = once(SYN, CLOSED, damage=1)
    found["syn from port 0"] = from_port(0, SINK)
    found["syn to port 0"] = once(SYN, 0)
    for name, port in (("open", SINK), ("closed", CLOSED)):
        found[f"syn with hop limit 1 to {name}"] = wrapped(port, ttl=1)
        found[f"syn with hop limit 0 to {name}"] = wrapped(port, ttl=0)
        found[f"syn with type of service to {name}"] = wrapped(port, tos=0xB8)
        found[f"syn with ecn to {name}"] = wrapped(port, tos=0x03)
    found |= half_open_probes()
    found |= {f"established: {name}": conversation(steps) for name, steps in ESTABLISHED.items()}
    for name, steps in STAMPED.items():
        found[f"with timestamps: {name}"] = conversation(steps, options=FULL)
    found |= _sending()
    found |= {
        "time-wait: fin again": in_time_wait(ACK | FIN, at=1, ack=2),
        "time-wait: ack": in_time_wait(ACK, at=2, ack=2),
        "time-wait: old ack": in_time_wait(ACK, at=1, ack=2),
        "time-wait: data": in_time_wait(ACK | PSH, at=2, ack=2, data=b"more"),
        "time-wait: data outside": in_time_wait(ACK | PSH, at=100_000, ack=2, data=b"more"),
        "time-wait: rst": in_time_wait(RST, at=2),
        "time-wait: later syn": in_time_wait(SYN, at=200_000, options=MSS),
        "time-wait: earlier syn, three times": in_time_wait(SYN, times=3, at=-200_000, options=MSS),
        "time-wait: old ack, three times": in_time_wait(ACK, times=3, at=1, ack=2),
        "time-wait: data, three times": in_time_wait(ACK | PSH, times=3, at=2, ack=2, data=b"more"),
        "time-wait: earlier syn": in_time_wait(SYN, at=-200_000, options=MSS),
        "time-wait: syn with ack": in_time_wait(SYN | ACK, at=200_000, ack=2),
        "time-wait: nothing set": in_time_wait(0, at=2),
    }
    too_big, unreachable = ((3, 4), (3, 3)) if version == 4 else ((2, 0), (1, 4))
    found |= {
        "path error: too big": path_error(*too_big, 1400),
        "path error: too big, tiny": path_error(*too_big, 68),
        "path error: too big, zero": path_error(*too_big, 0),
        "path error: too big, larger": path_error(*too_big, 9000),
        "path error: too big, wrong sequence": path_error(*too_big, 1400, wrong=True),
        "path error: port unreachable": path_error(*unreachable, 0),
    }
    return found


def _sending() -> dict[str, Probe]:
    """What a server does that has something to send, or to end."""
    by_name: dict[str, Probe] = {
        "sending: syn-ack again": watched(SINK, 34.0, quiet=True),
        "sending: text again": watched(HELLO, 14.0),
        "sending: text again, with timestamps": watched(HELLO, 7.0, options=FULL),
        "sending: end again": watched(CLOSER, 14.0),
        "flight: first": watched(FLOOD, 0.05),
        "flight: first, with timestamps": watched(FLOOD, 0.05, options=FULL),
        "flight: first, mss 100": watched(FLOOD, 0.05, options=b"\x02\x04\0\x64"),
        "flight: first, mss 1": watched(FLOOD, 0.05, options=b"\x02\x04\0\1"),
        "flight: first, no mss": watched(FLOOD, 0.05, options=b""),
        "flight: first, window 100": watched(FLOOD, 1.0, window=100),
        "flight: first, window 3000": watched(FLOOD, 0.05, window=3000),
        "sending: into no window": watched(FLOOD, 7.0, window=0),
        "sending: unread data at the end": conversation([(ACK | PSH, {"data": b"unread"})], port=UNREAD, rest=0.8),
        "sending: half an end": conversation(
            [
                (ACK | PSH, {"data": b"go"}),
                (ACK | PSH, {"at": 3, "ack": 2, "data": b"more"}),
                (ACK | FIN, {"at": 7, "ack": 2}),
            ],
            port=LATE_CLOSER,
        ),
        "sending: both end at once": conversation([(ACK | FIN, {"ack": 1}), (ACK, {"at": 2, "ack": 2})], port=CLOSER),
        "sending: data after its end": conversation(
            [(ACK | PSH, {"ack": 2, "data": b"more"}), (ACK, {"ack": 2})], port=CLOSER
        ),
        "sending: silly reader": silly_reader,
        "sending: words again": words,
        "sending: syn-ack again after the syn again": syn_again,
        "receiving: a full window": fill,
    }
    return by_name
