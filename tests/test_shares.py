"""Shares: the heaviest gives, its oldest first, whatever came and went before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.shares import Shares, network_of


def test_nothing_has_no_heaviest() -> None:
    shares = Shares[int]()
    assert shares.heaviest() is None
    assert (shares.total, len(shares), shares.weight_of("a")) == (0, 0, 0)
    with pytest.raises(KeyError):
        shares.oldest_of("a")


def test_who_takes_most_gives_its_oldest() -> None:
    shares = Shares[int]()
    for item, owner in enumerate("abbbcb"):
        shares.add(owner, item, 1)
    given_way = []
    while (owner := shares.heaviest()) is not None:
        given_way.append(shares.oldest_of(owner))
        shares.remove(given_way[-1])
    assert given_way[:3] == [1, 2, 3]
    assert sorted(given_way) == list(range(6))
    assert shares.total == 0


def test_what_comes_again_is_another() -> None:
    shares = Shares[str]()
    shares.add("a", "x", 5)
    shares.add("b", "y", 4)
    shares.add("b", "x", 1)
    assert (shares.owner_of("x"), shares.heaviest(), shares.weight_of("b")) == ("b", "b", 5)
    assert shares.oldest_of("b") == "y"
    assert "x" in shares
    shares.remove("x")
    shares.remove("x")
    assert shares.owner_of("x") is None
    assert "x" not in shares


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcd"), st.integers(0, 9)), max_size=400))
def test_the_sums_add_up(steps: list[tuple[int, str, int]]) -> None:
    shares, known = Shares[int](), dict[int, tuple[str, int]]()
    for item, owner, weight in steps:
        known.pop(item, None)
        if weight:
            known[item] = (owner, weight)
            shares.add(owner, item, weight)
        else:
            shares.remove(item)
        sums = {owner: sum(size for whose, size in known.values() if whose == owner) for owner in "abcd"}
        assert {owner: shares.weight_of(owner) for owner in "abcd"} == sums
        assert shares.total == sum(sums.values())
        assert len(shares) == len(known)
        heaviest = shares.heaviest()
        if heaviest is None:
            assert not known
        else:
            assert sums[heaviest] == max(sums.values())
            assert shares.oldest_of(heaviest) == next(key for key, (whose, _) in known.items() if whose == heaviest)
        assert len(shares._heap) <= 2 * 4 + 64 + 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::7%eth0", "fe80::/48"),
    ],
)
def test_a_network_is_24_bits_of_ipv4_or_48_of_ipv6(address: str, network: str) -> None:
    assert network_of(address) == network
