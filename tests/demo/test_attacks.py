from __future__ import annotations

import pytest

from honeystack.demo.attacks import ATTACKS, PROGRAMS, SCANNED, Expected

PLANNED = {80, 443}


def test_each_attack_uses_only_programs_that_are_asked_for() -> None:
    assert {attack.command[0] for attack in ATTACKS} <= set(PROGRAMS)


def test_an_expectation_is_a_kind_and_values() -> None:
    expected = Expected("tcp", "tls", {"tls.stage": "hello"})
    assert expected.fits({"category": "tcp", "type": "tls", "tls.stage": "hello", "more": 1})
    assert not expected.fits({"category": "tcp", "type": "tls", "tls.stage": "failed"})
    assert not expected.fits({"category": "tcp", "type": "payload", "tls.stage": "hello"})
    assert str(expected) == "tcp/tls tls.stage=hello"


def test_ports_that_nobody_configured_are_among_the_attacked() -> None:
    ports = {one.having.get("destination-port") for attack in ATTACKS for one in attack.expected} - {None}
    assert ports > PLANNED


@pytest.mark.parametrize(
    ("title", "good", "bad"),
    [
        ("A page over HTTP", "<html>\n200 6", "\n000 0"),
        ("A ping", "1 packets transmitted, 1 received, 0% packet loss", "1 transmitted, 0 received, 100% packet loss"),
        ("A port scan", "1/open/tcp" * SCANNED, "1/open/tcp" * (SCANNED - 1) + "9/filtered/tcp"),
    ],
)
def test_a_verdict_is_a_line_or_nothing(title: str, good: str, bad: str) -> None:
    verdict = next(attack.verdict for attack in ATTACKS if attack.title == title)
    assert verdict(good)
    assert verdict(bad) is None
