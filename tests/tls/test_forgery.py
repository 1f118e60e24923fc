"""Forged flights, held against what the real servers were seen to send."""

from __future__ import annotations

import json
import random
from hashlib import md5, sha1
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.certificates import Certificate
from honeystack.tls.forgery import ForgedAlert, ForgedHello, Forgeries, parse_forgery, read_forgeries, rsa_signer
from honeystack.tls.hello import ClientHello
from honeystack.tls.servers import shipped_servers
from tests.tls.peers import hello_in
from tests.tls.scans import probes

SEEN: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("server_hellos.jsonl").read_text().splitlines()
]
HELLO13 = ForgedHello(0x1303, 0x0303, "", (0x002B, 0x0033))
ECDHE = ForgedHello(0xC02F, 0x0303, "h2", (0x0023, 0xFF01, 0x0010, 0x000B))
DHE = ForgedHello(0x009F, 0x0303, "", (0x0001, 0x0017, 0x0023, 0xFF01))


def hello_of(probe: int) -> ClientHello:
    hello = hello_in(probes()[probe - 1][1])
    assert hello is not None
    return hello


def noise(length: int) -> bytes:
    return b"\xaa" * length


SHARE = X25519PrivateKey.from_private_bytes(noise(32)).public_key().public_bytes_raw()


def forged(answer: ForgedHello | ForgedAlert, chain: tuple[bytes, ...] = (b"certificate",), **options: Any) -> bytes:
    return Forgeries((answer,) * 10, **options).flight(1, hello_of(1), chain, noise)


def records(data: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    while data:
        length = int.from_bytes(data[3:5], "big")
        assert len(data) >= 5 + length
        found.append((data[0], int.from_bytes(data[1:3], "big"), data[5 : 5 + length]))
        data = data[5 + length :]
    return found


def messages(data: bytes) -> list[tuple[int, bytes]]:
    """The handshake messages of all records in the clear."""
    stream, found = b"".join(body for kind, _, body in records(data) if kind == 22), []
    while stream:
        length = int.from_bytes(stream[1:4], "big")
        found.append((stream[0], stream[4 : 4 + length]))
        assert len(stream) >= 4 + length
        stream = stream[4 + length :]
    return found


def masked(server_hello: bytes) -> bytes:
    """A ServerHello without what differs each time: random, session, share of the key."""
    data = bytearray(server_hello)
    kept = 8 if data[30:37] == b"DOWNGRD" else 0  # of the random
    data[6 : 38 - kept] = bytes(32 - kept)
    session, share = data[38], bytes.fromhex("00330024001d0020")
    data[39 : 39 + session] = bytes(session)
    if share in data:
        at = data.index(share) + len(share)
        data[at : at + 32] = bytes(32)
    return bytes(data)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen['server']} {seen['probe']}")
def test_each_answer_is_the_real_servers_to_the_byte(seen: dict[str, Any]) -> None:
    forgeries = shipped_servers()[seen["server"]].forged
    assert forgeries is not None
    flight = forgeries.flight(seen["probe"], hello_of(seen["probe"]), (b"certificate",), random.Random(3).randbytes)
    real = bytes.fromhex(seen["seen"])
    if real[:1] == b"\x02":
        kind, body = messages(flight)[0]
        assert masked(bytes([kind]) + len(body).to_bytes(3, "big") + body) == masked(real)
    else:
        assert flight == real


def test_below_13_it_goes_on_with_the_certificate_and_a_key_exchange(rsa: Certificate) -> None:
    flight = forged(ECDHE, rsa.chain)
    assert {(kind, version) for kind, version, _ in records(flight)} == {(22, 0x0303)}
    assert [kind for kind, _ in messages(flight)] == [2, 11, 12, 14]
    sent = x509.load_der_x509_certificate(messages(flight)[1][1][6:])
    assert sent.public_bytes(Encoding.DER) == rsa.chain[0]
    assert messages(flight)[2][1] == b"\3\0\x1d\x20" + SHARE + b"\4\1\1\0\x7f" + noise(255)


def test_several_certificates_stand_one_behind_the_other() -> None:
    assert messages(forged(ECDHE, (b"leaf", b"root")))[1][1] == b"\0\0\x0e\0\0\4leaf\0\0\4root"


def test_an_old_version_names_no_signature_algorithm() -> None:
    old = ForgedHello(0xC013, 0x0302, "", (0xFF01,))
    assert {version for _, version, _ in records(forged(old))} == {0x0302}
    assert messages(forged(old))[2][1] == b"\3\0\x1d\x20" + SHARE + b"\1\0\x7f" + noise(255)
    assert messages(forged(old))[0][1][26:34] == b"DOWNGRD\0"


