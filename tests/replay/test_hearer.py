"""TLS is told by its hello; what follows belongs to keys that nobody here has."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from honeystack.config import parse_config
from honeystack.net.address import Endpoint
from honeystack.reception import CaptureLimits
from honeystack.replay.hearer import Hearer, HearingRouter
from honeystack.replay.play import Outcome, replay
from honeystack.testing import RecordingChannel
from honeystack.testing.conversations import Meeting
from honeystack.tls.certificates import AutoCertificate
from honeystack.tls.hello import HelloReader
from honeystack.unwrap import TlsPlan
from tests.replay.files import Recording, write
from tests.routing import entry
from tests.tls.vectors import body, message, record

HELLO = record(message(body()))
CONFIG = """
[listener]
type = "netstack"
interface = "nowhere0"
allow_no_exclude = true
[service.mirror]
type = "echo"
[[port]]
port = "tcp/7"
services = ["mirror"]
"""
AUTO = 'tls_certificate = "auto"\n'

Run = Callable[[Recording], tuple[Outcome, list[str]]]


@pytest.fixture(params=["", AUTO], ids=["without-certificate", "with-certificate"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Replays a recording; what is told of its conversation, in order."""

    def run(recording: Recording) -> tuple[Outcome, list[str]]:
        channel = RecordingChannel()
        config = attrs.evolve(parse_config(CONFIG + request.param), channels={"out": channel})
        outcome = replay([write(tmp_path, recording.frames)], config)
        return outcome, [f"{event.category}/{event.fields.get('tls.stage', event.type)}" for event in channel.events]

    run.certificate = bool(request.param)  # type: ignore[attr-defined]
    return run


def test_the_hello_is_told_and_the_rest_is_not_decoded(run: Run) -> None:
    recording = Recording()
    recording.shake_hands()
    recording.says(HELLO, answer=b"\x16\x03\x03\x00\x01x")
    recording.says(record(b"\x10\0\0\1x"))
    recording.part()
    outcome, told = run(recording)
    if run.certificate:  # type: ignore[attr-defined]
        assert told == ["tcp/connect", "tcp/hello", "tcp/payload", "tcp/close"]
        assert outcome.in_tls == 1
    else:  # for the service it is what any other bytes are
        assert told[:3] == ["tcp/connect", "tcp/hello", "tcp/payload"]
        assert outcome.in_tls == 0


def test_what_is_no_tls_is_served_as_always(run: Run) -> None:
    recording = Recording()
    recording.shake_hands()
    recording.says(b"hello", answer=b"hello")
    recording.part()
    assert run(recording)[1] == ["tcp/connect", "tcp/payload", "echo/echoed", "tcp/close"]


def router(idle: float) -> HearingRouter:
    ports, meeting = [entry("tcp/443", certificate=AutoCertificate())], Meeting()  # type: ignore[arg-type]
    return HearingRouter(ports, {}, recorder=meeting.recorder, capture=CaptureLimits(idle=idle), rng=random.Random(1))


def test_certificates_that_would_be_made_count_though_none_is() -> None:
    made = router(7.0)
    assert made.plan_for("tcp", Endpoint("192.0.2.1", 443)).certificate
    assert made.hearer.idle == 7.0


async def test_who_falls_silent_is_not_heard_for_ever(autojump_clock: MockClock) -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    hearer = Hearer(rng=random.Random(1), secret=b"")
    hearer.idle = 5.0
    await client.send_all(HELLO)
    await peer.peek()
    began = trio.current_time()
    assert not await hearer.accept(peer, HelloReader(), TlsPlan(AutoCertificate()))
    assert trio.current_time() - began == pytest.approx(5.0)
    assert hearer.heard == 1
    assert peer.ahead == b""
