"""The send side of a connection, made with its first byte: queue, flight, time-out and congestion window."""

from __future__ import annotations

from honeystack.net.tcp.congestion import Congestion
from honeystack.net.tcp.flight import Flight
from honeystack.net.tcp.retransmit import RtoEstimator


class Sending:
    """`data` begins at SND.UNA and holds what is unacknowledged and unsent; the FIN comes after its last byte."""

    __slots__ = (
        "congestion",
        "data",
        "estimator",
        "fin_sent",
        "flight",
        "probing",
        "progress_at",
        "pushed",
        "reorder_at",
    )

    def __init__(self, first: int, mss: int, rtt: float | None, now: float) -> None:
        self.data = bytearray()
        self.flight = Flight(first)
        self.estimator = RtoEstimator(rtt)
        self.congestion = Congestion(mss)
        self.fin_sent = False
        self.pushed = first  # up to where PSH has been set
        self.probing = False  # a tail loss probe is out; one per flight
        self.progress_at = now  # when the retransmission timer was started or restarted (RFC 6298 §5)
        self.reorder_at = 0.0  # when to look for losses again; 0 when not
