"""Clients of TLS over memory: the ssl module's own, so that what we serve is judged by another's handshake."""

from __future__ import annotations

import contextlib
import functools
import random
import ssl
import warnings
from pathlib import Path
from typing import NamedTuple

from honeystack.tls.certificates import Certificate
from honeystack.tls.hello import ClientHello, HelloReader
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import Profile, random_profile


class KeyPair(NamedTuple):
    certificate: Path
    key: Path


def client_context(
    *,
    versions: tuple[int, int] = (0x0301, 0x0304),
    ciphers: str | None = None,
    suites13: str | None = None,
    alpn: tuple[str, ...] = (),
    options: int = 0,
    authority: str | None = None,
) -> ssl.SSLContext:
    """A client of a shape. It trusts `authority` (PEM), or whoever answers where there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE if authority is None else ssl.CERT_REQUIRED
    if authority is not None:
        context.load_verify_locations(cadata=authority)
    context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
    context.options |= options
    if alpn:
        context.set_alpn_protocols(alpn)
    openssl = OpenSsl.find()
    if openssl is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = map(ssl.TLSVersion, versions)
        return context
    openssl.set_versions(context, *versions)
    if suites13:
        openssl.set_suites13(context, suites13)
    return context


class Client:
    """The client's side of a handshake: `step` takes the server's bytes and gives the answer."""

    def __init__(
        self, context: ssl.SSLContext, *, name: str | None = "a.example", session: ssl.SSLSession | None = None
    ) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name, session=session)
        self.done = False
        self.error: ssl.SSLError | None = None

    def step(self, data: bytes = b"") -> bytes:
        self.incoming.write(data)
        if not self.done and self.error is None:
            try:
                self.tls.do_handshake()
                self.done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self.error = error
        return self.outgoing.read()

    def read(self) -> bytes:
        """All decrypted bytes that are there."""
        data = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while more := self.tls.read(65536):
                data += more
        return data

    def write(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self.outgoing.read()


def hello_in(wire: bytes) -> ClientHello | None:
    reader = HelloReader()
    reader.feed(wire)
    return reader.hello


def profile_for(certificate: Certificate, wire: bytes, rng: random.Random, alpn: tuple[str, ...] = ()) -> Profile:
    """A profile drawn for the hello in `wire`."""
    return random_profile(hello_in(wire), certificate.keys, alpn=alpn, rng=rng)


def machine_for(
    certificate: Certificate, wire: bytes, rng: random.Random, alpn: tuple[str, ...] = ()
) -> tuple[TlsMachine, Profile]:
    """A machine under a profile drawn for the hello in `wire`, which it has not yet received."""
    profile = profile_for(certificate, wire, rng, alpn)
    return TlsMachine(functools.partial(certificate.contexts.configure, profile)), profile


def shake(machine: TlsMachine, client: Client, data: bytes) -> None:
    """Carry bytes to and fro, beginning with the client's, until both are silent."""
    while data:
        machine.receive_data(data)
        data = client.step(machine.poll_transmit())


def connected(
    certificate: Certificate,
    context: ssl.SSLContext,
    rng: random.Random,
    *,
    alpn: tuple[str, ...] = (),
    name: str | None = "a.example",
    session: ssl.SSLSession | None = None,
) -> tuple[TlsMachine, Client]:
    """A machine and a client whose handshake is over, with success."""
    client = Client(context, name=name, session=session)
    wire = client.step()
    machine, profile = machine_for(certificate, wire, rng, alpn)
    shake(machine, client, wire)
    assert machine.state is TlsState.ESTABLISHED, (machine.error, profile)
    assert client.done, client.error
    return machine, client
