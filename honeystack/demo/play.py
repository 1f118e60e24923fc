"""The play: stage, honeypot, one act for each attack, and the sums."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import attrs

from honeystack.demo.attacks import ATTACKS, PROGRAMS, Attack
from honeystack.demo.audience import Audience, losses, printer, totals
from honeystack.demo.seclusion import require
from honeystack.demo.stage import INTERFACE, POT4, POT6, Stage, stage
from honeystack.errors import Unavailable

READY_WITHIN = 10.0  # seconds for the honeypot to answer packets
EVENT_WITHIN = 8.0  # seconds for the events of one attack; a scan is watched for 5 before it is told
STOP_WITHIN = 5.0  # seconds for an orderly stop
Show = Callable[[str, str], None]


def play() -> int:
    """Give the whole play; 0 where everything expected appeared. Raises Unavailable where it cannot be given here."""
    require(PROGRAMS)
    signal.signal(signal.SIGTERM, _interrupt)
    show = printer(sys.stdout, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    began = time.monotonic()
    with stage() as built:
        faults = _perform(built, show)
    for fault in faults:
        show(f"✗ {fault}", "bad")
    if faults:
        return 1
    show(f"✓ everything expected appeared, nothing was lost, in {time.monotonic() - began:.0f} s", "good")
    return 0


def _perform(built: Stage, show: Show) -> list[str]:
    """From the start of the honeypot to its orderly stop; what went wrong, in words."""
    show(f"Two machines on one cable: the attacker, and a honeypot at {POT4} and {POT6}.", "plain")
    show(f"honeystack run -c examples/documented/config.toml, its interface is {INTERFACE}:", "plain")
    log = built.folder / "log.txt"
    with log.open("wb") as stderr, built.start_honeypot(stderr) as honeypot:
        try:
            assert honeypot.stdout is not None
            audience = Audience(honeypot.stdout, lambda line: show(f"    {line}", "event"))
            if not audience.ready.wait(READY_WITHIN):
                said = log.read_text(errors="replace").strip()
                raise Unavailable(f"the honeypot did not start: {said[-1000:] or 'it said nothing'}")
            faults = [
                fault
                for number, attack in enumerate(ATTACKS, 1)
                for fault in act(built, audience, number, attack, show)
            ]
            faults += _end(honeypot, audience)
        finally:
            honeypot.terminate()
            _reap(honeypot)
    _sum_up(audience, show)
    return faults + losses(audience.events)


@attrs.frozen
class Outcome:
    """What the client's side of an attack came to."""

    output: str
    seconds: float


def act(built: Stage, audience: Audience, number: int, attack: Attack, show: Show) -> list[str]:
    """One attack: the client runs, its events appear; what was expected and did not come is the answer."""
    show(f"\n{number}. {attack.title}", "act")
    show(f"  $ {attack.shown}", "plain")
    since = len(audience.events)
    outcome = _attack(built, attack)
    missing = audience.wait_for(attack.expected, since=since, within=EVENT_WITHIN)
    verdict = attack.verdict(outcome.output)
    if verdict is None:
        return [f"{attack.title}: the client did not get what it came for: {outcome.output.strip()[-400:]}"]
    if not missing:
        show(f"  ✓ {verdict} ({outcome.seconds:.1f} s)", "good")
    return [f"{attack.title}: no event {one}" for one in missing]


def _attack(built: Stage, attack: Attack) -> Outcome:
    began = time.monotonic()
    try:
        done = built.attacker.run(*attack.command, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return Outcome("it did not end within 15 s", time.monotonic() - began)
    return Outcome(done.stdout + done.stderr, time.monotonic() - began)


def _end(honeypot: subprocess.Popen[bytes], audience: Audience) -> list[str]:
    honeypot.terminate()
    try:
        code = honeypot.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        return [f"the honeypot did not stop within {STOP_WITHIN:.0f} s"]
    audience.ended.join(STOP_WITHIN)
    return [f"the honeypot ended with {code}"] if code else []


def _sum_up(audience: Audience, show: Show) -> None:
    show("\nThe honeypot has stopped. Events:", "act")
    for line in totals(audience.events):
        show(f"  {line}", "plain")


def _reap(honeypot: subprocess.Popen[bytes]) -> None:
    try:
        honeypot.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        honeypot.kill()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
