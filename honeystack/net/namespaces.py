"""Network namespaces joined by veth pairs: a small lab on one machine that touches nothing of its own network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from types import TracebackType

import attrs

from honeystack.errors import Unavailable


@attrs.frozen
class Host:
    """One namespace: a machine of the lab."""

    name: str

    def command(self, *argv: str) -> list[str]:
        """The command line that runs `argv` on this host."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv: str, timeout: float = 60.0, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `argv` on this host to its end; its output is captured as text."""
        return subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=timeout, check=check)

    def start(self, *argv: str, **options: int) -> subprocess.Popen[bytes]:
        """Start `argv` on this host and leave it running; the caller ends it."""
        return subprocess.Popen(self.command(*argv), **options)  # type: ignore[call-overload, no-any-return]


class Lab:
    """A context manager that makes namespaces and takes all of them away at its end.

    Names carry the process id, so that two labs on one machine do not meet.
    Raises Unavailable where this process may not make a namespace.
    """

    def __init__(self, prefix: str = "hs") -> None:
        self._prefix = f"{prefix}-{os.getpid()}"
        self._hosts: list[Host] = []

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in reversed(self._hosts):
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)
        self._hosts.clear()

    def add(self, name: str) -> Host:
        """A new machine with its loopback up and nothing else."""
        host = Host(f"{self._prefix}-{name}")
        _ip("netns", "add", host.name)
        self._hosts.append(host)
        # Duplicate address detection would keep link-local addresses unusable for a second or two, and routers, of
        # which there are none, would be asked for at times that nobody chooses.
        for setting in ("accept_dad", "router_solicitations"):
            host.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/default/{setting}")
        host.run("ip", "link", "set", "lo", "up")
        return host

    def join(self, left: Host, right: Host, left_interface: str, right_interface: str) -> None:
        """A cable between two machines."""
        _ip(
            *("link", "add", left_interface, "netns", left.name, "type", "veth"),
            *("peer", "name", right_interface, "netns", right.name),
        )
        left.run("ip", "link", "set", left_interface, "up")
        right.run("ip", "link", "set", right_interface, "up")


def assign(host: Host, interface: str, addresses: Iterable[str]) -> None:
    """Give an interface addresses with prefix lengths, usable at once."""
    for address in addresses:
        quick: Sequence[str] = ("nodad",) if ":" in address else ()
        host.run("ip", "address", "add", address, "dev", interface, *quick)


def _ip(*argv: str) -> None:
    try:
        subprocess.run(["ip", *argv], capture_output=True, text=True, check=True)
    except FileNotFoundError as missing:
        raise Unavailable("network namespaces need the program `ip`: install Debian's package iproute2") from missing
    except subprocess.CalledProcessError as refused:
        raise Unavailable(
            f"this process may not make network namespaces ({refused.stderr.strip()}): run it as root"
        ) from refused
