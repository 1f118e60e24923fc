"""The reader beside OpenSSL: a hello that OpenSSL answers has been read, however it was cut into records."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.certificates import Certificate
from honeystack.tls.hello import HelloReader, Progress, parse_hello
from honeystack.tls.machine import TlsMachine
from tests.tls.peers import Client, client_context, profile_for
from tests.tls.vectors import record

MESSAGES = [Client(client_context(versions=span)).step()[5:] for span in ((0x0303, 0x0303), (0x0301, 0x0304))]
SIZES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 40, 9000]), st.sampled_from([20, 22])), max_size=60)


def cut(message: bytes, sizes: list[tuple[int, int]]) -> bytes:
    """The message in records of these sizes; empty ones have a type of their own."""
    wire, at = b"", 0
    for size, kind in [*sizes, (len(message), 22)]:
        wire += record(message[at : at + size], 22 if size else kind)
        at += size
    return wire


def answered(certificate: Certificate, wire: bytes) -> bool:
    machine = TlsMachine(partial(certificate.contexts.configure, profile_for(certificate, wire, random.Random(1))))
    machine.receive_data(wire)
    return machine.poll_transmit()[:1] == b"\x16"


@settings(max_examples=150)
@given(st.sampled_from(MESSAGES), SIZES)
def test_what_openssl_answers_has_been_read(ecdsa: Certificate, message: bytes, sizes: list[tuple[int, int]]) -> None:
    wire = cut(message, sizes)
    reader = HelloReader()
    assert reader.feed(wire) in (Progress.COMPLETE, Progress.MALFORMED)
    assert answered(ecdsa, wire) is (reader.progress is Progress.COMPLETE)
    assert reader.hello is None or reader.hello == parse_hello(message)


@pytest.mark.parametrize("place", range(0, 80, 3))
def test_one_byte_more_or_other(ecdsa: Certificate, place: int) -> None:
    for message in MESSAGES:
        wire = record(message)
        for changed in (wire[:place] + b"\x16" + wire[place:], wire[:place] + b"\x03" + wire[place + 1 :]):
            reader = HelloReader()
            reader.feed(changed)
            assert reader.progress is Progress.COMPLETE or not answered(ecdsa, changed)
