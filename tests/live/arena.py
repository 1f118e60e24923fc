"""What the acceptance tests stand on: a honeypot and an attacker, two machines of one lab; the real `honeystack run`.

The honeypot is started as an operator would start it, is asked only from outside, and is judged by the lines in its
file channel and by what real tools see on the attacker's side.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import trustme

from honeystack.net.namespaces import Host, Lab, assign
from tests.live.relay import ENDS, Cable, relay

V4, V6 = "192.0.2.1", "2001:db8::1"  # the honeypot
CLIENT4, CLIENT6 = "192.0.2.2", "2001:db8::2"  # the attacker
FRIEND4 = "192.0.2.66"  # an address of the attacker's machine that tests exclude
INTERFACE = "eth0"
PROMPTLY = 10.0  # seconds in which a loaded machine must have written an event

Event = dict[str, Any]

LISTENER = """
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/8022"]
"""
ECHO = """
[service.echo]
type = "echo"
[[port]]
port = "tcp/7"
services = ["echo"]
"""
OUTPUTS = """
[channel.events]
type = "file"
filename = "events.jsonl"

[[filter]]
channel = ["events"]

[[logging]]
output = "stderr"
level = "info"
"""
# Counts what the kernel itself sends; frames of a packet socket do not pass this hook. That there is no route is what
# it says to packets for addresses that are neither the honeypot's nor its own, and that is its own affair.
WATCH = """
table inet watch { chain out { type filter hook output priority 0
ip daddr != 192.0.2.66 tcp sport != 8022 tcp flags & rst != 0 counter
meta nfproto ipv6 tcp sport != 8022 tcp flags & rst != 0 counter
icmp type destination-unreachable counter
icmpv6 type destination-unreachable icmpv6 code != no-route counter
icmpv6 type nd-neighbor-advert counter
icmp type echo-reply counter
icmpv6 type echo-reply counter
}
}
table arp watch { chain out { type filter hook output priority 0
arp operation reply arp daddr ip != 192.0.2.66 counter
}
}
"""
CLONE_NEWNET = 0x40000000
_numbers = itertools.count()  # two labs of one process may not have one name


@attrs.define
class Arena:
    """One lab with a running honeypot; `pot` and `attacker` are its machines."""

    pot: Host
    attacker: Host
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    cable: Cable | None = None  # where a relay is between the two

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")

    def events(self, category: str | None = None, type_: str | None = None, **having: object) -> list[Event]:
        """The events written so far; `source_port=` asks for the key `source-port`, `tls_stage=` for `tls.stage`."""
        wanted = {key.replace("tls_", "tls.").replace("_", "-"): value for key, value in having.items()}
        return [
            event
            for event in self._written()
            if category in (None, event["category"])
            and type_ in (None, event["type"])
            and all(event.get(key) == value for key, value in wanted.items())
        ]

    def wait_events(
        self, category: str, type_: str, count: int = 1, *, within: float = PROMPTLY, **having: object
    ) -> list[Event]:
        """Wait until at least `count` such events are written."""
        return self.wait(
            lambda: found if len(found := self.events(category, type_, **having)) >= count else None,
            f"{count} × {category}/{type_} {having or ''}",
            within=within,
        )

    def wait(self, found: Callable[[], Any], what: str, *, within: float = PROMPTLY) -> Any:
        """Ask until the answer is true; fail with the honeypot's log after `within` seconds."""
        end = time.monotonic() + within
        while not (answer := found()):
            if time.monotonic() > end:
                kinds = sorted({(event["category"], event["type"]) for event in self._written()})
                raise AssertionError(f"not seen: {what}\nkinds of event: {kinds}\nlog: {self.log[-4000:]}")
            time.sleep(0.05)
        return answer

    def start(self, config: str, *arguments: str) -> None:
        """Run a honeypot with this configuration and wait for its word `ready`."""
        process = self.launch(config, *arguments)
        self.wait(
            lambda: process.poll() is not None or "ready" in self.log, "the word ready in the log", within=3 * PROMPTLY
        )
        assert process.poll() is None, f"the honeypot ended with {process.returncode}: {self.log}"

    def launch(self, config: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `honeystack run` and do not wait."""
        (self.folder / "config.toml").write_text(config)
        with (self.folder / "log.txt").open("ab") as log:
            self.process = self.pot.start(
                *("setpriv", "--pdeathsig", "KILL"),  # nothing outlives a test run that is killed
                *(sys.executable, "-m", "honeystack", "run", "-c", str(self.folder / "config.toml")),
                *("--data", str(self.folder / "data"), *arguments),
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        return self.process

    def stop(self, number: int = signal.SIGTERM, *, within: float = PROMPTLY) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within)

    def watch_kernel(self) -> None:
        """From now on count what the honeypot's kernel should not send."""
        subprocess.run(self.pot.command("nft", "-f", "-"), input=WATCH, text=True, check=True)

    def kernel_said(self) -> dict[str, int]:
        """The packets that it has sent, for each rule of the watch that counted any."""
        listed = [self.pot.run("nft", "list", "table", family, "watch").stdout for family in ("inet", "arp")]
        counted = re.findall(r"^\s*(.*?) counter packets (\d+)", "".join(listed), re.MULTILINE)
        assert len(counted) == WATCH.count("counter")
        return {rule: int(packets) for rule, packets in counted if int(packets)}

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def fence(self) -> str:
        """The rules of nftables on the honeypot's machine."""
        return self.pot.run("nft", "list", "ruleset").stdout

    def _written(self) -> Iterator[Event]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return (json.loads(line) for line in lines if line.endswith("\n"))


@contextlib.contextmanager
def arena(folder: Path, *, relayed: bool = False) -> Iterator[Arena]:
    """Two machines on one cable, or `relayed`, addresses of both families on each; no honeypot yet."""
    with Lab(f"hs-test{next(_numbers)}") as lab, contextlib.ExitStack() as room:
        pot, attacker = lab.add("pot"), lab.add("attacker")
        cable = None
        if relayed:
            middle = lab.add("middle")
            for machine, end in zip((pot, attacker), ENDS, strict=True):
                lab.join(machine, middle, INTERFACE, end)
                whole_segments(machine, INTERFACE)
                whole_segments(middle, end)
            cable = room.enter_context(relay(middle))
        else:
            lab.join(pot, attacker, INTERFACE, INTERFACE)
        assign(pot, INTERFACE, [f"{V4}/24", f"{V6}/64"])
        assign(attacker, INTERFACE, [f"{CLIENT4}/24", f"{FRIEND4}/24", f"{CLIENT6}/64"])
        place = Arena(pot, attacker, folder, cable=cable)
        try:
            yield place
        finally:
            if place.process is not None:
                place.process.kill()  # nothing, where it has ended
                place.process.communicate()


@contextlib.contextmanager
def honeypot(
    folder: Path, body: str = "", *, listener: str = LISTENER, outputs: str = OUTPUTS, relayed: bool = False
) -> Iterator[Arena]:
    """An arena with a honeypot that answers; `body` goes between its listener and its channels.

    Whatever was done to it, its kernel has kept silent.
    """
    with arena(folder, relayed=relayed) as place:
        write_certificate(folder)
        place.start(listener + body + outputs)
        place.watch_kernel()
        yield place
        if place.alive:
            assert place.kernel_said() == {}


def whole_segments(host: Host, interface: str) -> None:
    """Frames of one wire size with whole checksums, so that what is lost or late is one packet, not a run of them."""
    host.run("ethtool", "-K", interface, "gso", "off", "tso", "off", "gro", "off", "tx", "off")
    host.run("ip", "link", "set", interface, "gso_max_segs", "1")  # or TCP makes runs that are cut behind all hooks


def issue(folder: Path, name: str = "rsa", kind: trustme.KeyType = trustme.KeyType.RSA) -> None:
    """NAME.crt and NAME.key in the folder, for a.example and the honeypot's IPv4 address."""
    issued = trustme.CA().issue_cert("a.example", V4, key_type=kind)
    issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
    issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))


