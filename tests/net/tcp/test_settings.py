"""What all connections share."""

from __future__ import annotations

import attrs
import pytest

from honeystack.net.limits import Limits
from honeystack.net.persona import Persona
from honeystack.net.tcp.settings import TcpSettings


def test_nothing_is_probed_and_nothing_cut_unless_told() -> None:
    settings = TcpSettings(Limits(), Persona(), bytes(32))
    assert (settings.mtu, settings.limits.keep_alive, settings.cuts_runs) == (1500, False, False)


def test_settings_stay_as_they_are() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TcpSettings(Limits(), Persona(), b"").mtu = 9000  # type: ignore[misc]
