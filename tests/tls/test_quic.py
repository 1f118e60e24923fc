"""QUIC Initials: those of a real client, cut in every way, and whatever else comes to a UDP port."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.hello import Progress, parse_hello
from honeystack.tls.quic import InitialReader, connection_of, initial_keys, may_be_initial
from tests.tls.packets import CONNECTION, V1, V2, crypto, initial
from tests.tls.vectors import body, full_extensions, message

RECORDED = {
    entry["name"]: [bytes.fromhex(datagram) for datagram in entry["datagrams"]]
    for entry in json.loads(Path(__file__).with_name("initials.json").read_text())
}
HELLO = message(body(extensions=full_extensions()))


def fed(*datagrams: bytes) -> InitialReader:
    reader = InitialReader()
    for datagram in datagrams:
        reader.feed(datagram)
    return reader


# RFC 9001 appendix A.1, RFC 9369 appendix A.1


def test_keys_are_those_of_the_specifications() -> None:
    assert [part.hex() for part in initial_keys(V1, CONNECTION)] == [
        "1f369613dd76d5467730efcbe3b1a22d",
        "fa044b2f42a3fd3b46fb255c",
        "9f50449e04a0e810283a1e9933adedd2",
    ]
    assert [part.hex() for part in initial_keys(V2, CONNECTION)] == [
        "8b1a0bc121284290a29e0971b5cd045d",
        "91f73e2351d8fa91660e909f",
        "45b95e15235d6f45a6b19cbcb0294ba9",
    ]


# a real client's


@pytest.mark.parametrize(("name", "version"), [("v1", "1"), ("v2", "2"), ("three datagrams", "1")])
@pytest.mark.parametrize("backwards", [False, True])
def test_recorded_hellos_are_read(name: str, version: str, backwards: bool) -> None:
    datagrams = RECORDED[name][:: -1 if backwards else 1]
    reader = fed(*datagrams)
    assert reader.progress is Progress.COMPLETE
    assert reader.hello is not None
    assert (reader.version, reader.hello.sni) == (version, "quic.example")
    prints = fingerprint(reader.hello, "q")
    assert prints is not None
    assert prints.ja4.startswith("q13d0307")
    assert reader.message[0] == 1


def test_a_hello_over_three_datagrams_needs_all() -> None:
    first, second, third = RECORDED["three datagrams"]
    assert fed(first, second).progress is fed(second, third).progress is Progress.MORE
    assert fed(first, first, third).progress is Progress.MORE


# cut in every way


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("token", [b"", b"t" * 70])
def test_packets_of_every_form(version: bytes, width: int, token: bytes) -> None:
    reader = fed(initial(crypto(0, HELLO), version=version, width=width, token=token, source=b"s" * 8, number=3))
    assert reader.hello == parse_hello(HELLO)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 4))
def test_frames_come_in_any_order_over_any_packets(seed: int, size: int, packets: int) -> None:
    rng = random.Random(seed)
    frames = [crypto(at, HELLO[at : at + size]) for at in range(0, len(HELLO), size)] + [b"\1", b"\0\0\0", b"\1"]
    rng.shuffle(frames)
    sent = [initial(b"".join(frames[index::packets]), number=index) for index in range(packets)]
    rng.shuffle(sent)
    assert fed(*sent).hello == parse_hello(HELLO)


def test_packets_in_one_datagram() -> None:
    half = len(HELLO) // 2
    both = initial(crypto(0, HELLO[:half]), size=200) + initial(crypto(half, HELLO[half:]), number=1, size=900)
    assert fed(both).hello == parse_hello(HELLO)
    assert fed(both + b"\x40garbage").hello == parse_hello(HELLO)
    assert fed(initial(b"\1", size=30) * 20).progress is Progress.MORE


@pytest.mark.parametrize(
    "frames",
    [
        b"\2\0\0\0\0" + crypto(0, HELLO),  # acknowledgements
        b"\2\5\0\2\1\1\1\1\1" + crypto(0, HELLO),
        b"\3\0\0\0\0\0\0\0" + crypto(0, HELLO),
        crypto(0, HELLO) + b"\x1c\0\0\0",
    ],
)
def test_other_frames_are_passed_over(frames: bytes) -> None:
    assert fed(initial(frames)).hello == parse_hello(HELLO)


# what is none


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\xc0",
        bytes(1200),
        b"\x40" + bytes(1199),
        b"\xc0\0\0\0\2" + bytes(1195),  # no version of ours
        b"\xd0" + V1 + bytes(1195),  # 0-RTT
        b"\xc0" + V2 + bytes(1195),
        b"\x16\xfe\xff" + bytes(50),
    ],
)
def test_other_datagrams_are_not_for_us(datagram: bytes) -> None:
    assert not may_be_initial(datagram)
    assert fed(datagram).progress is Progress.NOT_TLS


@pytest.mark.parametrize(
    "datagram",
    [
        b"\xc0" + V1 + b"\x15" + bytes(60),  # a connection id of 21 bytes
        b"\xc0" + V1 + b"\x14" + bytes(18),  # beyond the end
        b"\xc0" + V1 + b"\x08" + bytes(8) + b"\xff" + bytes(30),
        b"\xc0" + V1 + b"\0\0\0\x7f\xff" + bytes(30),  # a packet beyond the datagram
        b"\xc0" + V1 + b"\0\0\0\x05" + bytes(30),  # too short for its protection
        initial(b"\x08stream"),
        initial(b"\6\0\x7f\xff"),
        initial(b"\6" + b"\xff" * 8, size=9),
        initial(crypto(2**30, b"a")),
        initial(crypto(0, b"\2" + HELLO[1:])),  # a ServerHello
        initial(crypto(0, b"\1\xff\xff\xff")),
        initial(crypto(0, b"\1\0\0\1a")),
        initial(b"\2\0\0\x7f\xff\0"),
    ],
)
def test_what_is_broken_is_malformed(datagram: bytes) -> None:
    reader = fed(datagram)
    assert reader.progress is Progress.MALFORMED
    assert reader.feed(initial(crypto(0, HELLO))) is Progress.MALFORMED


def test_what_does_not_decrypt_is_passed_over() -> None:
    good = initial(crypto(0, HELLO))
    broken = good[:-1] + bytes([good[-1] ^ 1])
    assert fed(broken).progress is Progress.MORE
    assert fed(broken, good).progress is Progress.COMPLETE
    other = initial(crypto(0, HELLO), connection=b"another!")
    assert fed(initial(b"\1"), other).progress is Progress.MORE  # keys are those of the first packet


def test_a_flood_of_frames_ends() -> None:
    assert fed(initial(b"\1" * 1100)).progress is Progress.MORE


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.binary(max_size=120), max_size=3),
    st.sampled_from([b"", b"\xc0" + V1, b"\xd0" + V2, b"\xc0" + V1 + b"\0\0"]),
)
def test_any_datagrams_are_borne(datagrams: list[bytes], prefix: bytes) -> None:
    fed(*(prefix + datagram for datagram in datagrams))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_any_frames_are_borne(frames: bytes, crypto_first: bool) -> None:
    fed(initial(crypto(0, frames) if crypto_first else frames, size=len(frames)))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1199), st.integers(1, 255))
def test_one_changed_byte_is_borne(at: int, change: int) -> None:
    good = RECORDED["v1"][0]
    fed(good[:at] + bytes([good[at] ^ change]) + good[at + 1 :])
    fed(good[:at])


@pytest.mark.parametrize("connection", [b"", CONNECTION, bytes(range(20))])
def test_the_connection_id_is_found_without_decrypting(connection: bytes) -> None:
    assert connection_of(initial(crypto(0, HELLO), connection=connection)) == connection
