"""What an IP header says that the layer above wants to know, the same for IPv4 and IPv6."""

from __future__ import annotations

from typing import NamedTuple


class IpFacts(NamedTuple):
    """The facts of one received IP header that upper layers use, fingerprints above all."""

    ttl: int  # or hop limit
    ident: int  # IPv4 identification; 0 for IPv6, which has none outside fragments
    dont_fragment: bool  # True for IPv6, which never fragments on the way
    tos: int  # or traffic class
