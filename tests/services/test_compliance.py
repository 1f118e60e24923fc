"""What holds of every registered service, whoever wrote it."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack import registry
from honeystack.conversation import Recognition
from honeystack.settings import settings_of
from honeystack.testing.conversations import Meeting

NAMES = registry.names("services")
OPENINGS = [
    b"",
    b"\x00",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x00\x05",
    b"USER root\r\n",
    bytes(range(256)),
]


class Nowhere:
    """A director whose host answers nothing and ends when it is told the end."""

    async def open_stream(self, peer: object) -> trio.StapledStream[Any, Any]:
        ours, theirs = trio.testing.memory_stream_pair()
        self.kept = theirs
        return ours

    async def open_datagrams(self, peer: object) -> trio.socket.SocketType:
        raise OSError("nowhere")


def make(name: str) -> Any:
    plugin = registry.load("services", name)
    directed = {"director": Nowhere()} if "director" in settings_of(plugin) else {}
    return plugin(**directed)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_frozen_class_with_a_manual(name: str) -> None:
    plugin = registry.load("services", name)
    assert registry.plugin_name(plugin) == name
    assert inspect.getdoc(plugin)
    assert not inspect.getdoc(plugin).startswith("Method generated")  # type: ignore[union-attr]
    for setting_name, (field, about) in settings_of(plugin).items():
        assert about.text, f"{setting_name} has no text"
        assert field.default is not attrs.NOTHING or about.example is not None, f"{setting_name} needs an example"
    for constant in ("speaks_first", "speaks_tls"):
        assert isinstance(getattr(plugin, constant), bool)
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
        make(name).anything = 1


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(first=st.one_of(st.binary(max_size=200), st.sampled_from(OPENINGS)), eof=st.booleans())
def test_it_recognises_or_not_whatever_comes(name: str, first: bytes, eof: bool) -> None:
    answer = make(name).recognise(first, eof=eof)
    assert isinstance(answer, Recognition)
    assert not (eof and answer is Recognition.MORE), "no more will come"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("opening", OPENINGS)
async def test_it_ends_when_the_peer_ends(name: str, opening: bytes, autojump_clock: trio.testing.MockClock) -> None:
    with trio.fail_after(3600):
        await Meeting().serve(make(name), opening)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("opening", OPENINGS)
async def test_no_peer_keeps_it_for_ever(name: str, opening: bytes, autojump_clock: trio.testing.MockClock) -> None:
    with trio.fail_after(3600):
        await Meeting().serve(make(name), opening, ends=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("opening", OPENINGS)
async def test_it_can_be_cancelled_at_any_moment(
    name: str, opening: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    for moments in range(8):
        client, peer = Meeting().conversation()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(make(name).handle, peer)
                await client.send_all(opening)
                for _ in range(moments):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        await trio.aclose_forcefully(peer)


@pytest.mark.parametrize("name", NAMES)
async def test_a_peer_that_vanishes_is_no_fault(name: str, autojump_clock: trio.testing.MockClock) -> None:
    client, peer = Meeting().conversation()
    await client.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.aclose()
    try:
        await make(name).handle(peer)
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the peer's doing, and known as such to the router


@pytest.mark.parametrize("name", NAMES)
async def test_every_event_has_the_identity_and_the_service(name: str, autojump_clock: trio.testing.MockClock) -> None:
    meeting = Meeting()
    await meeting.serve(make(name), b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", name="mine")
    for event in meeting.events:
        assert event.identity is not None
        assert event.identity.source_port == 40_000
        if event.category != "tcp":
            assert event.service == "mine"
        assert all(event.kind.admits(key) for key in event.fields), f"{event.kind} does not declare all its keys"


@pytest.mark.parametrize(
    "name", [name for name in NAMES if hasattr(registry.load("services", name), "handle_datagrams")]
)
async def test_datagrams_end_too(name: str) -> None:
    meeting = Meeting()
    await make(name).handle_datagrams(meeting.datagrams([b"", b"x", bytes(range(256))]))
    assert all(event.identity is not None and event.identity.protocol == "udp" for event in meeting.events)
