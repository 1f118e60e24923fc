"""Packets as bytes, made without the code under test, and what is seen in the answers, field by field."""

from __future__ import annotations

import time
from struct import pack, unpack_from

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
LETTERS = "FSRPAUEC"
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, NOTHING, DESTINATION = 0, 43, 44, 59, 60

Fields = dict[str, object]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    return (
        source
        + destination
        + (pack("!BBH", 0, protocol, length) if len(source) == 4 else pack("!II", length, protocol))
    )


def ipv4(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = 64,
    tos: int = 0,
    ident: int = 0x1234,
    field: int = 0,
    options: bytes = b"",
    version: int = 4,
    words: int | None = None,
    total: int | None = None,
    damage: int = 0,
) -> bytes:
    """A packet; `field` holds flags and offset, `damage` is added to the checksum."""
    words = 5 + len(options) // 4 if words is None else words
    total = 20 + len(options) + len(payload) if total is None else total
    head = (
        pack("!BBHHHBBH", version << 4 | words, tos, total, ident, field, ttl, protocol, 0)
        + source
        + destination
        + options
    )
    return head[:10] + pack("!H", (checksum(head) + damage) & 0xFFFF) + head[12:] + payload


def ipv6(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = 64,
    tos: int = 0,
    label: int = 0,
    version: int = 6,
    length: int | None = None,
) -> bytes:
    length = len(payload) if length is None else length
    return pack("!IHBB", version << 28 | tos << 20 | label, length, protocol, ttl) + source + destination + payload


def tcp(
    source: bytes,
    destination: bytes,
    source_port: int,
    port: int,
    flags: int,
    *,
    seq: int,
    ack: int = 0,
    window: int = 64240,
    options: bytes = b"",
    data: bytes = b"",
    urgent: int = 0,
    words: int | None = None,
    reserved: int = 0,
    damage: int = 0,
) -> bytes:
    """A segment; options are padded with NOPs; `reserved` is the half byte beside the header's length."""
    options += b"\1" * (-len(options) % 4)
    words = 5 + len(options) // 4 if words is None else words
    head = pack(
        "!HHIIBBHHH",
        source_port,
        port,
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        words << 4 | reserved,
        flags,
        window,
        0,
        urgent,
    )
    whole = head + options + data
    total = checksum(pseudo(source, destination, TCP, len(whole)) + whole)
    return whole[:16] + pack("!H", (total + damage) & 0xFFFF) + whole[18:]


def udp(
    source: bytes,
    destination: bytes,
    source_port: int,
    port: int,
    data: bytes,
    *,
    length: int | None = None,
    stored: int | None = None,
    damage: int = 0,
) -> bytes:
    """A datagram; `stored` replaces the checksum."""
    length = 8 + len(data) if length is None else length
    head = pack("!HHHH", source_port, port, length, 0)
    total = (checksum(pseudo(source, destination, UDP, length) + head + data) or 0xFFFF) + damage
    return head[:6] + pack("!H", total & 0xFFFF if stored is None else stored) + data


def icmp(kind: int, code: int, rest: bytes, *, damage: int = 0) -> bytes:
    """An ICMP message; `rest` is all after the checksum."""
    total = checksum(pack("!BBH", kind, code, 0) + rest)
    return pack("!BBH", kind, code, (total + damage) & 0xFFFF) + rest


def icmpv6(source: bytes, destination: bytes, kind: int, code: int, rest: bytes, *, damage: int = 0) -> bytes:
    whole = pack("!BBH", kind, code, 0) + rest
    total = checksum(pseudo(source, destination, ICMPV6, len(whole)) + whole)
    return pack("!BBH", kind, code, (total + damage) & 0xFFFF) + rest


