from __future__ import annotations

from honeystack.net.notices import BoundReached, Writable
from honeystack.net.tcp.memory import BufferMemory
from honeystack.net.wire.tcp import RST
from tests.net.tcp.pair import make_tcp
from tests.net.tcp.peer import Peer


def test_what_is_taken_is_not_free_until_it_is_given_back() -> None:
    memory = BufferMemory(100)
    memory.take(60)
    assert (memory.used, memory.free) == (60, 40)
    memory.give(60)
    assert memory.free == 100


def test_a_quarter_free_is_plenty() -> None:
    memory = BufferMemory(100)
    memory.take(76)
    assert not memory.plenty
    memory.give(1)
    assert memory.plenty


def test_who_could_not_send_for_another_connection_is_told_when_that_one_ends() -> None:
    tcp = make_tcp(3, buffer_memory=10_000)
    hog, other = Peer(tcp, local_port=1, window=0), Peer(tcp, local_port=2)
    hog_conn, conn = hog.open(), other.open()
    assert hog_conn.send(bytes(20_000), 1000.0) == 10_000
    assert conn.send(b"hello", 1000.0) == 0
    assert other.answers() == []
    assert [n.bound for n in other.told(BoundReached) if isinstance(n, BoundReached)] == ["buffer_memory"]
    hog.send(RST)
    assert hog.told(Writable) + other.told(Writable) == [Writable(conn)]
    assert conn.send(b"hello", 1000.0) == 5
    assert hog_conn.send(b"hello", 1000.0) == 0
    assert conn.send(bytes(20_000), 1000.0) == 9_995
    other.answers()
    assert len(other.told(BoundReached)) == 2
