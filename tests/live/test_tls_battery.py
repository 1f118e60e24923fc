"""Broken, cut, repeated and misplaced handshakes: each gets from us what `openssl s_server` sends for it.

Ours is the machine under the profile of s_server, so that both have one configuration. Compared is what was sent back,
by kind: records, handshake messages, and alerts with their level and number.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.mimicry import mimic
from honeystack.tls.servers import shipped_servers
from tests.tls.peers import Client, client_context, hello_in
from tests.tls.vectors import record, records, sslv2

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to compare with"),
]

Flights = tuple[bytes, ...]
TLS12, TLS13 = (0x0303, 0x0303), (0x0304, 0x0304)


def base(versions: tuple[int, int]) -> bytes:
    return Client(client_context(versions=versions)).step()


def message_of(hello: bytes) -> bytes:
    return hello[5:]


def flipped(hello: bytes, at: int, change: int) -> bytes:
    return hello[:at] + bytes([hello[at] ^ change]) + hello[at + 1 :]


def hellos() -> Iterator[tuple[str, Flights]]:
    """Hellos that are broken or cut."""
    for name, versions in (("1.2", TLS12), ("1.3", TLS13)):
        hello = base(versions)
        message = message_of(hello)
        yield f"{name} whole", (hello,)
        for at in (*range(11), 43, 44, 76, 77, 78, 79):
            for change in (0x01, 0x80, 0xFF):
                yield f"{name} byte {at} changed by {change:02x}", (flipped(hello, at, change),)
        for at in range(80, len(hello), 7):
            yield f"{name} byte {at} changed", (flipped(hello, at, 0x55),)
        for size in (1, 2, 3, 4, 5, 40, 100):
            yield f"{name} in records of {size}", (records(message, size),)
        for length in (0, 1, 4, 5, 6, 9, 40, 80, len(hello) - 1):
            yield f"{name} first {length} bytes", (hello[:length],)
        for cut in (38, 60, len(message) - 5):
            whole = message[:1] + (cut - 4).to_bytes(3, "big") + message[4:cut]
            yield f"{name} message that ends at {cut}", (record(whole),)
        for kind in (0, 2, 3, 4, 11, 14, 16, 20, 24, 255):
            yield f"{name} as message {kind}", (record(bytes([kind]) + message[1:]),)
        for extra in (b"\0", b"\0\0\0\0", bytes(40)):
            longer = message[:1] + (len(message) - 4 + len(extra)).to_bytes(3, "big") + message[4:] + extra
            yield f"{name} with {len(extra)} bytes behind", (record(longer),)


def orders() -> Iterator[tuple[str, Flights]]:
    """Records and messages where they do not belong."""
    stray = {
        "change cipher spec": record(b"\1", 20),
        "bad change cipher spec": record(b"\2", 20),
        "long change cipher spec": record(b"\1\1", 20),
        "empty change cipher spec": record(b"", 20),
        "warning": record(b"\1\x5a", 21),
        "no renegotiation": record(b"\1\x64", 21),
        "close notify": record(b"\1\0", 21),
        "fatal": record(b"\2\x28", 21),
        "bad certificate": record(b"\2\x2a", 21),
        "alert of one byte": record(b"\2", 21),
        "alert of level 9": record(b"\x09\x28", 21),
        "empty alert": record(b"", 21),
        "empty handshake": record(b"", 22),
        "40 empty handshakes": record(b"", 22) * 40,
        "application data": record(b"hello", 23),
        "empty application data": record(b"", 23),
        "heartbeat": record(b"\1\x40\0", 24),
        "unknown record": record(b"x", 99),
        "too long a record": b"\x16\3\3\x50\0" + bytes(20480),
        "of version 0200": record(b"\1\0\0\0", 22, 0x0200),
        "hello request": record(b"\0\0\0\0"),
        "client key exchange": record(b"\x10\0\0\x21\x20" + bytes(32)),
        "finished": record(b"\x14\0\0\x0c" + bytes(12)),
        "certificate": record(b"\x0b\0\0\3\0\0\0"),
        "certificate verify": record(b"\x0f\0\0\4\4\3\0\0"),
        "end of early data": record(b"\5\0\0\0"),
        "key update": record(b"\x18\0\0\1\0"),
        "ciphered noise": record(bytes(range(64)), 23),
    }
    for name, versions in (("1.2", TLS12), ("1.3", TLS13)):
        hello = base(versions)
        for what, data in stray.items():
            yield f"{name} {what} behind the hello", (hello, data)
            yield f"{name} {what} after a change cipher spec", (hello, record(b"\1", 20) + data)
        for what, data in stray.items():
            yield f"{name} {what} between pieces of the hello", (hello[:5] and _around(hello, data),)
        yield f"{name} two hellos", (hello, hello)
        yield f"{name} two hellos at once", (hello + hello,)
        yield (
            f"{name} a key exchange and noise",
            (hello, stray["client key exchange"] + record(b"\1", 20) + record(bytes(40))),
        )
    yield "sslv2 hello", (sslv2(kinds=(0x00C02F, 0x00002F)),)
    yield "sslv2 hello of version 2", (sslv2(version=2),)
    yield "sslv2 hello without suites", (sslv2(kinds=()),)


def _around(hello: bytes, data: bytes) -> bytes:
    message = message_of(hello)
    return record(message[:50]) + data + record(message[50:])


CASES = dict([*hellos(), *orders()])


def kinds(data: bytes) -> list[str]:
    """What a server sent, record by record."""
    found = []
    while len(data) >= 5:
        kind, length = data[0], data[3] << 8 | data[4]
        body, data = data[5 : 5 + length], data[5 + length :]
        if kind == 21 and length == 2:
            found.append(f"alert {body[0]} {body[1]}")
        elif kind == 22:
            found.append(f"handshake {body[0] if body else ''}")
        elif not (kind == 23 and found[-1:] == ["ciphered"]):  # how many is not the question
            found.append("ciphered" if kind == 23 else f"record {kind}")
    return found + (["rest"] if data else [])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    import trustme

    folder = tmp_path_factory.mktemp("battery")
    issued = trustme.CA().issue_cert("a.example", key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(folder / "c.pem"))
    issued.private_key_pem.write_to_path(str(folder / "k.pem"))
    return folder / "c.pem", folder / "k.pem"


@pytest.fixture(scope="module")
def certificate(pair: tuple[Path, Path]) -> Certificate:
    return load_certificate(*pair)


@pytest.fixture(scope="module")
def port(pair: tuple[Path, Path]) -> Iterator[int]:
    with s_server(pair, "-www") as number:
        yield number


@contextlib.contextmanager
def s_server(pair: tuple[Path, Path], service: str) -> Iterator[int]:
    """An openssl s_server, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = int(taken.getsockname()[1])
    command = ["openssl", "s_server", "-4", "-accept", f"127.0.0.1:{number}", service]
    command += ["-cert", str(pair[0]), "-key", str(pair[1])]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:
        for _ in range(100):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.05)
        yield number
        server.kill()


def theirs(port: int, flights: Flights) -> bytes:
    """What s_server sends for these flights, until it closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        try:
            for number, flight in enumerate(flights):
                client.sendall(flight)
                if number + 1 < len(flights):
                    client.settimeout(0.1)
                    try:
                        while data := client.recv(65536):
                            heard += data
                    except TimeoutError:
                        client.settimeout(5)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                heard += data
        except (ConnectionError, BrokenPipeError):
            pass  # it had closed before it read everything
    return heard


def ours(certificate: Certificate, flights: Flights) -> bytes:
    hello = hello_in(flights[0])
    profile = mimic(shipped_servers()["openssl"], hello, certificate.keys, probe=True)
    machine = TlsMachine(partial(certificate.contexts.configure, profile))
    heard = b""
    for flight in flights:
        machine.receive_data(flight)
        heard += machine.poll_transmit()
    machine.receive_eof()
    return heard + machine.poll_transmit()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("name", CASES)
def test_we_answer_as_openssl_does(port: int, certificate: Certificate, name: str) -> None:
    assert kinds(ours(certificate, CASES[name])) == kinds(theirs(port, CASES[name]))
