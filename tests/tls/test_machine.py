"""The machine over memory: every step by hand, against the ssl module's client; broken peers get their alert."""

from __future__ import annotations

import random
import ssl
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.errors import StateError
from honeystack.tls.certificates import Certificate, load_certificate
from honeystack.tls.contexts import Contexts
from honeystack.tls.machine import TlsMachine, TlsState
from tests.tls.peers import Client, KeyPair, client_context, connected, hello_in, machine_for, shake
from tests.tls.vectors import body, full_extensions, message, record, sslv2

TLS12_ONLY, TLS13_ONLY = (0x0303, 0x0303), (0x0304, 0x0304)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(3)


@pytest.fixture(params=[TLS12_ONLY, TLS13_ONLY], ids=["1.2", "1.3"])
def context(request: pytest.FixtureRequest) -> ssl.SSLContext:
    return client_context(versions=request.param)


def sent_alert(out: bytes) -> int | None:
    """The description of the alert at the end of what was sent in the clear."""
    return out[-1] if out[-7:-6] == b"\x15" and out[-2] == 2 else None


def test_a_handshake_tells_what_was_agreed_on(ecdsa: Certificate, rng: random.Random) -> None:
    client = Client(client_context(versions=TLS13_ONLY))
    wire = client.step()
    machine, _ = machine_for(ecdsa, wire, rng)
    assert machine.state is TlsState.HANDSHAKE
    assert (machine.version, machine.cipher, machine.alpn, machine.resumed) == (None, None, None, False)
    assert machine.read(100) is None
    shake(machine, client, wire)
    assert machine.state is TlsState.ESTABLISHED
    assert machine.version == "1.3"
    assert machine.cipher == client.tls.cipher()[0]  # type: ignore[index]
    assert (machine.alpn, machine.error, machine.alert) == (None, None, None)


@pytest.mark.parametrize(("versions", "agreed"), [(TLS12_ONLY, "1.2"), (TLS13_ONLY, "1.3")])
def test_what_was_agreed_on_is_known_after_a_failure(
    ecdsa: Certificate, rng: random.Random, versions: tuple[int, int], agreed: str
) -> None:
    wire = Client(client_context(versions=versions)).step()
    hello = hello_in(wire)
    assert hello is not None
    machine, _ = machine_for(ecdsa, wire, rng)
    assert (machine.version, machine.suite) == (None, None)
    machine.receive_data(wire)
    machine.poll_transmit()
    machine.receive_data(b"\x15\3\3\0\2\2\x30")  # unknown_ca
    assert (machine.state, machine.version) == (TlsState.FAILED, agreed)
    assert machine.suite in hello.cipher_suites


def test_a_hello_in_pieces_does(ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random) -> None:
    client = Client(context)
    wire = client.step()
    machine, _ = machine_for(ecdsa, wire, rng)
    for byte in wire:
        machine.receive_data(bytes([byte]))
    shake(machine, client, client.step(machine.poll_transmit()))
    assert machine.state is TlsState.ESTABLISHED


def test_bytes_go_both_ways(ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random) -> None:
    machine, client = connected(ecdsa, context, rng)
    machine.receive_data(client.write(b"ping"))
    assert machine.read(2) == b"pi"
    assert machine.read(100) == b"ng"
    assert machine.read(100) is None
    machine.send(b"")
    machine.send(b"x" * 100_000)
    assert machine.pending
    client.incoming.write(machine.poll_transmit())
    assert not machine.pending
    assert client.read() == b"x" * 100_000


def test_no_record_is_left_unread_however_the_bytes_are_cut_and_asked_for(
    ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random
) -> None:
    machine, client = connected(ecdsa, context, rng)
    sent, received = b"", b""
    for size in (1, 2, 0, 7, 16_384, 16_385, 40_000, 1, 0, 300):
        text = rng.randbytes(size)
        sent += text
        wire = client.write(text) if text else b""
        cuts = sorted(rng.sample(range(len(wire) + 1), min(3, len(wire))))
        for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
            machine.receive_data(wire[start:end])
            while data := machine.read(rng.choice((1, 3, 100, 16_384, 70_000))):
                received += data
            assert data is None
            assert machine.read(100) is None
    assert received == sent


def test_early_bytes_behind_the_last_flight_are_kept(ecdsa: Certificate, rng: random.Random) -> None:
    client = Client(client_context(versions=TLS13_ONLY))
    wire = client.step()
    machine, _ = machine_for(ecdsa, wire, rng)
    machine.receive_data(wire)
    machine.receive_data(client.step(machine.poll_transmit()) + client.write(b"at once"))
    assert machine.state is TlsState.ESTABLISHED
    assert machine.read(100) == b"at once"


# closing


