"""Every state against every kind of segment: what RFC 9293 §3.10.7 has us answer, cell by cell.

A cell is the answer and, after `>`, the state that it leads to, where that is another one. Answers: `-` none, `A` an
acknowledgement of what we have, `A+` one that also acknowledges text that can be read now, `SA` our SYN with an
acknowledgement, `R` the reset that takes its number from SEG.ACK, `RA` the one that acknowledges the segment.

Where the specification leaves room, or a later one is stricter, a letter names the reason:
c  RFC 5961: SYN, RST within the window and unlikely ACK draw a challenge
t  RFC 1337: TIME-WAIT does not end before its time
n  RFC 6191: a new connection may follow TIME-WAIT
s  the same SYN again wants the same answer, which was lost
l  as Linux: an open port drops SYN with FIN; another SYN ends a handshake with a reset; text for nobody is reset, and
   text in TIME-WAIT acknowledged; there is no second FIN behind the first; one octet before the window belongs to it
   where it ends what we acknowledged last; who resets behind his FIN may not have counted it
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from honeystack.net.tcp.seq import add
from honeystack.net.wire.segment import Segment
from honeystack.net.wire.tcp import ACK, FIN, RST, SYN
from tests.net.tcp.kinds import KINDS, Kind
from tests.net.tcp.peer import Peer, asked

# The columns: X CLOSED, L LISTEN, SS SYN-SENT, SR SYN-RECEIVED after a passive open, SX the same after an active one,
# E ESTABLISHED, F1 and F2 FIN-WAIT-1 and -2, CW CLOSE-WAIT, C CLOSING, LA LAST-ACK, TW TIME-WAIT.
TABLE = """
                X     L      SS     SR       SX     E      F1     F2     CW     C      LA     TW
