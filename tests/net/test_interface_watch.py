"""The interface's fate, over a kernel that is made here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.net import interface_watch
from honeystack.net.interface import InterfaceFacts, InterfaceState
from honeystack.net.interface_watch import SETTLE, InterfaceChange, InterfaceWatch

FIRST, SECOND, V6 = "192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64"
FACTS = InterfaceFacts("eth0", 2, bytes(6), 1500, (FIRST, V6))


class Kernel:
    """Says what `states` has next for each piece of news, and then no more."""

    def __init__(self, *states: InterfaceState | Unavailable | None) -> None:
        self.states = list(states)
        self.forgotten = 0
        self.closed = False

    def __call__(self, *_: object) -> Kernel:
        return self

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    async def wait(self) -> None:
        if not self.states:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    def forget(self) -> None:
        self.forgotten += 1

    def state(self, index: int) -> InterfaceState | None:
        assert index == FACTS.index
        state = self.states.pop(0)
        if isinstance(state, Unavailable):
            raise state
        return state


Watched = Callable[..., list[InterfaceChange]]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """What is told of the states of an interface, after those of the start."""

    def run(*states: InterfaceState | Unavailable | None, addresses: bool = True) -> list[InterfaceChange]:
        kernel = Kernel(*states)
        monkeypatch.setattr(interface_watch, "InterfaceNews", kernel)
        monkeypatch.setattr(interface_watch, "interface_state", kernel.state)
        told: list[InterfaceChange] = []

        async def watch() -> None:
            with trio.move_on_after(SETTLE * (len(states) + 1)):
                await InterfaceWatch(FACTS, addresses).watch(told.append)

        try:
            trio.run(watch, clock=trio.testing.MockClock(autojump_threshold=0))
        finally:
            assert kernel.closed
        assert kernel.forgotten == len(states) - 1
        return told

    return run


def up(*addresses: str) -> InterfaceState:
    return InterfaceState(True, addresses)


def test_what_stays_is_not_told(watched: Watched) -> None:
    assert watched(up(FIRST, V6), up(V6, FIRST), Unavailable("busy"), up(FIRST, V6)) == []


def test_down_and_up_are_told_once_each_without_the_addresses_that_go_with_them(watched: Watched) -> None:
    down = InterfaceState(False, (FIRST,))
    assert watched(up(FIRST, V6), down, down, up(FIRST, V6)) == [InterfaceChange(up=False), InterfaceChange(up=True)]


def test_an_interface_that_is_down_at_the_start_is_told(watched: Watched) -> None:
    assert watched(InterfaceState(False, ())) == [InterfaceChange(up=False)]


def test_other_addresses_are_told_where_all_are_answered_for(watched: Watched) -> None:
    states = up(FIRST, V6), up(FIRST, SECOND, V6), up(SECOND)
    assert watched(*states) == [
        InterfaceChange(up=True, appeared=(SECOND,)),
        InterfaceChange(up=True, vanished=(FIRST, V6)),
    ]
    assert watched(*states, addresses=False) == []


def test_an_interface_that_is_gone_ends_the_watch_in_one_sentence(watched: Watched) -> None:
    with pytest.raises(Unavailable, match="the interface eth0 is gone"):
        watched(up(FIRST, V6), None)
