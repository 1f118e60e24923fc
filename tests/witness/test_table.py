"""The table: counts what repeats, bounded, in the order of becoming due."""

from __future__ import annotations

from honeystack.events.catalogue import EventKind
from honeystack.witness.table import Row, Table

MEMORY = 100_000
KIND = EventKind("a", "b", "text")


def make(limit: int = 10, *, at_once: bool = True) -> tuple[Table, list[tuple[str, int | None]]]:
    told: list[tuple[str, int | None]] = []

    def tell(row: Row) -> None:
        told.append((str(row.fields["key"]), row.count))

    return Table(limit, 10.0, tell, memory=MEMORY, at_once=at_once), told


def row(key: str) -> Row:
    return Row(KIND, None, {"key": key})


def test_the_first_is_told_at_once_and_repeats_together() -> None:
    table, told = make()
    assert table.count("x") is None
    table.add("x", row("x"), 0.0)
    assert table.next_deadline() == 10.0
    assert table.count("x") is not None
    table.count("x")
    table.tick(9.9)
    assert told == [("x", None)]
    table.tick(10.0)
    assert told == [("x", None), ("x", 2)]
    assert table.next_deadline() == 20.0
    table.tick(20.0)  # nothing came: forgotten
    assert len(told) == 2
    assert table.next_deadline() is None
    assert table.count("x") is None


def test_what_is_not_told_at_once_is_told_once() -> None:
    table, told = make(at_once=False)
    table.add("x", row("x"), 0.0)
    table.count("x")
    assert told == []
    table.tick(10.0)
    assert told == [("x", 2)]
    assert table.next_deadline() is None


def test_a_full_table_tells_its_oldest_row_and_forgets_it() -> None:
    table, told = make(limit=2, at_once=False)
    for key in ("a", "b", "c"):
        table.add(key, row(key), 0.0)
    assert told == [("a", 1)]
    assert (table.forgotten, table.outweighed) == (1, 0)
    table.flush()
    assert told == [("a", 1), ("b", 1), ("c", 1)]


def test_heavy_rows_make_the_oldest_go() -> None:
    table, told = make(at_once=False)
    heavy = "x" * (MEMORY // 2)
    for key in ("a", "b", "c"):
        table.add(key, row(key + heavy), 0.0)
    assert [key[0] for key, _ in told] == ["a", "b"]
    assert (table.forgotten, table.outweighed) == (0, 2)
    table.tick(10.0)
    assert [key[0] for key, _ in told] == ["a", "b", "c"]
    for key in ("d", "e"):  # the weight of what has gone is forgotten
        table.add(key, row(key), 10.0)
    assert len(told) == 3


def test_a_flush_tells_only_what_has_not_been_told() -> None:
    table, told = make()
    table.add("a", row("a"), 0.0)
    table.add("b", row("b"), 0.0)
    table.count("b")
    table.flush()
    assert told == [("a", None), ("b", None), ("b", 1)]
