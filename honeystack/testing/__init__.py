"""What the tests stand on, shipped for whoever embeds honeystack: memory links, stack pairs, recording channels."""

from __future__ import annotations

from honeystack.testing.links import MemoryLink, memory_link_pair
from honeystack.testing.pairs import PureStack, StackPair
from honeystack.testing.recording import RecordingChannel, RecordingPublisher
from honeystack.testing.script import ScriptError, ScriptFailure, run_script, run_script_file
from honeystack.testing.wire import Impairment, Wire

__all__ = [
    "Impairment",
    "MemoryLink",
    "PureStack",
    "RecordingChannel",
    "RecordingPublisher",
    "ScriptError",
    "ScriptFailure",
    "StackPair",
    "Wire",
    "memory_link_pair",
    "run_script",
    "run_script_file",
]
