"""Kernel sockets, on the loopback."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from honeystack.listeners._datagrams import Reply
from honeystack.listeners._kernel import Counted, DatagramSocket, endpoint_of
from honeystack.net.address import Endpoint, Flow
from honeystack.net.limits import Limits
from honeystack.net.notices import CloseReason
from honeystack.net.udp import MAX_ECHOES


def socket_on(bound: socket.socket, **limits: int) -> tuple[DatagramSocket, list[str]]:
    """A socket, and the bounds that it reaches."""
    told: list[str] = []
    return DatagramSocket(bound, limits=Limits(**limits), reached=told.append), told  # type: ignore[arg-type]


async def pair() -> tuple[Counted, trio.SocketStream]:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    stream = Counted(await listener.accept())
    await listener.aclose()
    return stream, client


async def test_what_passes_is_counted() -> None:
    stream, client = await pair()
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"hello")
    await client.send_all(b"abc")
    assert await stream.receive_some() == b"abc"
    await stream.send_eof()
    assert await client.receive_some() == b"hello"
    await client.aclose()
    assert await stream.receive_some() == b""
    await stream.aclose()
    assert (stream.bytes_in, stream.bytes_out, stream.reason) == (3, 5, CloseReason.FIN)


async def test_a_reset_is_known() -> None:
    stream, client = await pair()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    await client.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    assert stream.reason is CloseReason.RST
    await stream.aclose()


def test_a_scope_is_no_part_of_an_address() -> None:
    assert endpoint_of(("fe80::1%eth0", 80, 0, 2)) == Endpoint("fe80::1", 80)


@pytest.mark.parametrize(
    ("family", "anywhere", "address"), [(socket.AF_INET, "0.0.0.0", "127.0.0.3"), (socket.AF_INET6, "::", "::1")]
)
async def test_a_datagram_s_flow_is_whole_and_the_answer_comes_from_there(
    family: socket.AddressFamily, anywhere: str, address: str
) -> None:
    seen: list[Flow] = []

    def received(flow: Flow, data: bytes, reply: Reply | None) -> None:
        seen.append(flow)
        assert reply is not None
        assert reply(data.upper(), 1.0)

    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((anywhere, 0))
    port = bound.getsockname()[1]
    receive: Callable[[Callable[..., None]], Awaitable[None]] = socket_on(bound)[0].receive
    with trio.socket.socket(family, socket.SOCK_DGRAM) as client, trio.fail_after(5):
        await client.connect((address, port))  # takes answers from there alone
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive, received)
            await client.send(b"question")
            assert await client.recv(100) == b"QUESTION"
            nursery.cancel_scope.cancel()
        assert seen == [Flow("udp", Endpoint(address, port), Endpoint(*client.getsockname()[:2]))]


async def test_answers_are_no_amplifier_and_two_echoes_come_to_an_end() -> None:
    answers: list[bool] = []

    def received(flow: Flow, data: bytes, reply: Reply | None) -> None:
        answers.append(reply is not None and not reply(data + b"more", 1.0) and reply(data, 1.0))

    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", 0))
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, trio.fail_after(5):
        await client.connect(bound.getsockname())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(socket_on(bound)[0].receive, received)
            await client.send(b"question")
            while answers.count(False) == 0:
                with trio.move_on_after(0.2) as patience:
                    await client.send(await client.recv(100))
                if patience.cancelled_caught:
                    break
            nursery.cancel_scope.cancel()
    assert answers == [True] * (MAX_ECHOES + 1) + [False]


async def test_the_bounds_of_answers_are_those_of_the_settings_and_are_told() -> None:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", 0))
    datagrams, told = socket_on(bound, datagram_answers_per_second=1, datagram_remotes=1)
    answered: list[bool] = []

    def received(flow: Flow, data: bytes, reply: Reply | None) -> None:
        assert reply is not None
        answered.extend(reply(b"x", 1.0) for _ in range(3))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(datagrams.receive, received)
        with trio.fail_after(5):
            for number, address in enumerate(("127.0.0.1", "127.0.0.2"), 1):
                with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    await client.bind((address, 0))
                    await client.sendto(b"question", bound.getsockname())
                    while len(answered) < 3 * number:
                        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert answered == [True, True, False] * 2
    assert told == ["datagram_answers_per_second", "datagram_remotes", "datagram_answers_per_second"]
