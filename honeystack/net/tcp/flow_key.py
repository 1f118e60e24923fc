"""What a connection is known by: the addresses and ports of both ends, and the VLAN where its segments have a tag.

In two VLANs the same addresses may be two machines, and who sits in one is not to speak for a peer in the other.
"""

from __future__ import annotations

from honeystack.net.address import Path
from honeystack.net.wire.ethernet import VLAN_ID


def flow_key(path: Path, local_port: int, remote_port: int) -> bytes:
    """The key of a connection between these ports."""
    return segment_key(path, remote_port.to_bytes(2, "big") + local_port.to_bytes(2, "big"))


def segment_key(path: Path, ports: bytes) -> bytes:
    """The same, from the ports as they stand in a segment from the peer."""
    key = path.remote + path.local + ports  # MUST-45
    return key if path.vlan is None else key + (path.vlan & VLAN_ID).to_bytes(2, "big")
