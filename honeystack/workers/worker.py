"""A worker: a process with a stack, conversations and services, and no channel but the line to its supervisor.

It is started by honeystack.workers.launch, with the descriptor of its line as its only argument, and ends when the
supervisor says so or is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from functools import partial

import attrs
import structlog
import trio

from honeystack.config.model import Config
from honeystack.errors import HoneystackError, Malformed
from honeystack.honeypot import Honeypot
from honeystack.net.ring import Tap
from honeystack.process import log_as, raise_descriptor_limit, rare_collections
from honeystack.workers.line import Line
from honeystack.workers.messages import Kind
from honeystack.workers.relay import Relay
from honeystack.workers.setup import Orders, Setup
from honeystack.workers.tally import RELAY

REPORT_EVERY = 1.0  # seconds: so old may be what the supervisor's heartbeat tells
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)  # they are the supervisor's to obey
PR_SET_PDEATHSIG = 1  # linux/prctl.h

log = structlog.get_logger()


def main(descriptor: int) -> int:
    """Work until the end; the exit status."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # that it is gone already would show on the line
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    raise_descriptor_limit()
    own = socket.socket(fileno=descriptor)
    own.setblocking(False)
    own.set_inheritable(False)
    with rare_collections():
        return trio.run(_work_on, own, clock=MachineClock())


async def _work_on(own: socket.socket) -> int:
    return await work(Line(trio.SocketStream(trio.socket.from_stdlib_socket(own))))


class MachineClock(trio.abc.Clock):
    """The machine's own clock: a cookie or a timestamp of one worker means the same to another, and to the next."""

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return time.monotonic()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - time.monotonic()


async def work(line: Line) -> int:
    """Be a worker at the end of a line; the exit status."""
    try:
        setup = await _first(line)
        if setup is not None:
            await _serve(setup, line)
    except BaseExceptionGroup as group:
        told, rest = group.split((HoneystackError, trio.BrokenResourceError))
        if rest is not None:
            raise
        return await _fail(line, told)
    except HoneystackError as error:
        return await _fail(line, error)
    return 0


async def _first(line: Line) -> Setup | None:
    """The set-up; None where the supervisor is gone again."""
    async for kind, body in line:
        if kind is not Kind.SETUP:
            raise Malformed(f"the first message is {kind.name}")
        return Setup.from_bytes(body)
    return None


async def _serve(setup: Setup, line: Line) -> None:
    structlog.contextvars.bind_contextvars(worker=setup.number)
    if setup.core is not None:
        os.sched_setaffinity(0, {setup.core})
    with contextlib.closing(_tap(setup)) as tap:
        config = setup.load()
        log_as(config)
        relay = Relay(line)
        listen = partial(config.listener.run_worker, tap=tap, secret=setup.secret, withheld=setup.withheld)
        honeypot = Honeypot(as_worker(config, relay), listen=listen)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey, line, honeypot, relay, nursery.cancel_scope)
            await nursery.start(honeypot.run)
            await line.send(Kind.READY)
            nursery.start_soon(_report, line, honeypot)


def as_worker(config: Config, relay: Relay) -> Config:
    """The configuration as a worker runs it: channels, filters and the heartbeat are the supervisor's."""
    return attrs.evolve(config, channels={RELAY: relay}, filters=(), heartbeat=0.0)


async def _obey(line: Line, honeypot: Honeypot, relay: Relay, scope: trio.CancelScope) -> None:
    async for kind, body in line:
        if kind is Kind.STOP:
            break
        if kind is not Kind.RELOAD:
            raise Malformed(f"{kind.name} is for a worker to say")
        _reload(Orders.from_bytes(body), honeypot, relay)
    scope.cancel()


def _reload(orders: Orders, honeypot: Honeypot, relay: Relay) -> None:
    try:
        config = orders.load()
        log_as(config)
        honeypot.reload(as_worker(config, relay))
    except HoneystackError as error:
        log.error("not reloaded: the configuration cannot be used, so the old one stays", error=str(error))


async def _report(line: Line, honeypot: Honeypot) -> None:
    """Tell the counters, when they have changed, until cancelled."""
    told: dict[str, object] = {}
    while True:
        counters = honeypot.counters()
        if counters != told:
            told = counters
            with trio.CancelScope(shield=True):  # half a message would spoil the last events
                await line.send(Kind.COUNTERS, json.dumps(counters).encode())
        await trio.sleep(REPORT_EVERY)


def _tap(setup: Setup) -> Tap:
    tap = Tap._make(socket.socket(fileno=descriptor) for descriptor in (setup.packets, setup.syns, setup.runs))
    for one in tap:
        one.set_inheritable(False)
        one.setblocking(False)
    return tap


async def _fail(line: Line, error: BaseException | None) -> int:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    with trio.move_on_after(1):
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # nobody is left to tell
            await line.send(Kind.FAILED, str(error).encode(errors="replace"))
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
