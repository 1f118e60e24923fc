"""What carries frames keeps one contract, whatever it is made of."""

from __future__ import annotations

from honeystack.net.link import ChecksumState, Link, LinkStatistics, ReceivedFrame
from honeystack.net.ring import Ring
from honeystack.testing import MemoryLink


def test_both_our_links_are_links() -> None:
    needed = {name for name in vars(Link) if not name.startswith("_")} | set(Link.__annotations__)
    assert needed - set(Link.__annotations__) <= set(vars(Ring)) & set(vars(MemoryLink))
    link: Link = MemoryLink(bytes(6))
    assert (link.mac, link.mtu) == (bytes(6), 1500)


def test_nothing_is_known_of_a_frame_unless_it_is_told() -> None:
    assert ReceivedFrame(b"x") == (b"x", ChecksumState.UNKNOWN, None)
    assert LinkStatistics(1, 2, 3, 4).dropped_out == 4
