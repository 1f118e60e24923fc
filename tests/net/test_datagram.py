"""UDP sockets: who gets which datagram, what may be answered, and Trio's rules."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
import trio
import trio.testing

from honeystack.net.address import Endpoint, Flow, Path
from honeystack.net.limits import Limits
from honeystack.net.notices import Datagram
from honeystack.netstack import Netstack, open_netstack
from honeystack.testing import MemoryLink

PATH = Path(4, ip_address("192.0.2.2").packed, ip_address("192.0.2.1").packed, b"\x02" * 6, b"\x04" * 6)


@asynccontextmanager
async def stack(**limits: int) -> AsyncIterator[Netstack]:
    link = MemoryLink(b"\x02" * 6, record=True)
    bounds = Limits(**limits)  # type: ignore[arg-type]
    async with open_netstack(link=link, addresses=["192.0.2.2"], limits=bounds, rng=random.Random(1)) as net:
        yield net


@asynccontextmanager
async def told_bounds(net: Netstack) -> AsyncIterator[list[tuple[object, object]]]:
    """The bounds that events tell of while the block runs."""
    told: list[tuple[object, object]] = []

    async def listen() -> None:
        nonlocal told
        async for event in net.events():
            told += [(event.fields["reason"], event.fields["limit"])] if event.type == "drop" else []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        yield told
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


def arrives(net: Netstack, data: bytes, port: int = 53, *, remote_port: int = 4000, answerable: bool = True) -> None:
    net.noticed(Datagram(PATH, port, remote_port, data, answerable))


async def test_a_datagram_goes_to_its_ports_socket_else_to_the_one_for_all(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stack() as net:
        one, every = net.open_udp_socket(53), net.open_udp_socket(None)
        arrives(net, b"for 53")
        arrives(net, b"for 99", 99)
        data, flow = await one.receive()
        assert (data, flow.local, flow.remote) == (b"for 53", ("192.0.2.2", 53), ("192.0.2.1", 4000))
        assert (await every.receive())[0] == b"for 99"


async def test_a_waiting_receiver_is_woken(autojump_clock: trio.testing.MockClock) -> None:
    async with stack() as net, trio.open_nursery() as nursery:
        socket = net.open_udp_socket(53)

        async def receive() -> None:
            assert (await socket.receive())[0] == b"late"

        nursery.start_soon(receive)
        await trio.sleep(1)
        with pytest.raises(trio.BusyResourceError):
            await socket.receive()
        arrives(net, b"late")


async def test_only_flows_that_were_heard_from_can_be_answered_and_not_with_more(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stack(socket_flows=1) as net, told_bounds(net) as told:
        socket = net.open_udp_socket(53)
        sent: list[bytes] = []
        monkeypatch.setattr(net.stack.udp, "send", lambda path, *rest, amplification: sent.append(rest[2]) is None)
        arrives(net, b"first")
        arrives(net, b"broadcast", remote_port=4002, answerable=False)
        (_, first), (_, broadcast) = await socket.receive(), await socket.receive()
        assert await socket.send(b"ok", first)
        assert not await socket.send(b"no", broadcast)
        arrives(net, b"second", remote_port=4001)
        assert not await socket.send(b"forgotten", first)
        assert sent == [b"ok"]
        await trio.testing.wait_all_tasks_blocked()
        assert told == [("socket_flows", 1)]


async def test_a_full_queue_loses_the_newest_and_counts_and_tells(autojump_clock: trio.testing.MockClock) -> None:
    async with stack(socket_datagrams=2) as net, told_bounds(net) as told:
        socket = net.open_udp_socket(53)
        for number in range(5):
            arrives(net, bytes([number]))
        assert socket.dropped == 3
        assert [(await socket.receive())[0] for _ in range(2)] == [b"\0", b"\1"]
        await trio.testing.wait_all_tasks_blocked()
        assert told == [("socket_datagrams", 2)]


async def test_closing_wakes_the_receiver_and_frees_the_port(autojump_clock: trio.testing.MockClock) -> None:
    async with stack() as net:
        socket = net.open_udp_socket(53)

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await socket.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked()
            await socket.aclose()
        await socket.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await socket.receive()
        flow = Flow("udp", Endpoint("192.0.2.2", 53), Endpoint("192.0.2.1", 4000))
        with pytest.raises(trio.ClosedResourceError):
            await socket.send(b"x", flow)
        assert not net.stack.udp.listens(53)
        await net.open_udp_socket(53).aclose()
