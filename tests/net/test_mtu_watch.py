"""An MTU that changes while it is watched, with a kernel that is played here."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from honeystack.errors import Unavailable
from honeystack.net import interface
from honeystack.net.interface import InterfaceFacts, MtuWatch

ETH0 = InterfaceFacts("eth0", 2, bytes(6), 1500, ())


class News:
    """Stands for the kernel: its links, and a socket that says that there is news."""

    def __init__(self) -> None:
        self.links: dict[str, tuple[int, bytes, int, int]] = {"lo": (1, b"", 65536, 0), "eth0": (2, b"", 1500, 0)}
        self.unknown = False
        self.ours, self.kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)

    def listed(self) -> dict[str, tuple[int, bytes, int, int]]:
        if self.unknown:
            raise Unavailable("the kernel does not list its interfaces")
        return self.links

    def tell(self, mtu: int) -> None:
        self.links["eth0"] = (2, b"", mtu, 0)
        self.kernels.send(b"news")


class Bound:
    """A socket whose bind does nothing, and which may say once that its buffer ran over."""

    def __init__(self, real: socket.socket, trouble: OSError | None = None) -> None:
        self._real, self.trouble = real, trouble

    def bind(self, address: object) -> None:
        assert address == (0, 1)

    def recv(self, size: int) -> bytes:
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        return self._real.recv(size)

    def fileno(self) -> int:
        return self._real.fileno()

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> Iterator[News]:
    news = News()
    monkeypatch.setattr(interface, "_links", news.listed)
    with news.ours, news.kernels:
        yield news


def watch(news: News, monkeypatch: pytest.MonkeyPatch, trouble: OSError | None = None) -> MtuWatch:
    with monkeypatch.context() as patched:
        patched.setattr(interface.socket, "socket", lambda *_: Bound(news.ours, trouble))
        return MtuWatch(ETH0)


async def test_a_change_is_waited_for_and_each_is_told(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, news.tell, 1300)
            assert await watched.changed() == 1300
        news.tell(9000)
        assert await watched.changed() == 9000
    watched.close()
    watched.close()


async def test_news_of_other_kinds_and_of_others_wakes_nobody(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch)
    news.links["lo"] = (1, b"", 1200, 0)
    for _ in range(3):
        news.kernels.send(b"the carrier is there")
    with trio.move_on_after(0.05) as patience:
        await watched.changed()
    assert patience.cancelled_caught
    watched.close()


async def test_what_changed_before_anybody_waited_is_told(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch)
    news.links["eth0"] = (2, b"", 1400, 0)
    assert await watched.changed() == 1400
    watched.close()


def test_an_interface_that_is_gone_or_not_listed_has_the_mtu_it_had(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch(news, monkeypatch)
    del news.links["eth0"]
    assert watched.look() is None
    news.unknown = True
    assert watched.look() is None
    assert watched.mtu == 1500
    watched.close()


async def test_more_news_than_the_buffer_held_is_news(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch, OSError(errno.ENOBUFS, "overrun"))
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, news.tell, 1300)
            assert await watched.changed() == 1300
    watched.close()


async def test_any_other_error_of_the_socket_is_told(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch, OSError(errno.EIO, "broken"))
    news.kernels.send(b"news")
    with pytest.raises(OSError, match="broken"):
        await watched.changed()
    watched.close()


async def test_who_waits_is_woken_when_it_is_closed(news: News, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(news, monkeypatch)

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await watched.changed()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            watched.close()


def test_outside_trio_it_can_be_made_and_closed() -> None:
    """With the machine's own kernel."""
    watched = MtuWatch(interface.interface_facts("lo"))
    assert watched.look() is None
    watched.close()