def test_diffie_hellman_has_the_prime_of_rfc_7919() -> None:
    parameters = messages(forged(DHE))[2][1]
    prime = int.from_bytes(parameters[2:258], "big")
    assert parameters[:2] == b"\1\0"
    assert parameters[2:18].hex() == "ffffffffffffffffadf85458a2bb4a9a"
    assert parameters[242:258].hex() == "886b423861285c97ffffffffffffffff"
    assert pow(2, (prime - 1) // 2, prime) == 1  # 2 generates the group of the prime (p-1)/2
    assert parameters[258:263] == b"\0\1\2\1\0"


def test_a_public_value_of_diffie_hellman_is_a_power_of_the_generator() -> None:
    parameters = messages(forged(DHE))[2][1]
    prime, public = (int.from_bytes(parameters[at : at + 256], "big") for at in (2, 263))
    assert public == pow(2, int.from_bytes(noise(32), "big"), prime)


@pytest.mark.parametrize("answer", [ECDHE, DHE, ForgedHello(0xC013, 0x0301, "", ())], ids=["ecdhe", "dhe", "1.0"])
def test_the_key_exchange_is_signed_with_the_certificates_key(rsa: Certificate, answer: ForgedHello) -> None:
    assert rsa.rsa_key is not None
    hello = hello_of(1)
    flight = Forgeries((answer,) * 10).flight(1, hello, rsa.chain, noise, rsa_signer(rsa.rsa_key))
    (_, first), (_, certificate), (_, exchange), _ = messages(flight)
    size = rsa.rsa_key.key_size // 8
    signature, algorithm = exchange[-size:], b"\4\1" if answer.version == 0x0303 else b""
    parameters = exchange[: -size - 2 - len(algorithm)]
    assert exchange[len(parameters) : -size] == algorithm + size.to_bytes(2, "big")
    signed = hello.random + first[2:34] + parameters
    shown = x509.load_der_x509_certificate(certificate[6:]).public_key()
    assert isinstance(shown, RSAPublicKey)
    if algorithm:
        shown.verify(signature, signed, PKCS1v15(), SHA256())
    else:
        shown.verify(signature, md5(signed).digest() + sha1(signed).digest(), PKCS1v15(), NoDigestInfo())


def test_records_are_as_short_as_the_server_confirmed() -> None:
    chain = (bytes(800),)
    assert [len(body) for _, _, body in records(forged(DHE, chain))][:-1] == [512] * 3
    assert len(records(forged(ECDHE, chain))) == 1


def test_sessions_are_named_or_not() -> None:
    assert messages(forged(ECDHE))[0][1][34] == 32
    assert messages(forged(ECDHE, session_ids=False))[0][1][34] == 0


def test_tls_13_repeats_the_session_and_goes_on_sealed() -> None:
    hello = hello_of(1)
    flight = Forgeries((HELLO13,) * 10, sealed=(32, 800)).flight(1, hello, (), noise)
    assert [(kind, len(body)) for kind, _, body in records(flight)[1:]] == [(20, 1), (23, 32), (23, 800)]
    ((_, body),) = messages(flight)
    assert body[34:67] == b"\x20" + hello.session_id


@pytest.mark.parametrize(
    ("text", "answer", "flight"),
    [
        ("close", ForgedAlert(), b""),
        ("alert|0301|70", ForgedAlert(70, 0x0301), b"\x15\3\1\0\2\2\x46"),
        ("1303|0303||002b-0033", HELLO13, None),
        ("c02f|0303|h2|0023-ff01-0010-000b", ECDHE, None),
    ],
)
def test_an_answer_is_read_as_jarm_writes_it(
    text: str, answer: ForgedHello | ForgedAlert, flight: bytes | None
) -> None:
    assert parse_forgery(text) == answer
    assert flight is None or forged(answer) == flight


@pytest.mark.parametrize("text", ["", "|||", "alert", "alert|0303|x", "c02f|0303|h2", "c02f|0303||00zz"])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_forgery(text)


@pytest.mark.parametrize("count", [0, 9, 11])
def test_a_scan_has_ten_answers(count: int) -> None:
    with pytest.raises(ValueError, match="10 probes"):
        read_forgeries(["close"] * count)
    assert read_forgeries(["close"] * 10, sealed=[5], session_ids=False) == Forgeries(
        (ForgedAlert(),) * 10, False, (5,)
    )


@given(
    st.sampled_from([server.forged for server in shipped_servers().values() if server.forged]),
    st.integers(1, 10),
    st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=8)), max_size=4),
    st.binary(max_size=32),
    st.lists(st.binary(max_size=2000), max_size=3),
)
def test_whatever_a_hello_holds_the_flight_is_whole_records(
    forgeries: Forgeries, probe: int, extensions: list[tuple[int, bytes]], session: bytes, chain: list[bytes]
) -> None:
    hello = ClientHello(0x0303, bytes(32), session, (0xC02F,), extensions=tuple(extensions))
    flight = forgeries.flight(probe, hello, chain, noise)
    if flight[:1] == b"\x16":
        assert messages(flight)[0][0] == 2
    else:
        assert len(records(flight)) <= 1
