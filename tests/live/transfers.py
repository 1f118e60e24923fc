"""Uploads and downloads of a kernel's client, judged by hashes at both ends."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time

import attrs

from tests.live.arena import Arena, inside

ECHO, PAGE, UPLOAD = 7, 80, 9000
PAGE_BYTES = 1 << 20
PATIENCE = 120.0  # seconds in which something must come, on a cable that loses a lot


def page(size: int = PAGE_BYTES) -> str:
    """What a download gives: text, since it stands in the configuration."""
    return random.Random(size).randbytes(size // 2).hex()


def services(size: int = PAGE_BYTES) -> str:
    """The configuration of all three; an upload goes to a port of nobody, whose event tells what came, byte by byte."""
    return f"""
[capture]
payload_bytes = {size}
pause = 30.0
[service.echo]
type = "echo"
[service.http]
type = "http"
pages = {{ "/" = "{page(size)}" }}
max_body = 1000000000
[[port]]
port = "tcp/{ECHO}"
services = ["echo"]
[[port]]
port = "tcp/{PAGE}"
services = ["http"]
"""


def opened(place: Arena, target: str, port: int) -> socket.socket:
    with inside(place.attacker):
        peer = socket.create_connection((target, port), PATIENCE)
    peer.settimeout(PATIENCE)
    return peer


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload(place: Arena, target: str, size: int) -> tuple[str, str]:
    """The hashes of what was sent, and of what the honeypot says has come."""
    data = random.Random(f"{target}{size}").randbytes(size)
    with opened(place, target, UPLOAD) as peer:
        port = peer.getsockname()[1]
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1)
    (told,) = place.wait_events("tcp", "payload", source_port=port, within=PATIENCE)
    return digest(data), digest(bytes.fromhex(told["payload-hex"]))


def download(place: Arena, target: str, size: int) -> tuple[str, str]:
    """The hashes of the page, and of what came of it."""
    with opened(place, target, PAGE) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        received = _all_of(peer)
    return digest(page(size).encode()), digest(received.partition(b"\r\n\r\n")[2])


def both_at_once(place: Arena, target: str, size: int) -> tuple[str, str]:
    """The hashes of what was sent to an echo, and of what came back meanwhile."""
    data = random.Random(f"{target}{size}").randbytes(size)
    with opened(place, target, ECHO) as peer:

        def send() -> None:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = _all_of(peer)
        sender.join()
    return digest(data), digest(received)


@attrs.frozen
class Run:
    """How quickly a transfer ran, in bytes per second."""

    rate: float


def post(place: Arena, target: str, size: int) -> Run:
    """A large upload that is read and forgotten."""
    with opened(place, target, PAGE) as peer:
        began = time.monotonic()
        peer.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode())
        peer.sendall(bytes(size))
        assert _all_of(peer).startswith(b"HTTP/1.1 405 ")
        return Run(size / (time.monotonic() - began))


def fetch(place: Arena, target: str, size: int) -> Run:
    """A large download; the page is asked for until `size` has come."""
    began, got = time.monotonic(), 0
    with opened(place, target, PAGE) as peer:
        stream = peer.makefile("rb")
        while got < size:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = stream.read(length)
            assert len(body) == length > 0
            got += length
        return Run(got / (time.monotonic() - began))


def _all_of(peer: socket.socket) -> bytes:
    received = bytearray()
    while chunk := peer.recv(65536):
        received += chunk
    return bytes(received)