def extension(following: int, content: bytes) -> bytes:
    """An IPv6 extension header with `content`, which fills it up to a multiple of eight."""
    assert (len(content) + 2) % 8 == 0
    return bytes([following, (len(content) + 2) // 8 - 1]) + content


def fragment_header(following: int, offset: int, ident: int, *, more: bool) -> bytes:
    return pack("!BBHI", following, 0, offset | more, ident)


def flag_names(flags: int) -> str:
    return "".join(letter for bit, letter in enumerate(LETTERS) if flags >> bit & 1) or "none"


def describe(frame: bytes, *, isn: int, iss: int | None) -> Fields:
    """An answer by fields; sequence numbers relative to the prober's `isn` and the answerer's `iss`."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == 0x0806:
        return {"kind": "arp", "mac to": frame[:6].hex(), "operation": frame[21], "content": frame[22:42].hex()}
    packet = frame[14:]
    if ethertype == 0x0800:
        total, ident, field = unpack_from("!HHH", packet, 2)
        start = (packet[0] & 15) * 4
        protocol, addresses, packet = packet[9], packet[12:20], packet[:total]
        seen: Fields = {
            "ttl": packet[8],
            "tos": packet[1],
            "ident": "zero" if ident == 0 else "some",
            "fragment": ("DF " if field & 0x4000 else "")
            + ("MF " if field & 0x2000 else "")
            + str((field & 0x1FFF) * 8),
            "ip options": _without_times(packet[20:start]).hex(),
        }
    else:
        protocol, start, addresses = packet[6], 40, packet[8:40]
        packet = packet[: 40 + int.from_bytes(packet[4:6], "big")]
        first = int.from_bytes(packet[:4], "big")
        seen = {"ttl": packet[7], "tos": first >> 20 & 0xFF, "label": "some" if first & 0xFFFFF else "zero"}
        if protocol == FRAGMENT:
            field = int.from_bytes(packet[42:44], "big")
            seen["fragment"] = f"{'MF ' if field & 1 else ''}{field & 0xFFF8}"
            return seen | {"kind": "fragment", "of": packet[40], "length": len(packet)}
        if protocol == HOP_BY_HOP:
            seen["hop-by-hop"] = packet[40:48].hex()
            protocol, start = packet[40], 48
    payload = packet[start:]
    half = len(addresses) // 2
    if seen.get("fragment", "0") not in ("0", "DF 0"):
        return seen | {"kind": "fragment", "of": protocol, "length": len(payload)}
    sum_ok = checksum(pseudo(addresses[:half], addresses[half:], protocol, len(payload)) + payload) == 0
    if protocol == TCP:
        return seen | {"kind": "tcp", "sum": sum_ok} | _tcp_fields(payload, isn, iss)
    if protocol == UDP:
        return seen | {"kind": "udp", "sum": sum_ok, "data": payload[8:].hex()}
    if protocol in (ICMP, ICMPV6):
        sum_ok = checksum(payload) == 0 if protocol == ICMP else sum_ok
        rest, body = payload[4:8].hex(), payload[8:]
        return seen | {
            "kind": "icmp" if protocol == ICMP else "icmpv6",
            "sum": sum_ok,
            "type": f"{payload[0]}/{payload[1]}",
            "rest": rest,
            "length": len(body),
            "body": (_time_reply(body) if payload[0] == 14 and protocol == ICMP else _quote(body)).hex(),
        }
    return seen | {"kind": protocol, "payload": payload.hex()}


def _without_times(options: bytes) -> bytes:
    """IP options whose timestamps are all the same where they tell the time."""
    at = options.find(b"\x44")
    if at < 0 or options[at + 1] < 4 or at + options[at + 1] > len(options):
        return options
    end = at + options[at + 1]
    words = [options[i : i + 4] for i in range(at + 4, end, 4)]
    return options[: at + 4] + b"".join(b"now!" if _is_now(word) else word for word in words) + options[end:]


def _quote(body: bytes) -> bytes:
    """What an error quotes, or any other body."""
    if len(body) < 20 or body[0] >> 4 != 4:
        return body
    start = (body[0] & 15) * 4
    return body[:20] + _without_times(body[20:start]) + body[start:]


def _time_reply(body: bytes) -> bytes:
    return body[:4] + b"".join(b"now!" if _is_now(body[i : i + 4]) else body[i : i + 4] for i in (4, 8))


def _is_now(word: bytes) -> bool:
    """Whether these are the milliseconds since midnight UT, a minute more or less."""
    midnight = time.time() // 86400 * 86400
    return abs(int.from_bytes(word, "big") / 1000 - (time.time() - midnight)) < 60


def _tcp_fields(segment: bytes, isn: int, iss: int | None) -> Fields:
    _, _, seq, ack, words, flags, window, _, urgent = unpack_from("!HHIIBBHHH", segment)
    start = (words >> 4) * 4
    return {
        "flags": flag_names(flags),
        "seq": seq if iss is None or seq == 0 else f"iss+{(seq - iss) & 0xFFFFFFFF}",
        "ack": ack if ack == 0 else f"isn+{(ack - isn) & 0xFFFFFFFF}",
        "window": window,
        "urgent": urgent,
        "options": " ".join(option_texts(segment[20:start], isn)),
        "data": f"{len(segment) - start}: {segment[start:][:64].decode('latin-1')}",
    }


def option_texts(options: bytes, isn: int) -> list[str]:
    """TCP options in the order in which they stand."""
    found, at = [], 0
    while at < len(options):
        kind = options[at]
        if kind < 2:
            found.append(("end", "nop")[kind])
            at += 1
            continue
        length = options[at + 1]
        value = options[at + 2 : at + length]
        if kind == 5:
            edges = [(edge - isn) & 0xFFFFFFFF for edge in unpack_from(f"!{len(value) // 4}I", value)]
            found.append(f"sack{edges}".replace(" ", ""))
        elif kind == 8:
            found.append(f"ts(ecr={int.from_bytes(value[4:], 'big')})")
        else:
            name = {2: "mss", 3: "ws", 4: "sackok"}.get(kind, str(kind))
            found.append(f"{name}={int.from_bytes(value, 'big')}" if value else name)
        at += length
    return found
