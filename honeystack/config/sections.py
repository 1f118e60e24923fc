"""The sections of a configuration that belong to no plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from honeystack.settings import not_negative, positive, setting

Strings = str | tuple[str, ...]
Level = Literal["debug", "info", "notice", "warning", "error", "critical"]


@attrs.frozen
class PortSection:
    """`[[port]]`: who serves which ports, and their certificate."""

    port: Strings = setting(
        'the ports: "tcp/80", "udp/53", "tcp/8000-8100", "tcp/203.0.113.4:81", "tcp/[2001:db8::1]:81", "tcp/any" for '
        'all that nothing else names; "tcp/0" for the certificate of all that have none of their own',
        default=(),
        example="tcp/80",
    )
    ports: Strings = setting("the same, as a list", default=(), example=["tcp/80", "tcp/8000-8100"])
    services: tuple[str, ...] = setting(
        "names of services, asked in this order whether the first bytes are theirs; none: sensor mode",
        default=(),
        example=["http01"],
    )
    tls_certificate: Literal["auto"] | Path | tuple[Path, ...] | None = setting(
        "certificate chain in PEM, with which TLS is decoded; several with keys of different kinds as a list; or "
        '"auto": one is made for each name that is asked for, by an authority of the sensor in the data directory',
        default=None,
        aliases=("certificate_file",),
        example="certs/example.crt",
    )
    tls_key: Path | tuple[Path, ...] | None = setting(
        "private key in PEM; as many as there are certificates, in the same order", default=None, aliases=("key_file",)
    )
    tls_client_certificate: Literal["none", "request"] = setting(
        "whether clients are asked for a certificate, whose is then told, known or not; few real servers ask",
        default="none",
        example="request",
    )
    tls_fingerprint: str | None = setting(
        'how TLS looks here, where it is not as `[listener]` says: "random", "rotate" or "mimic:NAME"',
        default=None,
        example="mimic:nginx",
    )


@attrs.frozen
class FilterSection:
    """`[[filter]]`: which events go to which channels. Regular expressions; OR inside a list, AND between the lists."""

    channel: Strings = setting("names of channels", aliases=("channels",), example=["console"])
    services: tuple[str, ...] = setting("expressions on the event's service", default=(), example=["http.*"])
    categories: tuple[str, ...] = setting("expressions on the event's category", default=(), example=["http", "tcp"])
    types: tuple[str, ...] = setting("expressions on the event's type", default=(), example=["request"])
    exclude_services: tuple[str, ...] = setting("no events of these services", default=())
    exclude_categories: tuple[str, ...] = setting("no events of these categories", default=())
    exclude_types: tuple[str, ...] = setting("no events of these types", default=())


@attrs.frozen
class LoggingSection:
    """`[[logging]]`: where messages about the honeypot itself go; several are allowed."""

    output: str = setting("stdout, stderr or a file; $VARIABLES are expanded", default="stderr", example="stdout")
    level: Level = setting("the least important messages that are written", default="info", example="debug")


@attrs.frozen
class CaptureSection:
    """`[capture]`: how much of a peer's bytes is kept, and how long is waited for them."""

    payload_bytes: int = setting(
        "of the first bytes of a connection, and of a datagram, that an event keeps",
        default=64 * 1024,
        unit="bytes",
        validator=not_negative,
    )
    pause: float = setting("silence that ends a capture", default=1.0, unit="seconds", validator=positive)
    idle: float = setting(
        "silence that ends a connection in sensor mode", default=60.0, unit="seconds", validator=positive
    )
    pcap: bool = setting(
        "write each conversation that a service or TLS takes as CONNECTION-ID.pcapng into `captures` of the data "
        "directory, with the secrets of TLS, so that Wireshark opens it decrypted",
        default=False,
    )
    pcap_bytes: int = setting(
        "of one conversation that are written", default=1024 * 1024, unit="bytes", validator=positive
    )
    pcap_conversations: int = setting(
        "conversations that are written down at once; beyond them a newcomer takes the place of the oldest of the "
        "network (IPv4 /24, IPv6 /48) that has most, which is written as far as it has come, or none",
        default=256,
        validator=positive,
    )
    pcap_conversations_per_source: int = setting(
        "of them with one IPv4 address or IPv6 /64; those beyond them are not", default=32, validator=positive
    )
    pcap_quota: int = setting(
        "that all files may have together; then the oldest of the network that takes most give way",
        default=1024 * 1024 * 1024,
        unit="bytes",
        validator=positive,
    )
    pcap_files: int = setting(
        "files that may be kept; then the oldest of the network that takes most give way",
        default=32_768,
        validator=positive,
    )
    first_wait: float = setting(
        "how long a peer may be silent before a service that speaks first does",
        default=1.0,
        unit="seconds",
        validator=not_negative,
    )


@attrs.frozen
class HeartbeatSection:
    """`[heartbeat]`: the regular event with the counters of the honeypot."""

    interval: float | Literal[False] = setting(
        "time between heartbeats; 0 or false: none", default=30.0, unit="seconds", validator=not_negative
    )


@attrs.frozen
class SensorSection:
    """`[sensor]`: the honeypot's name in its events."""

    name: str = setting("the value of the key `sensor` in each event", default="honeystack")


TABLES: dict[str, type] = {"capture": CaptureSection, "heartbeat": HeartbeatSection, "sensor": SensorSection}
LISTS: dict[str, type] = {"port": PortSection, "filter": FilterSection, "logging": LoggingSection}
