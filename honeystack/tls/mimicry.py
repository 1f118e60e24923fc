"""Looking like one real server: its configuration for each hello, and which server to be for whom.

To the probes of a JARM scan the answer is exactly the server's. Other clients get it too, unless the server would turn
them away: a honeypot serves whoever comes, so versions and suites are then opened. Of the application protocols only
those that the service speaks are agreed on with a client that is no probe; a probe never gets to speak them.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from ipaddress import ip_network
from typing import Literal

import attrs

from honeystack.errors import ConfigError
from honeystack.tls.forgery import Forgeries
from honeystack.tls.hello import ClientHello
from honeystack.tls.profiles import (
    GROUPS,
    NEWEST,
    OLDEST,
    REST,
    REST13,
    TLS12,
    TLS13,
    Algorithm,
    Profile,
    SigningKey,
    offered_versions,
    sni_is_plain,
)

DAY = 86_400  # seconds for which a network sees the same server
_NETWORKS = {4: 24, 6: 64}  # what one client, or one scanner, is taken to hold
_SUITES13 = {  # RFC 8446 appendix B.4
    "TLS_AES_128_GCM_SHA256": 0x1301,
    "TLS_AES_256_GCM_SHA384": 0x1302,
    "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
}
_OLD_VERSIONS = "@SECLEVEL=0"  # above it OpenSSL refuses the hashes that TLS 1.0 and 1.1 sign with
_MODES = ("random", "rotate")
_MIMIC = "mimic:"


@attrs.frozen
class Server:
    """One real server's TLS, as measured. `suites` are those it can agree on before TLS 1.3, by the key they need."""

    name: str
    about: str
    jarm: str  # of the server with an RSA certificate, and of us
    ciphers: str
    suites13: str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
    minimum: int = TLS12
    maximum: int = TLS13
    server_order: bool = False
    tickets: bool = True
    answers_sni: bool = False
    dhe: bool = False
    alpn: tuple[str, ...] = ()
    alpn_order: Literal["server", "client"] = "server"
    alpn_fallback: str | None = None  # answered where nothing is in common
    alpn_required: bool = False  # nothing in common ends the handshake
    rotated: bool = True  # among those that `rotate` chooses from
    forged: Forgeries | None = None  # answers to JARM's probes that no configuration gives
    suites: Mapping[Algorithm, frozenset[int]] = attrs.field(factory=dict, repr=False)
    order: tuple[str, ...] = attrs.field(default=(), repr=False)  # the suites that `ciphers` enables, by name


@attrs.frozen
class Appearance:
    """How TLS is to look: "random", "rotate" or one server always."""

    mode: Literal["random", "rotate", "mimic"] = "random"
    server: Server | None = None

    def __str__(self) -> str:
        return self.mode if self.server is None else f"{_MIMIC}{self.server.name}"


RANDOM = Appearance()


def parse_appearance(text: str, servers: Mapping[str, Server]) -> Appearance:
    """What a setting `tls_fingerprint` means. Raises ConfigError."""
    if text == "random":
        return RANDOM
    if text == "rotate":
        return Appearance("rotate")
    if text.startswith(_MIMIC) and text.removeprefix(_MIMIC) in servers:
        return Appearance("mimic", servers[text.removeprefix(_MIMIC)])
    raise ConfigError(f"{text!r} is no way for TLS to look")


def appearances(servers: Mapping[str, Server]) -> list[str]:
    """Everything that `parse_appearance` takes."""
    return [*_MODES, *(f"{_MIMIC}{name}" for name in servers)]


def rotated_server(
    servers: Sequence[Server], *, secret: bytes, remote: str, port: int, now: float, transport: str = "tcp"
) -> Server:
    """The server that a client's network sees on a port for a day: one for all of it, which no one can foretell.

    The day of each network begins at a time of its own, so that networks that look together see no common midnight.
    `now` is in seconds since 1970.
    """
    among = [server for server in servers if server.rotated]
    address = remote.partition("%")[0]
    network = ip_network((address, _NETWORKS[6 if ":" in address else 4]), strict=False)
    place = f"{network}|{transport}/{port}"
    day = int((now + _number(secret, f"{place}|begins") % DAY) // DAY)
    return among[_number(secret, f"{place}|{day}") % len(among)]


def _number(secret: bytes, purpose: str) -> int:
    return int.from_bytes(hmac.digest(secret, purpose.encode(), sha256)[:8], "big")


def mimic(
    server: Server,
    hello: ClientHello | None,
    keys: Sequence[SigningKey],
    *,
    alpn: Sequence[str] = (),
    probe: bool = False,
) -> Profile:
    """The configuration with which a server answers a hello. `alpn` is what the service speaks."""
    strict = probe or hello is None or _would_serve(server, hello, keys)
    offered = () if hello is None else tuple(name.decode("latin-1") for name in hello.alpn)
    known = server.alpn if probe else _spoken(server, alpn)
    if server.alpn_order == "client":
        known = (*(name for name in dict.fromkeys(offered) if name in known),)
    nothing_common = probe and bool(offered) and not set(offered) & set(known)
    return Profile(
        name=server.name,
        ciphers=server.ciphers if strict else ":".join((*server.order, REST)),
        suites13=server.suites13 if strict else ":".join((server.suites13, *REST13)),
        minimum=server.minimum if strict else OLDEST,
        maximum=server.maximum if strict else NEWEST,
        server_order=server.server_order,
        tickets=server.tickets,
        answers_sni=server.answers_sni and sni_is_plain(hello),
        alpn=known,
        alpn_imposed=server.alpn_fallback if nothing_common else None,
        alpn_refused=server.alpn_required and nothing_common,
        dhe=server.dhe or not strict,
    )


def _spoken(server: Server, alpn: Sequence[str]) -> tuple[str, ...]:
    return (*(name for name in server.alpn if name in alpn), *(name for name in alpn if name not in server.alpn))


def _would_serve(server: Server, hello: ClientHello, keys: Sequence[SigningKey]) -> bool:
    """Whether the real server would come to an end with this hello."""
    versions = [version for version in offered_versions(hello) if server.minimum <= version <= server.maximum]
    if not versions or (versions[-1] < TLS12 and not server.ciphers.endswith(_OLD_VERSIONS)):
        return False
    curves = not hello.groups or not GROUPS.isdisjoint(hello.groups)
    if versions[-1] == TLS13:
        return curves and any(_SUITES13[name] in hello.cipher_suites for name in server.suites13.split(":"))
    return any(
        not server.suites.get(key.algorithm, frozenset()).isdisjoint(hello.cipher_suites)
        and curves
        and (key.group is None or not hello.groups or key.group in hello.groups)
        for key in keys
    )
