"""Interfaces as rtnetlink tells of them; what it says is read from bytes made here."""

from __future__ import annotations

import errno
from struct import pack

import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.net import interface
from honeystack.net.interface import (
    InterfaceFacts,
    InterfaceNews,
    InterfaceState,
    interface_facts,
    interface_names,
    interface_state,
)

MAC = bytes.fromhex("020000000001")


def attribute(kind: int, value: bytes) -> bytes:
    return pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes) -> bytes:
    return pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def link(index: int, name: str, mac: bytes, mtu: int, *, flags: int = 0) -> bytes:
    attributes = attribute(3, name.encode() + b"\0") + attribute(4, pack("=I", mtu))
    return message(16, pack("=BxHiII", 0, 1, index, flags, 0) + attributes + (attribute(1, mac) if mac else b""))


def address(index: int, family: int, length: int, *attributes: bytes) -> bytes:
    return message(20, pack("=BBBBI", family, length, 0, 0, index) + b"".join(attributes))


DONE = message(3, bytes(4))


class Netlink:
    """Stands for the socket; answers each request from a table."""

    def __init__(self, answers: dict[int, list[bytes]]) -> None:
        self.answers = answers
        self.parts: list[bytes] = []

    def __call__(self, *_: object) -> Netlink:
        return self

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, request: bytes) -> None:
        self.parts = list(self.answers[int.from_bytes(request[4:6], "little")])

    def recv(self, size: int) -> bytes:
        return self.parts.pop(0)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Netlink:
    netlink = Netlink(
        {
            18: [link(1, "lo", bytes(6), 65536) + link(2, "eth0", MAC, 1500), link(3, "tun0", b"", 1400), DONE],
            22: [
                address(1, 2, 8, attribute(1, b"\x7f\0\0\1")),
                address(2, 2, 24, attribute(1, b"\xc0\0\2\1"), attribute(2, b"\xc0\0\2\1"))
                + address(2, 10, 64, attribute(1, bytes.fromhex("20010db8") + bytes(11) + b"\1")),
                address(3, 2, 32, attribute(1, b"\x0a\0\0\2"), attribute(2, b"\x0a\0\0\1")) + message(99, b""),
                DONE,
            ],
        }
    )
    monkeypatch.setattr(interface.socket, "socket", netlink)
    return netlink


def test_an_interface_is_found_with_all_its_addresses(kernel: Netlink) -> None:
    assert interface_facts("eth0") == InterfaceFacts("eth0", 2, MAC, 1500, ("192.0.2.1/24", "2001:db8::1/64"))


def test_our_end_of_a_point_to_point_interface_is_told(kernel: Netlink) -> None:
    assert interface_facts("tun0") == InterfaceFacts("tun0", 3, b"", 1400, ("10.0.0.1/32",))


def test_an_unknown_name_is_told_with_the_names_there_are(kernel: Netlink) -> None:
    assert interface_names() == ["lo", "eth0", "tun0"]
    with pytest.raises(Unavailable, match=r"'eth9'; there are eth0, lo, tun0"):
        interface_facts("eth9")


def test_a_refusal_of_the_kernel_is_told(kernel: Netlink) -> None:
    kernel.answers[18] = [message(2, pack("=i", -1))]
    with pytest.raises(Unavailable, match="error 1"):
        interface_names()


def test_another_system_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(interface.socket, "AF_NETLINK")
    with pytest.raises(Unavailable, match="needs Linux"):
        interface_names()


def test_this_machine_has_a_loopback() -> None:
    assert "127.0.0.1/8" in interface_facts("lo").addresses


def test_the_state_of_an_interface_is_asked_for_by_its_number(kernel: Netlink) -> None:
    assert interface_state(2) == InterfaceState(False, ("192.0.2.1/24", "2001:db8::1/64"))
    assert interface_state(4) is None
    kernel.answers[18] = [link(2, "eth0", MAC, 1500, flags=0x1), DONE]
    assert interface_state(2) == InterfaceState(False, ("192.0.2.1/24", "2001:db8::1/64"))  # no carrier
    kernel.answers[18] = [link(2, "eth0", MAC, 1500, flags=0x41), DONE]
    assert interface_state(2) == InterfaceState(True, ("192.0.2.1/24", "2001:db8::1/64"))


async def test_news_of_interfaces_are_waited_for_and_closed() -> None:
    async with trio.open_nursery() as nursery:
        with InterfaceNews() as news:
            news.forget()

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await news.wait()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
    news.close()


class Socket:
    """Has more news than its buffer held, and then an error or none."""

    def __init__(self, *results: BaseException | bytes) -> None:
        self.results = list(results)

    def bind(self, address: tuple[int, int]) -> None:
        pass

    def recv(self, size: int) -> bytes:
        result = self.results.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result


def test_lost_news_are_as_good_as_news_and_other_errors_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Socket(b"x", OSError(errno.ENOBUFS, ""), BlockingIOError(), OSError(errno.EIO, ""))
    monkeypatch.setattr(interface.socket, "socket", lambda *_: kept)
    news = InterfaceNews()
    news.forget()
    assert len(kept.results) == 1
    with pytest.raises(OSError, match=r"\[Errno 5\]"):
        news.forget()
