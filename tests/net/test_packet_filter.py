"""The packet filter agrees with Exclusions on every frame whose port it can see."""

from __future__ import annotations

import ipaddress
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.net.address import AddressSet, Exclusions, PortRange, parse_port_range
from honeystack.net.packet_filter import ACCEPT, MAX_INSTRUCTIONS, WHOLE, Instruction, assemble, encode
from tests.net.bpf import run

MACS = bytes(12)


def ipv4_frame(protocol: int, remote: bytes, port: int, *, options: int = 0, fragment: int = 0) -> bytes:
    header = pack("!BBHHHBBH4s4s", 0x45 + options, 0, 0, 0, fragment, 64, protocol, 0, remote, bytes(4))
    return MACS + pack("!H", 0x0800) + header + bytes(4 * options) + pack("!HHI", 40000, port, 0)


def ipv6_frame(protocol: int, remote: bytes, port: int) -> bytes:
    header = pack("!IHBB16s16s", 6 << 28, 8, protocol, 64, remote, bytes(16))
    return MACS + pack("!H", 0x86DD) + header + pack("!HHI", 40000, port, 0)


def arp_frame(remote: bytes) -> bytes:
    return MACS + pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, bytes(6), remote, bytes(6), bytes(4))


def excluding(*ports: str, addresses: tuple[str, ...] = ()) -> Exclusions:
    return Exclusions(tuple(parse_port_range(port) for port in ports), AddressSet(addresses))


V4, V6 = ipaddress.ip_address("192.0.2.7").packed, ipaddress.ip_address("2001:db8::7").packed


@pytest.mark.parametrize("frame", [ipv4_frame(6, V4, 22), ipv6_frame(6, V6, 22), arp_frame(V4), b"", bytes(14)])
def test_without_exclusions_every_frame_passes(frame: bytes) -> None:
    program = assemble(Exclusions())
    assert program == [Instruction(0x28, 0, 0, 12), ACCEPT]
    assert run(program, frame) == (WHOLE if len(frame) >= 14 else 0)


def test_an_excluded_port_is_dropped_for_its_protocol_only() -> None:
    program = assemble(excluding("tcp/22"))
    for make, remote in ((ipv4_frame, V4), (ipv6_frame, V6)):
        assert run(program, make(6, remote, 22)) == 0
        assert run(program, make(17, remote, 22)) == WHOLE
        assert run(program, make(6, remote, 23)) == WHOLE
        assert run(program, make(1, remote, 22)) == WHOLE


def test_a_port_without_protocol_is_dropped_for_both() -> None:
    program = assemble(excluding("456"))
    assert not any(run(program, ipv4_frame(protocol, V4, 456)) for protocol in (6, 17))


@pytest.mark.parametrize("options", range(11))
def test_the_port_is_found_behind_ip_options(options: int) -> None:
    program = assemble(excluding("tcp/8000-8010"))
    assert run(program, ipv4_frame(6, V4, 8010, options=options)) == 0
    assert run(program, ipv4_frame(6, V4, 8011, options=options)) == WHOLE


def test_a_later_fragment_passes_and_a_first_one_is_judged_by_its_port() -> None:
    program = assemble(excluding("udp/53"))
    assert run(program, ipv4_frame(17, V4, 53, fragment=0x2000)) == 0
    assert run(program, ipv4_frame(17, V4, 53, fragment=0x2001)) == WHOLE


def test_ports_behind_ipv6_extension_headers_are_left_to_the_stack() -> None:
    assert run(assemble(excluding("tcp/22")), ipv6_frame(60, V6, 22)) == WHOLE


def test_excluded_addresses_are_dropped_whatever_they_send() -> None:
    program = assemble(excluding(addresses=("192.0.2.0/28", "2001:db8::/64")))
    assert run(program, ipv4_frame(1, V4, 0)) == 0
    assert run(program, ipv6_frame(58, V6, 0)) == 0
    assert run(program, arp_frame(V4)) == 0
    outside_v4, outside_v6 = ipaddress.ip_address("192.0.2.16").packed, ipaddress.ip_address("2001:db8:0:1::7").packed
    assert run(program, ipv4_frame(1, outside_v4, 0)) == WHOLE
    assert run(program, ipv6_frame(58, outside_v6, 0)) == WHOLE
    assert run(program, arp_frame(outside_v4)) == WHOLE


def test_the_whole_internet_can_be_excluded() -> None:
    program = assemble(excluding(addresses=("0.0.0.0/0", "::/0")))
    assert run(program, ipv4_frame(6, V4, 80)) == 0
    assert run(program, ipv6_frame(6, V6, 80)) == 0


