"""Answers a scanner's probe with the forged first flight of another server, and waits until the scanner has seen it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from honeystack.tls.forgery import ForgedAlert, ForgedHello, Forgeries, Noise, Sign
from honeystack.tls.hello import ClientHello
from honeystack.tls.machine import alert_name
from honeystack.tls.stream import HANDSHAKE_SECONDS, TlsOutcome
from honeystack.tls.suites import suite_name
from honeystack.tls.term import Term

_VERSIONS = {0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2"}
_ALERT = 21
_BAD_RECORD_MAC = b"\2\x14"  # what a client's keys come to that fit none of ours
_SEALED_ALERT = 2 + 1 + 16  # bytes: with its type and the tag of an AEAD, RFC 8446 §5.2


async def answer_probe(
    stream: trio.abc.HalfCloseableStream,
    forgeries: Forgeries,
    probe: int,
    hello: ClientHello,
    *,
    profile: str,
    chain: Sequence[bytes],
    noise: Noise,
    sign: Sign | None = None,
    timeout: float = HANDSHAKE_SECONDS,
    term: Term | None = None,
) -> TlsOutcome:
    """Send what the mimicked server sends for this probe, counted from 1; raises nothing for what the peer does.

    `chain` holds certificates in DER, whose key can `sign`; `profile` is the server's name. The stream is left open,
    for the caller to close. It is over when the `term` is, which without one has `timeout` seconds.
    """
    answer = forgeries.answers[probe - 1]
    outcome = TlsOutcome(profile, forged=True)
    if isinstance(answer, ForgedAlert):
        alert = None if answer.alert is None else alert_name(answer.alert)
        outcome = attrs.evolve(outcome, alert=alert, error="refused as the mimicked server does")
    else:
        version = "1.3" if answer.is_13 else _VERSIONS[answer.version]
        outcome = attrs.evolve(
            outcome,
            version=version,
            cipher_suite=suite_name(answer.suite),
            alpn=answer.alpn or None,
            error="the peer ended the handshake",
        )
    term = term or Term(stream, timeout)
    try:
        with term:
            await stream.send_all(forgeries.flight(probe, hello, chain, noise, sign))
            if isinstance(answer, ForgedAlert):
                return outcome
            further = await stream.receive_some()
            if further and further[0] != _ALERT:
                await stream.send_all(_refusal(answer, noise))
                return attrs.evolve(outcome, error="the peer went on with the handshake", alert=alert_name(20))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return attrs.evolve(outcome, error="the connection broke")
    return attrs.evolve(outcome, error=f"not finished within {timeout:g} s") if term.cancelled_caught else outcome


def _refusal(answer: ForgedHello, noise: Noise) -> bytes:
    if answer.is_13:
        return b"\x17\3\3\0%c%b" % (_SEALED_ALERT, noise(_SEALED_ALERT))
    return b"\x15%b\0\2%b" % (answer.version.to_bytes(2, "big"), _BAD_RECORD_MAC)
