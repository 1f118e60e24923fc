"""What one stack is told at its birth."""

from __future__ import annotations

from typing import Literal

import attrs

from honeystack.net.address import AddressSet, Exclusions
from honeystack.net.limits import Limits
from honeystack.net.persona import Persona

VlanPolicy = Literal["answer", "ignore"]  # what becomes of frames with a VLAN tag; answers carry the same one


@attrs.frozen
class StackSettings:
    """What one stack is told at its birth."""

    mac: bytes
    addresses: AddressSet
    broadcasts: AddressSet = attrs.field(factory=AddressSet)  # of our link's prefixes: no peer has such an address
    links: AddressSet = attrs.field(factory=AddressSet)  # our link's prefixes: who is in them is asked for by ARP
    mtu: int = 1500  # of the link, in bytes
    cuts_runs: bool = False  # the link takes runs (net.wire.runs)
    exclusions: Exclusions = attrs.field(factory=Exclusions)
    sniffer: bool = False
    vlan: VlanPolicy = "answer"
    persona: Persona = attrs.field(factory=Persona)
    limits: Limits = attrs.field(factory=Limits)
    midnight: float | None = None  # a midnight UT in the clock of `now`, for the times of ICMP and IPv4 options
    secret: bytes = attrs.field(default=b"", repr=False)  # keys cookies and initial sequence numbers
