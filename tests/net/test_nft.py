"""An nft of our own: what it is told, how its end is seen, and that it is let go in every case."""

from __future__ import annotations

import os

import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.net.nft import POLL, hold
from tests.net.machine import Machine

COMMANDS = ["add table one", "add rule last"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


async def test_the_commands_are_told_one_in_each_line(machine: Machine) -> None:
    holder = await hold("one", COMMANDS)
    assert machine.written == b"add table one\nadd rule last\n"
    assert holder.complaint() == ""
    assert not machine.closed
    holder.release()
    holder.release()
    assert machine.closed


async def test_a_refusal_is_told_and_nothing_remains(machine: Machine) -> None:
    machine.nft = "no such chain"
    with pytest.raises(Unavailable, match=r"nft refuses to put up the fence: Error: no such chain$"):
        await hold("one", COMMANDS)
    assert machine.closed


async def test_who_is_cancelled_leaves_no_nft(machine: Machine, autojump_clock: trio.testing.MockClock) -> None:
    machine.nft = "hangs"
    with trio.move_on_after(1) as scope:
        await hold("one", COMMANDS)
    assert scope.cancelled_caught
    assert machine.closed


async def test_its_end_is_seen_by_asking(machine: Machine, autojump_clock: trio.testing.MockClock) -> None:
    holder = await hold("one", COMMANDS)
    with trio.move_on_after(10) as scope:
        await holder.wait_ended()
    assert scope.cancelled_caught
    machine.processes[0].status = -15
    began = trio.current_time()
    assert await holder.wait_ended() == -15
    assert trio.current_time() - began <= POLL
    holder.release()


async def test_its_end_is_seen_by_a_descriptor(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(os, "pidfd_open", lambda pid: reading)
    holder = await hold("one", COMMANDS)
    machine.processes[0].status = 2
    os.write(writing, b"x")
    assert await holder.wait_ended() == 2
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)
    holder.release()
