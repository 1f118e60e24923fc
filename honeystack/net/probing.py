"""Asks the link, before anything is answered, whether addresses are free; net.duplicates says how."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import structlog
import trio

from honeystack.net.address import AddressSet, address_text, mac_text
from honeystack.net.duplicates import DuplicateDetection
from honeystack.net.interface import InterfaceFacts
from honeystack.net.link import Link
from honeystack.net.notices import AddressConflict
from honeystack.net.output import Rng
from honeystack.net.packet_filter import (
    ACCEPT,
    ARP,
    DROP,
    ETHERTYPE,
    IP,
    IPV6,
    JUMP_EQUAL,
    LOAD_BYTE,
    LOAD_HALF,
    Branch,
    Instruction,
    linked,
)
from honeystack.net.wire.icmpv6 import PROTOCOL as ICMPV6

MAX_PROBED = 1024  # addresses: some 3,000 frames in a second

# What may tell of a conflict: all else that comes in this second costs no wake-up.
CLAIMS = linked(
    [
        Instruction(LOAD_HALF, 0, 0, ETHERTYPE),
        Branch(JUMP_EQUAL, ARP, "claim"),
        Branch(JUMP_EQUAL, IPV6, "ipv6", "other"),
        "ipv6",
        Instruction(LOAD_BYTE, 0, 0, IP + 6),
        Branch(JUMP_EQUAL, ICMPV6, "claim"),
        "other",
        DROP,
        "claim",
        ACCEPT,
    ]
)

log = structlog.get_logger()


def addresses_to_probe(addresses: AddressSet, facts: InterfaceFacts) -> list[bytes]:
    """Those that the interface does not have, packed: of its own the kernel has made sure. No prefixes.

    A prefix is too many addresses to ask for, and is answered for whoever has them; so is an address within one.
    """
    own = {ipaddress.ip_interface(address).ip.packed for address in facts.addresses}
    prefixes = AddressSet(network for network in addresses if network.prefixlen < network.max_prefixlen)
    hosts = [n.network_address.packed for n in addresses if n.prefixlen == n.max_prefixlen]
    asked = [host for host in dict.fromkeys(hosts) if host not in own and host not in prefixes]
    if len(asked) > MAX_PROBED:
        log.warning("not all addresses are asked for at start", asked=MAX_PROBED, of=len(asked))
    return asked[:MAX_PROBED]


async def find_conflicts(link: Link, addresses: Sequence[bytes], *, rng: Rng) -> list[AddressConflict]:
    """Those addresses that others have; about a second, and nothing else must read from the link."""
    search = DuplicateDetection(addresses, mac=link.mac, rng=rng, now=trio.current_time())
    while (deadline := search.poll_timeout()) is not None:
        with trio.move_on_at(deadline):
            await link.wait_readable()
        for frame, checksum, vlan in link.receive():
            search.receive_frame(frame, checksum=checksum, vlan=vlan)
        search.handle_timeout(trio.current_time())
        link.send(search.poll_transmit())
    found = [AddressConflict(address, mac, withdrawn=True) for address, mac in search.conflicts.items()]
    for address, mac, _ in found:
        log.error(
            "another host has the address: it is not answered for", address=address_text(address), mac=mac_text(mac)
        )
    return found


def without(addresses: AddressSet, withheld: Sequence[bytes]) -> AddressSet:
    """The addresses but for some single ones."""
    return AddressSet(n for n in addresses if n.prefixlen < n.max_prefixlen or n.network_address.packed not in withheld)
