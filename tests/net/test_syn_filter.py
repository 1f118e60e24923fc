"""Each frame is in one of both rings, and a SYN with the SYNs."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.packet_filter import ACCEPT, MAX_INSTRUCTIONS, WHOLE, assemble
from honeystack.net.syn_filter import only_syns, without_syns
from honeystack.net.wire.ethernet import encode_ethernet
from honeystack.net.wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from tests.net.bpf import run
from tests.net.frames import PATH4, PATH6, frame, ip_frame, syn_frame

PROGRAM = assemble(Exclusions((parse_port_range("tcp/22"),), AddressSet(["10.0.0.77", "2001:db8::77"])))


def ring_of(octets: bytes) -> str:
    """Which ring a frame is in; never both."""
    rings = {"syns": run(only_syns(PROGRAM), octets), "frames": run(without_syns(PROGRAM), octets)}
    assert set(rings.values()) <= {0, WHOLE}
    assert not all(rings.values())
    assert any(rings.values()) == (run(PROGRAM, octets) == WHOLE)
    return next((name for name, kept in rings.items() if kept), "none")


def with_flags(path: object, flags: int, port: int = 80) -> bytes:
    segment = pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, flags, 1000, 0, 0)
    return ip_frame(path, 6, segment)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_a_syn_is_what_has_it_and_no_other_control_flag(path: object) -> None:
    for flags in (SYN, SYN | ECE | CWR, SYN | PSH, SYN | URG):
        assert ring_of(with_flags(path, flags)) == "syns"
    for flags in (0, ACK, SYN | ACK, SYN | RST, SYN | FIN, ACK | PSH, FIN | PSH | URG, RST):
        assert ring_of(with_flags(path, flags)) == "frames"


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_what_is_excluded_is_in_none(path: object) -> None:
    assert ring_of(with_flags(path, SYN, port=22)) == ring_of(with_flags(path, ACK, port=22)) == "none"
    excluded = path._replace(remote=path.remote[:-1] + bytes([0x77 if path is PATH6 else 77]))  # type: ignore[attr-defined]
    assert ring_of(with_flags(excluded, SYN)) == "none"


def test_ip_options_hide_no_syn_and_fragments_are_none() -> None:
    whole = syn_frame(PATH4)
    options = whole[:14] + b"\x46" + whole[15:34] + bytes(4) + whole[34:]
    assert ring_of(options) == "syns"
    beyond = whole[:14] + b"\x4f" + whole[15:]
    assert ring_of(beyond) == "frames"  # its flags would be behind its end
    for field in (b"\x20\x00", b"\x00\x01", b"\x20\x01"):
        assert ring_of(whole[:20] + field + whole[22:]) == "frames"
    assert ring_of(whole[:20] + b"\x40\x00" + whole[22:]) == "syns"


def test_what_does_not_show_is_with_the_living() -> None:
    segment = syn_frame(PATH6)[54:]
    extended = ip_frame(PATH6, 0, b"\x06\x00\x01\x04\x00\x00\x00\x00" + segment)
    assert ring_of(extended) == "frames"
    tagged = encode_ethernet(bytes(6), bytes(6), 0x8100, None) + b"\x00\x07\x08\x00" + syn_frame(PATH4)[14:]
    assert ring_of(tagged) == "frames"
    assert ring_of(ip_frame(PATH4, 17, segment)) == ring_of(ip_frame(PATH6, 17, segment)) == "frames"
    assert ring_of(frame(PATH4, b"")) == "frames"


@pytest.mark.parametrize("path", [PATH4, PATH6])
def test_frames_that_are_cut_off_are_with_the_living(path: object) -> None:
    whole = syn_frame(path)  # type: ignore[arg-type]
    assert [ring_of(whole[:length]) for length in range(14, len(whole))] == ["frames"] * (len(whole) - 14)


@given(st.binary(max_size=130), st.sampled_from([b"", b"\x08\x00\x45", b"\x08\x00\x47", b"\x86\xdd\x60"]))
def test_any_frame_is_in_one_ring_at_most(octets: bytes, kind: bytes) -> None:
    ring_of(octets[:12] + kind + octets[12:])
    data = octets[:12] + kind + octets[12:]
    if len(data) >= 14:
        assert [bool(run(which([ACCEPT]), data)) for which in (only_syns, without_syns)].count(True) == 1


def test_there_is_room_before_the_longest_program() -> None:
    networks = tuple(f"10.{i // 256}.{i % 256}.0/30" for i in range(5000))
    program = assemble(Exclusions((), AddressSet(networks)))
    assert max(len(only_syns(program)), len(without_syns(program))) <= MAX_INSTRUCTIONS
    assert len(program) > MAX_INSTRUCTIONS // 4
