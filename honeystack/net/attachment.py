"""A stack attached to a real interface: the ring, the packet filter and the fence, put up and taken down together."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import attrs
import trio

from honeystack.errors import ConfigError, Unavailable
from honeystack.net import fence as fences
from honeystack.net.address import AddressSet, Exclusions, IPNetwork
from honeystack.net.fanout import Spread, open_taps
from honeystack.net.interface import InterfaceFacts, interface_facts
from honeystack.net.interface_watch import InterfaceWatch
from honeystack.net.limits import Limits
from honeystack.net.link import Link
from honeystack.net.notices import AddressConflict
from honeystack.net.output import Rng
from honeystack.net.packet_filter import assemble
from honeystack.net.persona import Persona
from honeystack.net.probing import CLAIMS, addresses_to_probe, find_conflicts, without
from honeystack.net.ring import Ring, Tap
from honeystack.net.settings import StackSettings, VlanPolicy
from honeystack.net.stack import Stack

DAY = 86_400  # seconds
LINK_LOCAL = "fe80::/64"


@attrs.frozen
class AttachmentSettings:
    """Where a stack is attached, and what is left to the host."""

    interface: str
    addresses: tuple[str, ...] = ()  # CIDR; empty: all that the interface has
    exclusions: Exclusions = attrs.field(factory=Exclusions)
    allow_no_exclude: bool = False
    sniffer: bool = False
    persona: Persona = attrs.field(factory=Persona)
    limits: Limits = attrs.field(factory=Limits)
    fence: fences.FenceKind = "auto"
    vlan: VlanPolicy = "answer"
    duplicate_detection: bool = True


@attrs.frozen
class Attachment:
    """What `attach` gives: a stack and its link, for a Driver to join; and the fence, to be watched."""

    stack: Stack
    link: Link
    fence: fences.Fence = attrs.field(factory=fences.Fence)
    conflicts: Sequence[AddressConflict] = ()  # addresses that others have
    interface: InterfaceWatch | None = None  # to be watched; None where the link is no interface, or others watch it


@attrs.frozen
class Taps:
    """What `attach_many` gives: a tap for each process, and the fence that they share, to be watched."""

    taps: list[Tap]
    fence: fences.Fence
    conflicts: Sequence[AddressConflict] = ()
    interface: InterfaceWatch | None = None


@asynccontextmanager
async def attach(settings: AttachmentSettings, *, rng: Rng, secret: bytes) -> AsyncIterator[Attachment]:
    """Attach a stack while the block runs; afterwards the interface is as it was, also after a crash.

    Raises ConfigError where nothing is excluded and that was not asked for, and Unavailable with its remedy where the
    machine lacks something.
    """
    check_exclusions(settings)
    facts = interface_facts(settings.interface)
    conflicts = await _conflicts(settings, facts, rng)
    addresses = owned_addresses(settings, facts, withheld=[conflict.address for conflict in conflicts])
    ring = Ring(
        settings.interface,
        program=assemble(settings.exclusions),
        addresses=addresses,
        all_multicast=settings.sniffer,
    )
    try:
        async with _fence(settings, addresses) as fence:
            watch = InterfaceWatch(facts, addresses=not settings.addresses)
            yield Attachment(_stack(settings, facts, addresses, rng, secret), ring, fence, conflicts, watch)
    finally:
        ring.close()


@asynccontextmanager
async def attach_many(settings: AttachmentSettings, count: int, *, spread: Spread, seed: int) -> AsyncIterator[Taps]:
    """The taps of so many processes, behind one fence, while the block runs. Raises as `attach`.

    Each process makes a stack of its own of its tap by `attach_tap`. `seed` has 32 bits, and is secret.
    """
    check_exclusions(settings)
    facts = interface_facts(settings.interface)
    conflicts = await _conflicts(settings, facts, random.Random(seed))
    addresses = owned_addresses(settings, facts, withheld=[conflict.address for conflict in conflicts])
    taps = open_taps(
        settings.interface, count, addresses=addresses, all_multicast=settings.sniffer, spread=spread, seed=seed
    )
    try:
        async with _fence(settings, addresses) as fence:
            yield Taps(taps, fence, conflicts, InterfaceWatch(facts, addresses=not settings.addresses))
    finally:
        for tap in taps:
            tap.close()


@contextmanager
def attach_tap(
    settings: AttachmentSettings, tap: Tap, *, rng: Rng, secret: bytes, withheld: Sequence[str] = ()
) -> Iterator[Attachment]:
    """A stack on a tap of `attach_many`, while the block runs. `secret` is the same for all of them.

    `withheld` are the addresses that others have.
    """
    facts = interface_facts(settings.interface)
    addresses = owned_addresses(settings, facts, withheld=[ipaddress.ip_address(text).packed for text in withheld])
    ring = Ring(settings.interface, program=assemble(settings.exclusions), tap=tap)
    try:
        yield Attachment(_stack(settings, facts, addresses, rng, secret), ring)
    finally:
        ring.close()


def _stack(
    settings: AttachmentSettings, facts: InterfaceFacts, addresses: AddressSet, rng: Rng, secret: bytes
) -> Stack:
    return Stack(
        StackSettings(
            mac=facts.mac,
            addresses=addresses,
            broadcasts=broadcasts(facts),
            links=links(facts),
            mtu=facts.mtu,
            exclusions=settings.exclusions,
            sniffer=settings.sniffer,
            persona=settings.persona,
            limits=settings.limits,
            vlan=settings.vlan,
            midnight=trio.current_time() - time.time() % DAY,
            secret=secret,
            cuts_runs=True,
        ),
        rng=rng,
    )


def _fence(settings: AttachmentSettings, addresses: AddressSet) -> AbstractAsyncContextManager[fences.Fence]:
    return fences.fence(settings.fence, settings.interface, addresses, settings.exclusions, vlan=settings.vlan)


async def _conflicts(settings: AttachmentSettings, facts: InterfaceFacts, rng: Rng) -> list[AddressConflict]:
    """Which of the addresses others have; with a ring of its own, which nobody else reads from."""
    asked = addresses_to_probe(owned_addresses(settings, facts), facts) if settings.duplicate_detection else []
    if not asked:
        return []
    ring = Ring(settings.interface, program=CLAIMS, addresses=AddressSet(map(ipaddress.ip_address, asked)))
    try:
        return await find_conflicts(ring, asked, rng=rng)
    finally:
        ring.close()


def check_exclusions(settings: AttachmentSettings) -> None:
    """Raises ConfigError where the host would lose all remote access unasked."""
    if not settings.exclusions and not settings.allow_no_exclude:
        raise ConfigError(
            "without exclude_ports or exclude_addresses nobody reaches this host from outside any more: exclude the "
            "ports that the host needs, or set allow_no_exclude = true if that is meant"
        )


def owned_addresses(
    settings: AttachmentSettings, facts: InterfaceFacts, *, withheld: Sequence[bytes] = ()
) -> AddressSet:
    """The addresses that the honeypot answers for: the configured ones that others do not have, or the interface's."""
    if settings.addresses:
        addresses = without(AddressSet(settings.addresses), withheld)
        if not addresses:
            raise Unavailable(
                "other hosts on the link have every address that is to be answered for: name others in addresses, or "
                "set duplicate_detection = false where it is not hosts that answer, but for example a router for all"
            )
        return addresses
    if not facts.addresses:
        raise ConfigError(f"the interface {facts.name} has no addresses: name some in addresses")
    return AddressSet(ipaddress.ip_interface(address).ip for address in facts.addresses)


