"""The fence keeps the host's kernel silent about what the honeypot owns: no reset, no echo, no second answer.

The kernel gets every frame that we get. An nftables chain at the interface's ingress hook drops what is ours; our tap
sits before that hook and still sees all. Exclusions are accept lines ahead of the drops. There is no connection
tracking at this hook, so answers to what the host itself opens need an exclusion.

The table belongs to an `nft -i` child (`flags owner`), and the child reads our pipe: when we end, by whatever signal,
the pipe closes, the child ends, and the kernel removes the table. Nothing remains after a crash. A child
that dies before us takes the table with it; `Fence.watch` sees that and puts up another.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal, NamedTuple, NoReturn

import structlog
import trio

from honeystack.errors import Unavailable
from honeystack.net.address import AddressSet, Exclusions, IPNetwork, PortRange
from honeystack.net.nft import COMPLETE, Holder, hold
from honeystack.net.settings import VlanPolicy

FenceKind = Literal["auto", "nft", "iptables", "none"]

LOOK = 30.0  # seconds between looks at the rules of iptables, which are the operator's
LONGEST_PAUSE = 30.0  # seconds between attempts to put the fence up again; the first is made at once
ABSENT = 1  # the status of `iptables -C`
DOCUMENTED = (
    ("iptables", "OUTPUT", "-p", "tcp", "--tcp-flags", "RST", "RST", "-j", "DROP"),
    ("iptables", "OUTPUT", "-p", "icmp", "--icmp-type", "destination-unreachable", "-j", "DROP"),
)
TWINS = (
    ("ip6tables", "OUTPUT", "-p", "tcp", "--tcp-flags", "RST", "RST", "-j", "DROP"),
    ("ip6tables", "OUTPUT", "-p", "icmpv6", "--icmpv6-type", "destination-unreachable", "-j", "DROP"),
)

log = structlog.get_logger()


class FenceChange(NamedTuple):
    """The fence is down, or up again after so many seconds."""

    up: bool
    reason: str  # why it went down
    seconds: float = 0.0


class Fence:
    """What keeps the kernel silent, made by `fence`; `kind` says what it is."""

    def __init__(
        self,
        kind: Literal["nft", "iptables", "none"] = "none",
        holder: Holder | None = None,
        raise_again: Callable[[], Awaitable[Holder]] | None = None,
    ) -> None:
        self.kind = kind
        self._holder = holder
        self._raise_again = raise_again

    async def watch(self, tell: Callable[[FenceChange], object]) -> NoReturn:
        """Tell whenever the fence falls, until cancelled, and put that of nft up again; iptables' is the operator's."""
        if self.kind == "iptables":
            await self._watch_rules(tell)
        while self._holder is not None and self._raise_again is not None:
            status, fell = await self._holder.wait_ended(), trio.current_time()
            reason = f"nft was killed by signal {-status}" if status < 0 else f"nft ended with status {status}"
            log.error("the fence is down: the kernel answers beside the honeypot", reason=reason)
            tell(FenceChange(up=False, reason=reason))
            self._holder.release()
            self._holder = await self._up_again(self._raise_again)
            down = trio.current_time() - fell
            log.warning("the fence is up again", seconds=round(down, 3))
            tell(FenceChange(up=True, reason=reason, seconds=down))
        await trio.sleep_forever()

    async def _watch_rules(self, tell: Callable[[FenceChange], object]) -> NoReturn:
        fell, reason = None, "rules of iptables are gone"
        while True:
            await trio.sleep(LOOK)
            down = any(_asked(rule) == ABSENT for rule in DOCUMENTED)
            if down and fell is None:
                fell = trio.current_time()
                log.error("the fence is down: the kernel answers beside the honeypot", reason=reason)
                tell(FenceChange(up=False, reason=reason))
            elif fell is not None and not down:
                tell(FenceChange(up=True, reason=reason, seconds=trio.current_time() - fell))
                fell = None

    async def _up_again(self, raise_again: Callable[[], Awaitable[Holder]]) -> Holder:
        pause = 1.0
        while True:
            try:
                return await raise_again()
            except Unavailable as refused:
                log.error("the fence is still down", reason=str(refused), pause=pause)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def release(self) -> None:
        """Take the fence down."""
        if self._holder is not None:
            self._holder.release()


@asynccontextmanager
async def fence(
    kind: FenceKind, interface: str, addresses: AddressSet, exclusions: Exclusions, *, vlan: VlanPolicy = "answer"
) -> AsyncIterator[Fence]:
    """Keep the kernel silent while the block runs; gives what does it, for somebody to `watch`.

    "auto" takes nft, and where it is missing or refuses, the documented iptables rules if they are there.
    Raises Unavailable where nothing does it.
    """
    if kind == "none":
        log.warning("no fence: the host's kernel answers beside the honeypot, and both can be told apart")
        yield Fence()
        return
    if kind == "iptables":
        _check_iptables("")
        yield Fence("iptables")
        return
    table = f"honeystack_{os.getpid()}_{interface_number(interface)}"
    raise_it = partial(hold, table, table_commands(table, interface, addresses, exclusions, vlan=vlan))
    try:
        holder = await raise_it()
    except Unavailable as refused:
        if kind == "nft" or isinstance(refused.__cause__, PermissionError):  # iptables would be refused likewise
            raise
        _check_iptables(f"{refused}; ")
        holder = None
    if holder is None:
        yield Fence("iptables")
        return
    found = Fence("nft", holder, raise_it)
    try:
        yield found
    finally:
        found.release()


def interface_number(interface: str) -> str:
    """A part for a table's name that tells interfaces apart; names may have characters that nft's do not."""
    return interface.encode().hex()


def table_commands(
    table: str, interface: str, addresses: AddressSet, exclusions: Exclusions, *, vlan: VlanPolicy = "answer"
) -> list[str]:
    """What nft is told, one command each. Pure."""
    head = f"netdev {table} ingress"
    # nft 1.0.6 wants a line's end before each closing brace, and the backslash joins the lines.
    return [
        f"add table netdev {table} {{ flags owner; \\\n}}",
        f'add chain {head} {{ type filter hook ingress device "{interface}" priority 0; policy accept; \\\n}}',
        *(f"add rule {head} {rule}" for rule in fence_rules(addresses, exclusions, vlan=vlan)),
        f'add rule {head} accept comment "{COMPLETE}"',
    ]


def fence_rules(addresses: AddressSet, exclusions: Exclusions, *, vlan: VlanPolicy = "answer") -> list[str]:
    """The chain's rules in their order: what is the host's is accepted, then what is ours is dropped. Pure."""
    host_v4, host_v6 = _split(exclusions.addresses)
    ours_v4, ours_v6 = _split(addresses)
    accepted = [
        *(["vlan id 1-4095 accept"] if vlan == "ignore" else []),  # the host may have the interfaces of the tags
        *_matching("ip saddr", "meta protocol ip", host_v4, "accept"),
        *_matching("arp saddr ip", "meta protocol arp", host_v4, "accept"),
        *_matching("ip6 saddr", "meta protocol ip6", host_v6, "accept"),
        *_ports(exclusions.ports),
        # The host's own talk with excluded addresses needs the answers to its questions.
        "icmpv6 type { nd-neighbor-advert, nd-router-advert } accept",
    ]
    dropped = [
        *_matching("arp operation request arp daddr ip", "arp operation request", ours_v4, "drop"),
        *_matching("ip daddr", "meta protocol ip", ours_v4, "drop"),
        *(["ip daddr 224.0.0.0/4 meta l4proto igmp drop"] if ours_v4 else []),
        *(f"icmpv6 type nd-neighbor-solicit {_target(network)}drop" for network in ours_v6),
        *_matching("ip6 daddr", "meta protocol ip6", ours_v6, "drop"),
        *(["ip6 daddr ff00::/8 icmpv6 type { echo-request, mld-listener-query, 139 } drop"] if ours_v6 else []),
    ]
    return accepted + dropped


def _split(addresses: AddressSet) -> tuple[list[IPNetwork], list[IPNetwork]]:
    """IPv4 and IPv6, without overlaps, which nft refuses in a set."""
    v4 = [network for network in addresses if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in addresses if isinstance(network, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(v4)], [*ipaddress.collapse_addresses(v6)]


def _matching(field: str, everything: str, networks: Sequence[IPNetwork], verdict: str) -> list[str]:
    if not networks:
        return []
    if any(network.prefixlen == 0 for network in networks):
        return [f"{everything} {verdict}"]
    names = (str(n.network_address) if n.prefixlen == n.max_prefixlen else str(n) for n in networks)
    return [f"{field} {{ {', '.join(names)} }} {verdict}"]


def _ports(ports: Iterable[PortRange]) -> list[str]:
    rules = []
    for name, number in (("tcp", 6), ("udp", 17)):
        ranges = sorted({(p.first, p.last) for p in ports if p.protocol in (None, number)})
        rules += [f"{name} dport {first if first == last else f'{first}-{last}'} accept" for first, last in ranges]
    if rules:  # a later fragment has no port; without its first one the kernel forgets it in silence
        rules += ["ip frag-off & 0x1fff != 0 accept", "frag frag-off != 0 accept"]
    return rules


def _target(network: IPNetwork) -> str:
    """A solicitation's target address (RFC 4861 §4.3), 8 bytes into the ICMPv6 header."""
    if network.prefixlen == 0:
        return ""
    prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
    return f"@th,64,{network.prefixlen} {prefix:#x} "


