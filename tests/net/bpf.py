"""A small interpreter of classic BPF, as the kernel runs it, for the tests of the packet filter and of the fan-out."""

from __future__ import annotations

from honeystack.net import fanout
from honeystack.net import packet_filter as bpf

ETHERNET = 14  # where the kernel's network header begins in a frame without a tag
WORD = 0xFFFFFFFF


def run(program: bpf.Program, frame: bytes) -> int:
    """What the program returns for a frame; reading behind the end returns 0."""
    a = x = at = 0
    memory: dict[int, int] = {}
    for _ in range(bpf.MAX_INSTRUCTIONS):
        code, jump_true, jump_false, k = program[at]
        at += 1
        if code == bpf.RETURN:
            return k
        if code == fanout.RETURN_A:
            return a
        if code in LOADS:
            size, start = LOADS[code], place(k, x if code in INDEXED else 0)
            if start + size > len(frame):
                return 0
            a = int.from_bytes(frame[start : start + size], "big")
        elif code == bpf.LOAD_IP_HEADER_LENGTH:
            if place(k, 0) >= len(frame):
                return 0
            x = 4 * (frame[place(k, 0)] & 15)
        elif code == bpf.LOAD_LENGTH:
            a = len(frame)
        elif code in SUMS:
            a = SUMS[code](a, k, x) & WORD
        elif code == fanout.TO_X:
            x = a
        elif code == fanout.STORE:
            memory[k] = a
        elif code == fanout.LOAD_MEMORY_X:
            x = memory[k]  # the kernel refuses programs that could read what was not stored
        elif code == bpf.JUMP:
            at += k
        else:
            assert 0 <= jump_true <= 255
            assert 0 <= jump_false <= 255
            at += jump_true if JUMPS[code](a, x if code == bpf.JUMP_GREATER_EQUAL_X else k) else jump_false
    raise AssertionError("the program does not end")


def place(k: int, x: int) -> int:
    """Where in the frame an offset points to: from its beginning, or from the network header, or to the EtherType."""
    if k >= fanout.PROTOCOL:
        return ETHERNET - 2
    return ETHERNET + k - fanout.IP + x if k >= fanout.IP else k + x


LOADS = {
    bpf.LOAD_WORD: 4,
    bpf.LOAD_HALF: 2,
    bpf.LOAD_BYTE: 1,
    bpf.LOAD_HALF_INDEXED: 2,
    fanout.LOAD_WORD_INDEXED: 4,
    fanout.LOAD_BYTE_INDEXED: 1,
}
INDEXED = {bpf.LOAD_HALF_INDEXED, fanout.LOAD_WORD_INDEXED, fanout.LOAD_BYTE_INDEXED}
SUMS = {
    fanout.LOAD_NUMBER: lambda a, k, x: k,
    bpf.AND: lambda a, k, x: a & k,
    bpf.SUBTRACT: lambda a, k, x: a - k,
    fanout.XOR: lambda a, k, x: a ^ k,
    fanout.XOR_X: lambda a, k, x: a ^ x,
    fanout.ADD_X: lambda a, k, x: a + x,
    fanout.MULTIPLY: lambda a, k, x: a * k,
    fanout.SHIFT_LEFT: lambda a, k, x: a << k,
    fanout.SHIFT_RIGHT: lambda a, k, x: a >> k,
}
JUMPS = {
    bpf.JUMP_EQUAL: lambda a, k: a == k,
    bpf.JUMP_GREATER: lambda a, k: a > k,
    bpf.JUMP_GREATER_EQUAL: lambda a, k: a >= k,
    bpf.JUMP_GREATER_EQUAL_X: lambda a, x: a >= x,
    bpf.JUMP_SET: lambda a, k: bool(a & k),
}
