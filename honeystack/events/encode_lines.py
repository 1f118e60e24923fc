"""The `honeytrap` format as finished lines: what `json_line(encode_honeytrap(…))` gives, at a third of its cost.

A busy sensor makes three events of each connection, so a line is put together from pieces that are encoded once: those
of a kind, of a conversation's identity, of a key. What is rare goes the long way: other types than text, numbers,
bytes, lists of texts and payloads, and keys that might meet.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from math import isfinite, modf
from typing import TypeVar

from honeystack.events.encode_honeytrap import COMMON_KEYS, IDENTITY_KEYS, encode_honeytrap
from honeystack.events.encode_text import date_text, json_line, payload_text, printable
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.sensor import Sensor

K = TypeVar("K")

_KEYS_OF_PAYLOADS = frozenset({"payload-hex", "payload-length", "payload-truncated"})  # as the encoder makes them

REMEMBERED = 4096  # pieces of one sort that are kept; all are forgotten when there are more


class HoneytrapLines:
    """Encodes the events of one sensor: call it with an event for its line."""

    __slots__ = ("_dates", "_heads", "_identities", "_keys", "_second", "_sensor")

    def __init__(self, sensor: Sensor) -> None:
        self._sensor = sensor
        self._second = -1
        self._dates = ""  # the text of that second, up to the fraction
        self._heads: dict[tuple[str, str, str | None], str] = {}
        self._identities: dict[Identity, str] = {}
        self._keys: dict[str, str] = {}

    def __call__(self, event: Event) -> bytes:
        kind, identity = event.kind, event.identity
        head = self._heads.get((kind.category, kind.type, event.service)) or self._head(event)
        whose = "" if identity is None else self._identities.get(identity) or self._identity(identity)
        parts = [f'{{"id":{encode_basestring(event.id)},"date":"{self._date(event.date)}{head}{whose}']
        for key, value in event.fields.items():
            name = self._keys.get(key)
            if name is None:
                if key in _KEYS_OF_PAYLOADS or not key.isprintable():
                    break  # two keys may meet
                name = self._key(key)
            if value is None or not name:
                continue
            if type(value) is str:
                parts.append(f"{name}{_text(value)}")
            elif type(value) is int:
                parts.append(f"{name}{value}")
            elif type(value) is bool:
                parts.append(f"{name}true" if value else f"{name}false")
            elif type(value) is float and isfinite(value):
                parts.append(f"{name}{value!r}")
            elif type(value) is Payload and key == "payload":
                parts.append(_payload(value))
            elif type(value) is bytes:
                parts.append(f'{name}"{value.hex()}"')
            elif type(value) is list and all(type(item) is str for item in value):
                parts.append(f"{name}[{','.join(map(_text, value))}]")
            else:
                break
        else:
            parts.append("}\n")
            return "".join(parts).encode()
        return json_line(encode_honeytrap(event, self._sensor))

    def _date(self, date: float) -> str:
        """As `date_text`, which rounds to microseconds, to the even one in the middle."""
        fraction, second = modf(date)
        micros = round(fraction * 1e6)
        if micros >= 1_000_000 or date < 0:
            return date_text(date)
        if second != self._second:
            self._second, self._dates = int(second), date_text(second)[:-7]
        return f"{self._dates}{micros:06d}Z"

    def _head(self, event: Event) -> str:
        kind, sensor = event.kind, self._sensor
        head = (
            f'","sensor":{encode_basestring(sensor.name)},"token":{encode_basestring(sensor.token)}'
            f',"category":{encode_basestring(kind.category)},"type":{encode_basestring(kind.type)}'
        )
        if event.service is not None:
            head += f',"service":{_text(event.service)}'
        return _keep(self._heads, (kind.category, kind.type, event.service), head)

    def _identity(self, identity: Identity) -> str:
        pairs = zip(IDENTITY_KEYS, identity, strict=True)
        text = "".join(
            f',"{key}":{value if isinstance(value, int) else encode_basestring(value)}'
            for key, value in pairs
            if value is not None
        )
        return _keep(self._identities, identity, text)

    def _key(self, key: str) -> str:
        """The key as it begins a member, or nothing for what is left out."""
        return _keep(self._keys, key, "" if key in COMMON_KEYS else f",{_text(key)}:")


def _text(text: str) -> str:
    return encode_basestring(text if text.isprintable() else printable(text))


def _payload(payload: Payload) -> str:
    """`payload_text` makes all of it printable."""
    data, cut = payload.data, ',"payload-truncated":true' if payload.truncated else ""
    text = encode_basestring(payload_text(data))
    return f',"payload":{text},"payload-hex":"{data.hex()}","payload-length":{payload.length}{cut}'


def _keep(pieces: dict[K, str], key: K, piece: str) -> str:
    if len(pieces) >= REMEMBERED:
        pieces.clear()
    pieces[key] = piece
    return piece
