"""What all TCP connections of one stack share from their birth on."""

from __future__ import annotations

import attrs

from honeystack.net.limits import Limits
from honeystack.net.persona import Persona


@attrs.frozen
class TcpSettings:
    """What a `Tcp` is made with."""

    limits: Limits
    persona: Persona
    secret: bytes = attrs.field(repr=False)  # of cookies, sequence numbers and timestamp offsets; 32 bytes count
    mtu: int = 1500
    cuts_runs: bool = False  # the link takes runs (net.wire.runs)
