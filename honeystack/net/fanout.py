"""Several processes share the packets of one interface: PACKET_FANOUT of packet(7), by a program of ours.

By default a peer (an IPv4 address, or a /64 of IPv6) belongs to one process, whatever it sends: its ARP, its fragments,
its probes of all ports, and also what a router says of our packets to it. So everything that is kept about a peer
(neighbours, scans, budgets, bounds) is kept in one place, as in a single process. PACKET_FANOUT_HASH looks at ports
where it finds some, and would scatter all of these. "flows" does likewise for TCP and UDP, for those whose load comes
from few addresses; errors then follow the flow that they quote, and fragments the address.

The kernel computes `index % members`, so the members must not change: whoever opens the taps keeps them open while a
process is started anew, or every flow would go to another process and be reset there.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from struct import pack, unpack
from typing import Literal

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet
from honeystack.net.packet_filter import (
    AND,
    ARP,
    DROP,
    IPV4,
    IPV6,
    JUMP,
    JUMP_EQUAL,
    JUMP_SET,
    LOAD_BYTE,
    LOAD_BYTE_INDEXED,
    LOAD_HALF,
    LOAD_HALF_INDEXED,
    LOAD_IP_HEADER_LENGTH,
    LOAD_WORD,
    RETURN,
    TCP,
    UDP,
    Branch,
    Instruction,
    Line,
    Program,
    linked,
)
from honeystack.net.ring import Tap, attach_program, open_tap
from honeystack.net.slots import SOL_PACKET

Spread = Literal["sources", "flows"]

# linux/if_packet.h
PACKET_FANOUT, PACKET_FANOUT_DATA = 18, 22
PACKET_FANOUT_CBPF = 6
FLAG_UNIQUE_ID, FLAG_IGNORE_OUTGOING = 0x2000, 0x4000  # of the group: what its sockets have set does not count

# linux/bpf_common.h, linux/filter.h
XOR, XOR_X, MULTIPLY, SHIFT_LEFT, SHIFT_RIGHT, ADD_X = 0xA4, 0xAC, 0x24, 0x64, 0x74, 0x0C
TO_X, STORE, LOAD_MEMORY_X, RETURN_A = 0x07, 0x02, 0x61, 0x16
LOAD_WORD_INDEXED, LOAD_NUMBER = 0x40, 0x00
PROTOCOL = 0xFFFFF000  # SKF_AD_OFF + SKF_AD_PROTOCOL: the EtherType, behind any VLAN tag
IP = 0xFFF00000  # SKF_NET_OFF: where the IP header begins, whatever the frame's own header

ICMP, ICMPV6 = 1, 58
GOLDEN = 0x9E3779B1  # 2**32 divided by the golden ratio, and odd: neighbours end up far apart
PORTS = 0  # the memory word for what the ports add


def open_taps(
    interface: str, count: int, *, addresses: AddressSet, all_multicast: bool, spread: Spread, seed: int
) -> list[Tap]:
    """Taps for so many processes. They take nothing before a Ring takes them over. Raises Unavailable."""
    with ExitStack() as opened:
        taps: list[Tap] = []
        groups = [0, 0]
        for number in range(count):
            tap = open_tap(interface, program=[DROP], addresses=addresses, all_multicast=all_multicast)
            opened.callback(tap.close)
            taps.append(tap)
            # A peer's number is the same in both groups, and so is the order of their members.
            for which, each in enumerate((tap.packets, tap.syns)):
                _join(each, groups[which] if number else None)
                if not number:
                    (groups[which],) = unpack("=H2x", each.getsockopt(SOL_PACKET, PACKET_FANOUT, 4))
        program = assemble_spread(spread, seed)
        for each in (taps[0].packets, taps[0].syns):
            attach_program(each, program, level=SOL_PACKET, option=PACKET_FANOUT_DATA)
        opened.pop_all()
    return taps


def _join(packets: socket.socket, group: int | None) -> None:
    """Join a group, or make a new one whose number nobody else on this machine has."""
    flags = FLAG_IGNORE_OUTGOING | (FLAG_UNIQUE_ID if group is None else 0)
    try:
        packets.setsockopt(SOL_PACKET, PACKET_FANOUT, pack("=HH", group or 0, PACKET_FANOUT_CBPF | flags))
    except OSError as refused:
        raise Unavailable(
            f"the kernel does not share packets among workers ({refused.strerror}): "
            "that takes a newer Linux, or workers = 1"
        ) from refused


def assemble_spread(spread: Spread, seed: int) -> Program:
    """The program that gives a packet's number, of which the kernel takes the rest modulo the members. Pure.

    `seed` has 32 bits and is secret, so that nobody can choose whose neighbour he is. What is too short for a load, and
    what is neither IP nor ARP, gets 0.
    """
    flows = spread == "flows"
    lines: list[Line] = [
        Instruction(LOAD_NUMBER, 0, 0, 0),
        Instruction(STORE, 0, 0, PORTS),
        Instruction(LOAD_HALF, 0, 0, PROTOCOL),
        Branch(JUMP_EQUAL, IPV4, "ipv4"),
        Branch(JUMP_EQUAL, IPV6, "ipv6"),
        Branch(JUMP_EQUAL, ARP, "arp"),
        Instruction(RETURN, 0, 0, 0),
        "arp",
        Instruction(LOAD_WORD, 0, 0, IP + 14),
        Branch(JUMP, 0, "number"),
        *_ipv4(flows=flows),
        *_ipv6(flows=flows),
        "number",
        Instruction(LOAD_MEMORY_X, 0, 0, PORTS),
        Instruction(XOR_X, 0, 0, 0),
        Instruction(XOR, 0, 0, seed),
        Instruction(MULTIPLY, 0, 0, GOLDEN),
        Instruction(SHIFT_RIGHT, 0, 0, 16),  # the high bits depend on all bits of the address
        Instruction(RETURN_A, 0, 0, 0),
    ]
    return linked(lines)


def _ipv4(*, flows: bool) -> list[Line]:
    """By the source; errors (RFC 792) by where the packet went that they quote. Jumps lead forward only."""
    quoted = IP + 8  # with the length of the header in X
    return [
        "ipv4",
        Instruction(LOAD_BYTE, 0, 0, IP + 9),
        Branch(JUMP_EQUAL, ICMP, "icmp4"),
        *(_ports_of("ports4", "source4") if flows else [Branch(JUMP, 0, "source4")]),
        "icmp4",
        Instruction(LOAD_HALF, 0, 0, IP + 6),
        Branch(JUMP_SET, 0x1FFF, "source4"),
        Instruction(LOAD_IP_HEADER_LENGTH, 0, 0, IP),
        Instruction(LOAD_BYTE_INDEXED, 0, 0, IP),
        *(Branch(JUMP_EQUAL, kind, "quoted4") for kind in (3, 11, 12)),
        Branch(JUMP, 0, "source4"),
        "quoted4",
        *(_quoted_ports4() if flows else []),
        "destination4",
        Instruction(LOAD_IP_HEADER_LENGTH, 0, 0, IP),
        Instruction(LOAD_WORD_INDEXED, 0, 0, quoted + 16),
        Branch(JUMP, 0, "number"),
        *(_ports4() if flows else []),
        "source4",
        Instruction(LOAD_WORD, 0, 0, IP + 12),
        Branch(JUMP, 0, "number"),
    ]


def _ports4() -> list[Line]:
    """The ports of a packet that is no fragment."""
    return [
        "ports4",
        Instruction(LOAD_HALF, 0, 0, IP + 6),
        Branch(JUMP_SET, 0x3FFF, "source4"),
        Instruction(LOAD_IP_HEADER_LENGTH, 0, 0, IP),
        *_mixed_ports(LOAD_HALF_INDEXED, IP),
    ]


def _quoted_ports4() -> list[Line]:
    quoted = IP + 8
    return [
        Instruction(LOAD_BYTE_INDEXED, 0, 0, quoted + 9),
        *_ports_of("first4", "destination4"),
        "first4",
        Instruction(LOAD_HALF_INDEXED, 0, 0, quoted + 6),
        Branch(JUMP_SET, 0x1FFF, "destination4"),
        Instruction(LOAD_BYTE_INDEXED, 0, 0, quoted),
        Instruction(AND, 0, 0, 0x0F),
        Instruction(SHIFT_LEFT, 0, 0, 2),
        Instruction(ADD_X, 0, 0, 0),
        Instruction(TO_X, 0, 0, 0),
        *_mixed_ports(LOAD_HALF_INDEXED, quoted),
    ]


def _ipv6(*, flows: bool) -> list[Line]:
    """By the source; errors (RFC 4443 §2.1: types below 128) by where the packet went that they quote."""
    quoted = IP + 40 + 8
    words = 4 if flows else 2  # a peer is a /64, as it is to all bounds
    return [
        "ipv6",
        Instruction(LOAD_BYTE, 0, 0, IP + 6),
        Branch(JUMP_EQUAL, ICMPV6, "icmp6"),
        *(_ports_of("ports6", "source6") if flows else [Branch(JUMP, 0, "source6")]),
        "icmp6",
        Instruction(LOAD_BYTE, 0, 0, IP + 40),
        Branch(JUMP_SET, 0x80, "source6"),
        *([Instruction(LOAD_BYTE, 0, 0, quoted + 6), *_ports_of("first6", "destination6")] if flows else []),
        *(["first6", *_mixed_ports(LOAD_HALF, quoted + 40)] if flows else []),
        "destination6",
        *_folded(quoted + 24, words),
        Branch(JUMP, 0, "number"),
        *(["ports6", *_mixed_ports(LOAD_HALF, IP + 40)] if flows else []),
        "source6",
        *_folded(IP + 8, words),
    ]


def _ports_of(found: str, otherwise: str) -> list[Line]:
    """Where to go with a protocol that has ports, and with all others."""
    return [Branch(JUMP_EQUAL, TCP, found), Branch(JUMP_EQUAL, UDP, found), Branch(JUMP, 0, otherwise)]


def _mixed_ports(load: int, at: int) -> list[Line]:
    """Both ports as one number, the same in both directions."""
    return [
        Instruction(load, 0, 0, at + 2),
        Instruction(STORE, 0, 0, PORTS),
        Instruction(load, 0, 0, at),
        Instruction(LOAD_MEMORY_X, 0, 0, PORTS),
        Instruction(XOR_X, 0, 0, 0),
        Instruction(STORE, 0, 0, PORTS),
    ]


def _folded(at: int, words: int) -> list[Line]:
    """The first words of an address as one."""
    lines: list[Line] = [Instruction(LOAD_WORD, 0, 0, at)]
    for offset in range(4, 4 * words, 4):
        lines += [
            Instruction(TO_X, 0, 0, 0),
            Instruction(LOAD_WORD, 0, 0, at + offset),
            Instruction(XOR_X, 0, 0, 0),
        ]
    return lines
