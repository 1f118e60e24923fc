"""What is left to the host, as a classic BPF program for the kernel: it costs us no wake-up. Pure.

Each rule is complete in itself: the last compare of a match falls into a `ret 0` of its own, and a mismatch jumps just
behind it. So no conditional jump is ever far (its offset is one byte), however many rules there are.

The filter only saves work; the stack asks Exclusions itself again. So what cannot be said here may pass: ports behind
IPv6 extension headers, ports of later fragments, and rules beyond the kernel's 4096 instructions. A load behind the end
of a frame would make the kernel drop it, so frames that are cut short pass by their length, to be counted as malformed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from struct import pack
from typing import NamedTuple

from honeystack.net.address import Exclusions, PortRange

# linux/bpf_common.h: class, size, mode and operation, already joined.
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30  # A = packet[k]
LOAD_LENGTH = 0x80  # A = length of the packet
LOAD_HALF_INDEXED, LOAD_BYTE_INDEXED = 0x48, 0x50  # A = packet[x + k]
LOAD_IP_HEADER_LENGTH = 0xB1  # X = 4 * (packet[k] & 15)
AND, SUBTRACT = 0x54, 0x14
JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, JUMP_SET = 0x05, 0x15, 0x25, 0x35, 0x45
JUMP_GREATER_EQUAL_X = 0x3D
RETURN = 0x06

MAX_INSTRUCTIONS = 4096  # linux/bpf_common.h: BPF_MAXINSNS
ROOM = 32  # instructions that may yet be put before a program (net.syn_filter)
WHOLE = 0x40000  # bytes of an accepted frame to keep: more than any super-frame has

ETHERTYPE, IP = 12, 14  # offsets in the frame
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
TCP, UDP = 6, 17


class Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    jump_true: int
    jump_false: int
    k: int

    def __str__(self) -> str:
        return f"{self.code:#04x} {self.jump_true} {self.jump_false} {self.k:#x}"


class Branch(NamedTuple):
    """A jump to labels; an empty one is the next instruction."""

    code: int
    k: int
    true: str
    false: str = ""


Program = list[Instruction]
Line = str | Instruction | Branch  # a text is a label
DROP, ACCEPT = Instruction(RETURN, 0, 0, 0), Instruction(RETURN, 0, 0, WHOLE)


def assemble(exclusions: Exclusions) -> Program:
    """The program that drops what is excluded and accepts all else; as many rules as the kernel takes."""
    networks = [*_collapsed(exclusions, 4), *_collapsed(exclusions, 6)]
    for kept in (len(networks), MAX_INSTRUCTIONS // 16, 0):
        program = _assemble(networks[:kept], exclusions.ports)
        if len(program) <= MAX_INSTRUCTIONS - ROOM:
            return program
    return [ACCEPT]


def linked(lines: Sequence[Line]) -> Program:
    """A program whose labels have become distances, which count from the next instruction."""
    labels: dict[str, int] = {}
    code: list[Instruction | Branch] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(code)
        else:
            code.append(line)
    program: Program = []
    for number, line in enumerate(code, 1):
        if isinstance(line, Instruction):
            program.append(line)
            continue
        true = labels[line.true] - number
        if line.code == JUMP:
            program.append(Instruction(JUMP, 0, 0, true))
        else:
            program.append(Instruction(line.code, true, labels[line.false] - number if line.false else 0, line.k))
    return program


def encode(program: Program) -> bytes:
    """The array of struct sock_filter that SO_ATTACH_FILTER points to."""
    return b"".join(pack("=HBBI", *instruction) for instruction in program)


def _collapsed(exclusions: Exclusions, version: int) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    if version == 4:
        return ipaddress.collapse_addresses(n for n in exclusions.addresses if isinstance(n, ipaddress.IPv4Network))
    return ipaddress.collapse_addresses(n for n in exclusions.addresses if isinstance(n, ipaddress.IPv6Network))


def _assemble(networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network], ports: tuple[PortRange, ...]) -> Program:
    ipv4 = [n for n in networks if isinstance(n, ipaddress.IPv4Network)]
    ipv6 = [n for n in networks if isinstance(n, ipaddress.IPv6Network)]
    return [
        Instruction(LOAD_HALF, 0, 0, ETHERTYPE),
        *_section(IPV4, IP + 20, [*_sources_v4(ipv4, IP + 12), *_ports_v4(ports)]),
        *_section(IPV6, IP + 40, [*_sources_v6(ipv6, IP + 8), *_ports_v6(ports)]),
        *_section(ARP, IP + 28, _sources_v4(ipv4, IP + 14)),
        ACCEPT,
    ]


def _section(ethertype: int, header_end: int, body: Program) -> Program:
    """The rules for one EtherType, ended by accepting; skipped, however long, for all others."""
    if not body:
        return []
    whole_header = [Instruction(LOAD_LENGTH, 0, 0, 0), Instruction(JUMP_GREATER_EQUAL, 1, 0, header_end), ACCEPT]
    return [
        Instruction(JUMP_EQUAL, 1, 0, ethertype),
        Instruction(JUMP, 0, 0, len(whole_header) + len(body) + 1),
        *whole_header,
        *body,
        ACCEPT,
    ]


def _sources_v4(networks: list[ipaddress.IPv4Network], offset: int) -> Program:
    program: Program = []
    for network in networks:
        program += [
            Instruction(LOAD_WORD, 0, 0, offset),
            Instruction(AND, 0, 0, int(network.netmask)),
            Instruction(JUMP_EQUAL, 0, 1, int(network.network_address)),
            DROP,
        ]
    return program


def _sources_v6(networks: list[ipaddress.IPv6Network], offset: int) -> Program:
    program: Program = []
    for network in networks:
        words = []
        for index in range(4):
            mask = int.from_bytes(network.netmask.packed[4 * index : 4 * index + 4], "big")
            if mask:
                base = int.from_bytes(network.network_address.packed[4 * index : 4 * index + 4], "big")
                words.append((offset + 4 * index, mask, base))
        for position, (where, mask, base) in enumerate(words):
            behind = 3 * (len(words) - position - 1) + 1  # past the words to come and the drop
            program += [
                Instruction(LOAD_WORD, 0, 0, where),
                Instruction(AND, 0, 0, mask),
                Instruction(JUMP_EQUAL, 0, behind, base),
            ]
        program.append(DROP)
    return program


def _ports_v4(ports: tuple[PortRange, ...]) -> Program:
    find_port = [
        Instruction(LOAD_HALF, 0, 0, IP + 6),
        Instruction(JUMP_SET, 0, 1, 0x1FFF),  # a later fragment carries no port
        ACCEPT,
        Instruction(LOAD_IP_HEADER_LENGTH, 0, 0, IP),
        Instruction(LOAD_LENGTH, 0, 0, 0),
        Instruction(SUBTRACT, 0, 0, IP + 4),  # not below zero: the header without options is there
        Instruction(JUMP_GREATER_EQUAL_X, 1, 0, 0),
        ACCEPT,
    ]
    return _ports(ports, IP + 9, find_port, Instruction(LOAD_HALF_INDEXED, 0, 0, IP + 2))


def _ports_v6(ports: tuple[PortRange, ...]) -> Program:
    find_port = [Instruction(LOAD_LENGTH, 0, 0, 0), Instruction(JUMP_GREATER_EQUAL, 1, 0, IP + 40 + 4), ACCEPT]
    return _ports(ports, IP + 6, find_port, Instruction(LOAD_HALF, 0, 0, IP + 40 + 2))


def _ports(ports: tuple[PortRange, ...], protocol_at: int, find_port: Program, load_port: Instruction) -> Program:
    program: Program = []
    for protocol in (TCP, UDP):
        ranges = _merged(ports, protocol)
        if not ranges:
            continue
        body = [*find_port, load_port]
        for first, last in ranges:
            body += [Instruction(JUMP_GREATER_EQUAL, 0, 2, first), Instruction(JUMP_GREATER, 1, 0, last), DROP]
        program += [
            Instruction(LOAD_BYTE, 0, 0, protocol_at),
            Instruction(JUMP_EQUAL, 1, 0, protocol),
            Instruction(JUMP, 0, 0, len(body) + 1),
            *body,
            ACCEPT,
        ]
    return program


def _merged(ports: tuple[PortRange, ...], protocol: int) -> list[tuple[int, int]]:
    """The ranges of one protocol, in order and without overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((p.first, p.last) for p in ports if p.protocol in (None, protocol)):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
