"""A machine made of answers, on which everything is fine until a test says otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from honeystack.doctor.findings import Finding, Status
from honeystack.doctor.machine import Machine, Ran
from honeystack.doctor.sockets import HostSocket
from honeystack.errors import Unavailable
from honeystack.net.interface import InterfaceFacts

GIB = 1024**3
ALL = (1 << 41) - 1
MAC = b"\x02\0\0\0\0\x01"


def socket(name: str, address: str = "0.0.0.0", program: str = "") -> HostSocket:
    """`tcp/22`, on every address or on one."""
    transport, _, port = name.partition("/")
    return HostSocket(transport, ipaddress.ip_address(address).packed, int(port), program)


@attrs.define
class FakeMachine(Machine):
    """Stands for this one; programs answer by their first word, or are not installed."""

    effective: int = ALL
    ambient: int = 0
    root: bool = True
    variables: Mapping[str, str] = attrs.field(factory=dict)
    known: dict[str, InterfaceFacts] = attrs.field(
        factory=lambda: {"eth0": InterfaceFacts("eth0", 2, MAC, 1500, ("192.0.2.1/24", "2001:db8::1/64"))}
    )
    raised: int = 0x41  # up and running
    lro: bool = False
    programs: dict[str, Callable[[tuple[str, ...], str], Ran]] = attrs.field(
        factory=lambda: {"nft": lambda argv, given: Ran(0, "")}
    )
    listening: list[HostSocket] = attrs.field(factory=list)
    free_bytes: int = 75 * GIB
    may_write: bool = True
    synchronised: bool | None = True
    fast: bool = True
    libssl: bool = True
    linux: tuple[int, int] = (6, 1)
    ran: list[tuple[tuple[str, ...], str]] = attrs.field(factory=list)

    def capabilities(self) -> tuple[int, int]:
        return self.effective, self.ambient

    def is_root(self) -> bool:
        return self.root

    def variable(self, name: str) -> str:
        return self.variables.get(name, "")

    def interfaces(self) -> list[str]:
        return ["lo", *self.known]

    def interface(self, name: str) -> InterfaceFacts:
        if name not in self.known:
            raise Unavailable(f"there is no network interface {name!r}")
        return self.known[name]

    def flags(self, interface: str) -> int:
        return self.raised

    def joins_segments(self, interface: str) -> bool:
        return self.lro

    def run(self, *argv: str, given: str = "") -> Ran | None:
        self.ran.append((argv, given))
        program = self.programs.get(argv[0])
        return None if program is None else program(argv, given)

    def sockets(self) -> list[HostSocket]:
        return self.listening

    def free(self, path: Path) -> int:
        return self.free_bytes

    def writable(self, path: Path) -> bool:
        return self.may_write

    def clock_is_synchronised(self) -> bool | None:
        return self.synchronised

    def compiled(self) -> bool:
        return self.fast

    def openssl(self) -> tuple[str, bool]:
        return "OpenSSL 3.0.19", self.libssl

    def kernel(self) -> tuple[int, int]:
        return self.linux

    def python(self) -> str:
        return "3.11.7"


def statuses(findings: list[Finding]) -> list[str]:
    return [finding.status.value for finding in findings]


def troubles(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.status is not Status.FINE]
