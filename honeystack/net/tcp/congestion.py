"""Congestion control: slow start and avoidance (RFC 5681) with byte counting (3465) and an initial window of 10 (6928).

Counts are bytes. What is in flight is counted by `flight`; here is only how much may be.
"""

from __future__ import annotations

from typing import Final

from honeystack.net.tcp.seq import before

INITIAL_SEGMENTS: Final = 10  # RFC 6928
UNLIMITED: Final = 1 << 30


class Congestion:
    """Inputs: `acknowledged`, `loss_found`, `marked`, `timed_out`, `idle`, `recovered`. Outputs: `cwnd`, `cwr_due`."""

    __slots__ = (
        "_counted",
        "_reduced_until",
        "cwnd",
        "cwr_due",
        "first_due",
        "mss",
        "recovery_point",
        "restarting",
        "ssthresh",
    )

    def __init__(self, mss: int) -> None:
        self.mss = mss
        self.cwnd = initial_window(mss)
        self.ssthresh = UNLIMITED
        self.recovery_point: int | None = None  # snd.nxt when loss was found; recovery ends once it is acknowledged
        self.restarting = False  # recovery follows a time-out: slow start goes on during it
        self.first_due = False  # one lost segment goes out at once, whatever is in flight (RFC 6675 §5, 4.3; RFC 6582)
        self.cwr_due = False  # the window has become smaller, which a peer that uses ECN is to hear
        self._reduced_until: int | None = None  # snd.nxt when a mark was heeded
        self._counted = 0

    def acknowledged(self, count: int) -> None:
        """`count` bytes were newly acknowledged while the window was in use."""
        if (self.recovery_point is not None and not self.restarting) or self._reduced_until is not None:
            return
        if self.cwnd < self.ssthresh:  # MUST-19
            self.cwnd += min(count, 2 * self.mss)  # RFC 3465 §2.2, L = 2
            return
        self._counted += count
        if self._counted >= self.cwnd:
            self._counted -= self.cwnd
            self.cwnd += self.mss

    def loss_found(self, flight: int, snd_nxt: int) -> None:
        """Enter recovery, unless it is going on (RFC 5681 §3.2, RFC 6675 §5)."""
        if self.recovery_point is not None:
            return
        self.recovery_point = snd_nxt
        self.first_due = True
        self._reduce(flight)
        self.cwnd = self.ssthresh

    def marked(self, flight: int, snd_una: int, snd_nxt: int, *, echo: bool) -> None:
        """An acknowledgement, and whether it echoes a mark, which counts once in a round trip (RFC 3168 §6.1.2)."""
        if self._reduced_until is not None and not before(snd_una, self._reduced_until):
            self._reduced_until = None
        if echo and self._reduced_until is None and self.recovery_point is None:
            self._reduced_until = snd_nxt
            self._reduce(flight)
            self.cwnd = min(self.cwnd, self.ssthresh)

    def timed_out(self, flight: int, snd_nxt: int, *, again: bool) -> None:
        """Begin again with one segment; a time-out of the same data halves only once (RFC 5681 §3.1)."""
        if not again:
            self._reduce(flight)
        self.recovery_point = snd_nxt
        self.restarting = True
        self.cwnd = self.mss

    def recovered(self) -> None:
        """All that was sent before the loss has been acknowledged."""
        self.recovery_point = None
        self.restarting = False

    def idle(self) -> None:
        """Nothing was sent for a time-out: what the path bore then says nothing now (RFC 5681 §4.1)."""
        self.cwnd = min(self.cwnd, initial_window(self.mss))

    def _reduce(self, flight: int) -> None:
        self.ssthresh = max(flight // 2, 2 * self.mss)
        self._counted = 0
        self.cwr_due = True


def initial_window(mss: int) -> int:
    """RFC 6928 §2."""
    return min(INITIAL_SEGMENTS * mss, max(2 * mss, 14_600))
