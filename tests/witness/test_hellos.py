"""Hellos over UDP: told once a flow, within a budget and a bounded table."""

from __future__ import annotations

import itertools

import pytest

from honeystack.events.identity import identity_of
from honeystack.events.recorder import Recorder
from honeystack.net.address import Endpoint, Flow
from honeystack.testing import RecordingPublisher
from honeystack.tls.budget import BURST, SHARE
from honeystack.witness.hellos import FLOW_SECONDS, FLOWS, PER_SECOND, DatagramHellos
from tests.tls.packets import crypto, dtls_fragment, dtls_record, initial
from tests.tls.test_dtls import HELLO as DTLS
from tests.tls.test_dtls import WHOLE
from tests.tls.test_quic import HELLO, RECORDED

INITIAL = initial(crypto(0, HELLO))
HALVES = [initial(crypto(0, HELLO[:60])), initial(crypto(60, HELLO[60:]), number=1)]


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.publisher = RecordingPublisher()
        numbers = itertools.count()
        recorder = Recorder(self.publisher, clock=lambda: self.now, new_id=lambda: f"id-{next(numbers)}")
        self.hellos = DatagramHellos(recorder, clock=lambda: self.now)

    def take(self, *datagrams: bytes, port: int = 1000, remote: str = "198.51.100.7") -> int:
        """How many hellos have been told in all, after these datagrams of one peer."""
        flow = Flow("udp", Endpoint("203.0.113.4", 443), Endpoint(remote, port))
        for data in datagrams:
            self.hellos.received(flow, data, identity_of(flow, "c"))
        return len(self.publisher.of("udp", "tls"))


def test_a_quic_hello_is_told_with_its_version() -> None:
    scene = Scene()
    assert scene.take(INITIAL) == 1
    (event,) = scene.publisher.of("udp", "tls")
    told = event.fields
    assert (told["tls.transport"], told["quic.version"], told["tls.stage"]) == ("quic", "1", "hello")
    assert (told["tls.sni"], told["tls.alpn"], told["tls.versions"]) == (
        "a.example",
        ["h2", "http/1.1"],
        ["1.3", "1.2"],
    )
    assert str(told["ja4"]).startswith("q13d")
    assert told["tls.client.hello.payload"] == HELLO
    assert event.identity is not None
    assert event.identity.connection_id == "c"


def test_a_dtls_hello_is_told_too() -> None:
    scene = Scene()
    assert scene.take(dtls_record(WHOLE)) == 1
    told = scene.publisher.of("udp", "tls")[0].fields
    assert (told["tls.transport"], told["tls.versions"]) == ("dtls", ["dtls1.2"])
    assert str(told["ja4"]).startswith("dd2d")
    assert "quic.version" not in told


def test_pieces_of_one_flow_belong_together_and_of_two_do_not() -> None:
    scene = Scene()
    assert scene.take(HALVES[0]) == 0
    assert scene.take(HALVES[1], port=1001) == 0
    assert scene.take(HALVES[1]) == 1


def test_a_hello_over_three_datagrams_in_any_order_is_told_once() -> None:
    datagrams = RECORDED["three datagrams"]
    told = set()
    for order in itertools.permutations(datagrams):
        scene = Scene()
        assert scene.take(order[0], order[1]) == 0
        assert scene.take(order[2], *order) == 1  # and what comes once more is not told again
        fields = scene.publisher.of("udp", "tls")[0].fields
        assert fields["tls.sni"] == "quic.example"
        told.add(str(fields["ja4"]))
    (ja4,) = told
    assert ja4.startswith("q13d")


def test_a_hello_is_told_once_until_the_flow_may_be_another() -> None:
    scene = Scene()
    assert scene.take(INITIAL, INITIAL, HALVES[0]) == 1
    scene.now += FLOW_SECONDS + 1
    assert scene.take(INITIAL) == 2
    assert scene.take(dtls_record(WHOLE)) == 3  # of the other transport


