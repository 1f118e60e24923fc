"""A scanner's probe is answered, and what comes of it is told."""

from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_pair

from honeystack.tls.decoy import answer_probe
from honeystack.tls.forgery import ForgedAlert, ForgedHello, Forgeries
from honeystack.tls.stream import TlsOutcome
from tests.tls.peers import hello_in
from tests.tls.scans import probes

ECDHE = ForgedHello(0xC02F, 0x0303, "h2", (0x0023, 0xFF01, 0x0010, 0x000B))
OLD = ForgedHello(0xC013, 0x0302, "", (0xFF01,))
HELLO13 = ForgedHello(0x1303, 0x0303, "", (0x002B, 0x0033))


async def answered(stream: trio.abc.HalfCloseableStream, answer: ForgedHello | ForgedAlert) -> TlsOutcome:
    hello = hello_in(probes()[0][1])
    assert hello is not None
    forgeries = Forgeries((answer,) * 10)
    return await answer_probe(
        stream, forgeries, 1, hello, profile="go", chain=(b"der",), noise=lambda length: bytes(length)
    )


@pytest.mark.parametrize(
    ("answer", "version", "suite", "alpn"),
    [
        (ECDHE, "1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "h2"),
        (OLD, "1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
        (HELLO13, "1.3", "TLS_CHACHA20_POLY1305_SHA256", None),
    ],
)
async def test_a_scanner_reads_the_hello_and_leaves(
    answer: ForgedHello, version: str, suite: str, alpn: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_eof()
    outcome = await answered(ours, answer)
    assert outcome == TlsOutcome("go", version, suite, alpn, error="the peer ended the handshake", forged=True)
    assert (await theirs.receive_some())[:1] == b"\x16"


@pytest.mark.parametrize(
    ("answer", "alert", "sent"),
    [(ForgedAlert(120), "no_application_protocol", b"\x15\3\3\0\2\2\x78"), (ForgedAlert(), None, b"")],
)
async def test_a_refusal_needs_no_answer(answer: ForgedAlert, alert: str | None, sent: bytes) -> None:
    ours, theirs = memory_stream_pair()
    outcome = await answered(ours, answer)
    assert outcome == TlsOutcome("go", error="refused as the mimicked server does", alert=alert, forged=True)
    await ours.send_eof()
    assert await theirs.receive_some() == sent


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (ECDHE, b"\x15\3\3\0\2\2\x14"),
        (OLD, b"\x15\3\2\0\2\2\x14"),
        (HELLO13, b"\x17\3\3\0\x13" + bytes(19)),  # sealed
    ],
)
async def test_who_goes_on_gets_the_alert_of_keys_that_do_not_fit(
    answer: ForgedHello, refusal: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"\x16\3\3\0\4\x10\0\0\0")
    outcome = await answered(ours, answer)
    assert (outcome.error, outcome.alert) == ("the peer went on with the handshake", "bad_record_mac")
    assert (await theirs.receive_some()).endswith(refusal)


async def test_an_alert_is_not_answered(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"\x15\3\3\0\2\1\0")
    assert (await answered(ours, ECDHE)).alert is None


async def test_silence_ends_after_ten_seconds(autojump_clock: trio.testing.MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    start = trio.current_time()
    assert (await answered(ours, ECDHE)).error == "not finished within 10 s"
    assert trio.current_time() - start == pytest.approx(10)


async def test_a_broken_connection_is_told() -> None:
    ours, theirs = memory_stream_pair()
    await theirs.aclose()
    assert (await answered(ours, ECDHE)).error == "the connection broke"
