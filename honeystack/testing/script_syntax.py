"""Segment scripts as text: settings, times and events, read into values. Every error names its line.

The notation is told in `honeystack.testing.script`.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import attrs

from honeystack.net.limits import Limits
from honeystack.net.notices import CloseReason
from honeystack.net.persona import Persona
from honeystack.net.tcp.state import State
from honeystack.testing.script_notation import WrittenSegment, parse_segment

T = TypeVar("T")

ANY_TIME = 3600.0  # seconds that `*` waits
MODIFIERS = frozenset({"badsum", "land", "ipoptions", "more"})
PLACES = frozenset({"local", "broadcast", "multicast", "unspecified", "loopback"})
ICMP_KINDS = frozenset(
    {
        *("net-unreachable", "host-unreachable", "port-unreachable", "time-exceeded"),
        *("parameter-problem", "too-big", "source-quench"),
    }
)
# What may follow each user call, as a regular expression.
CALLS = {
    "listen": r"\d+|all",
    "peer": r"\d+",
    "connect": "",
    "accept": "",
    "send": r"\d+( takes \d+)?",
    "receive": r"\d+|eof",
    "close": "",
    "release": "",
    "abort": "",
    "shutdown": "",
    "nagle": "on|off",
    "retries": r"\d+",
    "keepalive": r"\d+|off",
    "state": "|".join(state.name for state in State),
    "closed": "|".join(reason.value for reason in CloseReason),
    "told": r"[A-Z]\w+",
    "counter": r"\w+ \d+",
    "nothing": "",
}
_EVENT = re.compile(r"(?P<time>\S+) +(?P<what>.+)")
_TIME = re.compile(r"(?P<sign>\+?)(?P<low>\d*\.?\d+)(?:~\+?(?P<high>\d*\.?\d+))?")
_SETTING = re.compile(r"--(?P<name>[\w.]+)=(?P<value>\S+)")
_ICMP = re.compile(r"icmp (?P<kind>[\w-]+)(?: mtu (?P<mtu>\d+))?(?: seq (?P<seq>-?\d+))?")
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


class ScriptError(ValueError):
    """A script that cannot be read; `line` is where."""

    def __init__(self, name: str, line: int, text: str, why: str) -> None:
        super().__init__(f"{name}:{line}: {why}\n  {text}")
        self.line = line


@attrs.frozen
class When:
    """A time of the script: from `low` to `high`, counted from its beginning or from the event before."""

    low: float
    high: float
    relative: bool
    exact: bool = True


@attrs.frozen
class Arrival:
    """`<`: the peer's segment arrives."""

    segment: WrittenSegment
    modifiers: frozenset[str] = frozenset()
    source: str | None = None
    destination: str | None = None


@attrs.frozen
class IcmpArrival:
    """`< icmp`: an error about a segment of ours arrives."""

    kind: str
    mtu: int
    seq: int


@attrs.frozen
class Departure:
    """`>`: we send this segment."""

    segment: WrittenSegment


@attrs.frozen
class Call:
    """A user call, or a question."""

    name: str
    arguments: tuple[str, ...]


@attrs.frozen
class Event:
    """One line."""

    line: int
    text: str
    when: When
    what: Arrival | IcmpArrival | Departure | Call


@attrs.frozen
class ScriptSettings:
    """The lines `--name=value` before the first event."""

    versions: tuple[int, ...] = (4, 6)
    mtu: int = 1500
    peer_isn: int = 0
    our_isn: int | None = None
    keep_alive: float | None = None
    listen: bool = True
    limits: Limits = attrs.field(factory=Limits)
    persona: Persona = attrs.field(factory=Persona)


@attrs.frozen
class Script:
    """A script for one version of IP."""

    name: str
    version: int
    settings: ScriptSettings
    events: tuple[Event, ...]


def parse_script(text: str, *, version: int = 4, name: str = "script") -> Script:
    """Read a script. Raises ScriptError."""
    lines = [(number, raw.partition("#")[0].strip()) for number, raw in enumerate(text.splitlines(), 1)]
    values: dict[str, str] = {}
    events: list[tuple[int, str]] = []
    for number, line in lines:
        if line.startswith("--"):
            setting = _SETTING.fullmatch(line)
            if setting is None or events:
                raise ScriptError(name, number, line, "a setting is written as --name=value, before the first event")
            values[setting["name"]] = setting["value"]
            _checked(name, number, line, lambda: _settings(values))
        elif line:
            events.append((number, line))
    settings = _settings(values)
    names = _names(settings.mtu, version)
    read = [_checked(name, number, line, partial(_event, number, line, names)) for number, line in events]
    return Script(name, version, settings, tuple(read))


def script_versions(text: str, *, name: str = "script") -> tuple[int, ...]:
    """For which versions of IP a script is written."""
    return parse_script(text, name=name).settings.versions


