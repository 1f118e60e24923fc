"""Segments as no honest peer sends them are told by name; what is answered is the specification's affair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from honeystack.net.address import Path
from honeystack.net.anomalies import probe_of
from honeystack.net.notices import Anomaly
from honeystack.net.wire.segment import Segment

if TYPE_CHECKING:
    from honeystack.net.tcp.connection import Connection
    from honeystack.net.tcp.endpoint import Tcp


def tell_stray(tcp: Tcp, path: Path, seg: Segment, name: str | None = None) -> None:
    """Tell of a segment that belongs to no connection; without a name, of what it probes for."""
    name = name or probe_of(seg)
    if name is not None:
        tcp.notices.append(Anomaly(path, "tcp", name, seg.destination_port, seg.source_port))


def tell_of(conn: Connection, name: str) -> None:
    """Tell of a segment that came into a connection."""
    conn.tcp.notices.append(Anomaly(conn.path, "tcp", name, conn.local_port, conn.remote_port))
