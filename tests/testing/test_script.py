"""The runner: what it holds a stack to, and what a failure shows."""

from __future__ import annotations

import textwrap
from pathlib import Path
from unittest.mock import Mock

import pytest

from honeystack.net.notices import Fault
from honeystack.testing import ScriptError, ScriptFailure, run_script, run_script_file, script

HANDSHAKE = """\
0   < S 0:0(0) win 1000 <mss 1000>
+0  > S. 0:0(0) ack 1 win {WIN} <mss {MSS}>
+.1 < . 1:1(0) ack 1 win 1000
"""


def failure(text: str) -> str:
    with pytest.raises(ScriptFailure) as caught:
        run_script(text, name="some.pkt")
    return str(caught.value)


@pytest.mark.parametrize("version", [4, 6])
def test_a_script_that_is_kept_says_nothing(version: int) -> None:
    run_script(HANDSHAKE, version=version)


def test_the_example_of_the_manual_runs() -> None:
    assert script.__doc__
    paragraphs = script.__doc__.split("\n\n")
    (example,) = [paragraph for paragraph in paragraphs if paragraph.startswith("    ")]
    for version in (4, 6):
        run_script(textwrap.dedent(example), version=version)


def test_a_failure_shows_both_scripts_side_by_side() -> None:
    shown = failure(HANDSHAKE + "+0 < P. 1:3(2) ack 1 win 9\n+0 > . 1:1(0) ack 2")
    assert shown.splitlines() == [
        "some.pkt:5 (IPv4): not as expected: ack",
        "  expected                                        | actual",
        "    0.000 < S 0:0(0) win 1000 <mss 1000>          |   0.000 < S 0:0(0) win 1000 <mss 1000>",
        "    0.000 > S. 0:0(0) ack 1 win {WIN} <mss {MSS}> |   0.000 > S. 0:0(0) ack 1 win 64240 <mss 1460>",
        "    0.100 < . 1:1(0) ack 1 win 1000               |   0.100 < . 1:1(0) ack 1 win 1000",
        "    0.100 < P. 1:3(2) ack 1 win 9                 |   0.100 < P. 1:3(2) ack 1 win 9",
        "* +0 > . 1:1(0) ack 2                             |   0.100 > . 1:1(0) ack 3 win 64238",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+0 > . 1:1(0) ack 1", "nothing was sent"),
        ("+0 < P. 1:2(1) ack 1\n+0 close", "something else was sent first"),
        ("+0 < P. 1:2(1) ack 1", "the script ends, and more was sent"),
        ("0 close", "that time is over"),
        ("+0 send 1\n+0 > P. 1:2(1) ack 1\n+.2 > P. 1:2(1) ack 1", "nothing was sent"),
        ("+0 send 1\n+0 > P. 1:2(1) ack 1\n+.4 > P. 1:2(1) ack 1", "time"),
        ("+0 send 1\n+0 > P. 1:2(1) ack 1\n+.1~+.29 > P. 1:2(1) ack 1", "nothing was sent"),
        ("+0 send 1\n+0 > P. 1:2(1) ack 1\n+.4~+.5 > P. 1:2(1) ack 1", "time"),
        ("+0 send 1\n+0 > P. 1:2(1) ack 1\n+1 nothing", "something else was sent first"),
        ("+0 send 1\n+0 > F. 1:2(1) ack 2", "flags, ack"),
    ],
)
def test_what_a_stack_is_held_to(text: str, why: str) -> None:
    assert why in failure(HANDSHAKE + text).splitlines()[0]


def test_times_are_held_to_one_slot_of_the_timers() -> None:
    run_script(HANDSHAKE + "+0 send 1\n+0 > P. 1:2(1) ack 1\n+.3 > P. 1:2(1) ack 1")
    run_script(HANDSHAKE + "+0 send 1\n+0 > P. 1:2(1) ack 1\n+.29~+.32 > P. 1:2(1) ack 1")
    run_script(HANDSHAKE + "+0 send 1\n+0 > P. 1:2(1) ack 1\n* > P. 1:2(1) ack 1")


def test_an_error_of_ours_fails_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(b"", ZeroDivisionError())
    broken = Mock(poll_notice=lambda: fault, poll_timeout=lambda: None, poll_transmit=lambda now: [])
    monkeypatch.setattr(script, "Stack", lambda *_, **__: broken)
    assert "an error of ours: ZeroDivisionError" in failure(HANDSHAKE)


def test_a_file_runs_for_its_versions(tmp_path: Path) -> None:
    path = tmp_path / "quiet.pkt"
    path.write_text("--versions=6\n" + HANDSHAKE + "+0 > . 5:5(0)")
    with pytest.raises(ScriptFailure, match=r"quiet\.pkt:5 \(IPv6\)"):
        run_script_file(path)
    path.write_text("0 jump")
    with pytest.raises(ScriptError, match=r"quiet\.pkt:1"):
        run_script_file(path)


def test_our_initial_number_can_be_asked_for() -> None:
    run_script("--our_isn=0xfffffffe\n" + HANDSHAKE + "+0 send 10\n+0 > P. 1:11(10) ack 1")


def test_segments_of_one_turn_are_answered_together() -> None:
    run_script(HANDSHAKE + "+0 < . 1:2(1) ack 1 more\n+0 < . 2:3(1) ack 1\n+0 > . 1:1(0) ack 3")


def test_a_closed_port_is_a_script_too() -> None:
    run_script("--listen=off\n0 < S 0:0(0)\n+0 > R. 0:0(0) ack 1")


def test_a_user_turns_from_one_peer_to_another() -> None:
    run_script(HANDSHAKE + "+0 peer 5\n+0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1 <*>\n+0 peer 40000\n+0 abort\n* > R. *")


def test_an_icmp_error_arrives() -> None:
    run_script("0 connect\n+0 > S 0:0(0) <*>\n+0 < icmp port-unreachable seq 0\n+0 closed rst")


def test_what_is_asked_of_a_connection_that_is_not_there_fails() -> None:
    assert "there is no connection yet" in failure("0 close")
    assert "no handshake was completed" in failure("0 accept")
