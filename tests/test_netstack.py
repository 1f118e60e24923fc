"""The library's front: listeners, sockets, events and capture, two stacks talking over a cable in memory."""

from __future__ import annotations

import errno
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

import honeystack
from honeystack import netstack
from honeystack.errors import ConfigError, StateError, Unavailable
from honeystack.events.event import Event
from honeystack.net.attachment import Attachment, AttachmentSettings
from honeystack.net.limits import Limits
from honeystack.net.notices import AddressConflict
from honeystack.netstack import Netstack, open_netstack
from honeystack.testing import MemoryLink, memory_link_pair

SERVER4, SERVER6 = "192.0.2.2", "2001:db8::2"


@asynccontextmanager
async def two(
    *, capture: bool = False, exclude_ports: Sequence[str] = (), limits: Limits | None = None
) -> AsyncIterator[tuple[Netstack, Netstack]]:
    left, right = memory_link_pair()
    async with (
        open_netstack(link=left, addresses=["192.0.2.1", "2001:db8::1"], rng=random.Random(1)) as client,
        open_netstack(
            link=right,
            addresses=[SERVER4, SERVER6],
            exclude_ports=exclude_ports,
            capture=capture,
            limits=limits,
            rng=random.Random(2),
        ) as server,
    ):
        yield client, server


def mac_of(net: Netstack) -> bytes:
    return net.driver.link.mac


async def collect(net: Netstack, events: list[Event]) -> None:
    async for event in net.events():
        events += [event]


def kinds(events: list[Event]) -> list[str]:
    return [f"{event.category}/{event.type}" for event in events]


def test_it_is_offered_at_the_packages_front() -> None:
    assert honeystack.open_netstack is open_netstack
    assert honeystack.Netstack is Netstack


async def test_a_listener_serves_its_port_and_the_others_refuse(autojump_clock: trio.testing.MockClock) -> None:
    async with two() as (client, server):
        listener = await server.open_tcp_listener(80)
        assert isinstance(listener, trio.abc.Listener)
        async with await client.connect_tcp(SERVER4, 80, mac=mac_of(server)) as ours:
            theirs = await listener.accept()
            await ours.send_all(b"hello")
            assert await theirs.receive_some() == b"hello"
        with pytest.raises(ConnectionRefusedError):
            await client.connect_tcp(SERVER4, 81, mac=mac_of(server))


async def test_the_listener_for_all_ports_leaves_to_others_what_they_have(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with two() as (client, server):
        every, one = await server.open_tcp_listener(), await server.open_tcp_listener(80)
        for port, listener in ((80, one), (8080, every)):
            stream = await client.connect_tcp(SERVER6, port, mac=mac_of(server))
            assert (await listener.accept()).local == (SERVER6, port)
            await stream.aclose()
        with pytest.raises(StateError, match="80"):
            await server.open_tcp_listener(80)


async def test_trio_can_serve_the_listener(autojump_clock: trio.testing.MockClock) -> None:
    async def shout(stream: trio.abc.Stream) -> None:
        await stream.send_all((await stream.receive_some()).upper())

    async with two() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, shout, [await server.open_tcp_listener(7)])
        stream = await client.connect_tcp(SERVER4, 7, mac=mac_of(server))
        await stream.send_all(b"quiet")
        assert await stream.receive_some() == b"QUIET"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("asks", [True, False])
