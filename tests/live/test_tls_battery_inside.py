"""Messages and records out of place under the right keys, in TLS 1.2 and 1.3: we answer as `openssl s_server` does.

A client with keys of its own brings the server to its Finished, or past its own, and then says what it should not.
Compared is all that is sent back, decrypted: records, messages, and alerts with their level and number.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.mimicry import mimic
from honeystack.tls.servers import shipped_servers
from tests.live.test_tls_battery import certificate, pair, s_server
from tests.tls.client12 import Talker12
from tests.tls.client13 import FINISHED, KEY_UPDATE, Talker
from tests.tls.hearing import ALERT, CCS, DATA, HANDSHAKE
from tests.tls.peers import hello_in
from tests.tls.vectors import message, record

__all__ = ["certificate", "pair"]  # fixtures
pytestmark = pytest.mark.live

Script = Callable[[Any], bytes]  # a Talker of either version; what the client says once it has the server's flight
UPDATE = message(b"\0", KEY_UPDATE)
MESSAGES = {
    "a hello request": message(b"", 0),
    "a client hello": message(bytes(40), 1),
    "a server hello": message(bytes(40), 2),
    "a session ticket": message(bytes(12), 4),
    "an end of early data": message(b"", 5),
    "encrypted extensions": message(b"\0\0", 8),
    "a certificate": message(b"\0\0\0\0", 11),
    "a server key exchange": message(bytes(8), 12),
    "a certificate request": message(b"\0\0\0", 13),
    "a server hello done": message(b"", 14),
    "a certificate verify": message(b"\4\3\0\0", 15),
    "a client key exchange": message(bytes(33), 16),
    "a finished of zeros": message(bytes(32), FINISHED),
    "a short finished": message(bytes(8), FINISHED),
    "a long finished": message(bytes(64), FINISHED),
    "an empty finished": message(b"", FINISHED),
    "a certificate status": message(b"\1\0\0\0", 22),
    "a key update": UPDATE,
    "a key update that asks for one": message(b"\1", KEY_UPDATE),
    "a key update of another kind": message(b"\2", KEY_UPDATE),
    "an empty key update": message(b"", KEY_UPDATE),
    "a long key update": message(b"\0\0", KEY_UPDATE),
    "a message hash": message(bytes(32), 254),
    "an unknown message": message(b"x", 99),
    "half a header": b"\x14\0",
    "a message of 16 MB to come": b"\x14\xff\xff\xff" + bytes(100),
    "two key updates in one record": UPDATE * 2,
    "a message behind a key update": UPDATE + message(b"x", 99),
    "33 key updates": UPDATE * 33,
}
RECORDS = {
    "an empty handshake record": lambda client: client.seal(b""),
    "an empty alert": lambda client: client.seal(b"", ALERT),
    "half an alert": lambda client: client.seal(b"\2", ALERT),
    "two alerts in a record": lambda client: client.seal(b"\1\x5a\1\x5a", ALERT),
    "an alert of level 9": lambda client: client.seal(b"\x09\x28", ALERT),
    "a warning": lambda client: client.seal(b"\1\x29", ALERT),
    "user canceled": lambda client: client.seal(b"\1\x5a", ALERT),
    "no renegotiation": lambda client: client.seal(b"\1\x64", ALERT),
    "a fatal alert": lambda client: client.seal(b"\2\x28", ALERT),
    "close notify": lambda client: client.seal(b"\1\0", ALERT),
    "a sealed change cipher spec": lambda client: client.seal(b"\1", CCS),
    "a heartbeat": lambda client: client.seal(b"\1\0\0", 24),
    "an unknown record": lambda client: client.seal(b"x", 99),
    "data": lambda client: client.seal(b"x", DATA),
    "empty data": lambda client: client.seal(b"", DATA),
    "33 empty records of data": lambda client: b"".join(client.seal(b"", DATA) for _ in range(33)),
    "17 000 bytes": lambda client: client.seal(bytes(17_000), DATA),
    "a flipped bit": lambda client: flipped(client.seal(b"x", DATA)),
    "a record twice": lambda client: client.seal(b"x", DATA) * 2,
    "a record left out": lambda client: skipped(client),
    "a short record": lambda client: record(bytes(8), DATA, 0x0303),
    "an empty record": lambda client: record(b"", DATA, 0x0303),
    "noise": lambda client: record(bytes(64), DATA, 0x0303),
    "of version 3.1": lambda client: versioned(client.seal(b"x", DATA), b"\3\1"),
    "of version 2.0": lambda client: versioned(client.seal(b"x", DATA), b"\2\0"),
    "a change cipher spec": lambda client: record(b"\1", CCS, 0x0303),
    "two change cipher specs": lambda client: record(b"\1", CCS, 0x0303) * 2,
    "33 change cipher specs": lambda client: record(b"\1", CCS, 0x0303) * 33,
    "a bad change cipher spec": lambda client: record(b"\2", CCS, 0x0303),
    "a long change cipher spec": lambda client: record(b"\1\1", CCS, 0x0303),
    "an empty change cipher spec": lambda client: record(b"", CCS, 0x0303),
    "a finished in the clear": lambda client: record(message(bytes(32), FINISHED), HANDSHAKE, 0x0303),
    "a client hello in the clear": lambda client: client.hello,
    "an alert in the clear": lambda client: record(b"\2\x28", ALERT, 0x0303),
    "a warning in the clear": lambda client: record(b"\1\x5a", ALERT, 0x0303),
    "close notify in the clear": lambda client: record(b"\1\0", ALERT, 0x0303),
    "data in the clear": lambda client: record(b"GET / HTTP/1.0\r\n\r\n", DATA, 0x0303),
    "a heartbeat in the clear": lambda client: record(b"\1\x40\0", 24, 0x0303),
    "an unknown record in the clear": lambda client: record(b"x", 99, 0x0303),
    "half a message, then data": lambda client: client.seal(UPDATE[:2]) + client.seal(b"x", DATA),
    "half a message, then an alert": lambda client: client.seal(UPDATE[:2]) + client.seal(b"\1\x5a", ALERT),
    "half a message, then the rest": lambda client: client.seal(UPDATE[:2]) + client.seal(UPDATE[2:]),
    "a request for HTTP/2 in plaintext": lambda client: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
RECORDS13 = {
    "no content": lambda client: client.keys.seal(b"", DATA),
    "padding alone": lambda client: client.keys.seal(bytes(20), DATA),
    "padded data": lambda client: client.seal(b"x", DATA, padding=100),
    "16 384 bytes and padding": lambda client: client.seal(bytes(16_384), DATA, padding=200),
    "sealed in a handshake record": lambda client: client.seal(b"x", DATA, outer=HANDSHAKE),
    "sealed in an alert": lambda client: client.seal(b"\1\0", ALERT, outer=ALERT),
}
AT_THE_END = {
    "a finished cut in two": lambda client: cut(client, 7),
    "a finished byte by byte": lambda client: b"".join(client.seal(bytes([one])) for one in client.finished()),
    "a finished and a key update in one record": lambda client: client.seal(client.finished() + UPDATE),
    "a finished and a byte behind": lambda client: client.seal(client.finished() + b"\x18"),
    "a finished twice": lambda client: client.seal(client.finished()) + client.seal(client.finished()),
    "a wrong finished": lambda client: client.seal(flipped(client.finished())),
    "a finished that says data": lambda client: client.seal(client.finished(), DATA),
    "a finished that says alert": lambda client: client.seal(client.finished(), ALERT),
    "a change cipher spec within a finished": lambda client: within(client, record(b"\1", CCS, 0x0303)),
    "an alert within a finished": lambda client: within(client, client.seal(b"\1\x5a", ALERT)),
    "old keys after the finished": lambda client: client.seal(client.finished()) + client.seal(b"x", DATA),
}
AT_THE_END13 = {
    "a padded finished": lambda client: client.seal(client.finished(), padding=300),
}
WHOLE = {
    "as it should be": lambda client: client.establish(),
    "with a change cipher spec ahead": lambda client: record(b"\1", CCS, 0x0303) + client.establish(),
}
WHOLE13 = {
    "new keys after a key update": lambda client: client.establish() + updated(client),
    "old keys after a key update": lambda client: client.establish() + client.seal(UPDATE) + client.seal(b"x", DATA),
}
WHOLE12 = {
    "no key exchange": lambda client: record(b"\1", CCS, 0x0303) + client.seal(client.finished()),
    "no change cipher spec": lambda client: client.keyed()[:-6] + client.seal(client.finished()),
    "two key exchanges": lambda client: client.keyed()[:-6] * 2 + client.seal(client.finished()),
    "a certificate behind the key exchange": lambda client: behind(client, message(b"\0\0\0", 11)),
    "a certificate verify behind the key exchange": lambda client: behind(client, message(b"\4\1\0\0", 15)),
    "a hello behind the key exchange": lambda client: behind(client, client.hello[5:]),
    "an empty key exchange": lambda client: record(message(b"", 16), HANDSHAKE, 0x0303),
    "a key exchange of zeros": lambda client: record(message(b"\x20" + bytes(32), 16), HANDSHAKE, 0x0303),
    "a short key exchange": lambda client: record(message(b"\x10" + bytes(16), 16), HANDSHAKE, 0x0303),
    "a key exchange and a byte": lambda client: record(message(b"\x20" + b"\1" * 33, 16), HANDSHAKE, 0x0303),
    "a key exchange cut in two": lambda client: halves(client.keyed()[5:-6]) + record(b"\1", CCS, 0x0303),
    "a finished in the clear": lambda client: client.keyed() + record(client.finished(), HANDSHAKE, 0x0303),
    "a new negotiation": lambda client: client.establish() + client.seal(client.hello[5:]),
    "a new negotiation twice": lambda client: client.establish() + client.seal(client.hello[5:]) * 2,
    "two new negotiations": lambda client: client.establish() + b"".join(client.seal(client.hello[5:]) for _ in "12"),
    "a new negotiation and data": lambda client: (
        client.establish() + client.seal(client.hello[5:]) + client.seal(b"x", DATA)
    ),
}


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def versioned(data: bytes, version: bytes) -> bytes:
    return data[:1] + version + data[3:]


def skipped(client: Talker) -> bytes:
    client.seal(b"never sent", DATA)
    return client.seal(b"x", DATA)


def behind(client: Talker12, data: bytes) -> bytes:
    ahead = client.keyed()
    return ahead[:-6] + record(data, HANDSHAKE, 0x0303) + ahead[-6:] + client.seal(client.finished())


def halves(data: bytes) -> bytes:
    return record(data[:7], HANDSHAKE, 0x0303) + record(data[7:], HANDSHAKE, 0x0303)


def cut(client: Talker, at: int) -> bytes:
    whole = client.finished()
    return client.seal(whole[:at]) + client.seal(whole[at:])


def within(client: Talker, data: bytes) -> bytes:
    whole = client.finished()
    return client.seal(whole[:7]) + data + client.seal(whole[7:])


def updated(client: Talker) -> bytes:
    data = client.seal(UPDATE)
    client.keys = client.keys.following()
    return data + client.seal(b"x", DATA)


def cases(whole: dict[str, Script], at_the_end: dict[str, Script], records: dict[str, Script]) -> dict[str, Script]:
    """Each message and each record before and after the client's Finished."""
    found = dict(whole)
    before = at_the_end | records | {name: partial(sealed, content) for name, content in MESSAGES.items()}
    for name, make in before.items():
        found[f"{name} before the finished"] = lambda client, make=make: client.keyed() + make(client)
        if name not in at_the_end:
            found[f"{name} after the finished"] = lambda client, make=make: client.establish() + make(client)
    return found


