"""Takes TLS off a conversation: tells the hello, does the handshake in the way that is planned, tells how it ended.

ClientHello ─ event `hello` ─ appearance for this peer ─ handshake ─ event `established` or `failed`
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from functools import partial

import attrs

from honeystack.conversation import Conversation, FirstBytes, FirstMemory
from honeystack.events.event import Payload
from honeystack.net.address import source_text
from honeystack.net.limits import Limits
from honeystack.tls.acceptor import TlsAcceptor
from honeystack.tls.authority import Authority
from honeystack.tls.certificates import AutoCertificate, Certificate, CertificateSource
from honeystack.tls.decoy import answer_probe
from honeystack.tls.facts import (
    TLS,
    cut_fields,
    outcome_fields,
    part_fields,
    repeated,
    threat_fields,
    told_of,
)
from honeystack.tls.familiar import FamiliarHellos
from honeystack.tls.forgery import rsa_signer
from honeystack.tls.hello import HANDSHAKE, ClientHello, HelloReader, Progress
from honeystack.tls.mimicry import RANDOM, Appearance, Server, mimic, rotated_server
from honeystack.tls.profiles import Deck, Profile, random_profile
from honeystack.tls.servers import shipped_servers
from honeystack.tls.stream import TlsFailed
from honeystack.tls.unfinished import HeldHello

RECORD = bytes([HANDSHAKE, 3])  # how each hello begins that comes in records


@attrs.frozen
class TlsPlan:
    """How TLS is answered on a port."""

    certificate: CertificateSource
    appearance: Appearance = RANDOM
    alpn: tuple[str, ...] = ()  # what the port's services speak


class Unwrapper:
    """Inputs: `tell_hello`, `accept`. Outputs: events of the conversation, and its new stream.

    `secret` decides what a network sees in `rotate`; `clock` gives seconds since 1970; `reached` is told of bounds.
    """

    def __init__(
        self,
        *,
        rng: random.Random,
        secret: bytes,
        authority: Authority | None = None,
        limits: Limits | None = None,
        reached: Callable[[str, int], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rng = rng
        self._deck = Deck()
        self._familiar = FamiliarHellos()
        self._authority = authority
        self._secret = secret
        self._clock = clock
        limits = limits or Limits()
        self._acceptor = TlsAcceptor(
            limits.tls_handshakes, limits.tls_handshakes_per_source, limits.tls_handshake_seconds, reached
        )
        if authority is not None and reached is not None:
            authority.on_throttled = partial(reached, "certificates_per_second", limits.certificates_per_second)

    def reader(self) -> HelloReader:
        """A reader for the hello of a new peer."""
        return HelloReader(self._familiar.parse)

    def tell_hello(self, peer: Conversation, reader: HelloReader) -> None:
        """Record the hello, before anything can fail; later TLS events of this peer repeat its fingerprints."""
        hello, wire = reader.hello, reader.wire
        if hello is None:
            told = part_fields(wire, reader.part)
            peer.facts = repeated(told)
            error = {} if reader.error is None else {"tls.error": f"malformed: {reader.error}"}
            peer.record(TLS, {"tls.stage": "hello", **told, **error})
            return
        about = told_of(hello)
        peer.facts = dict(about.facts)
        fields = {"tls.stage": "hello", "tls.client.hello.payload": wire, **about.fields}
        if reader.records > 1:
            fields |= threat_fields(hello, about.prints, reader.records)
        if reader.pieces > 1:
            fields |= cut_fields(hello, pieces=reader.pieces, size=len(wire))
        peer.record(TLS, fields)

    def tell_unfinished(self, peer: Conversation, reader: HelloReader, why: str) -> None:
        """Record that a hello did not become whole. What may be one of SSLv2 may be anything, and is not told here."""
        if reader.progress is Progress.MORE and reader.raw.startswith(RECORD):
            fields = part_fields(reader.raw, reader.part)
            peer.record(TLS, {"tls.stage": "hello", "tls.error": f"unfinished: {why}", **fields})

    async def accept(
        self, peer: Conversation, reader: HelloReader, plan: TlsPlan, held: HeldHello | None = None
    ) -> bool:
        """Do the handshake for a hello that has been told. Where it fails that is told, and the answer is False.

        It fails too where what is `held` of the hello has to give way.
        """
        peer.tell_first()
        first = peer.take_ahead()
        certificate = self._certificate(peer, reader.hello, plan)
        server = self._server(peer, plan)
        if server is not None and server.forged is not None and "tls.probe" in peer.facts:
            await self._forge(peer, reader.hello, server, certificate, held)
            return False
        profile = self._profile(peer, reader.hello, plan, certificate, server)
        if peer.transcript is not None and reader.hello is not None:
            peer.transcript.tls_begins(reader.hello.random, certificate.contexts)
        term = self._acceptor.term_on(peer.stream)
        if held is not None:
            held.wait_in(term)
        source = source_text(peer.flow.remote.address)
        try:
            stream = await self._acceptor.accept(
                peer.stream, certificate, first=first, profile=profile, source=source, term=term
            )
        except TlsFailed as failed:
            outcome = failed.outcome
            if held is not None and held.given_up:
                outcome = attrs.evolve(outcome, error="given up for the hellos of others")
            peer.record(TLS, {"tls.stage": "failed", **peer.facts, **outcome_fields(outcome, reader.hello)})
            return False
        peer.record(TLS, {"tls.stage": "established", **peer.facts, **outcome_fields(stream.outcome, reader.hello)})
        stream.on_threat = partial(_tell_threat, peer)
        peer.replace_stream(stream)
        peer.unreceive(stream.take_ahead())
        return True

    def _certificate(self, peer: Conversation, hello: ClientHello | None, plan: TlsPlan) -> Certificate:
        certificate = plan.certificate
        if isinstance(certificate, AutoCertificate):
            assert self._authority is not None, "the router plans no such certificate without an authority"
            name = None if hello is None else hello.server_name
            flow = peer.flow
            certificate = self._authority.certificate_for(
                name,
                flow.local.address,
                asks_client=certificate.asks_client,
                source=source_text(flow.remote.address),
            )
        if "tls.probe" in peer.facts and plan.appearance.mode != "random":
            return certificate.rsa_alone or certificate  # the servers were measured with RSA keys
        return certificate

    def _server(self, peer: Conversation, plan: TlsPlan) -> Server | None:
        """Whom to look like; None where each connection is to differ."""
        if plan.appearance.mode != "rotate":
            return plan.appearance.server
        flow = peer.flow
        return rotated_server(
            list(shipped_servers().values()),
            secret=self._secret,
            remote=flow.remote.address,
            port=flow.local.port,
            now=self._clock(),
        )

    def _profile(
        self,
        peer: Conversation,
        hello: ClientHello | None,
        plan: TlsPlan,
        certificate: Certificate,
        server: Server | None,
    ) -> Profile:
        if server is None:
            return random_profile(hello, certificate.keys, alpn=plan.alpn, rng=self._rng, deck=self._deck)
        return mimic(server, hello, certificate.keys, alpn=plan.alpn, probe="tls.probe" in peer.facts)

    async def _forge(
        self,
        peer: Conversation,
        hello: ClientHello | None,
        server: Server,
        certificate: Certificate,
        held: HeldHello | None,
    ) -> None:
        """Answer a probe as a server that no configuration of ours can be; it counts as a handshake does."""
        assert hello is not None, "a probe is known by its hello"
        assert server.forged is not None, "asked for such servers only"
        one = certificate.rsa_alone or certificate
        term = self._acceptor.term_on(peer.stream)
        if held is not None:
            held.wait_in(term)
        source = source_text(peer.flow.remote.address)
        try:
            self._acceptor.begin(source, term)
            try:
                outcome = await answer_probe(
                    peer.stream,
                    server.forged,
                    int(str(peer.facts["tls.probe"])),
                    hello,
                    profile=server.name,
                    chain=one.chain,
                    noise=secrets.token_bytes,  # not ours: bytes of it would give away what it draws next
                    sign=None if one.rsa_key is None else rsa_signer(one.rsa_key),
                    timeout=self._acceptor.timeout,
                    term=term,
                )
            finally:
                self._acceptor.end(source, term)
        except TlsFailed as refused:
            outcome = refused.outcome
        if held is not None and held.given_up:
            outcome = attrs.evolve(outcome, error="given up for the hellos of others")
        peer.record(TLS, {"tls.stage": "failed", **peer.facts, **outcome_fields(outcome)})


class FirstDecrypted(FirstBytes):
    """Keeps the first bytes inside TLS of a conversation that began without it, and records them once."""

    __slots__ = ("_peer",)

    def __init__(self, peer: Conversation, limit: int, *, memory: FirstMemory) -> None:
        super().__init__(peer.recorder, peer.identity, limit, memory=memory)
        self._peer = peer

    def _tell(self, payload: Payload) -> None:
        peer = self._peer
        fields = {"tls.stage": "payload", **peer.facts, "payload": payload}
        peer.recorder.record(TLS, fields, identity=peer.identity, service=peer.service)


def _tell_threat(peer: Conversation, threat: str) -> None:
    peer.record(TLS, {"tls.stage": "threat", **peer.facts, "tls.threat": [threat]})
