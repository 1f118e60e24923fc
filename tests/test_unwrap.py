"""TLS taken off a conversation: told, and as the plan says."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from honeystack.net.limits import Limits
from honeystack.testing.conversations import Meeting
from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.hello import HelloReader, Progress
from honeystack.tls.mimicry import RANDOM, Appearance
from honeystack.tls.servers import shipped_servers
from honeystack.unwrap import TlsPlan, Unwrapper
from tests.tls.peers import client_context
from tests.tls.scans import probes
from tests.tls.vectors import body, full_extensions, message, record, records


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("a.example", key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return load_certificate(folder / "cert.pem", folder / "key.pem")


def unwrapper(*, day: int = 0) -> Unwrapper:
    return Unwrapper(rng=random.Random(1), secret=b"s" * 32, clock=lambda: day * 86_400.0)


async def handshake(unwrapper: Unwrapper, plan: TlsPlan) -> dict[str, object]:
    """What is told at the end of a client's handshake."""
    meeting = Meeting()
    client, peer = meeting.conversation()
    tls = trio.SSLStream(client, client_context(alpn=("h2", "http/1.1")), server_hostname="a.example")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.do_handshake)
        reader = HelloReader()
        while reader.progress is Progress.MORE:
            reader.feed(await peer.peek_more())
        unwrapper.tell_hello(peer, reader)
        assert await unwrapper.accept(peer, reader, plan)
    stages = [event.fields["tls.stage"] for event in meeting.of("tcp") if event.type == "tls"]
    assert stages == ["hello", "established"]
    return dict(meeting.of("tcp")[-1].fields)


async def scan(unwrapper: Unwrapper, plan: TlsPlan, packet: bytes) -> list[dict[str, object]]:
    meeting = Meeting()
    client, peer = meeting.conversation()
    await client.send_all(packet)
    await client.send_eof()
    reader = HelloReader()
    while reader.progress is Progress.MORE:
        reader.feed(await peer.peek_more())
    unwrapper.tell_hello(peer, reader)
    assert not await unwrapper.accept(peer, reader, plan)
    return [dict(event.fields) for event in meeting.of("tcp") if event.type == "tls"]


async def test_random_is_what_a_plan_says_if_it_says_nothing(certificate: Certificate) -> None:
    assert TlsPlan(certificate).appearance is RANDOM
    assert (await handshake(unwrapper(), TlsPlan(certificate)))["tls.profile"] == "random"


async def test_what_is_over_waits_for_no_collector(certificate: Certificate) -> None:
    """OpenSSL's memory of a connection is far more than the collector knows."""
    meeting = Meeting()
    client, peer = meeting.conversation()
    tls = trio.SSLStream(client, client_context(), server_hostname="a.example")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.do_handshake)
        reader = HelloReader()
        reader.feed(await peer.peek_more())
        unwrapper_ = unwrapper()
        unwrapper_.tell_hello(peer, reader)
        assert await unwrapper_.accept(peer, reader, TlsPlan(certificate))
    gone = weakref.ref(peer)
    gc.disable()
    try:
        await peer.aclose()
        del peer
        assert gone() is None
    finally:
        gc.enable()


async def test_one_server_is_mimicked(certificate: Certificate) -> None:
    appearance = Appearance("mimic", shipped_servers()["nginx-h2"])
    fields = await handshake(unwrapper(), TlsPlan(certificate, appearance, ("http/1.1",)))
    assert (fields["tls.profile"], fields["tls.version"]) == ("nginx-h2", "1.2")
    assert fields["tls.next-protocol"] == "http/1.1"


async def test_a_rotation_lasts_for_a_day(certificate: Certificate) -> None:
    plan = TlsPlan(certificate, Appearance("rotate"))
    for day in range(3):
        assert len({str((await handshake(unwrapper(day=day), plan))["tls.profile"]) for _ in range(3)}) == 1
    names = {str((await handshake(unwrapper(day=day), plan))["tls.profile"]) for day in range(30)}
    assert len(names) > 4
    assert names <= shipped_servers().keys()


async def test_the_probes_of_a_scan_are_told_by_number(certificate: Certificate) -> None:
    for number, (_, packet) in enumerate(probes(), 1):
        for fields in await scan(unwrapper(), TlsPlan(certificate), packet):
            assert (fields["tls.scanner"], fields["tls.probe"]) == ("jarm", number)


async def test_what_does_not_parse_is_told_with_the_reason(certificate: Certificate) -> None:
    hello, failed = await scan(unwrapper(), TlsPlan(certificate), record(message(b"\3\3")))
    assert str(hello["tls.error"]).startswith("malformed: ")
    assert failed["tls.alert"] == "decode_error"
    assert "tls.scanner" not in hello


