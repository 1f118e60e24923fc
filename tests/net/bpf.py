"""A small interpreter of classic BPF, as the kernel runs it, for the tests of the packet filter."""

from __future__ import annotations

from honeystack.net import packet_filter as bpf


def run(program: bpf.Program, frame: bytes) -> int:
    """How many bytes of the frame the program keeps; reading behind the end keeps none."""
    a = x = at = 0
    for _ in range(bpf.MAX_INSTRUCTIONS):
        code, jump_true, jump_false, k = program[at]
        at += 1
        if code == bpf.RETURN:
            return k
        if code in LOADS:
            start = k + (x if code == bpf.LOAD_HALF_INDEXED else 0)
            size = LOADS[code]
            if start + size > len(frame):
                return 0
            a = int.from_bytes(frame[start : start + size], "big")
        elif code == bpf.LOAD_IP_HEADER_LENGTH:
            if k >= len(frame):
                return 0
            x = 4 * (frame[k] & 15)
        elif code == bpf.LOAD_LENGTH:
            a = len(frame)
        elif code == bpf.AND:
            a &= k
        elif code == bpf.SUBTRACT:
            a = (a - k) & 0xFFFFFFFF
        elif code == bpf.JUMP:
            at += k
        else:
            assert 0 <= jump_true <= 255
            assert 0 <= jump_false <= 255
            at += jump_true if JUMPS[code](a, x if code == bpf.JUMP_GREATER_EQUAL_X else k) else jump_false
    raise AssertionError("the program does not end")


LOADS = {bpf.LOAD_WORD: 4, bpf.LOAD_HALF: 2, bpf.LOAD_BYTE: 1, bpf.LOAD_HALF_INDEXED: 2}
JUMPS = {
    bpf.JUMP_EQUAL: lambda a, k: a == k,
    bpf.JUMP_GREATER: lambda a, k: a > k,
    bpf.JUMP_GREATER_EQUAL: lambda a, k: a >= k,
    bpf.JUMP_GREATER_EQUAL_X: lambda a, x: a >= x,
    bpf.JUMP_SET: lambda a, k: bool(a & k),
}
