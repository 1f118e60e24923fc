"""One segment as packetdrill writes it: `P. 1:101(100) ack 1 win 500 <nop,nop,TS val 1 ecr 2>`, read and written.

Flags are letters: S F R P . U E W, where `.` is ACK, E is ECE and W is CWR; `-` is no flag at all. Sequence numbers
are relative, and compared modulo 2**32. `*` stands for any number, `<*>` for any options, and a part that is left out
of an expectation for any value, but options that are left out for none.
"""

from __future__ import annotations

import re
from struct import pack, unpack

import attrs

from honeystack.net.tcp.seq import MASK, diff
from honeystack.net.wire import tcp as wire
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import walk_options

LETTERS = {
    "S": wire.SYN,
    "F": wire.FIN,
    "R": wire.RST,
    "P": wire.PSH,
    ".": wire.ACK,
    "U": wire.URG,
    "E": wire.ECE,
    "W": wire.CWR,
}
NO_FLAGS = "-"
_NUMBER = r"(\*|-?\d+)"
_HEAD = re.compile(rf"(?P<flags>[SFRP.UEW]+|-) +(?:{_NUMBER}:{_NUMBER}\({_NUMBER}\)|(?P<any>\*))")
_FIELD = re.compile(rf" *(?P<name>ack|win|urg) +{_NUMBER}")
_OPTIONS = re.compile(r" *<(?P<options>[^>]*)>")
_PLAIN_OPTIONS = {"nop": wire.NOP, "eol": wire.END, "sackOK": wire.SACK_PERMITTED}
_SIZED_OPTIONS = {"mss": (wire.MSS, "!H"), "wscale": (wire.WINDOW_SCALE, "!B")}


@attrs.frozen
class Option:
    """One TCP option: its name, and its numbers (None: any). What has no name is `kind`, its octets in hexadecimal."""

    name: str
    numbers: tuple[int | None, ...] = ()
    octets: bytes = b""

    def __str__(self) -> str:
        numbers = ["*" if number is None else str(number) for number in self.numbers]
        if self.name == "TS":
            return f"TS val {numbers[0]} ecr {numbers[1]}"
        if self.name == "sack":
            return "sack " + " ".join(f"{a}:{b}" for a, b in zip(numbers[::2], numbers[1::2], strict=True))
        return " ".join([self.name, *numbers] + ([self.octets.hex()] if self.octets else []))


@attrs.frozen
class WrittenSegment:
    """A segment in relative numbers; None is any value."""

    flags: str
    seq: int | None
    length: int | None
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()

    def __str__(self) -> str:
        if self.seq is None or self.length is None:
            parts = [self.flags, f"*:*({'*' if self.length is None else self.length})"]
        else:
            parts = [self.flags, f"{self.seq}:{self.seq + self.length}({self.length})"]
        for name, number in (("ack", self.ack), ("win", self.window), ("urg", self.urgent)):
            parts += [] if number is None else [f"{name} {number}"]
        if self.options is None:
            parts.append("<*>")
        elif self.options:
            parts.append(f"<{','.join(str(option) for option in self.options)}>")
        return " ".join(parts)


def parse_segment(text: str) -> tuple[WrittenSegment, str]:
    """The segment that a text begins with, and the rest of the text. Raises ValueError."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("a segment is written as FLAGS SEQ:END(LENGTH), flags being letters of SFRP.UEW or -")
    seq, end, length = (None, None, None) if head["any"] else (_number(head[i]) for i in (2, 3, 4))
    if seq is not None and end is not None and length is not None and diff(end & MASK, (seq + length) & MASK):
        raise ValueError(f"{seq}:{end} does not hold {length} octets")
    flags, at = _in_order(head["flags"]), head.end()
    fields: dict[str, int | None] = {}
    while (field := _FIELD.match(text, at)) is not None:
        fields[field["name"]] = _number(field[2])
        at = field.end()
    options: tuple[Option, ...] | None = ()
    if (found := _OPTIONS.match(text, at)) is not None:
        options, at = _parse_options(found["options"]), found.end()
    segment = WrittenSegment(flags, seq, length, fields.get("ack"), fields.get("win"), fields.get("urg"), options)
    return segment, text[at:].strip()


def differences(expected: WrittenSegment, actual: WrittenSegment) -> list[str]:
    """The parts in which a segment is not as expected, by name."""
    found = [] if expected.flags == actual.flags else ["flags"]
    for name, circular in (("seq", True), ("length", False), ("ack", True), ("window", False), ("urgent", False)):
        wanted, seen = getattr(expected, name), getattr(actual, name)
        if wanted is not None and (seen is None or _differ(wanted, seen, circular=circular)):
            found.append(name)
    if expected.options is not None and not _same_options(expected.options, actual.options or ()):
        found.append("options")
    return found


def flag_bits(letters: str) -> int:
    """The flags of the header."""
    return sum(LETTERS[letter] for letter in letters if letter != NO_FLAGS)


def flag_letters(bits: int) -> str:
    """The flags as they are written."""
    return "".join(letter for letter, bit in LETTERS.items() if bits & bit) or NO_FLAGS


def encode_options(options: tuple[Option, ...], *, echo_base: int, ack_base: int) -> bytes:
    """Options in the order in which they are written, padded with zeros; the bases make their numbers absolute."""
    encoded = b"".join(_encode_option(option, echo_base, ack_base) for option in options)
    return encoded + bytes(-len(encoded) % 4)


def written_options(seg: Segment, *, stamp_base: int, sack_base: int) -> tuple[Option, ...]:
    """The options of a segment that we sent; the bases are those of our timestamps and of the peer's numbers."""
    found = []
    for kind, value in walk_options(seg.options):
        if kind == wire.TIMESTAMPS and len(value) == 8:
            stamp, echo = unpack("!II", value)
            found.append(Option("TS", (diff(stamp, stamp_base), echo)))
        elif kind == wire.SACK and value and len(value) % 8 == 0:
            found.append(Option("sack", tuple(diff(n, sack_base) for n in unpack(f"!{len(value) // 4}I", value))))
        else:
            found.append(_named(kind, value))
    return tuple(found)