def test_long_programs_keep_their_jumps_short_and_their_meaning() -> None:
    networks = tuple(f"10.{i // 256}.{i % 256}.0/30" for i in range(400))
    program = assemble(excluding("tcp/22", addresses=networks))
    assert len(program) > 2048
    assert run(program, ipv4_frame(6, ipaddress.ip_address("10.1.143.3").packed, 80)) == 0
    assert run(program, ipv4_frame(6, ipaddress.ip_address("10.1.143.4").packed, 80)) == WHOLE
    assert run(program, ipv6_frame(6, V6, 22)) == 0


@pytest.mark.parametrize("count", [1_000, 5_000])
def test_more_rules_than_the_kernel_takes_are_left_to_the_stack(count: int) -> None:
    networks = tuple(f"10.{i // 256}.{i % 256}.0/30" for i in range(count))
    program = assemble(excluding("tcp/22", addresses=networks))
    assert len(program) <= MAX_INSTRUCTIONS
    assert run(program, ipv4_frame(6, V4, 22)) == 0
    assert run(program, ipv4_frame(6, ipaddress.ip_address("10.0.0.1").packed, 80)) == 0


def test_too_many_ports_alone_still_give_a_program() -> None:
    ports = tuple(PortRange(6, port, port) for port in range(0, 65536, 2))
    assert assemble(Exclusions(ports)) == [ACCEPT]


def test_neighbouring_ranges_are_merged() -> None:
    assert len(assemble(excluding("tcp/22", "tcp/23-24", "tcp/20-22"))) == len(assemble(excluding("tcp/20-24")))


def test_the_encoding_is_the_kernels_struct() -> None:
    assert encode([Instruction(0x15, 1, 2, 0x86DD)]) == bytes.fromhex("1500 01 02 dd860000")
    assert str(Instruction(0x15, 1, 2, 0x86DD)) == "0x15 1 2 0x86dd"


NEAR_V4 = st.integers(0, 63).map(lambda low: bytes((192, 0, 2, low)))
NEAR_V6 = st.integers(0, 63).map(lambda low: V6[:15] + bytes((low,))) | st.integers(0, 7).map(
    lambda part: V6[:7] + bytes((part,)) + V6[8:]
)
NETWORKS = st.one_of(
    st.tuples(NEAR_V4, st.integers(26, 32)), st.tuples(NEAR_V6, st.sampled_from([31, 32, 61, 64, 96, 122, 125, 128]))
).map(lambda pair: ipaddress.ip_network(pair, strict=False))
PORTS = st.integers(0, 40)
RANGES = st.tuples(st.sampled_from([None, 6, 17]), PORTS, PORTS).map(lambda r: PortRange(r[0], min(r[1:]), max(r[1:])))
EXCLUSIONS = st.builds(
    Exclusions, st.lists(RANGES, max_size=4).map(tuple), st.lists(NETWORKS, max_size=6).map(AddressSet)
)


@settings(max_examples=300)
@given(EXCLUSIONS, st.sampled_from([6, 17]), st.one_of(NEAR_V4, NEAR_V6), PORTS)
def test_the_program_agrees_with_the_exclusions(
    exclusions: Exclusions, protocol: int, remote: bytes, port: int
) -> None:
    make = ipv4_frame if len(remote) == 4 else ipv6_frame
    kept = run(assemble(exclusions), make(protocol, remote, port))
    assert kept == (0 if exclusions.excludes(protocol, port, remote) else WHOLE)


WHOLE_FRAMES = [ipv4_frame(6, V4, 80, options=3), ipv4_frame(17, V4, 80), ipv6_frame(6, V6, 80), arp_frame(V4)]


@pytest.mark.parametrize("frame", WHOLE_FRAMES, ids=["v4-options", "v4", "v6", "arp"])
def test_a_frame_that_is_cut_short_passes_to_be_counted(frame: bytes) -> None:
    program = assemble(excluding("22", addresses=("198.51.100.0/24", "2001:db8:ffff::/48")))
    for length in range(14, len(frame)):
        assert run(program, frame[:length]) == WHOLE, f"cut at {length}"


@given(st.sampled_from([0x0800, 0x0806, 0x86DD]), st.binary(max_size=80))
def test_no_load_is_behind_the_end(ethertype: int, body: bytes) -> None:
    nothing_like_it = assemble(excluding("tcp/1", addresses=("255.255.255.254/32",)))
    kept = run(nothing_like_it, MACS + pack("!H", ethertype) + body)
    assert kept == WHOLE or bytes((255, 255, 255, 254)) in body or b"\x00\x01" in body


@settings(max_examples=200)
@given(EXCLUSIONS, st.binary(max_size=80))
def test_any_bytes_get_a_verdict(exclusions: Exclusions, frame: bytes) -> None:
    assert run(assemble(exclusions), frame) in (0, WHOLE)
