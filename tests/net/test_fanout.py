"""Who gets which packet: all of one peer, or all of one flow, and what routers say of it, to one process."""

from __future__ import annotations

import ipaddress
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Unavailable
from honeystack.net import fanout
from honeystack.net.address import AddressSet
from honeystack.net.fanout import Spread, assemble_spread
from honeystack.net.packet_filter import MAX_INSTRUCTIONS, encode
from honeystack.net.ring import Tap
from tests.net.bpf import run

MACS, SEED, MEMBERS = bytes(12), 0x1234_5678, 4096  # many members: what agrees among so many agrees by design
OURS4, ROUTER4 = ipaddress.ip_address("192.0.2.1").packed, ipaddress.ip_address("198.51.100.1").packed
OURS6, ROUTER6 = ipaddress.ip_address("2001:db8::1").packed, ipaddress.ip_address("2001:db8:f::1").packed

spreads = pytest.mark.parametrize("spread", ["sources", "flows"])
ports = st.integers(0, 0xFFFF)


def member(spread: Spread, frame: bytes, *, seed: int = SEED, members: int = MEMBERS) -> int:
    return run(assemble_spread(spread, seed), frame) % members


def ipv4(source: bytes, target: bytes, protocol: int, body: bytes, *, fragment: int = 0, options: int = 0) -> bytes:
    length = 20 + 4 * options + len(body)
    head = pack("!BBHHHBBH4s4s", 0x45 + options, 0, length, 7, fragment, 64, protocol, 0, source, target)
    return head + bytes(4 * options) + body


def ipv6(source: bytes, target: bytes, protocol: int, body: bytes) -> bytes:
    return pack("!IHBB16s16s", 6 << 28, len(body), protocol, 64, source, target) + body


def framed(packet: bytes) -> bytes:
    return MACS + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


def said(source: int, target: int) -> bytes:
    return pack("!HH", source, target) + bytes(16)


def error4(quoted: bytes, *, kind: int = 3, options: int = 0) -> bytes:
    return framed(ipv4(ROUTER4, OURS4, 1, pack("!BBHI", kind, 4, 0, 1400) + quoted, options=options))


def error6(quoted: bytes, kind: int = 2) -> bytes:
    return framed(ipv6(ROUTER6, OURS6, 58, pack("!BBHI", kind, 0, 0, 1400) + quoted))


def arp(sender: bytes) -> bytes:
    return MACS + pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, bytes(6), sender, bytes(6), OURS4)


@given(st.binary(min_size=4, max_size=4), ports, ports, st.integers(1, 0x3FFF), st.integers(0, 10))
def test_a_peer_has_one_member_whatever_it_sends(peer: bytes, one: int, two: int, fragment: int, options: int) -> None:
    frames = [
        framed(ipv4(peer, OURS4, 6, said(one, two), options=options)),
        framed(ipv4(peer, OURS4, 17, said(two, one))),
        framed(ipv4(peer, OURS4, 6, said(one, two), fragment=fragment)),
        framed(ipv4(peer, OURS4, 1, bytes(8))),
        framed(ipv4(peer, OURS4, 47, b"")),
        arp(peer),
    ]
    assert len({member("sources", frame) for frame in frames}) == 1


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), ports, ports)
def test_a_peer_is_a_network_of_ipv6_and_has_one_member_too(peer: bytes, other: bytes, one: int, two: int) -> None:
    frames = [
        framed(ipv6(peer, OURS6, 6, said(one, two))),
        framed(ipv6(peer[:8] + other, OURS6, 6, said(two, one))),
        framed(ipv6(peer, OURS6, 44, b"\x06\0\0\1" + bytes(4))),
        framed(ipv6(peer, OURS6, 58, b"\x80" + bytes(7))),
        framed(ipv6(peer, OURS6, 58, b"\x87" + bytes(23))),
    ]
    assert len({member("sources", frame) for frame in frames}) == 1


@spreads
@given(st.binary(min_size=4, max_size=4), ports, ports, st.integers(0, 10), st.integers(0, 10))
def test_an_error_goes_where_the_flow_lives_that_it_quotes(
    spread: Spread, peer: bytes, one: int, two: int, outer: int, inner: int
) -> None:
    lives = member(spread, framed(ipv4(peer, OURS4, 6, said(one, two))))
    quoted = ipv4(OURS4, peer, 6, said(two, one)[:8], options=inner)
    for kind in (3, 11, 12):
        assert member(spread, error4(quoted, kind=kind, options=outer)) == lives


@spreads
@given(st.binary(min_size=16, max_size=16), ports, ports, st.sampled_from([6, 17]))
def test_an_error_of_ipv6_does_so_too(spread: Spread, peer: bytes, one: int, two: int, protocol: int) -> None:
    lives = member(spread, framed(ipv6(peer, OURS6, protocol, said(one, two))))
    for kind in (1, 2, 3, 4):
        assert member(spread, error6(ipv6(OURS6, peer, protocol, said(two, one)), kind)) == lives


