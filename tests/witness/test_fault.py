"""A fault is told by its type, its text and its place."""

from __future__ import annotations

from honeystack.witness.fault import fault_fields


def test_the_innermost_line_is_told() -> None:
    try:
        int("x")
    except ValueError as error:
        fields = fault_fields(error)
    assert fields["error"] == "ValueError: invalid literal for int() with base 10: 'x'"
    assert str(fields["where"]).startswith("test_fault.py:")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert fault_fields(ValueError("x")) == {"error": "ValueError: x", "where": ""}
