from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from honeystack.config.model import Config, PortEntry
from honeystack.config.ports import parse_port

CERTIFICATE: Any = SimpleNamespace(name="stands for a certificate")


def entry(*specs: str, certificate: Any = None) -> PortEntry:
    return PortEntry(tuple(parse_port(spec) for spec in specs), certificate=certificate)


def config(*entries: PortEntry) -> Config:
    return Config(path=None, listener=None, ports=entries)


def test_the_fallback_certificate_is_that_of_port_zero() -> None:
    assert config().fallback_certificate is None
    assert config(entry("tcp/80", certificate=object())).fallback_certificate is None
    assert config(entry("tcp/80"), entry("tcp/0", certificate=CERTIFICATE)).fallback_certificate is CERTIFICATE


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config().heartbeat = 1.0  # type: ignore[misc]
