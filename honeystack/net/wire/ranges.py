"""Sets of addresses asked with many at once; a question costs the same however many prefixes there are. Needs numpy."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from honeystack.net.address import IPNetwork

Addresses: TypeAlias = "NDArray[np.int64] | NDArray[np.bytes_]"  # numbers for IPv4, 16 bytes each for IPv6

KINDS: Final = {4: "i8", 6: "S16"}  # both sort as the addresses do


class Ranges:
    """The networks of one version of IP."""

    __slots__ = ("_first", "_last")

    def __init__(self, version: int, networks: Iterable[IPNetwork]) -> None:
        found = sorted(_merged(network for network in networks if network.version == version))
        if version == 4:
            self._first, self._last = (np.array([each[end] for each in found], KINDS[4]) for end in (0, 1))
        else:
            packed = [[each[end].to_bytes(16, "big") for each in found] for end in (0, 1)]
            self._first, self._last = (np.array(each, KINDS[6]) for each in packed)

    def hold(self, addresses: Addresses) -> NDArray[np.bool_]:
        """Which of the addresses are in the set."""
        if not len(self._first):
            return np.zeros(len(addresses), np.bool_)
        place = np.searchsorted(self._first, addresses, side="right") - 1  # -1: below them all
        held: NDArray[np.bool_] = (place >= 0) & (addresses <= self._last[place])
        return held


def _merged(networks: Iterable[IPNetwork]) -> Iterable[tuple[int, int]]:
    """First and last address of each, without overlap."""
    for network in ipaddress.collapse_addresses(networks):  # type: ignore[type-var]  # all of one version
        yield int(network.network_address), int(network.broadcast_address)
