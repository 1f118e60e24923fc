from __future__ import annotations

from honeystack.net.tcp.memory import BufferMemory


def test_what_is_taken_is_not_free_until_it_is_given_back() -> None:
    memory = BufferMemory(100)
    memory.take(60)
    assert (memory.used, memory.free) == (60, 40)
    memory.give(60)
    assert memory.free == 100
