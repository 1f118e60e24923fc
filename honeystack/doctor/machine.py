"""What the doctor reads of this machine. Nothing here changes anything."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from struct import pack, unpack_from

import attrs

from honeystack.compiled import is_compiled
from honeystack.doctor.ancestry import inherited
from honeystack.doctor.sockets import HostSocket, host_sockets
from honeystack.net.interface import InterfaceFacts, interface_facts, interface_names
from honeystack.tls.openssl import OpenSsl

# linux/sockios.h, linux/ethtool.h, linux/timex.h
SIOCGIFFLAGS, SIOCETHTOOL = 0x8913, 0x8946
ETHTOOL_GFLAGS, ETH_FLAG_LRO = 0x25, 1 << 15
TIMEX_SIZE, TIMEX_STATUS_AT = 208, 40
STA_UNSYNC = 0x40
ROUTES = Path("/proc/net")


@attrs.frozen
class Ran:
    """A program that has run to its end."""

    code: int
    output: str  # of both kinds


class Machine:
    """The one that we run on."""

    def capabilities(self) -> tuple[int, int]:
        """Masks of the process's effective and ambient capabilities."""
        text = Path("/proc/self/status").read_text()
        lines = dict(line.split(":", 1) for line in text.splitlines())
        return int(lines["CapEff"], 16), int(lines.get("CapAmb", "0"), 16)

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def variable(self, name: str) -> str:
        """Of the operator's session, also where sudo has hidden it; "" where there is none."""
        return inherited(name)

    def interfaces(self) -> list[str]:
        return interface_names()

    def interface(self, name: str) -> InterfaceFacts:
        """Raises Unavailable where there is none of that name."""
        return interface_facts(name)

    def default_interface(self) -> str | None:
        """The one that leads to everywhere, if one does; else the first that carries frames."""
        routed = _routed(ROUTES / "route", 0, 1) or _routed(ROUTES / "ipv6_route", 9, 0)
        able = (name for name in self.interfaces() if len(mac := self.interface(name).mac) == 6 and any(mac))
        return routed or next(able, None)

    def flags(self, interface: str) -> int:
        """IFF_* of an interface."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            answer = fcntl.ioctl(asking, SIOCGIFFLAGS, pack("16sH22x", interface.encode(), 0))
        return int(unpack_from("=H", answer, 16)[0])

    def joins_segments(self, interface: str) -> bool:
        """Whether the card joins received segments before anybody sees them (LRO); False where it is not known."""
        asked = array.array("B", pack("=II", ETHTOOL_GFLAGS, 0))
        request = pack("16sP16x", interface.encode(), asked.buffer_info()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                fcntl.ioctl(asking, SIOCETHTOOL, request)
            except OSError:
                return False
        return bool(unpack_from("=I", asked, 4)[0] & ETH_FLAG_LRO)

    def run(self, *argv: str, given: str = "") -> Ran | None:
        """Run a program that only looks; None where it is not installed."""
        try:
            done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=10)
        except FileNotFoundError:
            return None
        except subprocess.TimeoutExpired:
            return Ran(errno.ETIMEDOUT, "it does not answer")
        return Ran(done.returncode, done.stdout + done.stderr)

    def sockets(self) -> list[HostSocket]:
        """Where this host listens."""
        return host_sockets()

    def free(self, path: Path) -> int:
        """Bytes that this user can still write where a path is, or would be."""
        return shutil.disk_usage(nearest(path)).free

    def writable(self, path: Path) -> bool:
        """Whether this user could write a file, or make what is missing of the way to it."""
        there = nearest(path)
        return os.access(there, os.W_OK | (os.X_OK if there.is_dir() else 0))

    def is_directory(self, path: Path) -> bool:
        return path.is_dir()

    def exists(self, path: Path) -> bool:
        return path.exists()

    def clock_is_synchronised(self) -> bool | None:
        """What the kernel has been told by who keeps the time; None where it does not say."""
        buffer = ctypes.create_string_buffer(TIMEX_SIZE)
        try:
            state = ctypes.CDLL(None).adjtimex(buffer)  # no modes: it reads only
        except (OSError, AttributeError):
            return None
        return None if state < 0 else not unpack_from("=i", buffer, TIMEX_STATUS_AT)[0] & STA_UNSYNC

    def compiled(self) -> bool:
        return is_compiled()

    def openssl(self) -> tuple[str, bool]:
        """The version behind Python's ssl, and whether its functions can be reached."""
        return ssl.OPENSSL_VERSION, OpenSsl.find() is not None

    def kernel(self) -> tuple[int, int]:
        """Its version."""
        major, minor, *_ = os.uname().release.split(".")
        return int(major), int("".join(digit for digit in minor if digit.isdigit()) or 0)

    def python(self) -> str:
        return ".".join(map(str, sys.version_info[:3]))


def nearest(path: Path) -> Path:
    """The path itself, or the folder above it that exists."""
    candidates: Sequence[Path] = (path, *path.absolute().parents)
    return next(one for one in candidates if one.exists())


def _routed(table: Path, interface: int, destination: int) -> str | None:
    """The interface of a table's default route; the arguments are columns."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()]
    except OSError:  # a kernel without that family
        return None
    defaults = (row[interface] for row in rows if len(row) > 9 and _leads(row, destination))
    return next((name for name in defaults if name != "lo"), None)


def _leads(row: list[str], destination: int) -> bool:
    """Whether a row's destination is every address: all of it zero, and so is its mask or prefix length."""
    mask = row[7] if destination else row[1]
    return not row[destination].strip("0") and not mask.strip("0")
