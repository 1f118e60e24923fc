from __future__ import annotations

import pytest

from honeystack.errors import ConfigError
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event
from honeystack.events.filters import EventFilter, filter_for

KINDS = {name: EventKind(*name.split("/"), "x") for name in ("http/request", "tcp/connect", "tcp/close")}


def made(kind: str, service: str | None = None) -> Event:
    return Event("i", 0.0, KINDS[kind], {}, None, service)


@pytest.mark.parametrize(
    ("settings", "kind", "service", "taken"),
    [
        ({}, "tcp/connect", None, True),
        ({"services": ["http.*"]}, "http/request", "http01", True),
        ({"services": ["ttp0"]}, "http/request", "http01", True),
        ({"services": ["^ttp0"]}, "http/request", "http01", False),
        ({"services": ["http"]}, "tcp/connect", None, False),
        ({"services": ["ssh", "http"]}, "http/request", "http01", True),
        ({"categories": ["http", "tcp"]}, "tcp/close", None, True),
        ({"categories": ["tcp"], "types": ["^close$"]}, "tcp/connect", None, False),
        ({"categories": ["tcp"], "types": ["^close$"]}, "tcp/close", None, True),
        ({"services": ["http"], "categories": ["tcp"]}, "http/request", "http01", False),
        ({"exclude_types": ["connect", "close"]}, "tcp/close", None, False),
        ({"exclude_services": ["http"]}, "tcp/close", None, True),
        ({"exclude_services": ["http"]}, "tcp/close", "http01", False),
        ({"categories": ["tcp"], "exclude_categories": ["tcp"]}, "tcp/close", None, False),
        ({"services": ["a|b", "c"], "types": ["e"]}, "http/request", "c", True),
    ],
)
def test_a_filter_takes_what_all_its_lists_allow(
    settings: dict[str, list[str]], kind: str, service: str | None, taken: bool
) -> None:
    each = EventFilter(**settings)  # type: ignore[arg-type]
    assert each.takes(made(kind, service)) is taken
    assert each.takes(made(kind, service)) is taken  # from memory


def test_a_bad_expression_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'\(' is no regular expression"):
        EventFilter(services=("http", "("))


def test_a_channel_without_a_filter_takes_all() -> None:
    assert filter_for("file", [EventFilter(channels=("console",))]) is None
    assert filter_for("file", []) is None


def test_one_filter_of_a_channel_suffices() -> None:
    takes = filter_for(
        "c", [EventFilter(channels=("c",), types=("close",)), EventFilter(("c", "d"), types=("request",))]
    )
    assert takes is not None
    assert [takes(made(kind)) for kind in KINDS] == [True, False, True]


def test_a_single_filter_decides() -> None:
    takes = filter_for("c", [EventFilter(channels=("c",), types=("close",))])
    assert takes is not None
    assert [takes(made(kind)) for kind in KINDS] == [False, False, True]


def test_filters_are_equal_by_what_they_say() -> None:
    assert EventFilter(services=["a"]) == EventFilter(services=("a",))  # type: ignore[arg-type]
