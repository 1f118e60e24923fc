"""Our client: it takes what servers serve, asks for what it is told to, and fails as an error."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from honeystack.tls.acceptor import accept_tls
from honeystack.tls.certificates import Certificate
from honeystack.tls.client import connect_tls
from honeystack.tls.stream import TlsFailed, TlsStream
from tests.tls.peers import hello_in, profile_for


async def meet(certificate: Certificate, name: str | None, alpn: str | None) -> tuple[TlsStream, TlsStream, bytes]:
    ours, theirs = trio.testing.memory_stream_pair()
    both: list[TlsStream] = []
    hello = b""

    async def serve() -> None:
        nonlocal hello
        hello = bytes(await theirs.receive_some())
        profile = profile_for(certificate, hello, random.Random(3), ("h2", "smtp"))
        both.append(await accept_tls(theirs, certificate, first=hello, profile=profile))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        client = await connect_tls(ours, server_name=name, alpn=alpn)
    return client, both[0], hello


@pytest.mark.parametrize(
    ("name", "asked"),
    [("a.example", b"a.example"), (None, None), ("", None), ("b\\xffcher", b"b\\xffcher"), (".a", None), ("ü", None),
     ("a\0b", None), ("a" * 300, None)],
)  # fmt: skip
@pytest.mark.parametrize("alpn", [None, "smtp"])
async def test_what_is_asked_for(ecdsa: Certificate, name: str | None, asked: bytes | None, alpn: str | None) -> None:
    client, served, wire = await meet(ecdsa, name, alpn)
    hello = hello_in(wire)
    assert hello is not None
    assert hello.server_name == asked
    assert client.outcome.alpn == served.outcome.alpn == alpn
    assert client.outcome.version == served.outcome.version
    await client.send_all(b"hello")
    assert await served.receive_some() == b"hello"


async def test_a_host_that_speaks_no_tls_is_an_error() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"220 plain\r\n")
    with pytest.raises(TlsFailed, match="wrong version number"):
        await connect_tls(ours)
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    with pytest.raises(TlsFailed):
        await connect_tls(ours)


async def test_a_silent_host_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    ours, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TlsFailed, match="not finished within 3 s"):
        await connect_tls(ours, timeout=3)
