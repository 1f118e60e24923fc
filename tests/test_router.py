"""The router: TLS where it is, the right service, capture for the rest; every wait bounded, every fault contained."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import trio
import trio.testing
import trustme

from honeystack.config.model import PortEntry
from honeystack.config.ports import parse_port
from honeystack.conversation import Conversation, Recognition
from honeystack.events.event import Payload
from honeystack.net.address import Endpoint
from honeystack.reception import CaptureLimits
from honeystack.router import Router
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from honeystack.testing.conversations import Meeting
from honeystack.tls.authority import Authority
from honeystack.tls.certificates import AutoCertificate, Certificate, load_certificate
from tests.routing import ALL, entry, make, told, visiting

CLOCK = trio.testing.MockClock
GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    made = authority.issue_cert("example.org", key_type=trustme.KeyType.ECDSA)
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    return load_certificate(folder / "cert.pem", folder / "key.pem")


# what is planned


def test_the_certificate_of_port_0_is_for_all_that_have_none(certificate: Certificate) -> None:
    tls = attrs.make_class("Tls", [], bases=(Echo,), class_body={"speaks_tls": True}, frozen=True)
    services = {"web": Http(), "own": tls(), "ftp": Banner()}
    router = make(
        Meeting(), [entry("tcp/0", certificate=certificate), entry("tcp/80", "web"), entry("tcp/9", "own")], services
    )
    assert router.plan_for("tcp", Endpoint("203.0.113.4", 1)).certificate
    assert router.plan_for("tcp", Endpoint("203.0.113.4", 80)).certificate
    assert not router.plan_for("tcp", Endpoint("203.0.113.4", 9)).certificate
    assert not router.plan_for("udp", Endpoint("203.0.113.4", 1)).certificate
    assert router.planned_ports("tcp") == ((None, 80), (None, 9))
    router.replace([entry("tcp/21", "ftp")], services, capture=CaptureLimits(), first_wait=3)
    plan = router.plan_for("tcp", Endpoint("203.0.113.4", 21))
    assert (plan.certificate, plan.speaks_first, plan.first_wait) == (False, True, 3)


# recognition


async def test_a_service_alone_is_not_asked(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web")], {"web": Http()}), meeting) as client:
        await client.send_all(b"SSH-2.0-scanner\r\n")
        assert b"400 Bad Request" in await client.receive_some()
    assert sorted(told(meeting)) == ["http/request", "tcp/payload"]
    assert meeting.of("http")[0].service == "web"


@pytest.mark.parametrize(
    ("said", "heard", "service"), [(GET, b"HTTP/1.1 200", "http"), (b"\x01\x02", b"\x01\x02", "echo")]
)
async def test_services_are_asked_in_order(autojump_clock: CLOCK, said: bytes, heard: bytes, service: str) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web", "echo", "ftp")], ALL), meeting) as client:
        for byte in said:  # cut as finely as can be
            await client.send_all(bytes([byte]))
        assert (await client.receive_some()).startswith(heard[:1])
    assert service in {event.category for event in meeting.events}


async def test_bytes_that_stay_undecided_are_given_up_after_a_bounded_wait(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web", "ftp")], ALL), meeting) as client:
        await client.send_all(b"GE")
        assert await client.receive_some() == b"220\r\n"  # nobody's: the one that greets takes it
        assert trio.current_time() == pytest.approx(1)


async def test_a_silent_peer_is_greeted_after_the_first_wait(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web", "ftp")], ALL), meeting) as client:
        assert await client.receive_some() == b"220\r\n"
        assert trio.current_time() == pytest.approx(1)


async def test_a_silent_peer_of_services_that_do_not_greet_is_let_go(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web", "echo")], ALL, idle=40), meeting) as client:
        assert await client.receive_some() == b""
        assert trio.current_time() == pytest.approx(40)
    assert not meeting.events


async def test_what_nobody_wants_is_captured(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    services = {"web": Http(), "more": Http()}
    async with visiting(make(meeting, [entry("tcp/80", "web", "more")], services), meeting) as client:
        await client.send_all(b"\x00\x01")
        await client.send_all(b"\x02")
        assert await client.receive_some() == b""
    assert [event.fields["payload"] for event in meeting.events] == [Payload(b"\x00\x01\x02", 3)]


async def test_a_peer_that_never_pauses_is_captured_up_to_the_size(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [], payload_bytes=100), meeting) as client:
        for _ in range(2):
            await client.send_all(b"x" * 60)
            await trio.sleep(0.5)
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(b"too late")
    assert [event.fields["payload"] for event in meeting.events] == [Payload(b"x" * 120, 120)]


async def drip(stream: trio.abc.SendStream) -> None:
    while True:
        await stream.send_all(b"x")
        await trio.sleep(0.9)


async def test_a_peer_that_drips_for_ever_is_told_of_and_let_go(autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [], idle=40), meeting) as client:
        with pytest.raises(trio.BrokenResourceError):
            await drip(client)
        assert trio.current_time() == pytest.approx(40, abs=1)
    (event,) = meeting.events
    assert event.type == "payload"


# TLS


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("port", [80, 4711])
async def test_tls_is_decoded_and_told_in_three_steps(
    authority: trustme.CA, certificate: Certificate, port: int, autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    ports = [entry("tcp/0", certificate=certificate), entry("tcp/80", "web")]
    async with visiting(make(meeting, ports, ALL), meeting, port=port) as client:
        tls = trio.SSLStream(client, client_context(authority), server_hostname="example.org", https_compatible=True)
        await tls.send_all(GET)
        heard = await tls.receive_some()
        assert heard.startswith(b"HTTP/1.1 200 OK") if port == 80 else heard == b""
    expected = ["tcp/payload", "tcp/established", "tcp/hello", "tcp/payload"] + ["http/request"] * (port == 80)
    assert sorted(told(meeting)) == sorted(expected)
    stages = {event.fields["tls.stage"]: event.fields for event in meeting.of("tcp", "tls")}
    assert stages["payload"]["payload"] == Payload(GET, len(GET))
    assert stages["established"]["tls.version"] in ("1.2", "1.3")
    for fields in stages.values():
        assert fields["tls.sni"] == "example.org"
        assert len(str(fields["ja3.digest"])) == 32
        assert str(fields["ja4"]).startswith("t13d")
    assert len({event.identity for event in meeting.events}) == 1


async def test_a_handshake_that_the_client_refuses_is_told(certificate: Certificate, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    ports = [entry("tcp/443", "web", certificate=certificate)]
    async with visiting(make(meeting, ports, ALL), meeting, port=443) as client:
        tls = trio.SSLStream(client, ssl.create_default_context(), server_hostname="example.org")
        with pytest.raises(trio.BrokenResourceError):
            await tls.do_handshake()
    stages = [event.fields["tls.stage"] for event in meeting.of("tcp", "tls")]
    assert stages[0] == "hello"
    assert meeting.of("tcp", "payload")


async def test_plain_text_on_a_port_with_a_certificate_is_served_plain(
    certificate: Certificate, autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    async with visiting(make(meeting, [entry("tcp/80", "web", certificate=certificate)], ALL), meeting) as client:
        await client.send_all(GET)
        assert (await client.receive_some()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("planned", [True, False])
async def test_a_broken_hello_is_told_as_such(certificate: Certificate, planned: bool, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    ports = [entry("tcp/443", certificate=certificate)] if planned else []
    async with visiting(make(meeting, ports), meeting, port=443) as client:
        await client.send_all(b"\x16\x03\x01\x00\x04\x01\xff\xff\xff")
        alert = await client.receive_some()
    assert alert[:1] == (b"\x15" if planned else b"")
    fields = meeting.of("tcp", "tls")[0].fields
    assert str(fields["tls.error"]).startswith("malformed: ")
    assert fields["tls.client.hello.payload"] == b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"
    assert [e.fields["tls.stage"] for e in meeting.of("tcp", "tls")] == ["hello", "failed"][: 1 + planned]


@pytest.mark.parametrize("services", [[], ["web"]])
async def test_half_a_hello_is_waited_for_and_is_no_services(
    certificate: Certificate, services: list[str], autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    ports = [entry("tcp/443", *services, certificate=certificate)]
    async with visiting(make(meeting, ports, ALL), meeting, port=443) as client:
        await client.send_all(b"\x16\x03\x01\x02\x00\x01")
        assert await client.receive_some() == b""
        assert trio.current_time() == pytest.approx(10)
    assert told(meeting) == ["tcp/hello", "tcp/payload"]
    assert meeting.events[0].fields["tls.error"] == "unfinished: not whole within 10 s"
    assert meeting.events[0].fields["tls.client.hello.payload"] == b"\x16\x03\x01\x02\x00\x01"


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_who_ends_in_a_hello_gets_an_alert(certificate: Certificate, first: bytes, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(
        make(meeting, [entry("tcp/443", "web", certificate=certificate)], ALL), meeting, port=443
    ) as client:
        await client.send_all(first)
        await client.send_eof()
        alert = await client.receive_some()
        assert await client.receive_some() == b""
    assert (alert[0], alert[-2:]) == (21, b"\x02\x32")  # fatal, decode_error: as s_server answers
    assert told(meeting)[-1] == "tcp/failed"
    assert meeting.of("tcp", "tls")[-1].fields["tls.error"] == "the peer ended the handshake"


@pytest.mark.parametrize("kind", [20, 21, 23, 24])
async def test_a_record_out_of_place_gets_an_alert(certificate: Certificate, kind: int, autojump_clock: CLOCK) -> None:
    meeting = Meeting()
    async with visiting(
        make(meeting, [entry("tcp/443", "web", certificate=certificate)], ALL), meeting, port=443
    ) as client:
        await client.send_all(bytes([kind]) + b"\x03\x01\x00\x02\x01\x00")
        alert = await client.receive_some()
    assert (alert[0], alert[-2:]) == (21, b"\x02\x0a")  # fatal, unexpected_message
    first, last = (event.fields for event in meeting.of("tcp", "tls"))
    assert first["tls.error"] == f"malformed: a record of type {kind} instead of the hello"
    assert last["tls.alert"] == "unexpected_message"


async def test_a_server_first_service_greets_inside_tls(
    authority: trustme.CA, certificate: Certificate, autojump_clock: CLOCK
) -> None:
    meeting = Meeting()
    async with visiting(
        make(meeting, [entry("tcp/21", "ftp", certificate=certificate)], ALL), meeting, port=21
    ) as client:
        tls = trio.SSLStream(client, client_context(authority), server_hostname="example.org")
        await tls.do_handshake()
        assert await tls.receive_some() == b"220\r\n"


def test_the_listener_s_counters_are_passed_on() -> None:
    router = make(Meeting(), [])
    assert dict(router.counters()) == {}
    router.watch(lambda: {"connections": 3})
    assert router.counters() == {"connections": 3}


async def test_a_new_certificate_leaves_conversations_under_way_alone(
    autojump_clock: CLOCK, certificate: Certificate, tmp_path: Path
) -> None:
    made = trustme.CA().issue_cert("new.example", key_type=trustme.KeyType.ECDSA)
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    new = load_certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    meeting = Meeting()
    router = make(meeting, [entry("tcp/7", "echo", certificate=certificate)], ALL)
    async with visiting(router, meeting, port=7) as before:
        old = trio.SSLStream(before, insecure(), https_compatible=True)
        await old.send_all(b"one")
        assert await old.receive_some() == b"one"
        router.replace([entry("tcp/7", "echo", certificate=new)], ALL, capture=CaptureLimits(), first_wait=1)
        async with visiting(router, meeting, port=7) as after:
            fresh = trio.SSLStream(after, insecure(), https_compatible=True)
            await fresh.do_handshake()
            assert fresh.getpeercert(binary_form=True) != old.getpeercert(binary_form=True)
        await old.send_all(b"two")
        assert await old.receive_some() == b"two"


def insecure() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_made_certificates_need_an_authority(autojump_clock: CLOCK, tmp_path: Path) -> None:
    ports = [PortEntry((parse_port("tcp/7"),), ("echo",), AutoCertificate())]
    assert not make(Meeting(), ports, ALL).plan_for("tcp", Endpoint("203.0.113.4", 7)).certificate
    meeting = Meeting()
    authority = Authority(tmp_path, secret=b"s", clock=lambda: 1.8e9)
    router = Router(
        ports,
        ALL,
        recorder=meeting.recorder,
        capture=CaptureLimits(),
        authority=authority,
        rng=random.Random(1),
    )
    async with visiting(router, meeting, port=7) as client:
        tls = trio.SSLStream(client, insecure(), server_hostname="shop.example", https_compatible=True)
        await tls.send_all(b"one")
        assert await tls.receive_some() == b"one"
    assert authority.certificate_for(b"shop.example", "").names == ("shop.example",)


@attrs.frozen
class Mail:
    """Agrees to STARTTLS, and tells the peer how that went."""

    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        return Recognition.MINE

    async def handle(self, peer: Conversation) -> None:
        await peer.send_all(b"220\r\n")
        assert await peer.receive_some() == b"STARTTLS\r\n"
        await peer.send_all(b"220 go\r\n")
        secure = await peer.start_tls()
        said = await peer.receive_some()
        await peer.send_all(b"%s %d" % (said, secure))


async def starting(client: Any) -> None:
    assert await client.receive_some() == b"220\r\n"
    await client.send_all(b"STARTTLS\r\n")
    assert await client.receive_some() == b"220 go\r\n"


async def test_tls_after_plaintext(autojump_clock: CLOCK, certificate: Certificate) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/25", "mail", certificate=certificate)], {"mail": Mail()})
    async with visiting(router, meeting, port=25) as client:
        await starting(client)
        tls = trio.SSLStream(client, insecure(), server_hostname="mail.example", https_compatible=True)
        await tls.send_all(b"hidden")
        assert await tls.receive_some() == b"hidden 1"
    assert told(meeting) == ["tcp/payload", "tcp/hello", "tcp/established", "tcp/payload"]
    for event in meeting.of("tcp", "tls"):
        assert (event.fields["tls.sni"], event.service) == ("mail.example", "mail")
        assert str(event.fields["ja4"]).startswith("t13d")
    assert meeting.events[3].fields["tls.stage"] == "payload"
    assert meeting.events[3].fields["payload"] == Payload(b"hidden", 6)


async def test_plaintext_after_an_agreed_tls_stays_plain(autojump_clock: CLOCK, certificate: Certificate) -> None:
    meeting = Meeting()
    router = make(meeting, [entry("tcp/25", "mail", certificate=certificate)], {"mail": Mail()})
    async with visiting(router, meeting, port=25) as client:
        await starting(client)
        await client.send_all(b"EHLO a")
        assert await client.receive_some() == b"EHLO a 0"
    assert told(meeting) == ["tcp/payload"]
