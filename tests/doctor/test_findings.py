"""Three kinds of finding, each with its own maker."""

from __future__ import annotations

import pytest

from honeystack.doctor.findings import Finding, Status, fault, fine, warning


def test_each_kind_has_its_maker() -> None:
    assert fine("a", "b") == Finding("a", Status.FINE, "b", "")
    assert warning("a", "b") == Finding("a", Status.WARNING, "b", "")
    assert warning("a", "b", "c") == Finding("a", Status.WARNING, "b", "c")
    assert fault("a", "b", "c") == Finding("a", Status.FAULT, "b", "c")


@pytest.mark.parametrize("status", Status)
def test_a_status_is_a_word(status: Status) -> None:
    assert status.value == status.name.lower()
