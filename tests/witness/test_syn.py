"""What a SYN gives away."""

from __future__ import annotations

import pytest

from honeystack.net.address import Endpoint, Flow
from honeystack.net.notices import SynFacts
from honeystack.witness.syn import syn_fields, tool_of

FLOW = Flow("tcp", Endpoint("203.0.113.4", 80), Endpoint("198.51.100.7", 4000))
FLOW6 = Flow("tcp", Endpoint("2001:db8::4", 80), Endpoint("2001:db8::7", 4000))
LOCAL = 0xCB007104
SYN = SynFacts(64, 64240, 1460, 7, bytes([2, 4, 8, 1, 3]), True, 1234, 99)


def test_all_that_is_known_is_told() -> None:
    assert syn_fields(SYN, FLOW) == {
        "tcp.syn.ttl": 64,
        "tcp.syn.window": 64240,
        "tcp.syn.options": "mss,sok,ts,nop,ws",
        "tcp.syn.df": True,
        "tcp.syn.ip-id": 1234,
        "tcp.syn.mss": 1460,
        "tcp.syn.wscale": 7,
    }


def test_options_that_are_absent_or_unknown() -> None:
    fields = syn_fields(SYN._replace(mss=None, window_scale=None, options=bytes([34, 0])), FLOW)
    assert fields["tcp.syn.options"] == "?34,eol"
    assert "tcp.syn.mss" not in fields
    assert "tcp.syn.wscale" not in fields


def test_of_a_cookie_only_what_it_carried() -> None:
    fields = syn_fields(SYN._replace(from_cookie=True, ip_id=54321), FLOW)
    assert fields == {"tcp.syn.cookie": True, "tcp.syn.mss": 1460, "tcp.syn.wscale": 7}


@pytest.mark.parametrize(
    ("facts", "tool"),
    [
        (SYN, None),
        (SYN._replace(ip_id=54321), "zmap"),
        (SYN._replace(sequence=LOCAL), "mirai"),
        (SYN._replace(ip_id=(LOCAL ^ 80 ^ 0xDEADBEEF) & 0xFFFF, sequence=0xDEADBEEF), "masscan"),
    ],
)
def test_the_marks_of_scanners(facts: SynFacts, tool: str | None) -> None:
    assert tool_of(facts, FLOW) == tool
    assert syn_fields(facts, FLOW).get("tcp.tool") == tool
    assert tool_of(facts, FLOW6) is None
