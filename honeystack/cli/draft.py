"""The text of a first configuration, with a comment on each line that one may want to change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import attrs

from honeystack.net.address import PROTOCOL_NUMBERS, parse_port_range

HEAD = """\
# What this honeypot answers for, how, and where its events go.
#
#   honeystack check               finds every error in this file
#   honeystack doctor              looks at this machine
#   honeystack plan                says what would happen, and changes nothing
#   honeystack run --confirm 60    tries it, and undoes everything unless you confirm

[listener]
type = "netstack"
"""
WEB = """\
# Pages on the usual ports. Every other port is answered too: what comes there is recorded.
[service.web]
type = "http"

[[port]]
ports = {ports}
services = ["web"]

"""
CERTIFICATE = """\
# TLS is decoded on every port, with certificates of an authority that is made on the first start. For one of your own:
# tls_certificate = "certs/example.crt" and tls_key = "certs/example.key".
[[port]]
port = "tcp/0"
tls_certificate = "auto"

"""
NO_CERTIFICATE = """\
# With a certificate TLS is decoded on every port; without, it is told by its hello alone.
# [[port]]
# port = "tcp/0"
# tls_certificate = "auto"

"""
CONSOLE = """\
# A line for each event on standard output.
[channel.console]
type = "console"

"""
FILE = """\
# JSON lines. The file is rotated, and the oldest are removed: `honeystack list channels` shows the settings.
[channel.file]
type = "file"
filename = {name}

"""
REST = """\
[[logging]]
output = "stderr"
level = "info"
"""
WEB_PORTS = (80, 443)


@attrs.frozen
class Draft:
    """The answers that a configuration is made of."""

    interface: str
    addresses: Sequence[str] = ()  # none: all on the interface
    exclude_ports: Sequence[str] = ()
    exclude_addresses: Sequence[str] = ()
    offered_address: str | None = None  # where the operator came from, if it is not excluded
    reasons: Mapping[str, str] = attrs.field(factory=dict)  # by excluded port: who needs it
    certificate: bool = True
    console: bool = True
    file: str | None = "events.jsonl"

    def text(self) -> str:
        """The whole file."""
        ports = self._web_ports()
        parts = [
            HEAD,
            *self._listener(),
            WEB.format(ports=_array(ports)) if ports else "",
            CERTIFICATE if self.certificate else NO_CERTIFICATE,
            CONSOLE if self.console else "",
            FILE.format(name=_quoted(self.file)) if self.file is not None else "",
            REST,
        ]
        return "".join(parts)

    def _listener(self) -> Iterator[str]:
        yield f"interface = {_quoted(self.interface)}\n"
        yield "\n# Local addresses to answer for; without this line all that the interface has.\n"
        yield f"addresses = {_array(self.addresses)}\n" if self.addresses else '# addresses = ["203.0.113.4/32"]\n'
        yield "\n# Local ports that stay the host's. Over this interface nobody reaches anything else of it.\n"
        yield from self._excluded_ports()
        yield "\n# Remote addresses that the honeypot neither answers nor tells of.\n"
        if self.exclude_addresses:
            yield f"exclude_addresses = {_array(self.exclude_addresses)}\n"
        else:
            came = f"{_array([self.offered_address])}  # you came from there" if self.offered_address else None
            yield f"# exclude_addresses = {came or _array(['198.51.100.0/24'])}\n"
        if not self.exclude_ports and not self.exclude_addresses:
            yield "\n# Nothing is excluded: nobody reaches this host over the interface while the honeypot runs.\n"
            yield "allow_no_exclude = true\n"
        yield "\n# Events on all that comes in: also ARP, ICMP, and other protocols.\nsniffer = false\n\n"

    def _excluded_ports(self) -> Iterator[str]:
        if not self.exclude_ports:
            yield '# exclude_ports = ["tcp/22"]\n'
            return
        yield "exclude_ports = [\n"
        width = max(len(_quoted(port)) for port in self.exclude_ports) + 1
        for port in self.exclude_ports:
            reason = "".join(letter for letter in self.reasons.get(port, "") if letter.isprintable())
            yield f"    {_quoted(port) + ',':<{width}}  # {reason}\n" if reason else f"    {_quoted(port)},\n"
        yield "]\n"

    def _web_ports(self) -> list[str]:
        """Those that are not left to the host."""
        left = [parse_port_range(text) for text in self.exclude_ports]
        tcp = PROTOCOL_NUMBERS["tcp"]
        return [f"tcp/{port}" for port in WEB_PORTS if not any(ports.covers(tcp, port) for ports in left)]


def _array(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are among those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