syn             RA    SA>SR  SA>SX  RA>Ll    Ac     Ac     Ac     Ac     Ac     Ac     Ac     Ac
syn-again       RA    SA>SR  SA>SX  SAs      Ac     Ac     Ac     Ac     Ac     Ac     Ac     Ac
syn-in          RA    SA>SR  SA>SX  RA>Ll    Ac     Ac     Ac     Ac     Ac     Ac     Ac     SA>SRn
syn-out         RA    SA>SR  SA>SX  A        Ac     Ac     Ac     Ac     Ac     Ac     Ac     SA>SRn
syn-ack         R     R      A>E    R>Ll     Ac     Ac     Ac     Ac     Ac     Ac     Ac     Ac
syn-ack-again   R     R      A>E    A        ->E    Ac     Ac     Ac     Ac     Ac     Ac     Ac
ack-again       R     R      R      R        R      -      -      -      -      -      -      -
ack-exact       R     R      -      ->E      ->E    -      ->F2   -      -      ->TW   ->X    -
ack-old         R     R      R      R        R      -      -      -      -      -      -      -
ack-too-old     R     R      R      R        R      Ac     Ac     Ac     Ac     Ac     Ac     -l
ack-future      R     R      R      R        R      A      A      A      A      A      A      -l
ack-left        R     R      R      A        A      A      A      A      A      A      A      A
ack-out         R     R      R      A        A      A      A      A      A      A      A      A
data            R     R      R      R        R      A+     A+     A+     -      -      -      Al
data-exact      R     R      -      A+>E     A+>E   A+     A+>F2  A+     -      ->TW   ->X    Al
data-old        R     R      R      A        Rl     A      A      A      A      A      A      A
data-left       R     R      R      R        R      A+     A+     A+     R>Xl   R>Xl   R>Xl   Al
data-ahead      R     R      R      R        R      A      A      A      -      -      -      Al
data-over       R     R      R      R        R      A      A      A      -      -      -      Al
data-out        R     R      R      A        A      A      A      A      A      A      A      A
data-no-ack     RA    -      -      -        -      -      -      -      -      -      -      Al
urgent          R     R      R      R        R      A+     A+     A+     -      -      -      Al
fin             R     R      R      R        R      A>CW   A>C    A>TW   -l     -l     -l     A
fin-exact       R     R      -      A>CW     A>CW   A>CW   A>TW   A>TW   -l     ->TW   ->X    A
fin-with-data   R     R      R      R        R      A+>CW  A+>C   A+>TW  -l     -l     -l     A
fin-old         R     R      R      A        Rl     A      A      A      A      A      A      A
fin-ahead       R     R      R      R        R      A      A      A      -l     -l     -l     A
fin-out         R     R      R      A        A      A      A      A      A      A      A      A
fin-no-ack      RA    -      -      -        -      -      -      -      -      -      -      Al
rst             -     -      -      ->L      ->X    ->X    ->X    ->X    ->X    ->X    ->X    -t
rst-ack         -     -      ->X    ->L      ->X    ->X    ->X    ->X    ->X    ->X    ->X    -t
rst-in          -     -      -      Ac       Ac     Ac     Ac     Ac     Ac     Ac     Ac     -t
rst-left        -     -      -      -        -      -      -      -      ->Xl   ->Xl   ->Xl   -
rst-out         -     -      -      -        -      -      -      -      -      -      -      -
no-flags        RA    -      -      -        -      -      -      -      -      -      -      -
all-flags       -     -      -      ->L      ->X    ->X    ->X    ->X    ->X    ->X    ->X    -t
syn-fin         RA    -l     SA>SX  RA>Ll    Ac     Ac     Ac     Ac     Ac     Ac     Ac     Ac
"""


class Place(NamedTuple):
    """A peer of ours in one state: its `seq` is RCV.NXT, its `ack` SND.UNA, and `snd_nxt` SND.NXT."""

    peer: Peer
    snd_nxt: int


def closed() -> Place:
    place = listen()
    place.peer.tcp.unlisten(None)
    return place


def listen() -> Place:
    peer = Peer()
    peer.ack = 7777
    return Place(peer, 7777)


def syn_sent() -> Place:
    peer = asked()
    snd_nxt, peer.ack = peer.ack, add(peer.ack, -1)
    return Place(peer, snd_nxt)


def syn_received() -> Place:
    peer = Peer()
    (answer,) = peer.syn()
    peer.seq, peer.ack = add(peer.seq, 1), answer.seq
    return Place(peer, add(answer.seq, 1))


def crossing() -> Place:
    peer, snd_nxt = syn_sent()
    peer.send(SYN, options=b"")
    peer.seq = add(peer.seq, 1)
    return Place(peer, snd_nxt)


def established() -> Place:
    """Text has gone both ways, so that there are older numbers than the current ones."""
    peer = Peer()
    conn = peer.open()
    peer.say(b"hello")
    conn.receive(9, peer.now)
    conn.send(b"hi", peer.now)
    peer.answers()
    peer.ack = add(peer.ack, 2)
    peer.send()
    return Place(peer, peer.ack)


def closing_side(place: Place) -> Place:
    peer = place.peer
    assert peer.conn is not None
    peer.conn.close(peer.now)
    peer.answers()
    return Place(peer, add(place.snd_nxt, 1))


def with_fin(place: Place) -> Place:
    place.peer.send(ACK | FIN)
    place.peer.seq = add(place.peer.seq, 1)
    return place


def fin_wait_1() -> Place:
    return closing_side(established())


def fin_wait_2() -> Place:
    peer, snd_nxt = fin_wait_1()
    peer.ack = snd_nxt
    peer.send()
    return Place(peer, snd_nxt)


STATES: dict[str, Callable[[], Place]] = {
    "X": closed,
    "L": listen,
    "SS": syn_sent,
    "SR": syn_received,
    "SX": crossing,
    "E": established,
    "F1": fin_wait_1,
    "F2": fin_wait_2,
    "CW": lambda: with_fin(established()),
    "C": lambda: with_fin(fin_wait_1()),
    "LA": lambda: closing_side(with_fin(established())),
    "TW": lambda: with_fin(fin_wait_2()),
}
NAMES = {
    "CLOSED": "X", "SYN_SENT": "SS", "SYN_RECEIVED": "SX", "ESTABLISHED": "E", "FIN_WAIT_1": "F1", "FIN_WAIT_2": "F2",
    "CLOSE_WAIT": "CW", "CLOSING": "C", "LAST_ACK": "LA",
}  # fmt: skip


def state_of(peer: Peer) -> str:
    tcp = peer.tcp
    if tcp.time_wait.entries:
        return "TW"
    if tcp.handshakes.entries:
        return "SR"
    conns = [peer.conn] if peer.conn is not None else list(tcp.flows.values())
    if conns:
        return NAMES[conns[0].state.name]
    return "L" if tcp._every_port else "X"


def cells() -> list[tuple[str, str, str]]:
    head, *rows = [line.split() for line in TABLE.strip("\n").splitlines()]
    return [(state, row[0], cell) for row in rows for state, cell in zip(head, row[1:], strict=True)]


def test_the_table_has_every_state_and_every_kind() -> None:
    assert [(state, kind) for state, kind, _ in cells()] == [(state, kind) for kind in KINDS for state in STATES]


@pytest.mark.parametrize("name", STATES)
def test_the_states_are_what_they_are_called(name: str) -> None:
    assert state_of(STATES[name]().peer) == name


def written(place: Place, kind: Kind, answers: list[Segment], before: str) -> str:
    """What happened, as the table writes it; the numbers of an answer are judged here."""
    peer = place.peer
    after, conn = state_of(peer), peer.conn or next(iter(peer.tcp.flows.values()), None)
    assert len(answers) <= 1
    name = "-"
    for answer in answers:
        kept = answer.flags & (SYN | ACK | RST | FIN)
        name = {ACK: "A", SYN | ACK: "SA", RST: "R", RST | ACK: "RA"}[kept]
        read = 0 if conn is None else conn.readable
        if name == "A":
            assert answer.seq == place.snd_nxt
            taken = kind.seq + len(kind.data) if read or before == "SS" else 0
            assert answer.ack == add(peer.seq, taken + (after != before and bool(kind.flags & (FIN | SYN))))
            name += "+" * bool(read)
        elif name == "R":
            acked = place.snd_nxt if kind.exact else peer.ack
            assert (answer.seq, answer.ack) == (add(acked, kind.ack), 0)
        elif name == "RA":
            length = len(kind.data) + bool(kind.flags & SYN) + bool(kind.flags & FIN)
            assert (answer.seq, answer.ack) == (0, add(peer.seq, kind.seq + length))
    return name if after == before else f"{name}>{after}"


@pytest.mark.parametrize(("state", "name", "cell"), cells(), ids=lambda part: part)
def test_a_segment_in_a_state(state: str, name: str, cell: str) -> None:
    place, kind = STATES[state](), KINDS[name]
    peer = place.peer
    peer.now += 1  # what was challenged during the way to the state does not count
    ack = add(place.snd_nxt if kind.exact else peer.ack, kind.ack)
    answers = peer.send(kind.flags, kind.data, seq=add(peer.seq, kind.seq), ack=ack)
    assert written(place, kind, answers, state) == cell.rstrip("ctnsl")
