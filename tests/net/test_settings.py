"""What a stack is told, and what it takes for granted."""

from __future__ import annotations

import attrs
import pytest

from honeystack.net.address import AddressSet
from honeystack.net.settings import StackSettings


def test_mac_and_addresses_are_enough() -> None:
    settings = StackSettings(bytes(6), AddressSet(["10.0.0.0/8"]))
    assert (settings.mtu, settings.cuts_runs, settings.sniffer) == (1500, False, False)
    assert not settings.exclusions.addresses


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(StackSettings(bytes(6), AddressSet([]), secret=b"hush"))


def test_settings_stay_as_they_are() -> None:
    settings = StackSettings(bytes(6), AddressSet([]))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.mtu = 9000  # type: ignore[misc]
