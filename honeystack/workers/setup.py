"""What a worker is told at its birth, and at a reload; as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from honeystack.config.loader import parse_config
from honeystack.config.model import Config
from honeystack.errors import ConfigError, Malformed

_Told = TypeVar("_Told")


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@attrs.frozen
class Orders:
    """A configuration, as the supervisor has read it."""

    text: str
    path: str | None
    overrides: tuple[str, ...] = attrs.field(converter=_texts)
    data: str

    @classmethod
    def of(cls, config: Config) -> Orders:
        """Raises ConfigError for a configuration that was put together by a program."""
        source = config.source
        if source is None:
            raise ConfigError("several workers need a configuration that was read from a text: see parse_config")
        path = None if source.path is None else str(source.path)
        return cls(source.text, path, source.overrides, str(config.data))

    def load(self) -> Config:
        """The same configuration. Raises ConfigErrors where files that it names have changed."""
        return parse_config(self.text, path=self.path, overrides=self.overrides, data=Path(self.data))

    def to_bytes(self) -> bytes:
        return json.dumps(attrs.asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Orders:
        """Raises Malformed."""
        return _made(cls, _object(data))


@attrs.frozen
class Setup:
    """All that a new worker needs; the descriptors are its own already."""

    number: int  # from 1
    core: int | None  # to keep to
    packets: int  # the descriptors of its tap
    syns: int
    runs: int
    secret: bytes = attrs.field(repr=False)  # of cookies and sequence numbers, the same for all workers
    listener: Orders  # the listener's settings are those of the honeypot's start: a reload leaves them
    orders: Orders  # all else
    withheld: tuple[str, ...] = attrs.field(converter=_texts, default=())  # addresses that other hosts have

    def load(self) -> Config:
        """The configuration in force. Raises ConfigErrors where files that it names have changed."""
        config = self.orders.load()
        return config if self.listener == self.orders else attrs.evolve(config, listener=self.listener.load().listener)

    def to_bytes(self) -> bytes:
        return json.dumps({**attrs.asdict(self), "secret": self.secret.hex()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Setup:
        """Raises Malformed."""
        told = _object(data)
        try:
            told["secret"] = bytes.fromhex(told["secret"])
            told |= {name: _made(Orders, told[name]) for name in ("listener", "orders")}
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed(f"this is no set-up: {error!r}") from error
        return _made(cls, told)


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed("this is no JSON") from error
    if not isinstance(told, dict):
        raise Malformed("this is no JSON object")
    return told


def _made(cls: type[_Told], told: dict[str, Any]) -> _Told:
    try:
        return cls(**told)
    except TypeError as error:
        raise Malformed(f"this is no {cls.__name__}: {error}") from error