def write_certificate(folder: Path) -> None:
    """certs/example.crt and certs/example.key under the folder, for the honeypot's addresses."""
    certificate = trustme.CA().issue_cert("example.com", V4, V6)
    (folder / "certs").mkdir(exist_ok=True)
    certificate.private_key_pem.write_to_path(folder / "certs" / "example.key")
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(folder / "certs" / "example.crt", append=number > 0)


@contextlib.contextmanager
def inside(host: Host) -> Iterator[None]:
    """Sockets made in this block, by this thread, are on that machine, and stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (
        open(f"/proc/self/task/{threading.get_native_id()}/ns/net") as home,
        open(f"/run/netns/{host.name}") as there,
    ):
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


@contextlib.contextmanager
def capture(host: Host, path: Path, *expression: str) -> Iterator[Path]:
    """tcpdump on the host's cable while the block runs; the file is complete after it."""
    tcpdump = subprocess.Popen(
        host.command("tcpdump", "-i", INTERFACE, "-U", "--immediate-mode", "-w", str(path), "-B", "16384", *expression),
        stderr=subprocess.PIPE,
    )
    assert tcpdump.stderr is not None
    said = b""
    while b"listening on" not in said:
        line = tcpdump.stderr.readline()
        assert line, f"tcpdump ended: {said.decode()}"
        said += line
    drain = threading.Thread(target=tcpdump.stderr.read)
    drain.start()
    try:
        yield path
    finally:
        time.sleep(0.3)  # what is still on its way through the kernel's buffer
        tcpdump.terminate()
        tcpdump.wait(10)
        drain.join()
        tcpdump.stderr.close()


def frames_in(path: Path, display_filter: str = "", *fields: str) -> list[list[str]]:
    """What tshark reads in a capture: one row for each frame, one column for each field."""
    columns = [part for field in fields or ("frame.number",) for part in ("-e", field)]
    asked = ["-Y", display_filter] if display_filter else []
    found = subprocess.run(
        ["tshark", "-r", str(path), *asked, "-T", "fields", "-E", "occurrence=f", *columns],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t") for line in found.stdout.splitlines()]
