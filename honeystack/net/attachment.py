"""A stack attached to a real interface: the ring, the packet filter and the fence, put up and taken down together."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import attrs
import trio

from honeystack.errors import ConfigError
from honeystack.net import fence as fences
from honeystack.net.address import AddressSet, Exclusions
from honeystack.net.fanout import Spread, open_taps
from honeystack.net.interface import InterfaceFacts, interface_facts
from honeystack.net.limits import Limits
from honeystack.net.link import Link
from honeystack.net.output import Rng
from honeystack.net.packet_filter import assemble
from honeystack.net.persona import Persona
from honeystack.net.ring import Ring, Tap
from honeystack.net.settings import StackSettings, VlanPolicy
from honeystack.net.stack import Stack

DAY = 86_400  # seconds


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


@attrs.frozen
class Attachment:
    """What `attach` gives: a stack and its link, for a Driver to join; and the fence, to be watched."""

    stack: Stack
    link: Link
    fence: fences.Fence = attrs.field(factory=fences.Fence)


@attrs.frozen
class Taps:
    """What `attach_many` gives: a tap for each process, and the fence that they share, to be watched."""

    taps: list[Tap]
    fence: fences.Fence


@asynccontextmanager
async def attach(settings: AttachmentSettings, *, rng: Rng, secret: bytes) -> AsyncIterator[Attachment]:
    """Attach a stack while the block runs; afterwards the interface is as it was, also after a crash.

    Raises ConfigError where nothing is excluded and that was not asked for, and Unavailable with its remedy where the
    machine lacks something.
    """
    check_exclusions(settings)
    facts = interface_facts(settings.interface)
    addresses = owned_addresses(settings, facts)
    ring = Ring(
        settings.interface,
        program=assemble(settings.exclusions),
        addresses=addresses,
        all_multicast=settings.sniffer,
    )
    try:
        async with _fence(settings, addresses) as fence:
            yield Attachment(_stack(settings, facts, addresses, rng, secret), ring, fence)
    finally:
        ring.close()


@asynccontextmanager
async def attach_many(settings: AttachmentSettings, count: int, *, spread: Spread, seed: int) -> AsyncIterator[Taps]:
    """The taps of so many processes, behind one fence, while the block runs. Raises as `attach`.

    Each process makes a stack of its own of its tap by `attach_tap`. `seed` has 32 bits, and is secret.
    """
    check_exclusions(settings)
    addresses = owned_addresses(settings, interface_facts(settings.interface))
    taps = open_taps(
        settings.interface, count, addresses=addresses, all_multicast=settings.sniffer, spread=spread, seed=seed
    )
    try:
        async with _fence(settings, addresses) as fence:
            yield Taps(taps, fence)
    finally:
        for tap in taps:
            tap.close()


@contextmanager
def attach_tap(settings: AttachmentSettings, tap: Tap, *, rng: Rng, secret: bytes) -> Iterator[Attachment]:
    """A stack on a tap of `attach_many`, while the block runs. `secret` is the same for all of them."""
    facts = interface_facts(settings.interface)
    addresses = owned_addresses(settings, facts)
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


def check_exclusions(settings: AttachmentSettings) -> None:
    """Raises ConfigError where the host would lose all remote access unasked."""
    if not settings.exclusions and not settings.allow_no_exclude:
        raise ConfigError(
            "without exclude_ports or exclude_addresses nobody reaches this host from outside any more: exclude the "
            "ports that the host needs, or set allow_no_exclude = true if that is meant"
        )


def owned_addresses(settings: AttachmentSettings, facts: InterfaceFacts) -> AddressSet:
    """The addresses that the honeypot answers for: the configured ones, or those of the interface."""
    if settings.addresses:
        return AddressSet(settings.addresses)
    if not facts.addresses:
        raise ConfigError(f"the interface {facts.name} has no addresses: name some in addresses")
    return AddressSet(ipaddress.ip_interface(address).ip for address in facts.addresses)


def fence_rules(settings: AttachmentSettings) -> list[str]:
    """The rules of the fence, as nft has them, for people to read."""
    addresses = owned_addresses(settings, interface_facts(settings.interface))
    return fences.fence_rules(addresses, settings.exclusions, vlan=settings.vlan)


def packet_filter_text(exclusions: Exclusions) -> str:
    """The kernel's packet filter, one instruction in each line, as `bpf_dbg` and `tcpdump -ddd` write them."""
    program = assemble(exclusions)
    return "\n".join(f"{i:4} {instruction}" for i, instruction in enumerate(program))