async def test_whether_addresses_are_asked_for_is_the_callers_to_say(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    told: list[AttachmentSettings] = []

    @asynccontextmanager
    async def attach(settings: AttachmentSettings, *, rng: random.Random, secret: bytes) -> AsyncIterator[Attachment]:
        told.append(settings)
        made = netstack._on_link(settings, memory_link_pair()[0], rng, secret)
        yield attrs.evolve(made, conflicts=[AddressConflict(bytes(4), bytes(6), withdrawn=True)])

    monkeypatch.setattr(netstack, "attach", attach)
    async with open_netstack("eth0", addresses=["192.0.2.9/32"], duplicate_detection=asks) as net:
        assert net.statistics()["connections"] == 0
    assert [settings.duplicate_detection for settings in told] == [asks]


async def test_closing_a_listener_wakes_who_accepts_and_resets_who_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with two() as (client, server):
        listener = await server.open_tcp_listener(80)
        stream = await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        await trio.sleep(1)
        await listener.aclose()
        await listener.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()
        with pytest.raises(ConnectionRefusedError):
            await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        await server.open_tcp_listener(80)


async def test_a_blocked_accept_is_woken_by_close(autojump_clock: trio.testing.MockClock) -> None:
    async with two() as (_, server), trio.open_nursery() as nursery:
        listener = await server.open_tcp_listener(80)

        async def accept() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await listener.accept()

        nursery.start_soon(accept)
        await trio.testing.wait_all_tasks_blocked()
        listener.close()


async def test_connections_that_came_together_are_accepted_at_once_up_to_a_bound(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netstack, "BURST", 2)
    async with two() as (client, server):
        listener = await server.open_tcp_listener(80)
        for _ in range(4):
            await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        await trio.sleep(1)
        yields: list[bool] = []
        for _ in range(4):
            before = trio.lowlevel.current_task()._schedule_points
            await listener.accept()
            yields.append(trio.lowlevel.current_task()._schedule_points > before)
        assert yields == [False, False, True, False]


async def test_a_cancelled_accept_leaves_the_connection_to_the_next(autojump_clock: trio.testing.MockClock) -> None:
    async with two() as (client, server):
        listener = await server.open_tcp_listener(80)
        ours = await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        with trio.CancelScope() as scope:
            scope.cancel()
            await listener.accept()
        assert scope.cancelled_caught
        assert (await listener.accept()).remote == ours.local


async def test_more_than_the_backlog_is_reset_and_told(autojump_clock: trio.testing.MockClock) -> None:
    events: list[Event] = []
    async with two(limits=Limits(backlog=1)) as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(collect, server, events)
        await server.open_tcp_listener(80)
        await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        second = await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        with pytest.raises(trio.BrokenResourceError):
            await second.receive_some()
        await trio.testing.wait_all_tasks_blocked()
        (drop,) = (event for event in events if event.type == "drop")
        assert (drop.fields["reason"], drop.fields["limit"]) == ("backlog", 1)
        nursery.cancel_scope.cancel()


async def test_a_neighbour_must_be_known_or_named(autojump_clock: trio.testing.MockClock) -> None:
    async with two() as (client, _):
        with pytest.raises(Unavailable, match="MAC"):
            await client.connect_tcp(SERVER4, 80)
    async with open_netstack(link=MemoryLink(bytes(6)), addresses=["192.0.2.9"]) as only_v4:
        with pytest.raises(Unavailable, match="IP version"):
            await only_v4.connect_tcp(SERVER6, 80, mac=bytes(6))


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1", "ff02::1", "::"])
async def test_no_connection_is_opened_to_what_is_no_peer(autojump_clock: trio.testing.MockClock, address: str) -> None:
    # MUST-46
    async with two() as (client, server):
        with pytest.raises(OSError, match="no address of a peer") as refused:
            await client.connect_tcp(address, 80, mac=mac_of(server))
        assert refused.value.errno == errno.ENETUNREACH
        assert client.statistics()["tcp.segments-out"] == 0


@pytest.mark.parametrize(("address", "local"), [(SERVER4, "192.0.2.1"), (SERVER6, "2001:db8::1")])
async def test_the_local_address_is_chosen(autojump_clock: trio.testing.MockClock, address: str, local: str) -> None:
    # MUST-44
    async with two() as (client, server):
        listener = await server.open_tcp_listener(80)
        stream = await client.connect_tcp(address, 80, mac=mac_of(server))
        assert stream.local.address == (await listener.accept()).remote.address == local


async def test_local_ports_are_used_once_until_there_are_no_more(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netstack, "LAST_PORT", netstack.FIRST_PORT + 2)
    async with two() as (client, server):
        listener = await server.open_tcp_listener(7)
        streams = [await client.connect_tcp(SERVER4, 7, mac=mac_of(server)) for _ in range(3)]
        assert len({stream.local.port for stream in streams}) == 3
        with pytest.raises(OSError, match="every local port"):
            await client.connect_tcp(SERVER4, 7, mac=mac_of(server))
        connection = streams[0].connection
        with pytest.raises(StateError):
            client.stack.tcp.connect(connection.path, 7, connection.local_port, 0.0)
        await listener.aclose()


async def test_a_cancelled_connect_leaves_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with two(exclude_ports=["tcp/80"]) as (client, server):
        with trio.move_on_after(0.5) as scope:
            await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        assert scope.cancelled_caught
        assert client.stack.tcp.connections == 0
        assert server.statistics()["frames.excluded"] >= 1


async def test_connections_and_scans_become_events(autojump_clock: trio.testing.MockClock) -> None:
    events: list[Event] = []
    async with two() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(collect, server, events)
        await trio.testing.wait_all_tasks_blocked()
        listener = await server.open_tcp_listener(80)
        stream = await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        theirs = await listener.accept()
        await stream.aclose()
        await theirs.aclose()
        for port in range(1000, 1010):
            with pytest.raises(ConnectionRefusedError):
                await client.connect_tcp(SERVER4, port, mac=mac_of(server))
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert kinds(events)[:2] == ["tcp/connect", "tcp/close"]
    assert events[0].identity is not None
    assert events[0].identity.source_ip == "192.0.2.1"
    assert events[1].fields["tcp.reason"] == "fin"
    assert "portscan/portscan" in kinds(events)


async def test_capture_takes_every_port_that_nobody_has_opened(autojump_clock: trio.testing.MockClock) -> None:
    events: list[Event] = []
    async with two(capture=True) as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(collect, server, events)
        await trio.testing.wait_all_tasks_blocked()
        listener = await server.open_tcp_listener(80)
        own = await client.connect_tcp(SERVER4, 80, mac=mac_of(server))
        assert (await listener.accept()).local.port == 80
        stream = await client.connect_tcp(SERVER4, 4444, mac=mac_of(server))
        await stream.send_all(b"payload of an attacker")
        await trio.sleep(5)
        assert await stream.receive_some() == b""
        await stream.aclose()
        await own.aclose()
        await listener.aclose()
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    payloads = [event.fields["payload"] for event in events if event.type == "payload"]
    assert [payload.data for payload in payloads] == [b"payload of an attacker"]  # type: ignore[attr-defined]
    closed = [event for event in events if event.type == "close" and event.identity]
    assert 4444 in [event.identity.destination_port for event in closed if event.identity]


async def test_the_end_of_the_block_resets_every_connection(autojump_clock: trio.testing.MockClock) -> None:
    left, right = memory_link_pair()
    async with open_netstack(link=left, addresses=["192.0.2.1"]) as client:
        async with open_netstack(link=right, addresses=[SERVER4]) as server:
            server.open_udp_socket(53)
            await server.open_tcp_listener(80)
            stream = await client.connect_tcp(SERVER4, 80, mac=right.mac)
            await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_an_error_of_the_block_comes_out_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_netstack(link=MemoryLink(bytes(6)), addresses=["192.0.2.1"]):
            raise ZeroDivisionError


async def test_ports_are_opened_once(autojump_clock: trio.testing.MockClock) -> None:
    async with open_netstack(link=MemoryLink(bytes(6)), addresses=["192.0.2.1"], capture=True) as net:
        socket = net.open_udp_socket()
        with pytest.raises(StateError, match="None"):
            net.open_udp_socket()
        await socket.aclose()
        assert net.stack.udp.listens(99)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"interface": "eth0", "link": MemoryLink(bytes(6))},
        {"link": MemoryLink(bytes(6))},
        {"interface": "lo"},
        {"interface": "lo", "exclude_ports": ["ssh"]},
    ],
)
async def test_what_cannot_be_is_a_config_error(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        async with open_netstack(**arguments):  # type: ignore[arg-type]
            raise AssertionError
