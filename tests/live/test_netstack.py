"""A kernel's TCP and UDP against ours, over a real cable."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.live.arena import inside
from tests.live.cottage import FRIEND4, POT4, POT6, Cottage, cottage

pytestmark = pytest.mark.live

MEGABYTE = random.Random(7).randbytes(1 << 20)


@pytest.fixture(scope="module")
def place() -> Iterator[Cottage]:
    with cottage() as place, place.netstack("tcp/22", FRIEND4):
        yield place


def there_and_back(place: Cottage, address: str, data: bytes) -> bytes:
    with inside(place.peer):
        client = socket.create_connection((address, 7777), 10)
    with client:
        client.settimeout(20)

        def send() -> None:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        back = bytearray()
        while more := client.recv(1 << 16):
            back += more
        sender.join(20)
    return bytes(back)


@pytest.mark.parametrize("offloads", ["on", "off"])
@pytest.mark.parametrize("address", [POT4, POT6])
def test_a_megabyte_goes_there_and_comes_back(place: Cottage, address: str, offloads: str) -> None:
    place.offloads(offloads)
    back = there_and_back(place, address, MEGABYTE)
    assert hashlib.sha256(back).digest() == hashlib.sha256(MEGABYTE).digest()


@pytest.mark.parametrize("address", [POT4, POT6])
@pytest.mark.parametrize("length", [1, 1400, 20_000])
def test_a_datagram_is_echoed_whole_also_in_fragments(place: Cottage, address: str, length: int) -> None:
    with inside(place.peer):
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(10)
        client.sendto(MEGABYTE[:length], (address, 5000))
        assert client.recvfrom(65536)[0] == MEGABYTE[:length]


@pytest.mark.parametrize("address", [POT4, POT6])
def test_an_excluded_port_reaches_the_hosts_own_listener(place: Cottage, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(place.pot):
        server = socket.create_server((address, 22), family=family)
    with inside(place.peer):
        client = socket.create_connection((address, 22), 5)
    with server, client:
        host, _ = server.accept()
        with host:
            host.sendall(b"from the host")
            assert client.recv(100) == b"from the host"


def test_an_excluded_address_reaches_the_host_on_every_port(place: Cottage) -> None:
    with inside(place.pot):
        server = socket.create_server((POT4, 7777))
    with inside(place.peer):
        client = socket.create_connection((POT4, 7777), 5, source_address=(FRIEND4, 0))
    with server, client:
        server.accept()[0].close()
    assert there_and_back(place, POT4, b"still ours") == b"still ours"


def test_many_clients_at_once(place: Cottage) -> None:
    answers: list[bytes] = []

    def visit(number: int) -> None:
        answers.append(there_and_back(place, POT4, b"%d" % number))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == sorted(b"%d" % number for number in range(50))
