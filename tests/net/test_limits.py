from __future__ import annotations

import attrs
import pytest

from honeystack.net.limits import Limits
from honeystack.settings import settings_of


def test_every_bound_has_a_name_a_reason_and_a_positive_default() -> None:
    found = settings_of(Limits)
    assert list(found) == [field.name for field in attrs.fields(Limits)]
    assert all(about.text for _, about in found.values())
    assert all(value > 0 for value in attrs.asdict(Limits()).values() if value is not False)


def test_bytes_and_seconds_are_named_as_units() -> None:
    for name, (_, about) in settings_of(Limits).items():
        if "buffer" in name or "memory" in name:
            assert about.unit == "bytes"
        if "seconds" in name:
            assert about.unit == "seconds"


def test_bounds_are_set_by_name_and_do_not_change() -> None:
    limits = Limits(half_open=7)
    assert limits.half_open == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        limits.half_open = 8  # type: ignore[misc]


def test_a_silent_peer_is_not_asked_unless_that_is_wanted_and_then_as_linux_asks() -> None:
    limits = Limits()
    assert limits.keep_alive is False
    assert limits.keep_alive_seconds >= 2 * 3600  # RFC 9293 §3.8.4
    assert (limits.keep_alive_interval_seconds, limits.keep_alive_probes, limits.retries) == (75, 9, 15)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("retries", 0, "greater than zero"),
        ("keep_alive_seconds", 0.0, "greater than zero"),
        ("keep_alive_interval_seconds", -1.0, "greater than zero"),
        ("keep_alive_probes", 1, "may be lost"),
        ("keep_alive_probes", 0, "may be lost"),
    ],
)
def test_what_would_give_every_peer_up_is_refused(name: str, value: float, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Limits(**{name: value})


def test_two_questions_and_one_repetition_are_enough() -> None:
    limits = Limits(keep_alive_probes=2, retries=1)
    assert (limits.keep_alive_probes, limits.retries) == (2, 1)
