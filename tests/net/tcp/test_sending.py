from __future__ import annotations

from honeystack.net.tcp.retransmit import INITIAL_RTO
from honeystack.net.tcp.sending import Sending


def test_it_begins_empty_with_the_round_trip_of_the_handshake() -> None:
    sending = Sending(7, 1000, 0.1, 50.0)
    assert not sending.data
    assert not sending.flight
    assert not sending.fin_sent
    assert sending.estimator.srtt == 0.1
    assert sending.congestion.cwnd == 10_000
    assert sending.progress_at == 50.0


def test_an_unknown_round_trip_is_a_second() -> None:
    assert Sending(7, 1000, None, 50.0).estimator.rto == INITIAL_RTO
