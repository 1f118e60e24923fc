"""Many addresses at once are in the set that each is in."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.address import AddressSet
from honeystack.net.wire.ranges import Ranges

NETWORKS = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "192.0.2.1",
    "0.0.0.0/8",
    "255.255.255.255",
    "2001:db8::/33",
    "::1",
    "ff00::/8",
]


def held(version: int, packed: list[bytes], networks: list[str] = NETWORKS) -> list[bool]:
    found = [network for network in AddressSet(networks) if network.version == version]
    if version == 4:
        return Ranges(4, found).hold(np.array([int.from_bytes(each, "big") for each in packed], np.int64)).tolist()
    return Ranges(6, found).hold(np.array(packed, "S16")).tolist()


def edges(version: int) -> list[bytes]:
    """Every network's ends, and what is beside them."""
    size, found = 4 if version == 4 else 16, []
    for network in AddressSet(NETWORKS):
        if network.version == version:
            for number in (int(network.network_address), int(network.broadcast_address)):
                near = [each % (1 << 8 * size) for each in (number - 1, number, number + 1)]
                found += [each.to_bytes(size, "big") for each in near]
    return found


@pytest.mark.parametrize("version", [4, 6])
def test_both_ends_are_in_and_what_is_beside_them_is_not(version: int) -> None:
    asked = edges(version)
    assert held(version, asked) == [each in AddressSet(NETWORKS) for each in asked]
    assert {True, False} == set(held(version, asked))


@given(st.lists(st.binary(min_size=4, max_size=4)), st.lists(st.binary(min_size=16, max_size=16)))
def test_it_agrees_with_a_set_of_addresses(four: list[bytes], six: list[bytes]) -> None:
    assert held(4, four) == [each in AddressSet(NETWORKS) for each in four]
    assert held(6, six) == [each in AddressSet(NETWORKS) for each in six]


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_is_in_an_empty_set(version: int) -> None:
    assert held(version, edges(version), []) == [False] * len(edges(version))


def test_many_prefixes_are_asked_as_one() -> None:
    many = [f"10.{n // 256}.{n % 256}.0/25" for n in range(3000)]
    inside, outside = (ipaddress.ip_address(text).packed for text in ("10.11.0.127", "10.11.0.128"))
    assert held(4, [inside, outside], many) == [True, False]
