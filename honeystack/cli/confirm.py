"""`run --confirm`: who changed the way to a machine and can still reach it confirms; else all is undone."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable

import trio


async def wait_line(descriptor: int) -> None:
    """Return once a line has been typed. An end of input is no confirmation: then wait for ever."""
    while True:
        try:
            await trio.lowlevel.wait_readable(descriptor)
            typed = os.read(descriptor, 1024)
        except OSError:
            typed = b""  # no terminal and no pipe, so nobody can type
        if b"\n" in typed:
            return
        if not typed:
            await trio.sleep_forever()


async def wait_confirmed(seconds: float, signalled: trio.Event, *, descriptor: int = 0) -> bool:
    """Whether the operator typed a line, or SIGUSR1 came, in time."""
    print(
        f"Press Enter or send SIGUSR1 to process {os.getpid()} within {seconds:g} seconds to keep it running.\n"
        "Otherwise it stops and everything is undone.",
        file=sys.stderr,
        flush=True,
    )
    with trio.move_on_after(seconds) as timeout:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_after, signalled.wait, nursery.cancel_scope)
            nursery.start_soon(_end_after, lambda: wait_line(descriptor), nursery.cancel_scope)
    return not timeout.cancelled_caught


async def _end_after(wait: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()
