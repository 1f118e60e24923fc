"""The witness: makes events of notices and connections, and one event with a count of what repeats."""

from __future__ import annotations

from honeystack.witness.fault import fault_fields
from honeystack.witness.kinds import FAULT
from honeystack.witness.witness import Counters, Witness

__all__ = ["FAULT", "Counters", "Witness", "fault_fields"]
