"""Oddities: the notice names the segment's ends, and an honest segment makes none."""

from __future__ import annotations

from honeystack.net.notices import Anomaly, Notice
from honeystack.net.tcp.oddities import tell_of, tell_stray
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import FIN, SYN
from tests.net.tcp.pair import make_tcp, path_of
from tests.net.tcp.peer import Peer


def stray(flags: int) -> Segment:
    return Segment(4000, 80, 1, 0, flags, 1024, 0, None, (), b"", memoryview(b""))


def told(name: str | None, flags: int) -> list[Notice]:
    tcp = make_tcp()
    tell_stray(tcp, path_of(), stray(flags), name)
    return list(tcp.notices)


def test_a_stray_segment_is_told_by_what_it_probes_for() -> None:
    assert told(None, FIN) == [Anomaly(path_of(), "tcp", "fin-probe", 80, 4000)]
    assert told("land", SYN) == [Anomaly(path_of(), "tcp", "land", 80, 4000)]
    assert told(None, SYN) == []


def test_a_segment_of_a_connection_is_told_with_its_ends() -> None:
    peer = Peer()
    conn = peer.open()
    conn.tcp.notices.clear()
    tell_of(conn, "rst-probe")
    assert list(conn.tcp.notices) == [Anomaly(conn.path, "tcp", "rst-probe", conn.local_port, conn.remote_port)]
