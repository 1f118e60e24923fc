from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config.ports import PortSpec, find, parse_port
from honeystack.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("tcp/80", PortSpec("tcp", None, 80, 80)),
        (" TCP/80 ", PortSpec("tcp", None, 80, 80)),
        ("udp/53", PortSpec("udp", None, 53, 53)),
        ("6/80", PortSpec("tcp", None, 80, 80)),
        ("17/53", PortSpec("udp", None, 53, 53)),
        ("tcp/8000-8100", PortSpec("tcp", None, 8000, 8100)),
        ("tcp/203.0.113.4:81", PortSpec("tcp", "203.0.113.4", 81, 81)),
        ("tcp/203.0.113.4:81-82", PortSpec("tcp", "203.0.113.4", 81, 82)),
        ("tcp/[2001:DB8::1]:81", PortSpec("tcp", "2001:db8::1", 81, 81)),
        ("tcp/:81", PortSpec("tcp", None, 81, 81)),
        ("tcp/any", PortSpec("tcp", None, 1, 65535)),
        ("udp/*", PortSpec("udp", None, 1, 65535)),
        ("tcp/0", PortSpec("tcp", None, 0, 0)),
    ],
)
def test_every_form_of_a_port_is_read(text: str, spec: PortSpec) -> None:
    assert parse_port(text) == spec
    assert parse_port(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("80", r'names no transport: write "tcp/80"'),
        ("sctp/80", "'sctp' is no transport"),
        ("http", r'names no transport: write "tcp/80"'),
        ("6", r'names no transport: write "tcp/6"'),
        ("tcp", "'tcp' is no port: write"),
        ("tcp/", "is no port"),
        ("tcp/x", "is no port"),
        ("tcp/-1", "is no port"),
        ("tcp/80-", "is no port"),
        ("tcp/٣", "is no port"),
        ("tcp/123456", "is no port"),
        ("tcp/65536", "ports go from 1 to 65535"),
        ("tcp/90-80", "the lower one first"),
        ("tcp/0-80", "ports go from 1"),
        ("tcp/example.com:80", "'example.com' is no IP address"),
        ("tcp/2001:db8::1:81", r"an IPv6 address stands in brackets: \[2001:db8::1\]:port"),
        ("tcp/0.0.0.0:81", "leave the address out"),
        ("tcp/[::]:81", "leave the address out"),
        ("", "names no transport"),
    ],
)
def test_what_is_no_port_says_what_would_be_right(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_port(text)


def test_port_zero_is_the_fallback_and_serves_nothing() -> None:
    fallback = parse_port("tcp/0")
    assert fallback.is_fallback
    assert not parse_port("tcp/1").is_fallback
    assert find([fallback], "tcp", "10.0.0.1", 0) is None


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("tcp/80", "tcp/80", True),
        ("tcp/80", "tcp/70-90", True),
        ("tcp/70-90", "tcp/90-95", True),
        ("tcp/any", "tcp/1-65535", True),
        ("tcp/0", "tcp/0", True),
        ("tcp/10.0.0.1:80", "tcp/10.0.0.1:80", True),
        ("tcp/80", "udp/80", False),
        ("tcp/80", "tcp/81", False),
        ("tcp/any", "tcp/80", False),
        ("tcp/80", "tcp/10.0.0.1:80", False),
        ("tcp/10.0.0.2:80", "tcp/10.0.0.1:80", False),
    ],
)
def test_two_claims_clash_when_neither_is_more_particular(one: str, other: str, clash: bool) -> None:
    assert parse_port(one).clashes(parse_port(other)) is clash
    assert parse_port(other).clashes(parse_port(one)) is clash


@pytest.mark.parametrize(
    ("address", "port", "found"),
    [
        ("10.0.0.1", 80, "tcp/10.0.0.1:80"),
        ("10.0.0.2", 80, "tcp/80"),
        ("10.0.0.1", 81, "tcp/any"),
        ("10.0.0.1", 8050, "tcp/8000-8100"),
    ],
)
def test_the_most_particular_specification_is_found(address: str, port: int, found: str) -> None:
    specs = [parse_port(text) for text in ("tcp/any", "tcp/80", "tcp/8000-8100", "tcp/10.0.0.1:80", "tcp/0", "udp/81")]
    assert str(find(specs, "tcp", address, port)) == found


def test_nothing_is_found_where_nothing_covers() -> None:
    assert find([parse_port("tcp/80")], "udp", "10.0.0.1", 80) is None


@given(text=st.text(max_size=30) | st.text("tcpudp/0123456789:.-[]any ", max_size=30))
def test_any_text_is_a_port_or_a_config_error(text: str) -> None:
    try:
        spec = parse_port(text)
    except ConfigError:
        return
    assert parse_port(str(spec)) == spec
