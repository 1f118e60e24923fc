"""The user calls and questions of a segment script; each returns a complaint, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from honeystack.net.stack import Stack
from honeystack.net.tcp.connection import Connection
from honeystack.testing.script_peer import LOCAL_PORT, Flow, pattern


class Stage(Protocol):
    """What the calls want of a running script."""

    stack: Stack
    flow: Flow
    now: float
    told: list[str]

    @property
    def connection(self) -> Connection: ...
    def turn_to(self, port: int) -> None: ...


def call(stage: Stage, name: str, arguments: tuple[str, ...]) -> str | None:
    """Make one call; what is wrong with its outcome, if anything."""
    return _CALLS[name](stage, *arguments)


def _listen(stage: Stage, port: str) -> None:
    stage.stack.tcp.listen(None if port == "all" else int(port))


def _peer(stage: Stage, port: str) -> None:
    stage.turn_to(int(port))


def _connect(stage: Stage) -> None:
    flow = stage.flow
    flow.conn = stage.stack.tcp.connect(flow.path, flow.remote_port, LOCAL_PORT, stage.now)
    flow.sent = flow.received = 0


def _accept(stage: Stage) -> str | None:
    if not stage.flow.accepted:
        return "no handshake was completed"
    stage.flow.accepted = False
    return None


def _send(stage: Stage, count: str, _: str = "", takes: str = "") -> str | None:
    flow, wanted = stage.flow, int(takes or count)
    taken = stage.connection.send(pattern(flow.sent, int(count)), stage.now)
    flow.sent += taken
    return None if taken == wanted else f"{taken} octets were taken"


def _receive(stage: Stage, count: str) -> str | None:
    conn, flow = stage.connection, stage.flow
    if count == "eof":
        return None if conn.eof_received and not conn.readable else f"no end: {conn.readable} octets are there"
    if conn.readable < int(count):
        return f"{conn.readable} octets are there"
    data = conn.receive(int(count), stage.now)
    expected = pattern(flow.received, len(data))
    flow.received += len(data)
    return None if data == expected else "other octets were received than were sent"


def _close(stage: Stage) -> None:
    stage.connection.close(stage.now)


def _release(stage: Stage) -> None:
    stage.connection.release(stage.now)


def _abort(stage: Stage) -> None:
    stage.connection.abort(stage.now)


def _shutdown(stage: Stage) -> None:
    stage.stack.shut_down(stage.now)


def _nagle(stage: Stage, switch: str) -> None:
    stage.connection.nodelay = switch == "off"


def _retries(stage: Stage, count: str) -> None:
    stage.connection.retries = int(count)


def _keepalive(stage: Stage, seconds: str) -> None:
    stage.connection.set_keep_alive(None if seconds == "off" else float(seconds))


def _state(stage: Stage, name: str) -> str | None:
    state = stage.connection.state.name
    return None if state == name else f"the state is {state}"


def _closed(stage: Stage, reason: str) -> str | None:
    closed = stage.flow.closed
    if closed is None:
        return "the connection has not ended"
    return None if closed.value == reason else f"it ended with {closed.value}"


def _told(stage: Stage, name: str) -> str | None:
    if name not in stage.told:
        return f"what was told is {', '.join(stage.told) or 'nothing'}"
    stage.told.clear()
    return None


def _counter(stage: Stage, name: str, count: str) -> str | None:
    found = stage.stack.tcp.statistics().get(name, 0)
    return None if found == int(count) else f"{name} is {found}"


def _nothing(stage: Stage) -> None:
    """The silence before this event is all that is asked for."""


_CALLS: dict[str, Callable[..., str | None]] = {
    "listen": _listen,
    "peer": _peer,
    "connect": _connect,
    "accept": _accept,
    "send": _send,
    "receive": _receive,
    "close": _close,
    "release": _release,
    "abort": _abort,
    "shutdown": _shutdown,
    "nagle": _nagle,
    "retries": _retries,
    "keepalive": _keepalive,
    "state": _state,
    "closed": _closed,
    "told": _told,
    "counter": _counter,
    "nothing": _nothing,
}
