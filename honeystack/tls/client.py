"""TLS as a client, towards hosts that we lead peers to: whatever they serve is taken, nothing is verified."""

from __future__ import annotations

import functools
import ssl

import trio

from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import NEWEST, OLDEST
from honeystack.tls.stream import HANDSHAKE_SECONDS, TlsFailed, TlsOutcome, TlsStream


async def connect_tls(
    stream: trio.abc.HalfCloseableStream,
    *,
    server_name: str | None = None,
    alpn: str | None = None,
    timeout: float = HANDSHAKE_SECONDS,
) -> TlsStream:
    """Do the client's side of a handshake, asking for a name and a protocol.

    Raises TlsFailed; the stream below stays open.
    """
    machine = TlsMachine(lambda _: _context(alpn), server_side=False, server_name=_askable(server_name))
    tls = TlsStream(stream, machine)
    error = machine.error
    try:
        with trio.fail_after(timeout):
            await tls.finish_handshake()
    except trio.TooSlowError:
        error = f"not finished within {timeout:g} s"
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        error = "the connection broke"
    if machine.state is not TlsState.ESTABLISHED:
        raise TlsFailed(TlsOutcome("client", error=machine.error or error, alert=machine.alert))
    tls.outcome = TlsOutcome("client", machine.version, machine.cipher, machine.alpn)
    return tls


@functools.lru_cache(16)
def _context(alpn: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    openssl = OpenSsl.find()
    if openssl is not None:
        openssl.set_versions(context, OLDEST, NEWEST)
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


def _askable(name: str | None) -> str | None:
    """A name that ssl takes; a peer may have sent anything."""
    return name if name and name.isascii() and name.isprintable() and name[0] != "." and len(name) < 254 else None
