"""Every port of an interface, answered by a network stack of our own."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Literal

import attrs
import trio

from honeystack.listeners._attendant import Attendant
from honeystack.listeners._datagrams import Datagrams
from honeystack.net.address import AddressSet, Exclusions, parse_port_range
from honeystack.net.attachment import Attachment, AttachmentSettings, attach, attach_tap
from honeystack.net.driver import Driver
from honeystack.net.limits import Limits
from honeystack.net.persona import Persona
from honeystack.net.ring import Tap
from honeystack.net.settings import VlanPolicy
from honeystack.reception import Reception
from honeystack.registry import listener
from honeystack.settings import setting
from honeystack.witness import Witness
from honeystack.witness.fence import fence_teller
from honeystack.witness.interface import interface_teller

MOST_WORKERS = 256  # what a group of the kernel's fan-out holds


def _port_ranges(_: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for text in value:
        parse_port_range(text)


def _networks(_: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for text in value:
        try:
            AddressSet([text])
        except ValueError as error:
            raise ValueError(f'{text!r} is no address or prefix: write "203.0.113.4/32" or "2001:db8::/64"') from error


def _workers(_: object, attribute: attrs.Attribute[int | str], value: int | str) -> None:
    if isinstance(value, int) and not 1 <= value <= MOST_WORKERS:
        raise ValueError(f'there can be 1 to {MOST_WORKERS} workers, or "auto", which is one for each core')


@listener("netstack")
@attrs.frozen
class Netstack:
    """Reads frames from one interface and answers ARP, neighbour discovery, ICMP, UDP and TCP itself, on every port.

    Needs Linux and CAP_NET_RAW and CAP_NET_ADMIN. The host's kernel is kept silent where the honeypot answers; what is
    excluded is left to the host and makes no events. Without any exclusion remote access to the host is lost, so the
    listener starts only if `allow_no_exclude` says that this is meant.
    """

    interface: str = setting("the interface to listen on", aliases=("interfaces",), example="eth0")
    addresses: tuple[str, ...] = setting(
        "local addresses to answer for; a prefix means every address in it; default: all on the interface",
        default=(),
        example=["203.0.113.4/32", "2001:db8:8:4::2/128"],
        validator=_networks,
    )
    exclude_ports: tuple[str, ...] = setting(
        "local ports left to the host: tcp/22, udp/123, 456 (both), 6/8022 or tcp/8000-8010",
        default=(),
        example=["tcp/22"],
        validator=_port_ranges,
    )
    exclude_addresses: tuple[str, ...] = setting(
        "remote addresses left to the host", default=(), example=["198.51.100.0/24"], validator=_networks
    )
    allow_no_exclude: bool = setting(
        "start without any exclusion, although remote access to the host is lost",
        default=False,
        aliases=("allow_no_excludes",),
    )
    sniffer: bool = setting("events on all inbound traffic, not only TCP and UDP", default=False)
    fence: Literal["auto", "nft", "iptables", "none"] = setting(
        "how the host's kernel is kept silent; auto takes what the machine has", default="auto"
    )
    vlan: VlanPolicy = setting(
        "what becomes of frames with a VLAN tag: answered with the same tag, or ignored and left to the host",
        default="answer",
    )
    duplicate_detection: bool = setting(
        "ask for a second at start whether another host has one of the addresses that this host does not have itself "
        "(prefixes are not asked for); such an address is not answered for",
        default=True,
    )
    tls_fingerprint: str = setting(
        'how TLS looks: "random" (drawn for every connection), "rotate" (another real server for each client network, '
        'port and day) or "mimic:NAME" (that server always; `honeystack list tls-profiles` names them)',
        default="random",
        example="rotate",
    )
    workers: int | Literal["auto"] = setting(
        "processes that share the packets; auto: one for each core, which it keeps to", default=1, validator=_workers
    )
    spread: Literal["sources", "flows"] = setting(
        "among several workers: all of one peer to one of them, or, where few peers make the load, each of its TCP and "
        "UDP flows to any",
        default="sources",
    )
    limits: Limits = setting("bounds on all that peers can make grow; each worker has its own", factory=Limits)
    persona: Persona = setting("how the stack looks on the wire", factory=Persona)

    @property
    def attachment(self) -> AttachmentSettings:
        """What of these settings is about the interface."""
        return AttachmentSettings(
            interface=self.interface,
            addresses=self.addresses,
            exclusions=Exclusions(
                tuple(parse_port_range(text) for text in self.exclude_ports), AddressSet(self.exclude_addresses)
            ),
            allow_no_exclude=self.allow_no_exclude,
            sniffer=self.sniffer,
            persona=self.persona,
            limits=self.limits,
            fence=self.fence,
            vlan=self.vlan,
            duplicate_detection=self.duplicate_detection,
        )

    @property
    def cores(self) -> tuple[int | None, ...]:
        """One for each worker: the core that it keeps to, or None."""
        if self.workers == "auto":
            cores = getattr(os, "sched_getaffinity", lambda _: (None,))(0)  # only Linux runs them; all can plan
            return tuple(sorted(cores))[:MOST_WORKERS]
        return (None,) * self.workers

    async def run(self, reception: Reception, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until cancelled; then every connection ends and is told."""
        rng = random.Random(secrets.randbits(128))
        async with attach(self.attachment, rng=rng, secret=secrets.token_bytes(32)) as attachment:
            await serve(attachment, reception, limits=self.limits, rng=rng, task_status=task_status)

    async def run_worker(
        self,
        reception: Reception,
        *,
        tap: Tap,
        secret: bytes,
        withheld: Sequence[str] = (),
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """As `run`, as one of several workers: on a tap that another process has opened, behind that one's fence.

        `withheld` are the addresses that it has found to be others'.
        """
        rng = random.Random(secrets.randbits(128))
        with attach_tap(self.attachment, tap, rng=rng, secret=secret, withheld=withheld) as attachment:
            await serve(attachment, reception, limits=self.limits, rng=rng, task_status=task_status)


async def serve(
    attachment: Attachment,
    reception: Reception,
    *,
    limits: Limits,
    rng: random.Random,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Drive a stack on a link for a reception, until cancelled; also over a link in memory."""
    witness = Witness(reception.recorder, clock=trio.current_time, limits=limits, capture=reception.capture)
    try:
        async with trio.open_nursery() as nursery:
            datagrams = Datagrams(reception, witness, nursery, limits=limits)
            attendant = Attendant(reception, witness, nursery, datagrams, rng=rng)
            driver = attendant.driver = Driver(attachment.stack, attachment.link, attendant)
            attachment.stack.tcp.listen(None)
            attachment.stack.udp.listen(None)
            reception.watch(partial(counters, driver), witness.noticed)
            await nursery.start(driver.run)
            nursery.start_soon(witness.run)
            nursery.start_soon(driver.follow_link)
            for conflict in attachment.conflicts:
                witness.noticed(conflict)
            nursery.start_soon(attachment.fence.watch, fence_teller(reception.recorder))
            if attachment.interface is not None:
                nursery.start_soon(attachment.interface.watch, interface_teller(reception.recorder))
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                driver.stop()
    finally:
        witness.finish()


def counters(driver: Driver) -> dict[str, int]:
    """What a heartbeat tells of the stack and its link."""
    found = {"connections": driver.stack.tcp.connections}
    for name, count in driver.stack.statistics().items():
        room, rest = ("tcp", name[4:]) if name.startswith("tcp_") else ("frames", name.removeprefix("frames_"))
        found[f"{room}.{rest.replace('_', '-')}"] = count
    return {**found, "frames.lost-in": driver.frames.dropped_in, "frames.lost-out": driver.frames.dropped_out}
