"""The witness: makes events of notices and connections, and one event with a count of what repeats."""

from __future__ import annotations

from honeystack.witness.fault import fault_fields
from honeystack.witness.kinds import DROP, FAULT
from honeystack.witness.witness import Counters, Witness

__all__ = ["DROP", "FAULT", "Counters", "Witness", "fault_fields"]
