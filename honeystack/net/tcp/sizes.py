"""Segment and window sizes that follow from our MTU, the bounds and what Linux does."""

from __future__ import annotations

from typing import Final

from honeystack.net.limits import Limits
from honeystack.net.tcp.window import initial_window

MIN_SEND_MSS: Final = 48  # Linux's tcp_min_snd_mss: an MSS of 1 would cost a packet per byte
IP_AND_TCP_HEADERS: Final = {4: 40, 6: 60}
DEFAULT_MSS: Final = {4: 536, 6: 1220}  # RFC 9293 §3.7.1: what a peer takes that has not said; MUST-15
TIMESTAMP_BYTES: Final = 12
MIN_OFFERED_MSS: Final = {4: 256, 6: 1220}  # Linux's min_adv_mss, however narrow the path
TINY_WINDOW: Final = 536  # Linux: no larger window is filled by one segment


class Sizes:
    """By IP version, worked out once."""

    __slots__ = ("_buffer", "_offered", "advertised_mss", "worthwhile")

    def __init__(self, mtu: int, limits: Limits) -> None:
        # What our MTU lets the peer send. MUST-67
        self.advertised_mss = {v: max(mtu - headers, MIN_SEND_MSS) for v, headers in IP_AND_TCP_HEADERS.items()}
        self._buffer = limits.receive_buffer
        self._offered = {
            (v, timestamps): min(initial_window(mss, timestamps=timestamps), limits.receive_buffer)
            for v, mss in self.advertised_mss.items()
            for timestamps in (False, True)
        }
        # By how much a window must grow to be worth telling: a segment or half the buffer (RFC 9293 §3.8.6.2.2).
        half = limits.receive_buffer // 2
        self.worthwhile = {v: max(min(half, mss - TIMESTAMP_BYTES), 1) for v, mss in self.advertised_mss.items()}

    def send_mss(self, version: int, peer_mss: int | None, *, timestamps: bool) -> int:
        """Data bytes of a full segment to a peer."""
        mss = min(peer_mss or DEFAULT_MSS[version], self.advertised_mss[version])  # MUST-16
        return max(mss, MIN_SEND_MSS) - (TIMESTAMP_BYTES if timestamps else 0)

    @staticmethod
    def within_window(mss: int, window: int, *, timestamps: bool) -> int:
        """As Linux has it, a full segment takes half of the window that a peer begins with: there are always two."""
        most = window // 2 if window > TINY_WINDOW else window
        least = MIN_SEND_MSS - (TIMESTAMP_BYTES if timestamps else 0)
        return min(mss, max(most, least)) if window else mss

    @staticmethod
    def within_path(version: int, mss: int, path_mtu: int | None, *, timestamps: bool) -> int:
        """Data bytes of a full segment where a router has told a smaller MTU."""
        if path_mtu is None:
            return mss
        return min(mss, path_mtu - IP_AND_TCP_HEADERS[version] - (TIMESTAMP_BYTES if timestamps else 0))

    def offered_mss(self, version: int, path_mtu: int | None) -> int:
        """What our SYN and SYN-ACK offer: as Linux, less where the path back is known to take less (MUST-67)."""
        mss = self.advertised_mss[version]
        if path_mtu is None:
            return mss
        return min(mss, max(path_mtu - IP_AND_TCP_HEADERS[version], MIN_OFFERED_MSS[version]))

    def offered_window(self, version: int, *, timestamps: bool, path_mtu: int | None = None) -> int:
        """The window of our SYN and SYN-ACK, which are never scaled."""
        if path_mtu is None:
            return self._offered[version, timestamps]
        return min(initial_window(self.offered_mss(version, path_mtu), timestamps=timestamps), self._buffer)
