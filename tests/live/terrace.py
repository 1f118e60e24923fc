"""Two pairs of neighbours that look alike: in one house answers the kernel, in the other honeystack.

Each house has a cable to a neighbour of its own, an ordinary machine where tools run, so that both are asked at once.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import attrs

from honeystack.net.namespaces import Host, Lab, assign
from tests.live.arena import capture, frames_in
from tests.live.street import (
    GATEWAY,
    PROBER_MAC,
    SIDES,
    TARGET,
    TARGET_LOCAL,
    TARGET_MAC,
    plug,
    server,
)

T = TypeVar("T")
NEIGHBOUR_LOCAL = "fe80::2"
_numbers = itertools.count()


@attrs.frozen
class Pair:
    """A house and its neighbour."""

    side: str
    house: Host
    neighbour: Host


@contextlib.contextmanager
def terrace() -> Iterator[list[Pair]]:
    """Both pairs, with the server program running in each house."""
    with Lab(f"hsw{next(_numbers)}") as lab, contextlib.ExitStack() as room:
        pairs = []
        for side in SIDES:
            pair = Pair(side, lab.add(side), lab.add(f"by-{side}"))
            lab.join(pair.house, pair.neighbour, "eth0", "eth0")
            plug(pair.house, "eth0", TARGET_MAC)
            plug(pair.neighbour, "eth0", PROBER_MAC)
            assign(pair.house, "eth0", [f"{TARGET[4]}/24", f"{TARGET[6]}/64", f"{TARGET_LOCAL}/64"])
            assign(pair.neighbour, "eth0", [f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64", f"{NEIGHBOUR_LOCAL}/64"])
            room.enter_context(server(pair.house, side))
            pairs.append(pair)
        yield pairs


def both(pairs: list[Pair], ask: Callable[[Pair], T]) -> dict[str, T]:
    """Ask in both houses at once; the answers by side."""
    with ThreadPoolExecutor(len(pairs)) as pool:
        return dict(zip((pair.side for pair in pairs), pool.map(ask, pairs), strict=True))


def heard_while(pair: Pair, folder: Path, *command: str, seconds: int = 120) -> Counter[tuple[str, ...]]:
    """Run a tool in the neighbour's house, and count what ICMPv6 came back: type, code and pointer."""
    with capture(pair.neighbour, folder / f"{pair.side}.pcap", "ether", "src", TARGET_MAC.hex(":")) as path:
        pair.neighbour.run("timeout", "-s", "INT", str(seconds), *command, timeout=seconds + 30, check=False)
    return Counter(map(tuple, frames_in(path, "icmpv6", "icmpv6.type", "icmpv6.code", "icmpv6.pointer")))
