"""The options of many SYNs at once (RFC 9293 §3.1, 7323, 2018), read as `wire.tcp` reads those of one. Needs numpy."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from honeystack.net.wire.tcp import END, MAX_WINDOW_SCALE, MSS, NOP, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE

STEPS: Final = 12  # options and fillers that are read; no stack sends more
LENGTHS: Final = {MSS: 4, WINDOW_SCALE: 3, SACK_PERMITTED: 2, TIMESTAMPS: 10}  # what stacks send in a SYN
LEAST_MSS: Final = 48  # what is below it is told as odd (net.anomalies)


class OptionColumns(NamedTuple):
    """What the options say; valid where they are in order: known ones, each at most once, of their lengths."""

    in_order: NDArray[np.bool_]
    mss: NDArray[np.int64]  # 0: none
    scale: NDArray[np.int64]  # -1: none
    sack: NDArray[np.bool_]
    timestamp: NDArray[np.int64]  # -1: none


def read_options(
    rows: NDArray[np.uint8], start: int, sizes: NDArray[np.int64], wanted: NDArray[np.bool_]
) -> OptionColumns:
    """Read the options that begin at `start` of each row and have so many bytes, in the rows that are wanted."""
    count = len(rows)
    found = OptionColumns(
        np.ones(count, np.bool_),
        np.zeros(count, np.int64),
        np.full(count, -1, np.int64),
        np.zeros(count, np.bool_),
        np.full(count, -1, np.int64),
    )
    octets = rows.reshape(-1)
    first = _take_first_mss(found, rows[:, start : start + 4], wanted & (sizes >= 4))
    places = np.flatnonzero(wanted & (sizes > 4 * first))  # rows that are being read
    first = first[places]
    at = places * rows.shape[1] + start + 4 * first
    ends = at - 4 * first + sizes[places]
    seen = first.astype(np.int64) << MSS
    for _ in range(STEPS):
        if not len(places):
            return found
        kinds = octets[at].astype(np.int64)
        lengths = np.where(kinds == NOP, 1, octets[np.minimum(at + 1, len(octets) - 1)])
        good = (kinds <= NOP) | ((at + lengths <= ends) & (lengths > 1) & (seen >> kinds & 1 == 0))
        for kind, length in LENGTHS.items():
            here = kinds == kind
            if here.any():
                good &= ~here | (lengths == length)
                chosen = here & good
                good[chosen] = _take(found, kind, octets, at[chosen], places[chosen])
        good &= (kinds <= NOP) | np.isin(kinds, list(LENGTHS))
        seen |= np.where(kinds > NOP, 1 << np.minimum(kinds, 62), 0)
        found.in_order[places[~good]] = False
        at += lengths
        on = good & (kinds != END) & (at < ends)
        places, at, ends, seen = places[on], at[on], ends[on], seen[on]
    found.in_order[places] = False
    return found


def _take_first_mss(found: OptionColumns, octets: NDArray[np.uint8], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which options begin with a good MSS, as nearly all do; it is read."""
    pairs = octets.astype(np.int64)
    values = pairs[:, 2] << 8 | pairs[:, 3]
    begin: NDArray[np.bool_] = wanted & (pairs[:, 0] == MSS) & (pairs[:, 1] == LENGTHS[MSS]) & (values >= LEAST_MSS)
    np.copyto(found.mss, values, where=begin)
    return begin


def _take(
    found: OptionColumns, kind: int, octets: NDArray[np.uint8], at: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Read the values of one kind of option; whether each is one that stacks send."""
    good = np.ones(len(at), np.bool_)
    if kind == MSS:
        found.mss[places] = values = _number(octets, at + 2, 2)
        good = values >= LEAST_MSS
    elif kind == WINDOW_SCALE:
        found.scale[places] = values = _number(octets, at + 2, 1)
        good = values <= MAX_WINDOW_SCALE
    elif kind == SACK_PERMITTED:
        found.sack[places] = True
    else:
        found.timestamp[places] = _number(octets, at + 2, 4)
    return good


def _number(octets: NDArray[np.uint8], at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Big-endian numbers of so many bytes."""
    value = octets[at].astype(np.int64)
    for offset in range(1, size):
        value = value << 8 | octets[at + offset]
    return value