def broadcasts(facts: InterfaceFacts) -> AddressSet:
    """The addresses that all hosts of the link's IPv4 prefixes hear; a prefix of two addresses has none (RFC 3021)."""
    networks = (ipaddress.ip_interface(address).network for address in facts.addresses)
    return AddressSet(
        network.broadcast_address for network in networks if network.version == 4 and network.prefixlen < 31
    )


def links(facts: InterfaceFacts) -> AddressSet:
    """The prefixes whose hosts are on the link itself; all hosts of IPv6 have a link-local address there."""
    networks: list[IPNetwork | str] = [ipaddress.ip_interface(address).network for address in facts.addresses]
    return AddressSet([*networks, LINK_LOCAL] if networks else ())


def fence_rules(settings: AttachmentSettings) -> list[str]:
    """The rules of the fence, as nft has them, for people to read."""
    addresses = owned_addresses(settings, interface_facts(settings.interface))
    return fences.fence_rules(addresses, settings.exclusions, vlan=settings.vlan)


def packet_filter_text(exclusions: Exclusions) -> str:
    """The kernel's packet filter, one instruction in each line, as `bpf_dbg` and `tcpdump -ddd` write them."""
    program = assemble(exclusions)
    return "\n".join(f"{i:4} {instruction}" for i, instruction in enumerate(program))