async def test_a_hello_in_more_segments_than_it_needs_is_marked(certificate: Certificate) -> None:
    whole = probes()[0][1]
    for cut, marked in (([whole], None), ([whole[:20], whole[20:30], whole[30:]], 3)):
        meeting = Meeting()
        _, peer = meeting.conversation()
        reader = HelloReader()
        for piece in cut:
            reader.feed(piece)
        unwrapper().tell_hello(peer, reader)
        assert meeting.of("tcp")[0].fields.get("tls.segments") == marked


async def test_an_attack_inside_the_conversation_is_told_when_it_comes(certificate: Certificate) -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    tls = trio.SSLStream(client, client_context(versions=(0x0303, 0x0303)), server_hostname="a.example")
    reader = HelloReader()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.do_handshake)
        while reader.progress is Progress.MORE:
            reader.feed(await peer.peek_more())
        unwrapper().tell_hello(peer, reader)
        assert await unwrapper().accept(peer, reader, TlsPlan(certificate))
    await tls.send_all(b"first")
    assert await peer.receive_some() == b"first"
    await client.send_all(record(bytes(40)))  # a handshake record under encryption: renegotiation, in whatever form
    with pytest.raises(trio.BrokenResourceError):
        await peer.receive_some()
    event = meeting.of("tcp")[-1]
    assert (event.fields["tls.stage"], event.fields["tls.threat"]) == ("threat", ["renegotiation"])
    assert event.fields["tls.sni"] == "a.example"


async def test_probes_are_forged_for_where_no_configuration_gives_the_answer(
    certificate: Certificate,
) -> None:
    plan = TlsPlan(certificate, Appearance("mimic", shipped_servers()["go"]))
    told = [(await scan(unwrapper(), plan, packet))[-1] for _, packet in probes()]
    assert {fields["tls.profile"] for fields in told} == {"go"}
    assert all(fields["tls.forged"] for fields in told)
    versions = [fields.get("tls.version", "-") for fields in told]
    assert versions == ["1.2", "1.0", "1.2", "-", "-", "1.1", "1.3", "1.0", "1.0", "1.3"]
    assert told[3]["tls.alert"] == "no_application_protocol"


async def test_a_client_that_is_no_probe_gets_a_handshake_of_such_a_server_too(certificate: Certificate) -> None:
    fields = await handshake(unwrapper(), TlsPlan(certificate, Appearance("mimic", shipped_servers()["java"])))
    assert (fields["tls.profile"], fields["tls.version"]) == ("java", "1.3")
    assert "tls.forged" not in fields


async def test_every_event_of_tls_has_the_fingerprints_and_the_name(certificate: Certificate) -> None:
    hello = message(body(extensions=full_extensions(name=b"bank.example")))
    told, *later = await scan(unwrapper(), TlsPlan(certificate), records(hello, 16_384))
    keys = ["ja3.digest", "ja3.string", "ja3.nogrease-digest", "ja4", "ja4.raw", "tls.sni"]
    for fields in later:
        assert [fields[key] for key in keys] == [told[key] for key in keys]
    assert later


async def test_a_large_hello_is_told_once(certificate: Certificate) -> None:
    hello = message(body(suites=range(0x6000, 0x6000 + 32_000), extensions=full_extensions(name=b"x" * 60_000)))
    told, *later = await scan(unwrapper(), TlsPlan(certificate), records(hello, 16_384))
    del told["tls.client.hello.payload"]
    assert len(str(told)) < 12_000
    for fields in later:
        assert len(str(fields)) < 1_500
        assert fields["ja3.digest"] == told["ja3.digest"]
        assert fields["tls.sni-truncated"] is True
        assert not {"ja3.string", "ja4.raw"} & set(fields)
    assert later


async def test_forged_answers_are_bounded_as_handshakes_are(
    certificate: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    reached: list[tuple[str, int]] = []
    limits = Limits(tls_handshakes_per_source=3, tls_handshake_seconds=4)
    unwrapper_ = Unwrapper(
        rng=random.Random(1), secret=b"s" * 32, limits=limits, reached=lambda *bound: reached.append(bound)
    )
    plan, meeting = TlsPlan(certificate, Appearance("mimic", shipped_servers()["go"])), Meeting()

    async def silent() -> None:
        client, peer = meeting.conversation()
        await client.send_all(probes()[0][1])
        reader = HelloReader()
        reader.feed(await peer.peek_more())
        unwrapper_.tell_hello(peer, reader)
        assert not await unwrapper_.accept(peer, reader, plan)

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(silent)
    assert trio.current_time() - start == pytest.approx(4)
    errors = [event.fields["tls.error"] for event in meeting.of("tcp") if event.fields.get("tls.stage") == "failed"]
    assert errors == ["3 handshakes of one source are under way"] * 7 + ["not finished within 4 s"] * 3
    assert reached == [("tls_handshakes_per_source", 3)] * 7
