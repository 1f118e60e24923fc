"""What the tests stand on, shipped for whoever embeds honeystack: memory links, stack pairs, recording channels."""

from __future__ import annotations

from honeystack.testing.links import MemoryLink, memory_link_pair
from honeystack.testing.pairs import PureStack, StackPair
from honeystack.testing.recording import RecordingChannel, RecordingPublisher
from honeystack.testing.wire import Impairment, Wire

__all__ = [
    "Impairment",
    "MemoryLink",
    "PureStack",
    "RecordingChannel",
    "RecordingPublisher",
    "StackPair",
    "Wire",
    "memory_link_pair",
]
