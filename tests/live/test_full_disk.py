"""A disk that is really full: a tmpfs of a few pages, in a mount namespace that goes with the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from honeystack.channels.file import File
from honeystack.events.bus import Bus
from honeystack.events.catalogue import EventKind
from honeystack.events.event import Event
from honeystack.events.sensor import Sensor

pytestmark = pytest.mark.live

KIND = EventKind("http", "request", "A request.", {"http.method": "the method"})
DISK = 64 * 1024  # bytes


def test_a_full_disk_costs_events_and_tears_no_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, __file__, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.stderr.count("cannot write events") == 1
    assert "No space left on device" in done.stderr
    assert found["dropped"].keys() == {"disk-full"}
    assert found["made"] == found["written"] + found["dropped"]["disk-full"] == 202
    assert found["lines"] == found["written"]
    assert found["last"] == "id-000999"


def event(number: int) -> Event:
    return Event(f"id-{number:06}", 0.0, KIND, {"http.method": "x" * 400})


def fill(directory: str) -> None:
    """In the namespace: write until nothing fits, make room, write one more."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", directory], check=True)
    trio.run(_fill, Path(directory))


async def _fill(directory: Path) -> None:
    bus = Bus()
    events = bus.subscribe("file")
    channel = File(filename=directory / "events.jsonl", min_free=0)
    ballast = directory / "ballast"
    await trio.Path(ballast).write_bytes(b"x" * (DISK // 2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: channel.run(events, sensor=Sensor()))
        for number in range(201):
            bus.publish(event(number))
            await events.wait_idle()
        await trio.Path(ballast).unlink()
        bus.publish(event(999))
        await bus.drain(10)
    lines = (await trio.Path(channel.filename).read_bytes()).splitlines()
    counts = events.counts()
    report = {"made": counts.made, "written": counts.written, "dropped": dict(counts.dropped), "lines": len(lines)}
    print(json.dumps({**report, "last": json.loads(lines[-1])["id"]}))


if __name__ == "__main__":
    fill(sys.argv[1])
