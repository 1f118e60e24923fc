"""An `nft -i` of our own, which holds a table for as long as it lives: the table goes with it, and it goes with us."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO

import trio

from honeystack.errors import Unavailable
from honeystack.net.interface import PRIVILEGES

WAIT = 5.0  # seconds for nft to put up its rules; it takes some 20 ms
POLL = 0.02
NOT_PERMITTED = os.strerror(errno.EPERM)  # what nft says then, in front of its own guess
COMPLETE = "honeystack: complete"  # the comment of the last rule


class Holder:
    """A running `nft -i` that owns a table. Made by `hold`."""

    def __init__(self) -> None:
        self.complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by release
        try:
            # A session of its own: an interrupt from the terminal must not take the fence away before we stop.
            self.process = subprocess.Popen(
                ["nft", "-i"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self.complaints,
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            self.complaints.close()
            raise Unavailable("the program nft is missing: install Debian's package nftables") from missing

    def tell(self, commands: Iterable[str]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("".join(f"{command}\n" for command in commands).encode())
            self.process.stdin.flush()

    def complaint(self) -> str:
        """The first line of what nft has complained of."""
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").splitlines()
        return lines[0] if lines else ""

    async def wait_ended(self) -> int:
        """Wait until nft has ended, which it does not by itself; its status, negative for a signal."""
        with contextlib.suppress(OSError):  # a kernel that has no such descriptors is asked again and again
            descriptor = os.pidfd_open(self.process.pid)
            try:
                await trio.lowlevel.wait_readable(descriptor)
            finally:
                os.close(descriptor)
        while (status := self.process.poll()) is None:  # noqa: ASYNC110  nothing tells us
            await trio.sleep(POLL)
        return status

    def release(self) -> None:
        """End nft and with it the table."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.complaints.close()


async def hold(table: str, commands: Sequence[str]) -> Holder:
    """Have nft run the commands, of which the last makes the rule that is COMPLETE. Raises Unavailable."""
    holder = Holder()
    try:
        holder.tell(commands)
        with trio.move_on_after(WAIT):
            while holder.process.poll() is None and not holder.complaint():
                if COMPLETE in _output_of("nft", "list", "table", "netdev", table):
                    return holder
                await trio.sleep(POLL)
        complaint = holder.complaint() or "it does not answer"
        if NOT_PERMITTED in complaint:
            needed = f"the fence needs the capability CAP_NET_ADMIN: {PRIVILEGES}"
            raise Unavailable(needed) from PermissionError(complaint)
        raise Unavailable(f"nft refuses to put up the fence: {complaint}")
    except BaseException:
        holder.release()
        raise


def _output_of(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
