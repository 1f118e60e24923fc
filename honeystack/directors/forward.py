"""To a real host."""

from __future__ import annotations

import socket
from typing import Any

import attrs
import trio

from honeystack.conversation import Conversation, DatagramConversation
from honeystack.registry import director
from honeystack.settings import positive, setting
from honeystack.tls.client import connect_tls
from honeystack.tls.stream import TlsFailed, TlsStream


def split_host(text: str) -> tuple[str, int | None]:
    """Parse "10.0.0.5:22", "10.0.0.5", "[2001:db8::5]:22", "2001:db8::5" or "name:22". Raises ValueError otherwise."""
    bare = text.strip()
    if bare.startswith("["):
        host, bracket, rest = bare[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no host: write [2001:db8::5]:22")
        port = rest[1:]
    elif bare.count(":") == 1:
        host, _, port = bare.partition(":")
        if not port:
            raise ValueError(f"{text!r} ends where its port should be")
    else:
        host, port = bare, ""
    if not host or any(char.isspace() or char == "/" for char in host):
        raise ValueError(f"{text!r} is no host: write 10.0.0.5, 10.0.0.5:22 or [2001:db8::5]:22")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is no port: write 1 to 65535")
    return host, int(port) if port else None


def _checked(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    split_host(value)


@director("forward")
@attrs.frozen
class Forward:
    """Leads peers to a real host, for high interaction.

    The honeypot's own kernel makes the connection. Where the host is reached over the interface that the listener has,
    put its address into `exclude_addresses`, so that its answers are left to the kernel.
    """

    host: str = setting(
        "where to: an address or a name, with a port or without for the port that the peer asked for",
        example="10.0.0.5:22",
        validator=_checked,
    )
    timeout: float = setting(
        "how long a connection may take to be made", default=10.0, unit="seconds", validator=positive
    )

    tls: bool = setting(
        "where TLS of the peer was taken off, speak TLS to the host too, asking for the same name and protocol",
        default=False,
    )

    async def open_stream(self, peer: Conversation) -> trio.abc.HalfCloseableStream:
        """Connect for a peer. Raises OSError where the host refuses or does not answer."""
        host, port = self._target(peer.flow.local.port)
        with trio.move_on_after(self.timeout):
            stream = await trio.open_tcp_stream(host, port)
            return await self.secure(stream, peer) if self.tls and isinstance(peer.stream, TlsStream) else stream
        raise TimeoutError(f"{host} port {port} did not answer in {self.timeout:g} s")

    async def secure(self, stream: trio.abc.HalfCloseableStream, peer: Conversation) -> TlsStream:
        """Begin TLS with the host, as the peer has begun it with us. Raises OSError where that fails."""
        name = peer.facts.get("tls.sni")
        alpn = peer.stream.outcome.alpn if isinstance(peer.stream, TlsStream) else None
        try:
            return await connect_tls(
                stream, server_name=name if isinstance(name, str) else None, alpn=alpn, timeout=self.timeout
            )
        except TlsFailed as failed:
            await trio.aclose_forcefully(stream)
            raise ConnectionError(f"TLS with the host failed: {failed}") from failed

    async def open_datagrams(self, peer: DatagramConversation) -> trio.socket.SocketType:
        """A UDP socket that is connected to the host. Raises OSError where there is no way to it."""
        host, port = self._target(peer.flow.local.port)
        with trio.move_on_after(self.timeout):
            found: list[Any] = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            sock = trio.socket.socket(family, kind, protocol)
            try:
                await sock.connect(address)
            except BaseException:
                sock.close()
                raise
            return sock
        raise TimeoutError(f"the name {host} was not resolved in {self.timeout:g} s")

    def _target(self, same: int) -> tuple[str, int]:
        host, port = split_host(self.host)
        return host, same if port is None else port
