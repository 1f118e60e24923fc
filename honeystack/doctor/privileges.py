"""Capabilities: what the packet socket, the fence and low ports need."""

from __future__ import annotations

from collections.abc import Iterator

from honeystack.doctor.findings import Finding, fault, fine, warning
from honeystack.doctor.machine import Machine
from honeystack.net.interface import PRIVILEGES

SUBJECT = "capabilities"
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 10, 12, 13  # linux/capability.h
NAMES = {NET_BIND_SERVICE: "CAP_NET_BIND_SERVICE", NET_ADMIN: "CAP_NET_ADMIN", NET_RAW: "CAP_NET_RAW"}
USES = {NET_RAW: "the packet socket", NET_ADMIN: "the fence"}


def check_netstack(machine: Machine, *, fenced: bool) -> Iterator[Finding]:
    """What the listener `netstack` needs; `fenced`: nft is to put up a fence."""
    effective, ambient = machine.capabilities()
    needed = [NET_RAW, *([NET_ADMIN] if fenced else [])]
    missing = [number for number in needed if not effective >> number & 1]
    for number in missing:
        yield fault(SUBJECT, f"{NAMES[number]} is missing, for {USES[number]}", PRIVILEGES)
    if NET_ADMIN in needed and NET_ADMIN not in missing and not machine.is_root() and not ambient >> NET_ADMIN & 1:
        yield warning(SUBJECT, f"nft, which puts up the fence, is not given {NAMES[NET_ADMIN]}", PRIVILEGES)
    elif not missing:
        yield fine(SUBJECT, f"{' and '.join(NAMES[number] for number in needed)} are there")


def check_socket(machine: Machine, ports: list[int]) -> Iterator[Finding]:
    """What the listener `socket` needs for its ports."""
    low = sorted(port for port in ports if port < 1024)
    if low and not machine.capabilities()[0] >> NET_BIND_SERVICE & 1:
        remedy = f"AmbientCapabilities={NAMES[NET_BIND_SERVICE]} in its systemd unit, or run it as root"
        yield fault(SUBJECT, f"{NAMES[NET_BIND_SERVICE]} is missing, for port {low[0]}", remedy)
    else:
        yield fine(SUBJECT, "the listener needs none that is missing")