OTHER = HELLO[:6] + bytes(range(100, 132)) + HELLO[38:]  # with another random
ELSEWHERE = b"another1"


OTHER_DTLS = DTLS[:6] + bytes(range(100, 132)) + DTLS[38:]


def whole(message: bytes) -> bytes:
    return dtls_record(dtls_fragment(message, 0, len(message) - 4))


def test_another_hello_of_the_same_flow_is_told_too() -> None:
    scene = Scene()
    assert scene.take(INITIAL, initial(crypto(0, OTHER), connection=ELSEWHERE)) == 2
    assert scene.take(whole(DTLS), whole(OTHER_DTLS), whole(OTHER_DTLS), port=5) == 4


def test_the_same_hello_under_another_connection_id_is_not() -> None:
    assert Scene().take(INITIAL, initial(crypto(0, HELLO), connection=ELSEWHERE)) == 1  # as after a Retry


@pytest.mark.parametrize(
    "before",
    [INITIAL[:-1] + bytes([INITIAL[-1] ^ 1]), HALVES[0], initial(crypto(0, OTHER[:60]), connection=ELSEWHERE)],
)
def test_nothing_that_came_before_hides_a_quic_hello(before: bytes) -> None:
    assert Scene().take(before, INITIAL) == 1
    assert Scene().take(before, *HALVES) == 1


@pytest.mark.parametrize("length", [len(OTHER_DTLS) - 4, 5])
def test_nothing_that_came_before_hides_a_dtls_hello(length: int) -> None:
    before = dtls_record(dtls_fragment(OTHER_DTLS[:1] + length.to_bytes(3, "big") + OTHER_DTLS[4:], 0, 4))
    assert Scene().take(before, whole(DTLS)) == 1
    halves = [dtls_record(dtls_fragment(DTLS, 0, 60)), dtls_record(dtls_fragment(DTLS, 60, len(DTLS)))]
    assert Scene().take(halves[0], before, whole(DTLS)) == 1


def test_what_cannot_be_decrypted_takes_no_place() -> None:
    scene = Scene()
    scene.take(HALVES[0])
    for number in range(FLOWS + 5):
        scene.now += 0.02
        packet = bytearray(initial(crypto(0, OTHER[:60]), connection=number.to_bytes(8, "big")))
        packet[-1] ^= 1
        scene.take(bytes(packet))
    assert scene.take(HALVES[1]) == 1
    assert scene.hellos.forgotten == 0


def test_what_is_broken_does_not_spoil_the_flow() -> None:
    scene = Scene()
    assert scene.take(initial(b"\x08"), INITIAL) == 1
    assert scene.take(b"\0" * 100, b"", dtls_record(dtls_fragment(b"\1\0\0\5", 0, 9)), port=5) == 1


def test_the_table_is_bounded() -> None:
    scene = Scene()
    scene.take(HALVES[0])
    for port in range(2000, 2000 + FLOWS):
        scene.now += 0.02
        scene.take(HALVES[0], port=port)
    assert scene.take(HALVES[1]) == 0  # forgotten


def test_the_budget_is_kept_and_shared_out() -> None:
    scene = Scene()
    most = BURST * PER_SECOND
    for count in range(1, most + 50):
        scene.take(INITIAL, port=count, remote=f"198.51.{count % 8}.7")
    assert scene.take() == most
    assert scene.hellos.passed_over == 49
    scene = Scene()
    for port in range(1, most):
        scene.take(INITIAL, port=port)
    assert scene.take() == most // SHARE
    assert scene.take(INITIAL, remote="2001:db8::1") == most // SHARE + 1  # no flood of one source hides another's
    scene.now += 1
    for port in range(10_000, 10_000 + most):
        scene.take(INITIAL, port=port)
    assert scene.take() == most // SHARE + 1 + PER_SECOND // SHARE