def test_close_notify_is_the_end_and_is_told_each_time(
    ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random
) -> None:
    machine, client = connected(ecdsa, context, rng)
    data = client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    machine.receive_data(data + client.outgoing.read())
    assert [machine.read(100) for _ in range(3)] == [b"last", b"", b""]
    assert machine.state is TlsState.ESTABLISHED
    machine.send(b"still")
    client.incoming.write(machine.poll_transmit())


def test_what_the_peer_sends_after_our_close_is_read(
    ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random
) -> None:
    machine, client = connected(ecdsa, context, rng)
    machine.receive_data(client.write(b"before"))
    machine.send_close()
    machine.send_close()
    client.incoming.write(machine.poll_transmit())
    assert client.tls.read(100) == b""
    machine.receive_data(client.write(b" and after"))
    assert machine.read(3) == b"bef"
    assert machine.read(100) == b"ore"
    assert machine.read(100) == b" and after"
    client.tls.unwrap()
    machine.receive_data(client.outgoing.read())
    assert [machine.read(100) for _ in range(2)] == [b"", b""]
    with pytest.raises(StateError):
        machine.send(b"more")


def test_an_end_without_close_notify_is_an_end(ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random) -> None:
    machine, client = connected(ecdsa, context, rng)
    machine.receive_data(client.write(b"bye"))
    machine.receive_eof()
    assert [machine.read(100) for _ in range(3)] == [b"bye", b"", b""]
    assert machine.state is TlsState.ESTABLISHED


def test_nothing_is_sent_or_closed_before_the_handshake(ecdsa: Certificate, rng: random.Random) -> None:
    machine, _ = machine_for(ecdsa, b"", rng)
    with pytest.raises(StateError):
        machine.send(b"early")
    machine.send_close()
    assert machine.poll_transmit() == b""


# failing


def test_an_end_in_the_handshake_is_told(ecdsa: Certificate, rng: random.Random) -> None:
    machine, _ = machine_for(ecdsa, b"", rng)
    machine.receive_data(record(message(body())[:20]))
    machine.receive_eof()
    assert machine.state is TlsState.FAILED
    assert machine.error == "the peer ended the handshake"
    assert machine.alert is None
    machine.receive_data(b"ignored")
    assert machine.read(100) == b""
    with pytest.raises(StateError):
        machine.send(b"late")


@pytest.mark.parametrize(
    ("wire", "error", "alert", "number"),
    [
        (record(message(body(suites=(0x0000,)))), "no shared cipher", "handshake_failure", 40),
        (record(message(body(version=0x0300))), "version too low", "handshake_failure", 40),
        (record(message(body(suites=()))), "no ciphers specified", "illegal_parameter", 47),
        (record(message(body() + b"\0")), "length mismatch", "decode_error", 50),
        (record(b"\x02\0\0\0"), "unexpected message", "unexpected_message", 10),
        (b"\x16\x03\x01\x55\x55" + bytes(5), "packet length too long", "record_overflow", 22),
        (sslv2(version=0x0300), "version too low", "handshake_failure", 40),
    ],
    ids=["suites", "ssl3", "no suites", "length", "server hello", "record", "sslv2"],
)
def test_each_broken_hello_gets_its_alert(
    ecdsa: Certificate, rng: random.Random, wire: bytes, error: str, alert: str, number: int
) -> None:
    machine, _ = machine_for(ecdsa, wire, rng)
    machine.receive_data(wire)
    assert machine.state is TlsState.FAILED
    assert (machine.error, machine.alert) == (error, alert)
    assert sent_alert(machine.poll_transmit()) == number


def test_the_alert_of_a_client_that_does_not_trust_us_is_told(
    ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random
) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trustme.CA().cert_pem.bytes().decode())
    client = Client(context)
    wire = client.step()
    machine, _ = machine_for(ecdsa, wire, rng)
    shake(machine, client, wire)
    assert machine.state is TlsState.FAILED
    assert machine.alert == "unknown_ca"
    assert machine.error == "the peer sent the alert unknown_ca"


@pytest.mark.parametrize(
    ("level", "description", "error", "alert"),
    [
        (2, 46, "the peer sent the alert certificate_unknown", "certificate_unknown"),
        (1, 0, "the peer ended the handshake", None),
        (2, 112, "the peer sent the alert unrecognized_name", "unrecognized_name"),
    ],
)
def test_an_alert_in_the_handshake_is_told(
    ecdsa: Certificate, rng: random.Random, level: int, description: int, error: str, alert: str | None
) -> None:
    wire = Client(client_context(versions=TLS12_ONLY)).step()
    machine, _ = machine_for(ecdsa, wire, rng)
    machine.receive_data(wire)
    assert machine.state is TlsState.HANDSHAKE
    machine.receive_data(record(bytes([level, description]), kind=21, version=0x0303))
    assert (machine.state, machine.error, machine.alert) == (TlsState.FAILED, error, alert)