@spreads
def test_an_error_about_a_ping_goes_to_the_pings_peer(spread: Spread) -> None:
    peer4, peer6 = bytes([203, 0, 113, 9]), ROUTER6[:15] + b"\x77"
    assert member(spread, error4(ipv4(OURS4, peer4, 1, bytes(8)))) == member(spread, arp(peer4))
    here = member(spread, framed(ipv6(peer6, OURS6, 58, b"\x80" + bytes(7))))
    assert member(spread, error6(ipv6(OURS6, peer6, 58, bytes(8)))) == here


@spreads
def test_an_error_in_a_later_fragment_goes_by_its_source(spread: Spread) -> None:
    frame = framed(ipv4(ROUTER4, OURS4, 1, b"\x03" + bytes(40), fragment=5))
    assert member(spread, frame) == member(spread, arp(ROUTER4))


@spreads
def test_an_error_that_quotes_a_later_fragment_goes_by_the_address(spread: Spread) -> None:
    peer = bytes([203, 0, 113, 9])
    assert member(spread, error4(ipv4(OURS4, peer, 6, bytes(8), fragment=5))) == member(spread, arp(peer))


@spreads
@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_neighbouring_addresses_are_spread_evenly(spread: Spread, count: int) -> None:
    taken = [0] * count
    for host in range(256):
        frame = framed(ipv4(bytes([198, 51, 100, host]), OURS4, 6, said(40000, 80)))
        taken[member(spread, frame, members=count)] += 1
    assert min(taken) > 0.6 * 256 / count


def test_flows_of_one_address_are_spread_evenly() -> None:
    taken = [0, 0]
    for port in range(40000, 40256):
        taken[member("flows", framed(ipv4(ROUTER4, OURS4, 6, said(port, 80))), members=2)] += 1
    assert min(taken) > 100


@given(ports, ports)
def test_fragments_of_one_address_stay_together_among_flows(one: int, two: int) -> None:
    frame = framed(ipv4(ROUTER4, OURS4, 17, said(one, two), fragment=0x2000))
    assert member("flows", frame) == member("flows", framed(ipv4(ROUTER4, OURS4, 17, b"", fragment=3)))


def test_networks_and_flows_of_ipv6_are_spread_evenly() -> None:
    for spread, sources in (
        ("sources", [ROUTER6[:7] + bytes([n]) + ROUTER6[8:] for n in range(256)]),
        ("flows", [ROUTER6[:15] + bytes([n]) for n in range(256)]),
    ):
        taken = [0, 0]
        for source in sources:
            taken[member(spread, framed(ipv6(source, OURS6, 6, said(40000, 80))), members=2)] += 1  # type: ignore[arg-type]
        assert min(taken) > 90


def test_nobody_can_tell_his_neighbours_without_the_seed() -> None:
    frames = [arp(bytes([198, 51, 100, host])) for host in range(32)]
    one, other = ([member("sources", frame, seed=seed, members=2) for frame in frames] for seed in (1, 0xFFFF_0000))
    assert one != other


@spreads
@given(st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x88\xb5"]), st.binary(max_size=120))
def test_any_bytes_get_a_member(spread: Spread, ethertype: bytes, body: bytes) -> None:
    assert 0 <= member(spread, MACS + ethertype + body) < MEMBERS


@spreads
def test_what_is_neither_ip_nor_arp_goes_to_the_first(spread: Spread) -> None:
    assert member(spread, MACS + b"\x88\xb5" + bytes(100)) == 0


@spreads
def test_the_program_is_the_kernels_to_take(spread: Spread) -> None:
    program = assemble_spread(spread, 0xFFFF_FFFF)
    assert len(program) < MAX_INSTRUCTIONS
    assert len(encode(program)) == 8 * len(program)


class Packets:
    """Stands for a packet socket; keeps the options that are set."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.joined: list[tuple[int, int]] = []
        self.closed = False

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        if self.refuses:
            raise OSError(22, "Invalid argument")
        self.joined.append((int.from_bytes(value[:2], "little"), int.from_bytes(value[2:], "little")))

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return b"\x07\0\6\0"

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Packets]:
    taps: list[Packets] = []

    def opens(*_: object, **__: object) -> Tap:
        taps.append(Packets(refuses=len(taps) == 2))
        packets: Any = taps[-1]
        syns: Any = Packets()
        return Tap(packets, syns, packets)

    monkeypatch.setattr(fanout, "open_tap", opens)
    monkeypatch.setattr(fanout, "attach_program", lambda *_, **__: None)
    return taps


def open_some(count: int) -> list[Tap]:
    return fanout.open_taps("eth0", count, addresses=AddressSet(), all_multicast=False, spread="sources", seed=SEED)


def test_the_first_makes_a_group_and_the_others_join_it(opened: list[Packets]) -> None:
    assert len(open_some(2)) == 2
    kind = fanout.PACKET_FANOUT_CBPF | fanout.FLAG_IGNORE_OUTGOING
    assert [tap.joined for tap in opened] == [[(0, kind | fanout.FLAG_UNIQUE_ID)], [(7, kind)]]
    assert not any(tap.closed for tap in opened)


def test_a_refusal_is_told_and_leaves_nothing_open(opened: list[Packets]) -> None:
    with pytest.raises(Unavailable, match="workers = 1"):
        open_some(3)
    assert all(tap.closed for tap in opened)
