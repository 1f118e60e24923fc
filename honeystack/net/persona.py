"""The persona: how this host looks on the wire where the RFCs leave room. The default is a current Linux."""

from __future__ import annotations

import attrs

from honeystack.settings import setting


@attrs.frozen
class Persona:
    """The visible choices of a TCP/IP stack; `[listener.persona]` in the config."""

    ttl: int = setting("time to live, and hop limit, of what we send", default=64)
    window_scale: int = setting("the window scale that we offer (RFC 7323)", default=7)
    timestamps: bool = setting("whether we answer the timestamp option", default=True)
    linear_timestamps: bool = setting(
        "whether the timestamps of all connections come from one clock, as fingerprints of Linux know it, or each "
        "from a beginning of its own, as kernels have it by default since 4.10",
        default=True,
    )
    ecn: bool = setting("whether we agree to explicit congestion notification (RFC 3168) when asked", default=True)
    sack: bool = setting("whether we answer the SACK-permitted option", default=True)
