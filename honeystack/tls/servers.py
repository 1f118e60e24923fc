"""The real servers that TLS can look like: one TOML file each in the folder `servers`, read when first asked for."""

from __future__ import annotations

import functools
import ssl
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from honeystack.tls.forgery import read_forgeries
from honeystack.tls.mimicry import Server
from honeystack.tls.profiles import Algorithm

_VERSIONS = {"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304}
_AUTHENTICATIONS: dict[str, Algorithm] = {"auth-rsa": "RSA", "auth-ecdsa": "ECDSA"}


@functools.cache
def shipped_servers() -> Mapping[str, Server]:
    """Every server that we have measured, by name."""
    folder = files("honeystack.tls").joinpath("servers")
    texts = {
        file.name.removesuffix(".toml"): file.read_text() for file in folder.iterdir() if file.name[-5:] == ".toml"
    }
    return {name: read_server(name, texts[name]) for name in sorted(texts)}


def read_server(name: str, text: str) -> Server:
    """A server from its table. Raises ValueError or TypeError where the table is no server's."""
    table: dict[str, Any] = tomllib.loads(text)
    for key in {"minimum", "maximum"} & table.keys():
        table[key] = _VERSIONS[table[key]]
    table["alpn"] = tuple(table.get("alpn", ()))
    if "forged" in table:
        table["forged"] = read_forgeries(**table["forged"])
    enabled = _enabled(table["ciphers"])
    usable = [suite for suite in enabled if table.get("dhe") or suite["kea"] != "kx-dhe"]
    suites = {
        algorithm: frozenset(suite["id"] & 0xFFFF for suite in usable if suite["auth"] == authentication)
        for authentication, algorithm in _AUTHENTICATIONS.items()
    }
    return Server(name=name, suites=suites, order=tuple(suite["name"] for suite in enabled), **table)


def _enabled(ciphers: str) -> list[dict[str, Any]]:
    """What a cipher list enables, without the suites of TLS 1.3, which it does not govern."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    return [dict(suite) for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
