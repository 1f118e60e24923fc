"""The people's format: one compact line per event for a terminal, with colour where it is wanted."""

from __future__ import annotations

from honeystack.events.encode_text import date_text, payload_text, plain
from honeystack.events.event import Event, Identity, Payload

WIDTH = 160  # characters of details; a line should stay a line on the screen

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_SEVERITY_COLOURS = {"debug": "\x1b[2m", "notice": "\x1b[33m", "warning": "\x1b[33;1m", "error": "\x1b[31;1m"}
_CATEGORY_COLOURS = {"tcp": "\x1b[36m", "udp": "\x1b[34m", "portscan": "\x1b[35m", "heartbeat": "\x1b[2m"}
_OTHER_COLOUR = "\x1b[32m"  # what a service saw

# Shown without their names, first, in this order.
_PLAIN_KEYS = ("message", "http.method", "http.url", "tls.stage", "tls.sni", "tcp.reason", "channel", "reason", "error")

# Too long for a line, and told by others: the hello by its fingerprints.
_LEFT_OUT = frozenset({*_PLAIN_KEYS, "tls.client.hello.payload", "ja3.string", "ja4.raw"})


def encode_people(event: Event, *, colour: bool) -> str:
    """One line without its newline; no control character but those of the colours."""
    time = date_text(event.date)[11:23]
    name = f"{event.category}/{event.type}"
    who = "" if event.identity is None else _flow(event.identity)
    details = _details(event)
    if colour:
        tint = _SEVERITY_COLOURS.get(event.kind.severity) or _CATEGORY_COLOURS.get(event.category, _OTHER_COLOUR)
        return f"{_DIM}{time}{_RESET} {tint}{name:<18}{_RESET} {who:<44} {details}".rstrip()
    return f"{time} {name:<18} {who:<44} {details}".rstrip()


def _flow(identity: Identity) -> str:
    source = _end(identity.source_ip, identity.source_port) or identity.source_mac or "?"
    destination = _end(identity.destination_ip, identity.destination_port) or identity.destination_mac or "?"
    return f"{source} → {destination}"


def _end(ip: str | None, port: int | None) -> str:
    if ip is None or port is None:
        return ip or ""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _details(event: Event) -> str:
    words = [str(plain(event.fields[key])) for key in _PLAIN_KEYS if event.fields.get(key) is not None]
    if event.service is not None:
        words.insert(0, f"[{plain(event.service)}]")
    front = f"{event.category}."
    words += [
        _named(key.removeprefix(front), value)
        for key, value in event.fields.items()
        if value is not None and key not in _LEFT_OUT
    ]
    line = " ".join(words)
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _named(key: str, value: object) -> str:
    if isinstance(value, Payload):
        return f"{value.length} bytes: {payload_text(value.data[:WIDTH])}"
    if isinstance(value, bytes):
        return f"{plain(key)}={value[:WIDTH].hex()}"
    if isinstance(value, str):
        return f"{plain(key)}={plain(value[:WIDTH])}"
    if isinstance(value, list | tuple):
        return f"{plain(key)}={','.join(str(plain(item)) for item in value[:WIDTH])}"
    return f"{plain(key)}={plain(value)}"