def test_a_broken_record_ends_the_connection_with_an_alert(
    ecdsa: Certificate, context: ssl.SSLContext, rng: random.Random
) -> None:
    machine, client = connected(ecdsa, context, rng)
    data = bytearray(client.write(b"attack"))
    data[-1] ^= 1
    machine.receive_data(bytes(data))
    assert machine.read(100) == b""
    assert machine.state is TlsState.FAILED
    assert "decryption failed" in str(machine.error)
    assert machine.alert is None  # it went out encrypted
    assert machine.pending
    machine.send_close()
    assert machine.read(100) == b""


def test_a_broken_record_is_found_when_we_close(ecdsa: Certificate, rng: random.Random) -> None:
    machine, client = connected(ecdsa, client_context(), rng)
    data = bytearray(client.write(b"one") + client.write(b"two"))
    data[-1] ^= 1
    machine.receive_data(bytes(data))
    machine.send_close()
    assert machine.read(100) == b"one"
    assert machine.read(100) == b""
    assert machine.state is TlsState.FAILED


def test_the_context_is_asked_for_until_the_hello_is_answered(ecdsa: Certificate, rng: random.Random) -> None:
    client = Client(client_context(versions=TLS12_ONLY))
    wire = client.step()
    _, profile = machine_for(ecdsa, wire, rng)
    asked: list[ssl.SSLContext | None] = []

    def configure(context: ssl.SSLContext | None) -> ssl.SSLContext:
        asked.append(context)
        return ecdsa.contexts.configure(profile, context)

    machine = TlsMachine(configure)
    machine.receive_data(wire[:100])
    assert machine.poll_transmit() == b""
    assert machine.pending == 0
    shake(machine, client, wire[100:])
    assert machine.state is TlsState.ESTABLISHED
    assert asked[0] is None
    assert len(asked) == 3
    assert asked[1] is asked[2] is not None


def test_handshakes_that_interleave_keep_their_own_configuration(
    ecdsa_pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hello that is asked for again: OpenSSL chooses the suite twice and must choose the same."""
    make = Contexts._make

    def with_a_curve(*args: Any) -> ssl.SSLContext:
        context = make(*args)
        context.set_ecdh_curve("secp384r1")  # which the client sends no share for
        return context

    monkeypatch.setattr(Contexts, "_make", with_a_curve)
    certificate = load_certificate(*ecdsa_pair)
    rng = random.Random(5)
    context = client_context(versions=TLS13_ONLY)
    under_way = []
    for _ in range(40):
        client = Client(context)
        wire = client.step()
        machine, _ = machine_for(certificate, wire, rng)
        machine.receive_data(wire)
        assert machine.state is TlsState.HANDSHAKE
        under_way.append((machine, client, machine.poll_transmit()))
    rng.shuffle(under_way)
    suites = set()
    for machine, client, answer in under_way:
        shake(machine, client, client.step(answer))
        assert machine.state is TlsState.ESTABLISHED, machine.error
        suites.add(machine.cipher)
    assert len(suites) == 3


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x16\x03\x01", record(message(body(extensions=full_extensions())))]),
)
@settings(max_examples=150)
def test_any_bytes_are_survived(ecdsa: Certificate, data: bytes, start: bytes) -> None:
    machine, _ = machine_for(ecdsa, start + data, random.Random(1))
    machine.receive_data(start + data)
    machine.receive_eof()
    assert machine.state is TlsState.FAILED
    assert machine.error
    assert machine.read(100) == b""


def test_as_a_client_it_speaks_first(ecdsa: Certificate, rng: random.Random) -> None:
    ours = TlsMachine(lambda _: client_context(), server_side=False)
    ours.receive_data(b"")
    wire = ours.poll_transmit()
    theirs, _ = machine_for(ecdsa, wire, rng)
    while wire:
        theirs.receive_data(wire)
        ours.receive_data(theirs.poll_transmit())
        wire = ours.poll_transmit()
    assert ours.state is theirs.state is TlsState.ESTABLISHED


def test_a_client_without_a_certificate_has_none_and_threatens_nobody(ecdsa: Certificate, rng: random.Random) -> None:
    client = Client(client_context())
    wire = client.step()
    machine, _ = machine_for(ecdsa, wire, rng)
    assert (machine.peer_certificate, machine.threats) == (None, [])
    shake(machine, client, wire)
    assert (machine.peer_certificate, machine.threats) == (None, [])


def test_as_a_client_it_is_told_of_an_alert_and_watches_nobody() -> None:
    ours = TlsMachine(lambda _: client_context(), server_side=False)
    ours.receive_data(b"")
    ours.poll_transmit()
    ours.receive_data(b"\x15\3\3\0\2\2\x28")  # handshake_failure
    assert (ours.state, ours.alert, ours.threats) == (TlsState.FAILED, "handshake_failure", [])
