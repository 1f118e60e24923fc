"""Where this host listens, and which programs do, as /proc tells."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
LISTEN, UNCONNECTED = "0A", "07"  # the states of TCP and of UDP that take packets of any peer
TABLES = {"tcp": ("tcp", LISTEN), "tcp6": ("tcp", LISTEN), "udp": ("udp", UNCONNECTED), "udp6": ("udp", UNCONNECTED)}


class HostSocket(NamedTuple):
    """One socket that takes what comes to a port."""

    transport: str  # "tcp" or "udp"
    address: bytes  # packed; all zero for every address
    port: int
    program: str = ""  # its name, where we may see it

    @property
    def everywhere(self) -> bool:
        return not any(self.address)

    @property
    def on_loopback(self) -> bool:
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def __str__(self) -> str:
        return f"{self.transport}/{self.port}{f' ({self.program})' if self.program else ''}"


def host_sockets(proc: Path = PROC) -> list[HostSocket]:
    """All of them, each port of a transport once for each address."""
    found: dict[HostSocket, None] = {}
    programs = _programs(proc)
    for table, (transport, state) in TABLES.items():
        with contextlib.suppress(OSError):  # a kernel without IPv6
            for address, port, inode in _listening((proc / "net" / table).read_text(), state):
                found[HostSocket(transport, address, port, programs.get(inode, ""))] = None
    return sorted(found, key=lambda one: (one.transport, one.port, one.address))


def _listening(table: str, state: str) -> Iterator[tuple[bytes, int, str]]:
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 9 and columns[3] == state:
            address, _, port = columns[1].partition(":")
            yield _address(address), int(port, 16), columns[9]


def _address(words: str) -> bytes:
    """As the kernel prints it: 32-bit words, each in the machine's own order."""
    packed = bytes.fromhex(words)
    if sys.byteorder == "big":
        return packed
    return b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))


def _programs(proc: Path) -> dict[str, str]:
    """Programs by the inodes of their sockets; those of other users only root sees."""
    found = {}
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text(errors="replace").strip()
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    target = os.readlink(descriptor)
                    if target.startswith("socket:["):
                        found[target[8:-1]] = name
    return found