def _check_iptables(before: str) -> None:
    """Raises Unavailable unless the documented rules are there; warns of what they leave open."""
    if not all(_has_rule(rule) for rule in DOCUMENTED):
        remedy = " and ".join(f"`{as_command(rule)}`" for rule in DOCUMENTED)
        raise Unavailable(f'{before}the kernel would answer beside the honeypot: run {remedy}, or set fence = "none"')
    open_to = "ARP and neighbour answers, echo, and answers on the host's own ports"
    if not all(_has_rule(rule) for rule in TWINS):
        open_to += "; and IPv6, for want of " + " and ".join(f"`{as_command(rule)}`" for rule in TWINS)
    log.warning("the fence is the documented iptables rules; the kernel still gives away", still=open_to)


def as_command(rule: Sequence[str]) -> str:
    """The shell command that adds a rule of DOCUMENTED or TWINS."""
    return " ".join((rule[0], "-A", *rule[1:]))


def _has_rule(rule: Sequence[str]) -> bool:
    return _asked(rule) == 0


def _asked(rule: Sequence[str]) -> int | None:
    """What iptables says: 0, ABSENT, or another number where it cannot tell; None where there is no such program."""
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run([rule[0], "-C", *rule[1:]], capture_output=True, check=False).returncode
    return None
