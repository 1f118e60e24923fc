"""`honeystack demo` as people run it: privileged and not, to its end and interrupted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.alone]

DEMO = [sys.executable, "-m", "honeystack", "demo"]
# Root without capabilities is anybody who may read this tree. Without CAP_SETFCAP the kernel lets nobody map uid 0.
ANYBODY = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"]


def traces() -> tuple[list[str], set[str]]:
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [name for name in names.split() if "demo" in name], {
        str(path) for path in Path("/tmp").glob("honeystack-demo-*")
    }


def running_here() -> list[str]:
    """The command lines of honeypots that a demo has started."""
    lines = [_read(line).replace(b"\0", b" ") for line in Path("/proc").glob("[0-9]*/cmdline")]
    return [line.decode() for line in lines if b"honeystack run" in line and b"honeystack-demo-" in line]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


@pytest.mark.parametrize("front", [[], ANYBODY], ids=["root", "anybody"])
def test_everything_expected_appears_in_half_a_minute_and_nothing_is_left(front: list[str]) -> None:
    before, began = traces(), time.monotonic()
    done = subprocess.run([*front, *DEMO], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was lost" in done.stdout
    assert done.stdout.count("✓") == 9
    assert time.monotonic() - began < 30
    assert traces() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_stopped_leaves_nothing(number: signal.Signals) -> None:
    before = traces()
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        while b"curl" not in running.stdout.readline():
            pass
        running.send_signal(number)
        code = running.wait(20)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert traces() == before
    end = time.monotonic() + 10
    while running_here() and time.monotonic() < end:
        time.sleep(0.1)
    assert running_here() == []
    for folder in traces()[1] - before[1]:  # a kill leaves its temporary folder; a test does not
        shutil.rmtree(folder)
    assert traces()[0] == before[0]
