"""Every given hello, cut over records, segments, frames and datagrams: JA3 and JA4 are those of the whole."""

from __future__ import annotations

import random
from typing import Any

import pytest

from honeystack.tls.dtls import DtlsReader
from honeystack.tls.fingerprint import Transport, fingerprint
from honeystack.tls.hello import ClientHello, HelloReader, Progress
from honeystack.tls.quic import InitialReader
from tests.tls.packets import crypto, dtls_fragment, dtls_record, initial
from tests.tls.vectors import records, vectors_of


def message_of(wire: bytes) -> bytes:
    """The handshake message in the records of a recording."""
    message = b""
    while wire:
        end = 5 + int.from_bytes(wire[3:5], "big")
        message, wire = message + wire[5:end], wire[end:]
    return message[: 4 + int.from_bytes(message[1:4], "big")]


def over_tcp(vector: dict[str, Any], rng: random.Random) -> ClientHello | None:
    """In records of a few bytes, and segments of others."""
    message = message_of(bytes.fromhex(vector["wire_hex"]))
    wire = records(message, rng.choice((1, 7, 64, 300)))
    reader, at = HelloReader(), 0
    while at < len(wire):
        step = rng.randrange(1, 400)
        reader.feed(wire[at : at + step])
        at += step
    return reader.hello


def over_quic(vector: dict[str, Any], rng: random.Random) -> ClientHello | None:
    """As Chromium does: in frames of any size, in any order, over two or three datagrams that overtake each other."""
    message = bytes.fromhex(vector["hello_hex"])
    size = rng.randrange(len(message) // 12 + 1, len(message) + 1)
    frames = [crypto(at, message[at : at + size]) for at in range(0, len(message), size)]
    rng.shuffle(frames)
    count = rng.choice((2, 3))
    sent = [initial(b"\1".join(frames[index::count]), number=index) for index in range(count)]
    rng.shuffle(sent)
    reader = InitialReader()
    told = [reader.feed(datagram) for datagram in sent]
    assert told.count(Progress.COMPLETE) >= 1
    return reader.hello


def over_dtls(vector: dict[str, Any], rng: random.Random) -> ClientHello | None:
    """In fragments, in any order, one to a datagram."""
    whole = bytes.fromhex(vector["hello_hex"])
    message = whole[:4] + whole[12:]
    size = rng.randrange(20, len(message))
    offsets = list(range(0, len(message) - 4, size))
    rng.shuffle(offsets)
    reader = DtlsReader()
    for at in offsets:
        length, sequence = min(size, len(message) - 4 - at), int.from_bytes(whole[4:6], "big")
        reader.feed(dtls_record(dtls_fragment(message, at, length, sequence=sequence)))
    return reader.hello


@pytest.mark.parametrize(
    ("kind", "cut", "over", "count"),
    [("tls", over_tcp, "t", 1000), ("quic", over_quic, "q", 10), ("dtls", over_dtls, "d", 10)],
    ids=["tls", "quic", "dtls"],
)
def test_fingerprints_are_exact_however_a_hello_is_cut(kind: str, cut: Any, over: Transport, count: int) -> None:
    rng = random.Random(22)
    compared = 0
    for vector in vectors_of(kind):
        if vector.get("malformed"):
            continue
        hello = cut(vector, rng)
        assert hello is not None, vector["id"]
        prints = fingerprint(hello, over)
        assert prints is not None
        assert prints.ja3_digest == vector["ja3"], vector["id"]
        if vector["ja4"] is not None:
            # The tools were given the message as if it had come over TCP.
            assert (prints.ja4[1:], prints.ja4_raw[1:]) == (vector["ja4"][1:], vector["ja4_raw"][1:]), vector["id"]
            assert prints.ja4[0] == over
        compared += 1
    assert compared >= count
