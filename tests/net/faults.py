"""What goes wrong inside the stack on purpose; it works on compiled modules too, whose methods cannot be replaced."""

from __future__ import annotations

from typing import Any


class BrokenKey:
    """It lies where another key does, and cannot be compared with it."""

    def __init__(self, other: object) -> None:
        self._hash = hash(other)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError


class BrokenTable(dict[Any, Any]):
    """A table in which nothing can be looked up."""

    def __getitem__(self, key: object) -> Any:
        raise ZeroDivisionError

    def __delitem__(self, key: object) -> None:
        raise ZeroDivisionError

    def __contains__(self, key: object) -> bool:
        raise ZeroDivisionError

    def get(self, key: object, default: object = None) -> Any:
        raise ZeroDivisionError


class BrokenBuffer(bytearray):
    """A buffer that fails once to tell its length."""

    failed = False

    def __len__(self) -> int:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return super().__len__()
