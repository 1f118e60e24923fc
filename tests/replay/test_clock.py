"""Time that stands, and an order of tasks that is always the same."""

from __future__ import annotations

import math
import types

import pytest
import trio
import trio.lowlevel

from honeystack.errors import Unavailable
from honeystack.replay.clock import VirtualClock, fixed_order


def test_everything_that_is_due_happens_at_its_time_and_nothing_else() -> None:
    clock, happened = VirtualClock(), []

    async def sleeper(*seconds: float) -> None:
        for pause in seconds:
            await trio.sleep(pause)
            happened.append(trio.current_time())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper, 0.1, 3600.0, 5.0)
            nursery.start_soon(sleeper, 0.7)
            await clock.pass_until(3600.0)
            assert happened == [0.1, 0.7]
            await clock.pass_until(3600.1)
            assert happened == [0.1, 0.7, 3600.1]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=clock)
    assert trio.run(trio.lowlevel.checkpoint, clock=VirtualClock()) is None
    assert clock.now == 3600.1


def test_what_is_due_at_that_moment_happens_before_it_is_over() -> None:
    clock, happened = VirtualClock(), []

    async def main() -> None:
        async with trio.open_nursery() as nursery:

            async def chain() -> None:
                await trio.sleep_until(1.0)
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                happened.append(clock.now)

            nursery.start_soon(chain)
            await clock.pass_until(1.0)
            assert happened == [1.0]

    trio.run(main, clock=clock)


def test_time_does_not_go_back() -> None:
    clock = VirtualClock(now=5.0)

    async def main() -> None:
        await clock.pass_until(3.0)
        assert trio.current_time() == 5.0

    trio.run(main, clock=clock)


def test_deadlines_between_which_floats_can_hardly_tell_are_all_met() -> None:
    clock, moments = VirtualClock(), [1e6 + 0.1, math.nextafter(1e6 + 0.1, 2e6), 1e6 + 1 / 3]
    met: list[float] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for moment in moments:

                async def wait(moment: float = moment) -> None:
                    await trio.sleep_until(moment)
                    met.append(moment)

                nursery.start_soon(wait)
            await clock.pass_until(2e6)

    trio.run(main, clock=clock)
    assert met == moments


def order(tasks: int = 20) -> list[int]:
    """In which order as many tasks run that are woken together, again and again."""
    ran: list[int] = []

    async def main() -> None:
        bell = trio.Event()

        async def one(number: int) -> None:
            await bell.wait()
            ran.append(number)
            await trio.lowlevel.checkpoint()
            ran.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(tasks):
                nursery.start_soon(one, number)
            await trio.testing.wait_all_tasks_blocked()
            bell.set()

    trio.run(main)
    return ran


def test_tasks_that_can_run_run_in_the_order_in_which_they_were_made() -> None:
    with fixed_order():
        assert order() == [*range(20)] * 2


def test_afterwards_order_is_chance_again() -> None:
    with fixed_order():
        pass
    assert len({tuple(order()) for _ in range(40)}) > 1


def test_a_trio_without_that_switch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import trio._core

    monkeypatch.setattr(trio._core, "_run", types.SimpleNamespace(_r=None))
    with pytest.raises(Unavailable, match=r"cannot run tasks in a fixed order \(_ALLOW_DETERMINISTIC"), fixed_order():
        pass