def _number(text: str) -> int | None:
    return None if text == "*" else int(text)


def _in_order(letters: str) -> str:
    return letters if letters == NO_FLAGS else flag_letters(flag_bits("".join(set(letters))))


def _differ(wanted: int, seen: int, *, circular: bool) -> bool:
    return bool((wanted - seen) & MASK) if circular else wanted != seen


def _same_options(wanted: tuple[Option, ...], seen: tuple[Option, ...]) -> bool:
    return len(wanted) == len(seen) and all(_same_option(a, b) for a, b in zip(wanted, seen, strict=True))


def _same_option(wanted: Option, seen: Option) -> bool:
    if wanted.name != seen.name or wanted.octets != seen.octets or len(wanted.numbers) != len(seen.numbers):
        return False
    pairs = zip(wanted.numbers, seen.numbers, strict=True)
    return all(a is None or (b is not None and not _differ(a, b, circular=True)) for a, b in pairs)


def _parse_options(text: str) -> tuple[Option, ...] | None:
    if text.strip() in ("*", "..."):
        return None
    return tuple(_parse_option(part.split()) for part in text.split(",")) if text.strip() else ()


def _parse_option(words: list[str]) -> Option:
    match words:
        case [name] if name in _PLAIN_OPTIONS:
            return Option(name)
        case [name, number] if name in _SIZED_OPTIONS:
            return Option(name, (_number(number),))
        case ["TS", "val", stamp, "ecr", echo]:
            return Option("TS", (_number(stamp), _number(echo)))
        case ["sack", *blocks] if blocks and all(block.count(":") == 1 for block in blocks):
            return Option("sack", tuple(_number(n) for block in blocks for n in block.split(":")))
        case ["kind", kind]:
            return Option("kind", (int(kind),))
        case ["kind", kind, octets]:
            return Option("kind", (int(kind),), bytes.fromhex(octets))
        case ["raw", octets]:
            return Option("raw", (), bytes.fromhex(octets))
    raise ValueError(
        f"{' '.join(words)!r} is no option: write mss N, wscale N, sackOK, sack A:B, TS val N ecr N, nop, eol, "
        "kind N OCTETS or raw OCTETS"
    )


def _encode_option(option: Option, echo_base: int, ack_base: int) -> bytes:
    numbers = [number or 0 for number in option.numbers]
    if option.name == "raw":
        return option.octets
    if option.name in _PLAIN_OPTIONS:
        kind = _PLAIN_OPTIONS[option.name]
        return bytes([kind]) if kind <= wire.NOP else bytes([kind, 2])
    if option.name in _SIZED_OPTIONS:
        kind, layout = _SIZED_OPTIONS[option.name]
        value = pack(layout, *numbers)
    elif option.name == "TS":
        kind, value = wire.TIMESTAMPS, pack("!II", numbers[0] & MASK, (numbers[1] + echo_base) & MASK)
    elif option.name == "sack":
        kind, value = wire.SACK, b"".join(pack("!I", (number + ack_base) & MASK) for number in numbers)
    else:
        kind, value = numbers[0], option.octets
    return bytes([kind, 2 + len(value)]) + value


def _named(kind: int, value: bytes) -> Option:
    for name, plain in _PLAIN_OPTIONS.items():
        if kind == plain and not value:
            return Option(name)
    for name, (sized, layout) in _SIZED_OPTIONS.items():
        if kind == sized and len(value) == len(pack(layout, 0)):
            return Option(name, unpack(layout, value))
    return Option("kind", (kind,), value)
