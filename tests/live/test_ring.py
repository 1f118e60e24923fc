"""The ring on a real cable: super-frames, checksums, the filter, tags, groups, floods, an interface going down."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import numpy as np
import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet, Exclusions, Path, parse_port_range
from honeystack.net.interface import interface_facts, interface_names
from honeystack.net.link import ChecksumState, ReceivedFrame
from honeystack.net.packet_filter import assemble
from honeystack.net.ring import Ring
from honeystack.net.wire.syn_acks import FrameBlock
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN
from tests.live.arena import inside
from tests.live.cottage import PEER4, POT4, POT6, Cottage, cottage
from tests.net.frames import ip_frame, packed, segment, syn_segment
from tests.net.syns import syn

pytestmark = pytest.mark.live

EXPERIMENTAL = b"\x88\xb5"


@pytest.fixture(scope="module")
def place() -> Iterator[Cottage]:
    with cottage() as place:
        yield place


def ring(place: Cottage, **options: object) -> Ring:
    with inside(place.pot):
        return Ring("eth0", **options)  # type: ignore[arg-type]


def peer_ring(place: Cottage) -> Ring:
    with inside(place.peer):
        return Ring("eth0")


async def gather(link: Ring, seconds: float = 0.2) -> list[ReceivedFrame]:
    frames: list[ReceivedFrame] = []
    with trio.move_on_after(seconds):
        while True:
            await link.wait_readable()
            frames += link.receive()
    return frames


def upload(place: Cottage, size: int) -> None:
    """From the peer's kernel to the pot's."""
    with inside(place.pot):
        server = socket.create_server((POT4, 5555))
    with inside(place.peer):
        client = socket.create_connection((POT4, 5555))
    host, _ = server.accept()
    sender = threading.Thread(target=lambda: (client.sendall(bytes(size)), client.close()))
    sender.start()
    while host.recv(1 << 16):
        pass
    sender.join()
    host.close()
    server.close()


async def test_super_frames_arrive_whole_and_vouched_for(place: Cottage) -> None:
    place.offloads("on")
    link = ring(place)
    await trio.to_thread.run_sync(upload, place, 1 << 20)
    frames = await gather(link)
    longest = max(frames, key=lambda frame: len(frame.data))
    assert len(longest.data) > 16_000
    assert len(longest.data) == 14 + int.from_bytes(longest.data[16:18], "big")
    assert longest.checksum is ChecksumState.PARTIAL
    assert sum(len(frame.data) for frame in frames) > 1 << 20
    assert link.statistics().dropped_in == 0
    link.close()


async def test_without_offloads_checksums_are_ours_to_verify(place: Cottage) -> None:
    place.offloads("off")
    link = ring(place)
    await trio.to_thread.run_sync(upload, place, 10_000)
    frames = await gather(link)
    assert max(len(frame.data) for frame in frames) <= 1514
    assert ChecksumState.UNKNOWN in {frame.checksum for frame in frames}
    link.close()


async def test_what_is_excluded_never_wakes_us(place: Cottage) -> None:
    everything, filtered = ring(place), ring(place, program=assemble(Exclusions((parse_port_range("tcp/5555"),))))
    await trio.to_thread.run_sync(upload, place, 10_000)
    assert [f for f in await gather(everything) if f.data[23] == 6]
    assert not [f for f in await gather(filtered) if f.data[12:14] == b"\x08\x00" and f.data[23] == 6]
    await trio.to_thread.run_sync(upload, place, 10_000)
    everything.close()
    filtered.close()


async def test_frames_go_out_in_order_and_those_too_long_do_not(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    head = peer.mac + link.mac + EXPERIMENTAL
    frames = [head + number.to_bytes(4, "big") + bytes(60) for number in range(1000)]
    link.send([*frames, head + bytes(1505)])
    assert [f.data for f in await gather(peer) if f.data[12:14] == EXPERIMENTAL] == frames
    assert link.statistics()[1:] == (1000, 0, 1)
    link.close()
    peer.close()


async def test_syns_and_what_follows_them_come_in_their_order(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    path = Path(4, packed(POT4), packed(PEER4), link.mac, peer.mac)
    sent = [
        ip_frame(path, 6, segment(path, flags, 7, 7, local_port=99)) for flags in (RST, SYN, ACK, RST, SYN, SYN, FIN)
    ]
    peer.send(sent)
    received = [frame.data for frame in await gather(link) if frame.data[36:38] == b"\0\x63"]
    assert [frame[47] for frame in received] == [RST, SYN, ACK, RST, SYN, SYN, FIN]
    link.close()
    peer.close()


async def test_a_crowd_of_syns_is_a_batch_beside_other_frames(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    path = Path(4, packed(POT4), packed(PEER4), link.mac, peer.mac)
    syns = [syn(path, 1000 + number, 99) for number in range(400)]
    long = ip_frame(path, 6, syn_segment(path) + bytes(1000))  # more than a slot of theirs holds
    other = ip_frame(path, 6, segment(path, ACK, 7, 7, local_port=99))
    peer.send([*syns[:200], other, long, *syns[200:]])
    await trio.sleep(0.1)
    assert other in [frame.data for frame in link.receive_others()]
    batch, apart = link.receive_syns(250)
    assert batch is not None
    assert [batch.frame(row)[0] for row in range(len(batch))] == syns[:249]
    assert [frame.data for frame in apart] == [long]
    rest, _ = link.receive_syns(1000)
    assert rest is not None
    assert len(rest) == 151
    peer.send(syns[:5])
    await trio.sleep(0.1)
    assert link.receive_syns(1000) == (None, [ReceivedFrame(data) for data in syns[:5]])
    assert link.statistics().dropped_in == 0
    link.close()
    peer.close()


async def test_a_block_goes_out_frame_by_frame(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    head = peer.mac + link.mac + EXPERIMENTAL
    rows = np.zeros((1500, 80), np.uint8)
    rows[:, 2:16] = list(head)
    rows[:, 16:18] = np.arange(1500, dtype=">u2").view(np.uint8).reshape(-1, 2)
    block = FrameBlock(rows, np.full(1500, 70))
    link.send_blocks([block])
    assert [f.data for f in await gather(peer) if f.data[12:14] == EXPERIMENTAL] == block.frames()
    assert link.statistics().frames_out == 1500
    link.close()
    peer.close()


async def test_our_own_frames_do_not_come_back(place: Cottage) -> None:
    link = ring(place)
    link.send([b"\xff" * 6 + link.mac + EXPERIMENTAL + bytes(50)])
    assert not [f for f in await gather(link) if f.data[12:14] == EXPERIMENTAL]
    link.close()


async def test_a_stripped_tag_is_told(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    peer.send([link.mac + peer.mac + b"\x81\x00\x60\x07" + EXPERIMENTAL + bytes(50)])
    frame = next(f for f in await gather(link) if f.data[12:14] == EXPERIMENTAL)
    assert frame.vlan == 0x6007
    link.close()
    peer.close()


async def test_more_than_the_ring_holds_is_counted_as_lost(place: Cottage) -> None:
    link, peer = ring(place, slots=128), peer_ring(place)
    peer.send([link.mac + peer.mac + EXPERIMENTAL + bytes(50)] * 500)
    await trio.sleep(0.1)
    got = len([f for f in await gather(link) if f.data[12:14] == EXPERIMENTAL])
    assert got <= 128
    assert link.statistics().dropped_in >= 500 - got
    link.close()
    peer.close()


async def test_groups_of_addresses_that_are_not_the_hosts_are_joined(place: Cottage) -> None:
    def groups() -> str:
        return place.pot.run("ip", "maddress", "show", "dev", "eth0").stdout

    link = ring(place, addresses=AddressSet(["2001:db8::abcd", POT4]))
    assert "33:33:ff:00:ab:cd" in groups()
    link.close()
    assert "33:33:ff:00:ab:cd" not in groups()
    link = ring(place, addresses=AddressSet(["2001:db8:1::/64"]))
    assert "allmulti 1" in place.pot.run("ip", "-d", "link", "show", "eth0").stdout
    link.close()


async def test_an_interface_going_down_and_up_again_costs_only_its_frames(place: Cottage) -> None:
    link, peer = ring(place), peer_ring(place)
    place.pot.run("ip", "link", "set", "eth0", "down")
    woken = 0
    with trio.move_on_after(0.2):
        while True:
            await link.wait_readable()
            woken += 1
            link.receive()
    assert woken < 10
    link.send([b"\xff" * 6 + link.mac + EXPERIMENTAL + bytes(50)])
    assert link.statistics().dropped_out == 1
    place.pot.run("ip", "link", "set", "eth0", "up")
    place.pot.run("ip", "address", "replace", f"{POT6}/64", "dev", "eth0", "nodad")
    await trio.sleep(0.1)
    peer.send([link.mac + peer.mac + EXPERIMENTAL + bytes(50)])
    assert [f for f in await gather(link) if f.data[12:14] == EXPERIMENTAL]
    link.close()
    peer.close()


async def test_who_waits_is_told_that_the_ring_is_closed(place: Cottage) -> None:
    link = ring(place)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await gather(link, seconds=10)

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        link.close()
    link.close()
    assert link.statistics().frames_out == 0


def test_the_facts_of_an_interface(place: Cottage) -> None:
    with inside(place.peer):
        facts = interface_facts("eth0")
        assert interface_names() == ["lo", "eth0"]
        with pytest.raises(Unavailable, match=r"no network interface 'eth9'; there are eth0, lo"):
            interface_facts("eth9")
    shown = place.peer.run("ip", "-o", "link", "show", "eth0").stdout
    assert facts.mac.hex(":") in shown
    assert facts.mtu == 1500
    assert f"{PEER4}/24" in facts.addresses
    assert any(ip_address(address.partition("/")[0]).is_link_local for address in facts.addresses)


def test_an_unprivileged_user_is_told_the_capability(place: Cottage) -> None:
    code = "from honeystack.net.ring import Ring\ntry: Ring('lo')\nexcept Exception as e: print(e)"
    said = place.pot.run("setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code, check=False)
    assert "the capability CAP_NET_RAW: run it as root" in said.stdout, said.stderr
