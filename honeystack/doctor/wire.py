"""The interface: there, up, with a MAC address and addresses, and its card joins nothing."""

from __future__ import annotations

from collections.abc import Iterator

from honeystack.doctor.findings import Finding, fault, fine, warning
from honeystack.doctor.machine import Machine
from honeystack.errors import Unavailable
from honeystack.net.address import mac_text
from honeystack.net.attachment import AttachmentSettings
from honeystack.net.interface import InterfaceFacts

SUBJECT = "interface"
OFFLOADS = "offloads"
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40  # linux/if.h


def check_interface(machine: Machine, settings: AttachmentSettings) -> Iterator[Finding]:
    """Whether the stack can be attached to it."""
    name = settings.interface
    try:
        facts = machine.interface(name)
    except Unavailable:
        others = [other for other in machine.interfaces() if other != "lo"]
        remedy = f'interface = "{others[0]}"' if others else "ip link"
        yield fault(SUBJECT, f"there is no interface {name}; there are {', '.join(others) or 'none'}", remedy)
        return
    found = list(_troubles(facts, machine.flags(name), settings))
    if not found:
        addresses = ", ".join(facts.addresses) or "no addresses of its own"
        found = [fine(SUBJECT, f"{name} is up, with {mac_text(facts.mac)} and {addresses}")]
    yield from found
    if machine.joins_segments(name):
        yield warning(
            OFFLOADS,
            f"the card of {name} joins segments before anybody sees them (LRO): their number and sizes are lost",
            f"ethtool -K {name} lro off",
        )
    else:
        yield fine(OFFLOADS, "received segments are not joined by the card; what the kernel joins is understood")


def _troubles(facts: InterfaceFacts, flags: int, settings: AttachmentSettings) -> Iterator[Finding]:
    name = facts.name
    if flags & IFF_LOOPBACK:
        yield fault(SUBJECT, f"{name} is the loopback: packets on it belong to the host alone", "ip -brief link")
        return
    if len(facts.mac) != 6 or not any(facts.mac):
        yield fault(SUBJECT, f"{name} has no MAC address: it carries no Ethernet frames", "ip -brief link")
    if not flags & IFF_UP:
        yield fault(SUBJECT, f"{name} is down", f"ip link set {name} up")
    elif not flags & IFF_RUNNING:
        yield warning(SUBJECT, f"{name} has no carrier: nothing is connected to it", f"ip link show {name}")
    if not settings.addresses and not facts.addresses:
        yield fault(
            SUBJECT,
            f"{name} has no addresses, and the configuration names none",
            f'ip address add 203.0.113.4/24 dev {name}, or addresses = ["203.0.113.4/32"] in [listener]',
        )
