"""Hellos like ones seen before are parsed and told as any other, byte for byte of what is theirs."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from honeystack.errors import Malformed
from honeystack.tls.facts import hello_fields, scanner_fields, threat_fields, told_of
from honeystack.tls.familiar import LONGEST, REMEMBERED, VARYING, FamiliarHellos
from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.hello import ClientHello, HelloReader, Progress, parse_hello
from tests.tls.vectors import body, extension, full_extensions, message, vectors_of


def messages() -> list[bytes]:
    """The recorded hellos out of their records."""
    found = []
    for vector in vectors_of("tls"):
        reader = HelloReader()
        if reader.feed(bytes.fromhex(vector["wire_hex"])) is Progress.COMPLETE:
            found.append(reader.part)
    return [hello for hello in found if len(hello) <= LONGEST]


REAL = messages()
KEY_SHARE = 51


def with_extensions(*more: bytes, session: bytes = bytes(32)) -> bytes:
    return message(body(session_id=session, extensions=full_extensions(versions=(0x0304,)) + b"".join(more)))


def said_again(hello: bytes, rng: random.Random) -> bytes:
    """The same client's next hello: what is random in it is other."""
    parsed, again = parse_hello(hello), bytearray(hello)
    again[6:38] = rng.randbytes(32)
    again[39 : 39 + len(parsed.session_id)] = rng.randbytes(len(parsed.session_id))
    for kind, data in parsed.extensions:
        if kind in VARYING and data:
            at = again.find(data, 39)
            again[at : at + len(data)] = rng.randbytes(len(data))
    return bytes(again)


def made_of(parse: Callable[[bytes], ClientHello], message: bytes) -> ClientHello | str:
    try:
        return parse(message)
    except Malformed as malformed:
        return str(malformed)


def told_anew(hello: ClientHello) -> dict[str, object]:
    prints = fingerprint(hello)
    fields = hello_fields(hello, prints, b"") | scanner_fields(prints) | threat_fields(hello, prints, 1)
    return {key: value for key, value in fields.items() if key != "tls.client.hello.payload"}


def test_all_known_hellos_are_parsed_and_told_the_same_the_second_and_the_third_time() -> None:
    rng, familiar, alike = random.Random(5), FamiliarHellos(), 0
    for first in REAL:
        for hello in (first, said_again(first, rng), said_again(first, rng), first):
            parsed = familiar.parse(hello)
            assert parsed == parse_hello(hello)
            assert list(told_of(parsed).fields.items()) == list(told_anew(parsed).items())
            alike += parsed.likeness is not None
    assert alike > 2 * len(REAL)


@given(st.sampled_from(REAL), st.integers(0, LONGEST), st.binary(min_size=1, max_size=4), st.randoms())
def test_a_hello_that_differs_in_any_byte_is_parsed_as_what_it_is(
    hello: bytes, at: int, change: bytes, rng: random.Random
) -> None:
    familiar = FamiliarHellos()
    familiar.parse(hello)
    at %= len(hello)
    other = hello[:at] + change + hello[at + len(change) :]
    for _ in range(2):
        assert made_of(familiar.parse, other) == made_of(parse_hello, other)
    assert familiar.parse(hello) == parse_hello(hello)


@given(st.binary(max_size=80))
def test_any_bytes_end_as_they_do_without_a_memory(data: bytes) -> None:
    familiar = FamiliarHellos()
    for _ in range(2):
        assert made_of(familiar.parse, data) == made_of(parse_hello, data)


def test_a_key_share_may_differ_and_a_name_may_not() -> None:
    familiar = FamiliarHellos()
    familiar.parse(with_extensions(extension(KEY_SHARE, b"one")))
    alike = familiar.parse(with_extensions(extension(KEY_SHARE, b"two"), session=bytes(range(32))))
    assert alike.likeness is not None
    assert alike.extension(KEY_SHARE) == b"two"
    assert alike.session_id == bytes(range(32))
    assert familiar.parse(with_extensions(extension(1234, b"one"))).likeness is None
    assert familiar.parse(with_extensions(extension(1234, b"two"))).likeness is None
    assert familiar.parse(with_extensions(extension(1234, b"two"))).likeness is not None


def test_what_follows_the_extensions_is_not_taken_for_them() -> None:
    """A key share is found from the start of the message, whatever is behind the last extension."""
    hello = with_extensions(extension(KEY_SHARE, b"abc"))
    longer = hello[:1] + (len(hello) - 4 + 3).to_bytes(3, "big") + hello[4:] + b"xyz"
    familiar = FamiliarHellos()
    familiar.parse(longer)
    assert familiar.parse(longer.replace(b"abc", b"def")).extension(KEY_SHARE) == b"def"
    assert familiar.parse(longer.replace(b"xyz", b"uvw")).likeness is None


def test_what_is_told_is_made_once_for_all_that_are_alike() -> None:
    familiar = FamiliarHellos()
    first, second, third = (familiar.parse(with_extensions()) for _ in range(3))
    assert told_of(first) is not told_of(second)
    assert told_of(second) is told_of(third)


def test_the_memory_is_bounded() -> None:
    familiar = FamiliarHellos()
    for number in range(2 * REMEMBERED):
        familiar.parse(with_extensions(extension(1234, bytes(number))))
    assert len(familiar._known) <= REMEMBERED
    familiar.parse(with_extensions(extension(1234, bytes(LONGEST))))
    assert familiar.parse(with_extensions(extension(1234, bytes(LONGEST)))).likeness is None
