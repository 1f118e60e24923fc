"""What the audience sees: each event on one line as it comes, and the sums at the end."""

from __future__ import annotations

import collections
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import IO

from honeystack.demo.attacks import Expected, Told

# The keys of one line, in this order, besides who spoke to whom.
TELLING = (
    *("service", "tls.stage", "tls.version", "tls.ciphersuite", "tls.sni", "ja3.digest", "ja4"),
    *("http.method", "http.url", "payload", "portscan.count", "portscan.ports"),
    *("tcp.reason", "tcp.bytes-in", "tcp.bytes-out"),
)
ONCE = ("tls.sni", "ja3.digest", "ja4")  # every TLS event has them; the audience has read them with the hello
WIDEST = 48  # characters of one value


class Audience:
    """Reads the honeypot's standard output in a thread: keeps the events, and shows them while `showing`."""

    def __init__(self, output: Iterable[bytes], show: Callable[[str], None]) -> None:
        self.events: list[Told] = []
        self.ready = threading.Event()
        self._show = show
        self._output = output
        self._changed = threading.Condition()
        self.ended = threading.Thread(target=self._read, daemon=True)
        self.ended.start()

    def wait_for(self, expected: Iterable[Expected], *, since: int, within: float) -> list[Expected]:
        """Wait for events after the first `since`; the answer is what has not come in time."""
        end = time.monotonic() + within
        with self._changed:
            while missing := [one for one in expected if not any(map(one.fits, self.events[since:]))]:
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return missing
        return []

    def _read(self) -> None:
        for line in self._output:
            event = event_in(line)
            if event is None:
                if b"ready" in line:
                    self.ready.set()
                continue
            self._show(line_of(event))
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()


def event_in(line: bytes) -> Told | None:
    """The event that a line of the honeypot's output holds; None for a log line."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "category" in told and "type" in told else None


def line_of(event: Told) -> str:
    """An event on one line."""
    kind = f"{event['category']}/{event['type']}"
    who = _end(event, "source")
    if event.get("destination-port") is not None:
        who += f" → :{event['destination-port']}"
    known = ONCE if event.get("tls.stage", "hello") != "hello" else ()
    told = [key for key in TELLING if key not in known and event.get(key) not in (None, "", [])]
    details = [f"{key}={_short(event[key])}" for key in told]
    return "  ".join([f"{kind:18}", f"{who:34}", *details]).rstrip()


def totals(events: Iterable[Told]) -> list[str]:
    """How many events of each kind, one line each."""
    counts = collections.Counter(f"{event['category']}/{event['type']}" for event in events)
    return [f"{count:6}  {kind}" for kind, count in sorted(counts.items())]


def losses(events: Iterable[Told]) -> list[str]:
    """Everything that was lost, in words; empty where nothing was."""
    events = list(events)
    opened = {event["connection-id"] for event in events if (event["category"], event["type"]) == ("tcp", "connect")}
    closed = {event["connection-id"] for event in events if (event["category"], event["type"]) == ("tcp", "close")}
    lost = [f"the connection {one} has no tcp/close" for one in sorted(map(str, opened - closed))]
    return lost + [
        f"the honeypot told of a {event['type']}: {json.dumps(event)}"
        for event in events
        if event["category"] == "sensor" and event["type"] in ("drop", "fault")
    ]


def printer(out: IO[str], *, colour: bool) -> Callable[[str, str], None]:
    """A function that prints a line in a style: act, event, good, bad or plain."""
    whole_line = threading.Lock()  # events come from another thread than the play
    styles = {"act": "\x1b[1;36m", "event": "\x1b[2m", "good": "\x1b[32m", "bad": "\x1b[1;31m", "plain": ""}

    def show(line: str, style: str = "plain") -> None:
        mark = styles[style] if colour else ""
        with whole_line:
            print(f"{mark}{line}\x1b[0m" if mark else line, file=out, flush=True)

    return show


def _end(event: Told, side: str) -> str:
    address, port = event.get(f"{side}-ip"), event.get(f"{side}-port")
    if address is None:
        return "-"
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
