"""The user calls and questions of a script: each says what is wrong."""

from __future__ import annotations

import pytest

from honeystack.testing.script import ScriptFailure, run_script
from honeystack.testing.script_calls import _CALLS
from honeystack.testing.script_syntax import CALLS

OPEN = """
0   < S 0:0(0) win 1000 <mss 1000>
+0  > S. 0:0(0) ack 1 <*>
+.1 < . 1:1(0) ack 1 win 1000
"""


def test_every_call_that_can_be_written_can_be_made() -> None:
    assert set(_CALLS) == set(CALLS)


@pytest.mark.parametrize(
    "text",
    [
        "+0 accept\n+0 state ESTABLISHED\n+0 told Accepted",
        "+0 send 10\n+0 > P. 1:11(10) ack 1\n+0 send 5\n+0 > P. 11:16(5) ack 1",
        "+0 < P. 1:11(10) ack 1\n+0 > . 1:1(0) ack 11\n+0 receive 4\n+0 receive 6",
        "+0 < F. 1:1(0) ack 1\n+0 > . 1:1(0) ack 2\n+0 receive eof",
        "+0 close\n+0 > F. 1:1(0) ack 1",
        "+0 release\n+0 > F. 1:1(0) ack 1",
        "+0 abort\n+0 > R. 1:1(0) ack 1\n+0 closed rst",
        "+0 shutdown\n+0 > R. 1:1(0) ack 1\n+0 closed shutdown",
        "+0 nagle on\n+0 nagle off",
        "+0 retries 1\n+0 send 1\n+0 > P. 1:2(1) ack 1\n* > P. 1:2(1) ack 1\n+1 closed timeout",
        "+0 keepalive 9\n+9 > . 0:0(0) ack 1\n+0 < . 1:1(0) ack 1\n+0 keepalive off\n+99 nothing",
        "+0 counter accepted 1\n+0 counter paws 0\n+0 nothing",
        "+0 listen 81\n+0 listen all\n+0 peer 5\n+0 < S 0:0(0)\n+0 > S. 0:0(0) <*>",
        "+0 peer 5\n+0 connect\n+0 > S 0:0(0) <*>\n+0 state SYN_SENT",
    ],
)
def test_every_call_of_a_script_is_made(text: str) -> None:
    run_script(OPEN + text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("+0 accept\n+0 accept", "no handshake was completed"),
        ("+0 state LISTEN", "the state is ESTABLISHED"),
        ("+0 receive 1", "0 octets are there"),
        ("+0 receive eof", "no end: 0 octets"),
        ("+0 closed fin", "has not ended"),
        ("+0 < R 1:1(0)\n+0 closed fin", "ended with rst"),
        ("+0 told Closed", "what was told is Scanned, Accepted"),
        ("+0 told Accepted\n+0 told Accepted", "what was told is nothing"),
        ("+0 counter accepted 2", "accepted is 1"),
        ("+0 peer 5\n+0 close", "there is no connection yet"),
    ],
)
def test_what_does_not_come_true_is_told(text: str, complaint: str) -> None:
    with pytest.raises(ScriptFailure, match=complaint):
        run_script(OPEN + text)


def test_a_full_buffer_takes_less() -> None:
    run_script("--limit.send_buffer=5\n" + OPEN + "+0 send 10 takes 5\n+0 > P. 1:6(5) ack 1")
    with pytest.raises(ScriptFailure, match="5 octets were taken"):
        run_script("--limit.send_buffer=5\n" + OPEN + "+0 send 10")
