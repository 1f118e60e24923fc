"""The netstack listener over a cable in memory: what peers get, and what is told of them."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.errors import ConfigError
from honeystack.events.event import Payload
from honeystack.listeners.netstack import Netstack
from honeystack.net.limits import Limits
from honeystack.reception import CaptureLimits
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from tests.listeners.places import entry, place
from tests.net.frames import ip_frame, ping_frame, syn_frame, udp_frame

CLOCK = trio.testing.MockClock
EVERY_BYTE = bytes(range(256)) * 4


@pytest.mark.parametrize("version", [4, 6])
async def test_a_port_that_nobody_configured_is_captured_and_closed(autojump_clock: CLOCK, version: int) -> None:
    async with place() as at:
        stream = await at.connect(4711, version=version)
        await stream.send_all(EVERY_BYTE)
        assert await stream.receive_some() == b""  # FIN after a pause
        await stream.aclose()
        await trio.sleep(5)
        events = at.of(stream)
        assert [event.type for event in events] == ["connect", "payload", "close"]
        assert events[1].fields["payload"] == Payload(EVERY_BYTE, 1024)
        assert events[2].fields["tcp.reason"] == "fin"
        assert events[2].fields["tcp.bytes-in"] == 1024
        assert len({event.identity for event in events}) == 1
        assert events[0].fields["tcp.syn.mss"]
        assert "tcp.rtt-ms" in events[0].fields


async def test_a_capture_ends_at_its_size(autojump_clock: CLOCK) -> None:
    async with place(capture=CaptureLimits(payload_bytes=100, pause=50.0)) as at:
        stream = await at.connect(1)
        await stream.send_all(b"x" * 250)
        await trio.sleep(1)
        (event,) = at.publisher.of("tcp", "payload")
        assert event.fields["payload"] == Payload(b"x" * 100, 250)


async def test_a_capture_ends_with_the_peer(autojump_clock: CLOCK) -> None:
    async with place(capture=CaptureLimits(pause=50.0)) as at:
        stream = await at.connect(1)
        await stream.send_all(b"GET")
        await stream.send_eof()
        assert await stream.receive_some() == b""
        await trio.sleep(1)
        assert [event.type for event in at.of(stream)] == ["connect", "payload", "close"]


async def test_parts_that_come_without_a_pause_are_one_payload(autojump_clock: CLOCK) -> None:
    async with place() as at:
        stream = await at.connect(1)
        for part in (b"a", b"b", b"c"):
            await stream.send_all(part)
            await trio.sleep(0.5)
        await stream.receive_some()
        assert [event.fields["payload"] for event in at.publisher.of("tcp", "payload")] == [Payload(b"abc", 3)]


async def test_a_peer_that_never_speaks_is_ended_and_leaves_no_payload(autojump_clock: CLOCK) -> None:
    async with place(capture=CaptureLimits(idle=20.0)) as at:
        stream = await at.connect(1)
        assert await stream.receive_some() == b""
        assert trio.current_time() == pytest.approx(20, abs=1)
        await stream.aclose()
        await trio.sleep(1)
        assert [event.type for event in at.of(stream)] == ["connect", "close"]


async def test_a_reset_is_told_with_what_had_come(autojump_clock: CLOCK) -> None:
    async with place() as at:
        stream = await at.connect(1)
        await stream.send_all(b"bye")
        await trio.sleep(0.1)
        stream.abort()
        await trio.sleep(1)
        events = at.of(stream)
        assert [event.type for event in events] == ["connect", "payload", "close"]
        assert events[-1].fields["tcp.reason"] == "rst"


async def test_a_service_gets_its_port_and_close_comes_last(autojump_clock: CLOCK) -> None:
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        stream = await at.connect(80)
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        while await stream.receive_some():
            pass
        await stream.aclose()
        await trio.sleep(5)
        events = at.of(stream)
        assert sorted(event.type for event in events) == ["close", "connect", "payload", "request"]
        assert (events[0].type, events[-1].type) == ("connect", "close")
        assert [event.service for event in events if event.category == "http"] == ["web"]


async def test_a_service_that_speaks_first_does_so_after_the_wait(autojump_clock: CLOCK) -> None:
    async with place([entry("tcp/21", "ftp")], {"ftp": Banner(text="220 hello\r\n")}) as at:
        stream = await at.connect(21)
        assert await stream.receive_some() == b"220 hello\r\n"
        assert trio.current_time() == pytest.approx(1, abs=0.1)
        await stream.send_all(b"USER root\r\n")
        await stream.send_eof()
        await stream.receive_some()
        await stream.aclose()
        await trio.sleep(1)
        assert [event.type for event in at.of(stream)] == ["connect", "payload", "answer", "close"]


async def test_thousands_that_are_silent_cost_no_task(autojump_clock: CLOCK) -> None:
    async with place([entry("tcp/80", "web")], {"web": Http()}) as at:
        before = trio.lowlevel.current_statistics().tasks_living
        streams = [await at.connect(port) for port in (80, 81) for _ in range(20)]
        await trio.sleep(0.5)
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert len(at.publisher.of("tcp", "connect")) == 40
        del streams


async def test_what_begins_as_tls_is_told_without_a_certificate(autojump_clock: CLOCK) -> None:
    hello = bytes.fromhex("160301002f0100002b0303") + bytes(32) + bytes.fromhex("0000041301c02f0100")
    async with place() as at:
        stream = await at.connect(8443)
        await stream.send_all(hello)
        await stream.receive_some()
        await stream.aclose()
        await trio.sleep(5)
        events = {event.type: event for event in at.of(stream)}
        assert list(events) == ["connect", "tls", "payload", "close"]
        assert events["tls"].fields["tls.stage"] == "hello"
        assert events["payload"].fields["payload"] == Payload(hello, len(hello))


async def test_each_of_many_at_once_has_its_own_events(autojump_clock: CLOCK) -> None:
    ports = [entry("tcp/80", "web"), entry("tcp/7", "echo"), entry("tcp/21", "ftp")]
    services = {"web": Http(), "echo": Echo(), "ftp": Banner()}

    async with place(ports, services) as at:

        async def visit(number: int) -> None:
            stream = await at.connect((80, 7, 21, 5000)[number % 4])
            said = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % stream.local.port
            await stream.send_all(said)
            await stream.send_eof()
            while await stream.receive_some():
                pass
            await stream.aclose()

        async with trio.open_nursery() as nursery:
            for number in range(120):
                nursery.start_soon(visit, number)
        await trio.sleep(5)
        for kind in ("connect", "payload", "close"):
            events = at.publisher.of("tcp", kind)
            assert len(events) == 120
            assert len({event.identity for event in events}) == 120
        for event in at.publisher.of("tcp", "payload"):
            assert event.identity is not None
            assert b"GET /%d " % (event.identity.source_port or 0) in event.fields["payload"].data  # type: ignore[attr-defined]


async def test_the_end_of_the_sensor_closes_and_tells_every_connection(autojump_clock: CLOCK) -> None:
    ports = [entry("tcp/80", "web"), entry("tcp/21", "ftp")]
    async with place(ports, {"web": Http(), "ftp": Banner()}) as at:
        streams = [await at.connect(port) for port in (80, 21, 5000) for _ in range(5)]
        await streams[0].send_all(b"GET / HT")
        await streams[-1].send_all(b"raw")
        await trio.sleep(0.2)
        at.sensor.cancel()
        await trio.sleep(0.1)
        assert [event.fields["tcp.reason"] for event in at.publisher.of("tcp", "close")] == ["shutdown"] * 15
        for stream in streams:
            events = at.of(stream)
            assert (events[0].type, events[-1].type) == ("connect", "close")
        assert [event.type for event in at.of(streams[0])] == ["connect", "payload", "request", "close"]
        assert [event.type for event in at.of(streams[-1])] == ["connect", "payload", "close"]


@pytest.mark.parametrize("version", [4, 6])
async def test_a_datagram_to_any_port_is_told_and_not_answered(autojump_clock: CLOCK, version: int) -> None:
    async with place() as at:
        sent = len(at.link.sent)
        at.inject(udp_frame(at.path(version), EVERY_BYTE))
        await trio.sleep(1)
        (event,) = at.publisher.of("udp")
        assert event.fields == {"payload": Payload(EVERY_BYTE, 1024)}
        assert event.identity is not None
        assert (event.identity.source_port, event.identity.destination_port) == (40_000, 5000)
        assert len(at.link.sent) == sent


async def test_repeated_datagrams_are_told_at_once_and_then_with_their_count(autojump_clock: CLOCK) -> None:
    async with place() as at:
        for _ in range(5):
            at.inject(udp_frame(at.path(), b"again"))
        await trio.sleep(1)
        assert len(at.publisher.of("udp")) == 1
        await trio.sleep(60)
        assert [event.fields.get("count") for event in at.publisher.of("udp")] == [None, 4]


async def test_datagrams_to_a_service_are_a_conversation(autojump_clock: CLOCK) -> None:
    async with place([entry("udp/7", "echo")], {"echo": Echo()}) as at:
        for port in (40_000, 40_001):
            for data in (b"one", b"two"):
                at.inject(udp_frame(at.path(), data, 7, port))
        await trio.sleep(100)
        answers = [frame[42:] for frame in at.link.sent if frame[23] == 17]
        assert sorted(answers) == [b"one", b"one", b"two", b"two"]
        told = at.publisher.of("udp") + at.publisher.of("echo")
        for port in (40_000, 40_001):
            mine = [event for event in told if event.identity is not None and event.identity.source_port == port]
            assert [event.type for event in mine] == ["payload", "payload", "echoed"]
            assert len({event.identity for event in mine}) == 1
        assert {event.service for event in at.publisher.of("echo")} == {"echo"}


async def test_the_sniffer_tells_other_packets(autojump_clock: CLOCK) -> None:
    async with place(sniffer=True) as at:
        for version in (4, 6):
            at.inject(ping_frame(at.path(version)))
        at.inject(ip_frame(at.path(), 132, b"sctp"))
        at.inject(at.link.mac + at.peer_mac + b"\x88\xb5odd")
        await trio.sleep(1)
        told = at.told()
        assert {"icmp/packet", "icmp6/packet", "ip/packet", "ethernet/packet"} <= set(told)
        for event in at.publisher.events:
            assert all(event.kind.admits(key) for key in event.fields), event
            if event.type == "packet":
                assert event.identity is None or event.identity.connection_id is None


async def test_a_scan_is_told(autojump_clock: CLOCK) -> None:
    async with place() as at:
        for port in range(20, 40):
            at.inject(syn_frame(at.path(), port))
        await trio.sleep(120)
        scans = at.publisher.of("portscan")
        assert scans[0].fields["portscan.ports"] == ["tcp/20-39"]
        assert scans[-1].fields["portscan.final"] is True
        (half_open,) = at.publisher.of("tcp", "half-open")
        assert half_open.fields["count"] == 20
        assert half_open.identity is not None
        assert half_open.identity.source_ip == "192.0.2.1"
        assert half_open.identity.destination_port is None  # they differ


async def test_heartbeats_get_the_counters(autojump_clock: CLOCK) -> None:
    async with place() as at:
        await at.connect(1)
        await trio.sleep(0.1)
        found = at.router.counters()
        assert found["connections"] == 1
        assert found["frames.in"] >= 2
        assert all(isinstance(count, int) for count in found.values())


async def test_connections_beyond_the_limit_are_shed_and_told(autojump_clock: CLOCK) -> None:
    async with place(limits=Limits(connections=5)) as at:
        for _ in range(8):
            await at.connect(1)
        await trio.sleep(1)
        assert [event.fields["tcp.reason"] for event in at.publisher.of("tcp", "close")] == ["shed"] * 3
        assert at.publisher.of("sensor", "drop")[0].fields["reason"] == "connections"


def test_settings_become_an_attachment() -> None:
    settings = Netstack(
        interface="eth0", exclude_ports=("tcp/22",), exclude_addresses=("198.51.100.0/24",), sniffer=True
    )
    attachment = settings.attachment
    assert attachment.interface == "eth0"
    assert attachment.exclusions.excludes(6, 22, bytes(4))
    assert attachment.exclusions.excludes(17, 1, bytes([198, 51, 100, 9]))
    assert attachment.sniffer


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ConfigError, match="tcp"):
        Netstack(interface="eth0", exclude_ports=("sctp/1",))
    with pytest.raises(ValueError, match="no address or prefix"):
        Netstack(interface="eth0", addresses=("eth0",))
