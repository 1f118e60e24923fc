"""SYNs have a ring of their own, so that a flood of them costs no flow that lives: which frames are SYNs, in BPF. Pure.

Two programs ask the same question, and what one of them takes the other leaves: so that each frame ends in one ring,
whatever it is. What does not show at first sight that it begins a connection (behind IPv6 extension headers, in
fragments, behind a second VLAN tag, cut off) is with the frames of living flows; the first tag is gone by then.
"""

from __future__ import annotations

from honeystack.net.packet_filter import (
    AND,
    DROP,
    ETHERTYPE,
    IP,
    IPV4,
    IPV6,
    JUMP,
    JUMP_EQUAL,
    JUMP_GREATER_EQUAL,
    JUMP_GREATER_EQUAL_X,
    JUMP_SET,
    LOAD_BYTE,
    LOAD_BYTE_INDEXED,
    LOAD_HALF,
    LOAD_IP_HEADER_LENGTH,
    LOAD_LENGTH,
    SUBTRACT,
    TCP,
    Branch,
    Instruction,
    Line,
    Program,
    linked,
)

FLAGS = 13  # where they are in a TCP header
CONTROL, SYN = 0x17, 0x02  # FIN, SYN, RST and ACK: of these a SYN has only itself
FRAGMENT = 0x3FFF  # more of them, or not the first
SHORTEST_IPV4, SHORTEST_IPV6 = IP + 40, IP + 60  # bytes of a frame with a whole TCP header


def only_syns(program: Program) -> Program:
    """A program that takes the SYNs of what another one takes."""
    return [*linked([*_QUESTION, "syn", Instruction(JUMP, 0, 0, 1), "other", DROP]), *program]


def without_syns(program: Program) -> Program:
    """A program that takes all that another one takes, but for SYNs."""
    return [*linked([*_QUESTION, "syn", DROP, "other"]), *program]


_QUESTION: list[Line] = [
    Instruction(LOAD_LENGTH, 0, 0, 0),
    Branch(JUMP_GREATER_EQUAL, SHORTEST_IPV4, "whole", "other"),
    "whole",
    Instruction(LOAD_HALF, 0, 0, ETHERTYPE),
    Branch(JUMP_EQUAL, IPV4, "ipv4"),
    Branch(JUMP_EQUAL, IPV6, "ipv6", "other"),
    "ipv4",
    Instruction(LOAD_BYTE, 0, 0, IP + 9),
    Branch(JUMP_EQUAL, TCP, "tcp4", "other"),
    "tcp4",
    Instruction(LOAD_HALF, 0, 0, IP + 6),
    Branch(JUMP_SET, FRAGMENT, "other"),
    Instruction(LOAD_IP_HEADER_LENGTH, 0, 0, IP),
    Instruction(LOAD_LENGTH, 0, 0, 0),
    Instruction(SUBTRACT, 0, 0, IP + FLAGS + 1),
    Branch(JUMP_GREATER_EQUAL_X, 0, "flags4", "other"),
    "flags4",
    Instruction(LOAD_BYTE_INDEXED, 0, 0, IP + FLAGS),
    Branch(JUMP, 0, "flags"),
    "ipv6",
    Instruction(LOAD_LENGTH, 0, 0, 0),
    Branch(JUMP_GREATER_EQUAL, SHORTEST_IPV6, "whole6", "other"),
    "whole6",
    Instruction(LOAD_BYTE, 0, 0, IP + 6),
    Branch(JUMP_EQUAL, TCP, "tcp6", "other"),
    "tcp6",
    Instruction(LOAD_BYTE, 0, 0, IP + 40 + FLAGS),
    "flags",
    Instruction(AND, 0, 0, CONTROL),
    Branch(JUMP_EQUAL, SYN, "syn", "other"),
]
