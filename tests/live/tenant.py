"""The server program of tests/live/twin.py as services of a honeypot, which `honeystack run` is told to load."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from honeystack.conversation import Conversation, Recognition
from honeystack.registry import service
from honeystack.settings import setting
from tests.live.twin import CLOSED, CLOSER, DEAF, ECHO, ECHO_UDP, FLOOD, HANDLERS, HELLO, LATE_CLOSER, SINK, UNREAD

AT_ONCE = (CLOSER, DEAF, FLOOD, HELLO, UNREAD)  # what these do does not depend on the peer's first bytes
LATER = (LATE_CLOSER, SINK)
CONFIG = f"""
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/{CLOSED}", "udp/{CLOSED}"]

[service.echo]
type = "echo"

[[port]]
ports = ["tcp/{ECHO}", "udp/{ECHO_UDP}"]
services = ["echo"]

[capture]
first_wait = 0.0

[channel.events]
type = "file"
filename = "events.jsonl"

[[filter]]
channel = ["events"]

[[logging]]
output = "stderr"
level = "info"
"""
ROOM = """
[service.port{port}]
type = "{kind}"
port = {port}

[[port]]
port = "tcp/{port}"
services = ["port{port}"]
"""
POINTS = """
[honeystack.services]
tenant-at-once = tests.live.tenant:AtOnce
tenant-later = tests.live.tenant:Later
"""


@service("tenant-at-once")
@attrs.frozen
class AtOnce:
    """Does what the twin does on a port, as soon as a peer is there."""

    port: int = setting("whose program it is")
    speaks_first: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        return Recognition.MINE

    async def handle(self, peer: Conversation) -> None:
        await HANDLERS[self.port](peer)


@service("tenant-later")
@attrs.frozen
class Later:
    """Does what the twin does on a port, once a peer has spoken or ended."""

    port: int = setting("whose program it is")
    speaks_first: ClassVar[bool] = False
    speaks_tls: ClassVar[bool] = False

    def recognise(self, first: bytes, *, eof: bool) -> Recognition:
        return Recognition.MINE

    async def handle(self, peer: Conversation) -> None:
        await HANDLERS[self.port](peer)


def furnish(folder: Path) -> list[str]:
    """Write a configuration, and what makes Python find the services; the directories to search."""
    rooms = [ROOM.format(port=port, kind="tenant-at-once") for port in AT_ONCE]
    rooms += [ROOM.format(port=port, kind="tenant-later") for port in LATER]
    (folder / "config.toml").write_text(CONFIG + "".join(rooms))
    facts = folder / "tenant-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tenant\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(POINTS)
    return [str(folder), str(Path(__file__).parents[2])]
