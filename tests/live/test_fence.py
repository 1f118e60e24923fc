"""The fence keeps a real kernel silent, lets the exclusions through, and never outlives us."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import trio

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.fence import DOCUMENTED, TWINS, fence
from honeystack.net.interface import interface_facts
from honeystack.net.ring import Ring
from tests.live.arena import inside
from tests.live.cottage import FRIEND4, POT4, POT6, Cottage, cottage
from tests.live.probes import Prober, mld_query

pytestmark = pytest.mark.live

OURS = AddressSet([POT4, POT6])
HOST_PORT = 99


REPORT = b"\x33\x33\0\0\0\x16"  # a kernel tells its groups up to ten seconds after a query, whatever comes meanwhile


@pytest.fixture(scope="module")
def place() -> Iterator[Cottage]:
    with cottage() as place:
        place.offloads("off")
        with inside(place.pot):
            # The two families have a listener each.
            servers = [
                socket.create_server((address, HOST_PORT), family=family)
                for address, family in ((POT4, socket.AF_INET), (POT6, socket.AF_INET6))
            ]
        # The peer's own kernel must not talk in between.
        place.peer.run(
            "nft", "add table inet quiet; add chain inet quiet out { type filter hook output priority 0; policy drop; }"
        )
        yield place
        for server in servers:
            server.close()


async def answers(place: Cottage, probes: dict[str, list[bytes]] | None = None) -> dict[str, int]:
    """How many frames the pot sends after each probe."""
    with inside(place.pot):
        pot = interface_facts("eth0").mac
    with inside(place.peer):
        ring = Ring("eth0", all_multicast=True)
    found, prober = {}, Prober(pot, ring.mac)
    for name, frames in (probes or prober.all(HOST_PORT)).items():
        ring.receive()
        ring.send(frames)
        await trio.sleep(0.05)
        heard = [frame.data for frame in ring.receive() if frame.data[6:12] == pot]
        found[name] = sum(name == "query" or not data.startswith(REPORT) for data in heard)
        if "host's port" in name:
            ring.send(prober.resets(HOST_PORT))  # a half-open connection would speak again while another is asked
    ring.close()
    return found


async def test_the_kernel_answers_most_probes_without_a_fence_and_none_behind_it(place: Cottage) -> None:
    open_field = await answers(place)
    assert sum(count > 0 for count in open_field.values()) >= 14, open_field
    with inside(place.pot):
        async with fence("auto", "eth0", OURS, Exclusions()) as found:
            behind = await answers(place)
    assert found.kind == "nft"
    assert set(behind.values()) == {0}, behind


async def test_a_multicast_listener_query_is_ours_to_answer(place: Cottage) -> None:
    with inside(place.peer):
        facts = interface_facts("eth0")
    link_local = next(a for a in facts.addresses if a.startswith("fe80")).partition("/")[0]
    query = {"query": [mld_query(facts.mac, socket.inet_pton(socket.AF_INET6, link_local))]}
    assert await answers(place, query) != {"query": 0}
    with inside(place.pot):
        async with fence("nft", "eth0", OURS, Exclusions()):
            assert await answers(place, query) == {"query": 0}


async def test_what_is_excluded_is_answered_by_the_host_and_the_rest_is_not(place: Cottage) -> None:
    exclusions = Exclusions((parse_port_range(f"tcp/{HOST_PORT}"), parse_port_range("udp/9")))
    with inside(place.pot):
        async with fence("nft", "eth0", OURS, exclusions):
            found = await answers(place)
    spoken = {name for name, count in found.items() if count}
    assert spoken == {"syn to the host's port", "syn to the host's port v6", "datagram", "datagram v6"}


async def test_many_addresses_and_overlaps_are_taken(place: Cottage) -> None:
    many = [f"10.{i // 256}.{i % 256}.0/25" for i in range(3000)] + ["10.0.0.0/16", POT4, f"{POT6}/64"]
    exclusions = Exclusions((parse_port_range("1-100"), parse_port_range("50-200")), AddressSet([FRIEND4, "::/0"]))
    with inside(place.pot):
        async with fence("nft", "eth0", AddressSet(many), exclusions):
            assert (await answers(place))["echo"] == 0


async def test_the_fence_goes_away_with_the_block(place: Cottage) -> None:
    with inside(place.pot):
        async with fence("nft", "eth0", OURS, Exclusions()):
            assert "honeystack" in tables(place)
    assert tables(place) == ""


def test_the_fence_is_gone_after_a_kill(place: Cottage) -> None:
    with place.netstack("tcp/22") as process:
        assert "honeystack" in tables(place)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 5
        while tables(place) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert tables(place) == ""


async def test_the_documented_rules_are_recognised(place: Cottage) -> None:
    with inside(place.pot):
        with pytest.raises(Unavailable, match="iptables -A OUTPUT -p tcp"):
            async with fence("iptables", "eth0", OURS, Exclusions()):
                raise AssertionError
        rules = DOCUMENTED + TWINS
        for rule in rules:
            place.pot.run(rule[0], "-A", *rule[1:])
        async with fence("iptables", "eth0", OURS, Exclusions()) as found:
            assert found.kind == "iptables"
        for rule in rules:
            place.pot.run(rule[0], "-D", *rule[1:])


async def test_what_nft_refuses_is_told(place: Cottage) -> None:
    with inside(place.pot), pytest.raises(Unavailable, match="nft refuses"):
        async with fence("nft", 'eth0"', OURS, Exclusions()):
            raise AssertionError


def tables(place: Cottage) -> str:
    return (
        place.pot.run("nft", "list", "tables").stdout.replace("table ip filter\n", "").replace("table ip6 filter\n", "")
    )
