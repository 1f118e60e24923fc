"""Clients in threads that connect, talk and stay until they are told to stop."""

from __future__ import annotations

import threading
from typing import Self

from tests.live.arena import Arena


class Crowd:
    """So many threads run `talk`, each with its number, until the block ends and `over` is set."""

    threads = 8

    def __init__(self, place: Arena) -> None:
        self.place = place
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self.talk, args=(number,)) for number in range(self.threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def talk(self, number: int) -> None:
        raise NotImplementedError
