"""Every MUST of RFC 9293, where the code keeps it and which tests show it: `python -m docs.musts`, or `make musts`.

A line of code that keeps a requirement, and a test that shows it, carry its number in a comment: `# MUST-13`. Segment
scripts name theirs at their head. A requirement without both marks has a reason here; a test holds that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
NUMBER = re.compile(r"\bMUST-(\d+)\b")


class Must(NamedTuple):
    """One requirement in our words; `waived` says why it is not kept, where it is not."""

    number: int
    section: str
    text: str
    waived: str = ""


class Marked(NamedTuple):
    """A requirement and the places that name it."""

    must: Must
    code: list[str]
    tests: list[str]


# RFC 9293, Appendix B.
MUSTS = (
    Must(1, "3.1", "the window is an unsigned number"),
    Must(2, "3.1", "what is sent has a checksum"),
    Must(3, "3.1", "what is received has its checksum verified"),
    Must(4, "3.1", "end of list, no-operation and MSS are supported"),
    Must(5, "3.1", "options may come in any segment"),
    Must(6, "3.1", "unknown options are ignored"),
    Must(7, "3.1", "illegal option lengths do no harm"),
    Must(8, "3.4.1", "initial sequence numbers follow a clock"),
    Must(9, "3.4.1", "nobody outside can calculate them"),
    Must(10, "3.5", "simultaneous opens succeed"),
    Must(11, "3.5", "SYN-RECEIVED remembers whether the open was passive"),
    Must(12, "3.6", "the user is told whether a connection was closed or aborted"),
    Must(13, "3.6.1", "an active close lingers in TIME-WAIT"),
    Must(14, "3.7.1", "the MSS option is sent and understood"),
    Must(15, "3.7.1", "without it 536 is taken, 1220 with IPv6"),
    Must(16, "3.7.1", "segments sent are no larger than the peer's MSS and the path allow"),
    Must(17, "3.7.4", "the user can switch Nagle's algorithm off"),
    Must(18, "3.8.1", "the time-out is RFC 6298's, with Karn's algorithm"),
    Must(19, "3.8.2", "slow start, congestion avoidance and back-off"),
    Must(20, "3.8.3", "a segment repeated too often ends its connection"),
    Must(21, "3.8.3", "the user can set how often that is"),
    Must(22, "3.8.3", "SYNs are repeated by the same rules"),
    Must(
        23,
        "3.8.3",
        "a SYN is repeated for three minutes at least",
        "as in Linux a SYN is repeated for two minutes and a SYN-ACK for one, after which half-open peers cost nothing",
    ),
    Must(24, "3.8.4", "the user can switch keep-alive on and off"),
    Must(25, "3.8.4", "it is off unless asked for"),
    Must(26, "3.8.4", "it asks only after silence, with nothing outstanding"),
    Must(27, "3.8.4", "its interval can be set"),
    Must(28, "3.8.4", "its interval is two hours at least, unless set"),
    Must(29, "3.8.4", "one lost answer does not end a connection"),
    Must(30, "3.8.5", "urgent data is supported"),
    Must(31, "3.8.5", "urgent data may have any length"),
    Must(
        32,
        "3.8.5",
        "the user is told of urgent data at once",
        "it is read in line, as RFC 6093 §6 asks for; no service has a use for more",
    ),
    Must(33, "3.8.5", "the user can learn how much of it is left", "as MUST-32"),
    Must(34, "3.8.6", "a peer that shrinks its window does no harm"),
    Must(35, "3.8.6", "a window that shrinks to zero is probed"),
    Must(36, "3.8.6.1", "zero windows are probed"),
    Must(
        37,
        "3.8.6.1",
        "a connection stays open while its probes are answered; one that nobody serves any more for minutes only, as "
        "in Linux, since whoever answers could hold it for ever (RFC 6429 §3)",
    ),
    Must(38, "3.8.6.2.1", "no silly small segments are sent"),
    Must(39, "3.8.6.2.2", "no silly small windows are offered"),
    Must(40, "3.8.6.3", "an acknowledgement waits for less than half a second"),
    Must(41, "3.9.1.1", "a passive open does not disturb other connections"),
    Must(42, "3.9.1.1", "many connections to one listening port at once"),
    Must(43, "3.9.1.1", "an open can name the local address"),
    Must(44, "3.9.1.1", "IP chooses the local address where the user does not"),
    Must(45, "3.9.1.1", "all segments of a connection have the same local address"),
    Must(46, "3.9.1.1", "no open to a group or broadcast address"),
    Must(
        47,
        "3.9.1.8",
        "soft errors are reported to the user",
        "they are counted (path_errors); a service can do nothing about the path to its peer",
    ),
    Must(48, "3.9.1.9", "the user can set the differentiated services field", "a honeypot gives nobody precedence"),
    Must(49, "3.9.2", "the time to live can be configured"),
    Must(50, "3.9.2", "IP options that are not understood are ignored"),
    Must(51, "3.9.2.1", "an active open can name a source route", "as Linux and RFC 7126 §4.3, 4.4: no source routes"),
    Must(52, "3.9.2.1", "and it overrides that of a datagram", "as MUST-51"),
    Must(53, "3.9.2.1", "a source route is answered by its reverse", "as MUST-51: such packets are ignored"),
    Must(54, "3.9.2.2", "ICMP errors reach the connection that they are about"),
    Must(55, "3.9.2.2", "source quench is discarded"),
    Must(56, "3.9.2.2", "soft errors end no connection"),
    Must(57, "3.9.2.3", "segments to group and broadcast addresses are discarded"),
    Must(58, "3.10.7.4", "acknowledgements are gathered"),
    Must(59, "3.10.7.4", "all that has come is processed before an acknowledgement is sent"),
    Must(60, "3.9.1.2", "without a PUSH of the user, data does not wait for ever"),
    Must(61, "3.9.1.2", "and the last segment carries PSH"),
    Must(62, "3.8.5", "the urgent pointer is the number after the urgent data", "none is sent; see MUST-32"),
    Must(63, "3.9.2.3", "a SYN from an invalid address is ignored"),
    Must(64, "3.1", "options need no alignment"),
    Must(65, "3.2", "MSS is sent with SYN only"),
    Must(66, "3.4", "RST and URG count when the window is zero"),
    Must(67, "3.7.1", "the MSS that is sent follows from what IP can take"),
    Must(68, "3.1", "all options but the first two kinds have a length"),
    Must(69, "3.1", "a header is padded with zeros"),
)


def marks(paths: Iterable[Path]) -> dict[int, list[str]]:
    """For each number the places that name it in a comment: in code with their line, scripts and tests by file."""
    found: dict[int, list[str]] = {}
    for path in sorted(paths):
        for at, line in enumerate(path.read_text().splitlines(), 1):
            for number in numbers_in(line):
                place = str(path.relative_to(ROOT))
                found.setdefault(number, []).append(f"{place}:{at}" if path.suffix == ".py" else place)
    return found


def files(folder: str) -> list[Path]:
    """The files of a folder in which marks are looked for; the tests of this file speak of marks and have none."""
    return [path for kind in ("*.py", "*.pkt") for path in (ROOT / folder).rglob(kind) if path.name != "test_musts.py"]


def numbers_in(line: str) -> list[int]:
    """The requirements that a line's comment names."""
    return [int(number) for number in NUMBER.findall(line.partition("#")[2])]


def table() -> list[Marked]:
    """Every requirement with its places."""
    code, tests = marks(files("honeystack")), marks(files("tests"))
    return [Marked(must, code.get(must.number, []), tests.get(must.number, [])) for must in MUSTS]


def printed(rows: Iterable[Marked]) -> str:
    """The table as Markdown."""
    lines = ["| MUST | § | what | code | tests |", "|---:|---|---|---|---|"]
    for must, code, tests in rows:
        kept = f"{_places(code)} | {_places(tests)}"
        lines.append(f"| {must.number} | {must.section} | {must.text} | {kept} |")
        if must.waived:
            lines[-1] = f"| {must.number} | {must.section} | {must.text} | waived: {must.waived} | |"
    return "\n".join(lines)


def _places(places: list[str]) -> str:
    return "<br>".join(f"`{place}`" for place in places) or "—"


if __name__ == "__main__":
    print(printed(table()))
