"""What the kernel knows of its network interfaces, by rtnetlink(7). Other systems are told so in one sentence."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Iterator
from struct import calcsize, pack, unpack_from
from typing import NamedTuple

import attrs
import trio

from honeystack.errors import Unavailable

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h
NETLINK_ROUTE = 0
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
IFF_UP, IFF_RUNNING = 0x1, 0x40
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_GETLINK, RTM_NEWLINK, RTM_GETADDR, RTM_NEWADDR = 18, 16, 22, 20
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU = 1, 3, 4
IFA_ADDRESS, IFA_LOCAL = 1, 2
_ALIVE = IFF_UP | IFF_RUNNING
LINK_HEADER, ADDRESS_HEADER = "=BxHiII", "=BBBBI"

# How to give what a packet socket and the fence need. Capabilities of the interpreter's file would not do: in a virtual
# environment that is a link, which setcap refuses, and nft, which is another program, would not get them.
PRIVILEGES = (
    "run it as root, or with `AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN` in its systemd unit, or by "
    "`sudo setpriv --reuid=$USER --init-groups --inh-caps=+net_raw,+net_admin --ambient-caps=+net_raw,+net_admin`"
)


@attrs.frozen
class InterfaceFacts:
    """One interface; `addresses` have their prefix lengths: "192.0.2.1/24"."""

    name: str
    index: int
    mac: bytes
    mtu: int
    addresses: tuple[str, ...]


class InterfaceState(NamedTuple):
    """What of an interface may become another; up: switched on, and with a carrier."""

    up: bool
    addresses: tuple[str, ...]


def interface_facts(name: str) -> InterfaceFacts:
    """The facts of one interface. Raises Unavailable with the names there are."""
    known = _links()
    if name not in known:
        raise Unavailable(f"there is no network interface {name!r}; there are {', '.join(sorted(known)) or 'none'}")
    index, mac, mtu, _ = known[name]
    return InterfaceFacts(name, index, mac, mtu, tuple(_addresses(index)))


def interface_names() -> list[str]:
    """The names of all interfaces, in the kernel's order."""
    return list(_links())


def interface_state(index: int) -> InterfaceState | None:
    """How an interface is now; None where it is gone. Raises Unavailable where the kernel does not say."""
    flags = {one: flags for one, _, _, flags in _links().values()}.get(index)
    return None if flags is None else InterfaceState(flags & _ALIVE == _ALIVE, tuple(_addresses(index)))


class InterfaceNews:
    """Hears from the kernel that interfaces or addresses have changed; what has, is to be asked for."""

    def __init__(self, groups: int = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_ROUTE)
        self._socket.bind((0, groups))

    def __enter__(self) -> InterfaceNews:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def wait(self) -> None:
        """Wait until there are some. Raises trio.ClosedResourceError once closed."""
        await trio.lowlevel.wait_readable(self._socket)

    def forget(self) -> None:
        """Throw away what has come: there may have been more than the socket's buffer held."""
        while True:
            try:
                self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        """Give the socket back; idempotent. Who waits is woken with ClosedResourceError."""
        if self._socket.fileno() >= 0:
            with contextlib.suppress(RuntimeError):  # outside Trio nobody can be waiting
                trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


class MtuWatch:
    """Hears from the kernel when an interface's MTU becomes another than `mtu`."""

    def __init__(self, facts: InterfaceFacts) -> None:
        self.mtu = facts.mtu
        self._index = facts.index
        self._news = InterfaceNews(RTMGRP_LINK)

    async def changed(self) -> int:
        """Wait until the MTU is another one, and give it. Raises trio.ClosedResourceError once closed."""
        while self.look() is None:
            await self._news.wait()
            self._news.forget()
        await trio.lowlevel.checkpoint()
        return self.mtu

    def look(self) -> int | None:
        """The MTU where it is another than it was when last asked for; None where it is not, or nobody knows."""
        with contextlib.suppress(Unavailable):
            for index, _, mtu, _ in _links().values():
                if index == self._index and mtu != self.mtu:
                    self.mtu = mtu
                    return mtu
        return None

    def close(self) -> None:
        """Give the socket back; idempotent. Who waits is woken with ClosedResourceError."""
        self._news.close()


def _links() -> dict[str, tuple[int, bytes, int, int]]:
    """By name: index, MAC address, MTU and flags."""
    links = {}
    for kind, body in _dump(RTM_GETLINK):
        if kind == RTM_NEWLINK:
            _, _, index, flags, _ = unpack_from(LINK_HEADER, body)
            found = _attributes(body, calcsize(LINK_HEADER))
            name = found[IFLA_IFNAME].rstrip(b"\0").decode()
            links[name] = (index, found.get(IFLA_ADDRESS, b""), unpack_from("=I", found[IFLA_MTU])[0], flags)
    return links


def _addresses(wanted: int) -> Iterator[str]:
    for kind, body in _dump(RTM_GETADDR):
        if kind != RTM_NEWADDR:
            continue
        _, prefix_length, _, _, index = unpack_from(ADDRESS_HEADER, body)
        if index == wanted:
            found = _attributes(body, calcsize(ADDRESS_HEADER))
            # Of a point-to-point interface IFA_ADDRESS is the other end.
            packed = found.get(IFA_LOCAL) or found[IFA_ADDRESS]
            yield f"{ipaddress.ip_address(packed)}/{prefix_length}"


def _dump(request: int) -> Iterator[tuple[int, bytes]]:
    """All messages that answer one dump request: (type, body)."""
    if not hasattr(socket, "AF_NETLINK"):
        raise Unavailable("the netstack needs Linux: this system has no packet sockets and no rtnetlink")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.send(pack("=IHHIIB3x", 20, request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0, socket.AF_UNSPEC))
        while True:
            for kind, body in _messages(netlink.recv(1 << 18)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    raise Unavailable(f"the kernel does not list its interfaces (error {-unpack_from('=i', body)[0]})")
                yield kind, body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = unpack_from("=IH", data, at)
        yield kind, data[at + 16 : at + length]
        at += max(16, (length + 3) & ~3)


def _attributes(body: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at + 4 <= len(body):
        length, kind = unpack_from("=HH", body, at)
        found[kind & 0x3FFF] = body[at + 4 : at + length]
        at += max(4, (length + 3) & ~3)
    return found
