"""What unfinished hellos hold together is bounded, and those that began first give way."""

from __future__ import annotations

import random

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from honeystack.tls.unfinished import HeldHello, UnfinishedHellos


def test_what_is_held_is_counted_until_the_block_ends() -> None:
    hellos = UnfinishedHellos(100, reached=lambda: None)

    async def main() -> None:
        with hellos.hold() as one, hellos.hold() as other:
            one.received(b"abc")
            other.received(b"de")
            one.received(b"")
            assert (hellos.held, one.size, other.size) == (5, 3, 2)
        assert hellos.held == 0
        assert not one.given_up

    trio.run(main)


async def test_the_one_that_began_first_gives_way(autojump_clock: trio.testing.MockClock) -> None:
    reached: list[int] = []
    hellos = UnfinishedHellos(100, reached=lambda: reached.append(hellos.held))
    ended: list[int] = []

    async def hold(number: int, start: float) -> None:
        await trio.sleep(start)
        with hellos.hold() as hello, trio.CancelScope() as scope:
            hello.wait_in(scope)
            hello.received(bytes(30))
            await trio.sleep(1000)
        assert hello.given_up
        hello.received(bytes(1000))  # nothing more is held for it
        ended.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(hold, number, number + 1)
        await trio.sleep(10)
        assert (ended, reached, hellos.held) == ([0, 1], [90, 90], 90)
        nursery.cancel_scope.cancel()
    assert hellos.held == 0


def test_one_alone_may_be_too_much_before_anything_waits_for_it() -> None:
    hellos = UnfinishedHellos(10, reached=lambda: None)
    with hellos.hold() as silent, hellos.hold() as loud:
        loud.received(bytes(11))
        assert loud.given_up
        scope = trio.CancelScope()
        loud.wait_in(scope)
        assert scope.cancel_called
    assert not silent.given_up
    assert hellos.held == 0


@given(st.integers(0, 2**32), st.lists(st.integers(0, 50), max_size=60))
def test_no_course_goes_beyond_the_limit(seed: int, sizes: list[int]) -> None:
    rng = random.Random(seed)
    hellos = UnfinishedHellos(100, reached=lambda: None)

    async def main() -> None:
        held: list[HeldHello] = []
        for size in sizes:
            if not held or rng.random() < 0.5:
                held.append(hellos.hold())
            rng.choice(held).received(bytes(size))
            assert hellos.held <= 100
            assert hellos.held == sum(hello.size for hello in held if not hello.given_up)

    trio.run(main)