def sealed(content: bytes, client: Talker) -> bytes:
    return client.seal(content)


CASES = {
    (talker, name): script
    for talker, scripts in (
        (Talker, cases(WHOLE | WHOLE13, AT_THE_END | AT_THE_END13, RECORDS | RECORDS13)),
        (Talker12, cases(WHOLE | WHOLE12, AT_THE_END, RECORDS)),
    )
    for name, script in scripts.items()
}
FLIGHTS = {  # what comes first, whatever is said
    Talker: ["message 2", "record 20", *(f"sealed message {kind}" for kind in (8, 11, 15, 20))],
    Talker12: [f"message {kind}" for kind in (2, 11, 12, 14)],
}


@pytest.fixture(scope="module")
def port(pair: tuple[Path, Path]) -> Iterator[int]:
    with s_server(pair, "-rev") as number:  # the service that does not read on after a fatal alert, as -www does
        yield number


def theirs(port: int, client: Talker | Talker12, script: Script) -> list[str]:
    """What s_server sends, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
        stream.sendall(client.hello)
        while not client.ready:
            client.receive(stream.recv(65536))
        with contextlib.suppress(ConnectionError):
            stream.sendall(script(client))
            stream.shutdown(socket.SHUT_WR)
            while data := stream.recv(65536):
                client.receive(data)
    return client.heard


def ours(certificate: Certificate, client: Talker | Talker12, script: Script) -> list[str]:
    """What the machine sends, driven as its stream does."""
    profile = mimic(shipped_servers()["openssl"], hello_in(client.hello), certificate.keys, probe=True)
    machine = TlsMachine(partial(certificate.contexts.configure, profile))
    machine.receive_data(client.hello)
    client.receive(machine.poll_transmit())
    machine.receive_data(script(client))
    drain(machine)
    client.receive(machine.poll_transmit())
    machine.receive_eof()
    drain(machine)
    machine.send_close()
    client.receive(machine.poll_transmit())
    return client.heard


def drain(machine: TlsMachine) -> None:
    while machine.state is TlsState.ESTABLISHED and machine.read(65536):
        pass


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 300


@pytest.mark.parametrize(
    ("talker", "name"), CASES, ids=[f"{'1.3' if talker is Talker else '1.2'} {name}" for talker, name in CASES]
)
def test_we_answer_as_openssl_does(
    port: int, certificate: Certificate, talker: type[Talker | Talker12], name: str
) -> None:
    script = CASES[talker, name]
    said = ours(certificate, talker(), script)
    assert said == [one for one in theirs(port, talker(), script) if one != "sealed record 23"]  # the service's answer
    assert said[: len(FLIGHTS[talker])] == FLIGHTS[talker]
