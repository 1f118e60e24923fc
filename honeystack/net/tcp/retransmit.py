"""The retransmission time-out (RFC 6298), with Linux's lower bound of 200 ms."""

from __future__ import annotations

from typing import Final

MIN_RTO: Final = 0.2  # seconds; what current systems use in place of RFC 6298's one second
MAX_RTO: Final = 120.0
INITIAL_RTO: Final = 3.0  # RFC 6298 §5.7: the handshake gave no measurement, so something in it was lost
SYN_RETRIES: Final = 6  # Linux's tcp_syn_retries
ORPHAN_RETRIES: Final = 8  # nobody reads a released connection any more: Linux's tcp_orphan_retries


class RtoEstimator:
    """Smoothed round-trip time and the time-out that follows from it."""

    __slots__ = ("backoff", "base", "min_rtt", "rttvar", "srtt")

    def __init__(self, rtt: float | None) -> None:
        self.srtt = 0.0
        self.rttvar = 0.0
        self.min_rtt = 0.0
        self.base = INITIAL_RTO
        self.backoff = 0
        if rtt is not None:
            self.sample(rtt)

    def sample(self, rtt: float) -> None:
        """Take one measurement of a segment that was sent once (Karn's algorithm is the caller's)."""
        if self.srtt == 0.0:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8
        self.min_rtt = min(self.min_rtt or rtt, rtt)
        # Linux bounds the variance, not the sum: a steady path keeps 200 ms beyond its round trip.
        self.base = min(self.srtt + max(MIN_RTO, 4 * self.rttvar), MAX_RTO)
        self.backoff = 0

    @property
    def rto(self) -> float:
        """The time-out now, doubled for each expiry in a row (RFC 6298 §5.5)."""
        return min(self.base * (1 << min(self.backoff, 20)), MAX_RTO)
