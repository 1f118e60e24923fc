"""What a worker is told comes to it unchanged, and gives it the same configuration."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.loader import parse_config
from honeystack.config.model import Config
from honeystack.errors import ConfigError, Malformed
from honeystack.listeners.socket import Socket
from honeystack.workers.setup import Orders, Setup

TEXT = '[listener]\ntype = "socket"\naddresses = ["127.0.0.1"]\nlimits.half_open = 9\n'


def read(tmp_path: Path, text: str = TEXT) -> Config:
    return parse_config(text, path=tmp_path / "config.toml", overrides=["sensor.name=pot"], data=tmp_path / "data")


def setup_of(config: Config, **changes: object) -> Setup:
    made = Setup(2, 1, 5, 6, 7, b"\0\xff", Orders.of(config), Orders.of(config))
    return attrs.evolve(made, **changes)


def test_orders_load_as_the_configuration_they_were_made_of(tmp_path: Path) -> None:
    config = read(tmp_path)
    orders = Orders.from_bytes(Orders.of(config).to_bytes())
    assert orders.load() == config


def test_a_configuration_without_a_text_cannot_be_told() -> None:
    with pytest.raises(ConfigError, match="read from a text"):
        Orders.of(Config(path=None, listener=Socket()))


def test_a_configuration_may_stand_in_no_file(tmp_path: Path) -> None:
    config = parse_config(TEXT, data=tmp_path)
    assert Orders.from_bytes(Orders.of(config).to_bytes()).load() == config


@given(st.binary(max_size=40), st.none() | st.integers(0, 500))
def test_a_setup_arrives_as_it_was(secret: bytes, core: int | None) -> None:
    orders = Orders("text", None, ("a=b",), "/data")
    made = Setup(1, core, 5, 6, 7, secret, orders, orders, ("192.0.2.7",))
    assert Setup.from_bytes(made.to_bytes()) == made


def test_the_secret_is_not_shown() -> None:
    orders = Orders("text", None, (), "/data")
    assert "fade" not in repr(Setup(1, None, 5, 6, 7, b"\xfa\xde", orders, orders)).lower()


def test_after_a_reload_the_listeners_settings_are_the_old_ones(tmp_path: Path) -> None:
    old, new = read(tmp_path), read(tmp_path, TEXT.replace("9", "10") + "[service.e]\ntype = 'echo'\n")
    config = setup_of(old, orders=Orders.of(new)).load()
    assert config.listener == old.listener
    assert list(config.services) == ["e"]
    assert setup_of(old).load() == old


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 99999,
        b'{"text": 1}',
        b'{"secret": "xx", "listener": {}, "orders": {}}',
        b'{"secret": 1}',
    ],
    ids=lambda body: str(body[:20]),
)
def test_anything_else_is_malformed(body: bytes) -> None:
    for told in (Setup, Orders):
        with pytest.raises(Malformed):
            told.from_bytes(body)


@pytest.mark.parametrize("lacking", ["secret", "listener", "core"])
def test_a_setup_that_lacks_something_is_malformed(tmp_path: Path, lacking: str) -> None:
    told = json.loads(setup_of(read(tmp_path)).to_bytes())
    del told[lacking]
    with pytest.raises(Malformed):
        Setup.from_bytes(json.dumps(told).encode())
