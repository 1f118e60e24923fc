from __future__ import annotations

import types

from honeystack.events.catalogue import EventKind, kinds_in, undeclared
from tests.events.samples import KIND, event


def test_a_kind_admits_its_keys_and_families() -> None:
    assert KIND.admits("http.method")
    assert KIND.admits("http.header.host")
    assert not KIND.admits("http.header")
    assert not KIND.admits("http.url")


def test_what_is_not_declared_is_found() -> None:
    assert undeclared(event({"http.method": "GET", "http.header.a": "b", "http.url": "/"})) == ["http.url"]


def test_kinds_are_found_once_each_and_sorted() -> None:
    one, other = EventKind("b", "x", ""), EventKind("a", "y", "")
    first, second = types.ModuleType("first"), types.ModuleType("second")
    vars(first).update(ONE=one, number=1)
    vars(second).update(ONE=one, OTHER=other)
    assert kinds_in([first, second]) == [other, one]


def test_a_kind_keeps_its_own_copy_of_its_fields() -> None:
    fields = {"a": "one"}
    kind = EventKind("c", "t", "", fields)
    fields["b"] = "two"
    assert not kind.admits("b")