def _checked(name: str, number: int, line: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, TypeError, SyntaxError) as error:
        raise ScriptError(name, number, line, str(error)) from error


def _settings(values: Mapping[str, str]) -> ScriptSettings:
    fields: dict[str, object] = {}
    parts: dict[str, dict[str, object]] = {"limit": {}, "persona": {}}
    for name, text in values.items():
        part, dot, rest = name.partition(".")
        if dot and part in parts:
            parts[part][rest] = _value(text)
        elif name == "versions":
            fields["versions"] = tuple(int(version) for version in text.split(","))
        elif name in ("mtu", "peer_isn", "our_isn"):
            fields[name] = int(text, 0)
        elif name == "keep_alive":
            fields[name] = float(text)
        elif name == "listen":
            fields[name] = _value(text)
        else:
            raise ValueError(
                f"there is no setting {name!r}: there are versions, mtu, peer_isn, our_isn, keep_alive, listen, "
                "limit.NAME and persona.NAME"
            )
    return ScriptSettings(limits=Limits(**parts["limit"]), persona=Persona(**parts["persona"]), **fields)  # type: ignore[arg-type]


def _value(text: str) -> object:
    if text in ("on", "off"):
        return text == "on"
    return float(text) if "." in text else int(text)


def _names(mtu: int, version: int) -> dict[str, int]:
    """What differs between the versions of IP, for `{…}`; not taken from the code that is judged."""
    mss = mtu - (40 if version == 4 else 60)
    full = mss - 12
    return {
        "MSS": mss,
        "DEFAULT_MSS": 536 if version == 4 else 1220,  # RFC 9293 §3.7.1
        "FULL": full,
        "WIN": 65535 // mss * mss,
        "WIN_TS": 65535 // full * full,
    }


def _event(number: int, line: str, names: Mapping[str, int]) -> Event:
    text = re.sub(r"\{([^}]*)\}", lambda found: str(_calculate(ast.parse(found[1], mode="eval").body, names)), line)
    parts = _EVENT.fullmatch(text)
    if parts is None:
        raise ValueError("an event is written as TIME and what happens: <, > or a user call")
    what = parts["what"]
    if what.startswith("< icmp"):
        return Event(number, line, _when(parts["time"]), _icmp_arrival(what[2:]))
    if what.startswith("<"):
        return Event(number, line, _when(parts["time"]), _arrival(*parse_segment(what[1:].lstrip())))
    if what.startswith(">"):
        segment, rest = parse_segment(what[1:].lstrip())
        if rest:
            raise ValueError(f"{rest!r} is too much")
        return Event(number, line, _when(parts["time"]), Departure(segment))
    return Event(number, line, _when(parts["time"]), _call(what))


def _calculate(node: ast.expr, names: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_calculate(left, names), _calculate(right, names))
    raise ValueError(f"{ast.unparse(node)!r} cannot be calculated; the names are {', '.join(names)}")


def _when(text: str) -> When:
    if text == "*":
        return When(0.0, ANY_TIME, relative=True, exact=False)
    time = _TIME.fullmatch(text)
    if time is None:
        raise ValueError(f"{text!r} is no time: write 1.5, +.2, +.2~+.3 or *")
    low = float(time["low"])
    high = low if time["high"] is None else float(time["high"])
    if high < low:
        raise ValueError(f"{text!r} ends before it begins")
    return When(low, high, relative=bool(time["sign"]), exact=time["high"] is None)


def _arrival(segment: WrittenSegment, rest: str) -> Arrival:
    if segment.seq is None or segment.length is None or segment.options is None:
        raise ValueError("what the peer sends has numbers, not *")
    words = rest.split()
    found: dict[str, str] = {}
    modifiers: set[str] = set()
    while words:
        word = words.pop(0)
        if word in MODIFIERS:
            modifiers.add(word)
        elif word in ("from", "to") and words and words[0] in PLACES:
            found[word] = words.pop(0)
        else:
            raise ValueError(f"{word!r} is neither of {', '.join(sorted(MODIFIERS))} nor from or to a known place")
    return Arrival(segment, frozenset(modifiers), found.get("from"), found.get("to"))


def _icmp_arrival(text: str) -> IcmpArrival:
    parts = _ICMP.fullmatch(text)
    if parts is None or parts["kind"] not in ICMP_KINDS:
        raise ValueError(f"an ICMP error is one of {', '.join(sorted(ICMP_KINDS))}, then mtu N, then seq N")
    return IcmpArrival(parts["kind"], int(parts["mtu"] or 0), int(parts["seq"] or 0))


def _call(text: str) -> Call:
    name, _, rest = text.partition(" ")
    if name not in CALLS:
        raise ValueError(f"{name!r} is no user call; there are {', '.join(CALLS)}")
    if not re.fullmatch(CALLS[name], rest.strip()):
        raise ValueError(f"{name} is followed by {CALLS[name] or 'nothing'}, not by {rest!r}")
    return Call(name, tuple(rest.split()))
