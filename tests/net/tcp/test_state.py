"""The states: their names are the specification's, and their order means something."""

from __future__ import annotations

from honeystack.net.tcp.state import RECEIVING, SENDING, State


def test_all_eleven_states_exist() -> None:
    assert {state.name for state in State} == {
        "CLOSED",
        "LISTEN",
        "SYN_SENT",
        "SYN_RECEIVED",
        "ESTABLISHED",
        "FIN_WAIT_1",
        "FIN_WAIT_2",
        "CLOSE_WAIT",
        "CLOSING",
        "LAST_ACK",
        "TIME_WAIT",
    }


def test_synchronized_states_come_from_established_on() -> None:
    assert all(state >= State.ESTABLISHED for state in RECEIVING)
    assert State.SYN_RECEIVED < State.ESTABLISHED


def test_who_has_received_a_fin_receives_no_more_and_who_has_closed_sends_no_more() -> None:
    assert State.CLOSE_WAIT not in RECEIVING
    assert State.FIN_WAIT_1 not in SENDING
    assert State.CLOSE_WAIT in SENDING
