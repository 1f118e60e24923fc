"""ICMP errors about our SYN-ACK end a handshake where Linux ends it, and only with its number."""

from __future__ import annotations

import pytest

from honeystack.net.notices import Anomaly, HalfOpen
from honeystack.net.tcp.seq import add
from honeystack.net.wire.facts import IcmpErrorKind
from tests.net.tcp.peer import Peer


def reported(version: int, kind: IcmpErrorKind, offset: int = 0) -> Peer:
    """A peer with a handshake under way, of which an error has told."""
    peer = Peer(version=version)
    (answer,) = peer.syn()
    remote, local = peer.ports
    quote = local.to_bytes(2, "big") + remote.to_bytes(2, "big") + add(answer.seq, offset).to_bytes(4, "big")
    peer.tcp.icmp_error(peer.path, quote, kind, None, peer.now)
    assert peer.answers() == []
    return peer


# MUST-54
@pytest.mark.parametrize(
    ("version", "kind", "left"),
    [
        (4, IcmpErrorKind.SOFT, 0),
        (4, IcmpErrorKind.HARD, 1),
        (4, IcmpErrorKind.PACKET_TOO_BIG, 1),
        (6, IcmpErrorKind.SOFT, 1),
        (6, IcmpErrorKind.HARD, 0),
        (6, IcmpErrorKind.PACKET_TOO_BIG, 1),
    ],
)
def test_an_error_about_the_syn_ack_ends_the_handshake(version: int, kind: IcmpErrorKind, left: int) -> None:
    peer = reported(version, kind)
    counters = peer.tcp.statistics()
    assert (counters["half_open"], counters["path_errors"]) == (left, 1)
    assert len(peer.told(HalfOpen)) == 1 - left
    assert len(peer.wait(1.5)) == left
    assert peer.told(Anomaly) == []


@pytest.mark.parametrize(("version", "name"), [(4, "icmp"), (6, "icmpv6")])
@pytest.mark.parametrize("offset", [-1, 1, 1 << 31])
def test_an_error_with_another_number_is_not_believed(version: int, name: str, offset: int) -> None:
    for kind in IcmpErrorKind:
        peer = reported(version, kind, offset)
        counters = peer.tcp.statistics()
        assert (counters["half_open"], counters.get("path_errors", 0)) == (1, 0)
        assert peer.told(Anomaly) == [Anomaly(peer.path, name, "spoofed-icmp", 80, 50_000)]
