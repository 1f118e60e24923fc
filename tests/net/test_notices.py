from __future__ import annotations

from typing import get_args

from honeystack.net.notices import CloseReason, Notice, SynFacts


def test_the_reasons_are_those_of_the_close_event() -> None:
    assert {reason.value for reason in CloseReason} == {"fin", "rst", "timeout", "shed", "shutdown"}


def test_every_notice_is_a_plain_tuple() -> None:
    assert len(get_args(Notice)) == 14
    assert all(issubclass(kind, tuple) for kind in get_args(Notice))


def test_a_syn_is_whole_unless_a_cookie_rebuilt_it() -> None:
    facts = SynFacts(64, 64240, 1460, 7, b"\x02\x04\x08\x01\x03", dont_fragment=True, ip_id=0, sequence=1)
    assert not facts.from_cookie
