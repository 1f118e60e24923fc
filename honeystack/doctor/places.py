"""Where the honeypot writes: its data directory, and the files of its channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from honeystack.doctor.findings import Finding, fault, fine, warning
from honeystack.doctor.machine import Machine, nearest

DATA, CHANNELS = "data directory", "channels"
SCARCE, SHORT = 100 * 1024**2, 1024**3  # bytes that are left: a fault, and a warning


def check_data(machine: Machine, data: Path) -> Iterator[Finding]:
    """Whether tokens, keys and captures can be written."""
    data = data.expanduser()
    there = nearest(data)
    if not machine.is_directory(there):
        yield fault(DATA, f"{there} is no directory", f"--data DIR, or rm {there}")
    elif not machine.writable(data):
        yield fault(DATA, f"{data} cannot be written by this user", f"install -d -m 700 -o $USER {data}")
    else:
        yield _room(machine, DATA, data, f"{data} can be {'written' if machine.exists(data) else 'made and written'}")


def check_channels(machine: Machine, channels: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the files of channels can be written. Where others send to, is not tried."""
    if not channels:
        yield warning(CHANNELS, "none is configured: events go nowhere", '[channel.console] with type = "console"')
    for name, channel in channels.items():
        filename = getattr(channel, "filename", None)
        if filename is not None:
            yield _file(machine, name, Path(filename))


def _file(machine: Machine, name: str, path: Path) -> Finding:
    there = nearest(path)
    if machine.is_directory(path):
        return fault(CHANNELS, f"{name}: {path} is a directory", f'filename = "{path}/events.jsonl"')
    if not machine.is_directory(there) and there != path:
        return fault(CHANNELS, f"{name}: {there} is no directory", f"mv {there} {there}.old")
    if not machine.writable(path):
        return fault(CHANNELS, f"{name}: {path} cannot be written by this user", f"install -d -o $USER {path.parent}")
    return _room(machine, CHANNELS, path, f"{name}: {path} can be written")


def _room(machine: Machine, subject: str, path: Path, message: str) -> Finding:
    free = machine.free(path)
    words = f"{message}, but only {free // 1024**2} MiB are free"
    if free < SCARCE:
        return fault(subject, words, f"du -xh --max-depth=1 {nearest(path)}")
    if free < SHORT:
        return warning(subject, words, f"du -xh --max-depth=1 {nearest(path)}")
    return fine(subject, f"{message}; {free / 1024**3:.1f} GiB are free")
