"""The test bed: two machines on one cable, the server on one core, the load on another."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from honeystack.net.namespaces import Host, Lab, assign

POT, CLIENT, SOURCES = "192.0.2.1", "192.0.2.2", 16
INTERFACE = "eth0"
PORT = 7
CHATTERS = 10
STOP_SECONDS = 30.0  # 100,000 connections are not ended in order within a moment
HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")

# Answers to the flood are counted and dropped before the client's kernel could reset what it never opened.
COUNTER = f"""table netdev count {{ chain in {{ type filter hook ingress device "{INTERFACE}" priority 0
tcp flags & (syn | ack) == syn | ack counter drop
}}
}}
"""
CONFIG = f"""
[listener]
type = "netstack"
interface = "{INTERFACE}"
allow_no_exclude = true
[service.echo]
type = "echo"
[[port]]
port = "tcp/{PORT}"
services = ["echo"]
[channel.events]
type = "file"
filename = "events.jsonl"
[[filter]]
channel = ["events"]
[[logging]]
output = "stderr"
level = "notice"
"""


@attrs.frozen
class Server:
    """One running server."""

    name: str
    process: subprocess.Popen[bytes]
    start_seconds: float  # from its start to its word `ready`

    def cpu_seconds(self) -> float:
        """What the process has used until now, in user and in system mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def run_seconds(self) -> float:
        """As `cpu_seconds`, to the nanosecond, and with the kernel's own work that interrupted it."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def wake_ups(self) -> int:
        """How often it has waited and gone on."""
        counts = Path(f"/proc/{self.process.pid}/task").glob("*/status")
        return sum(int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", one.read_text(), re.M)[0]) for one in counts)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@attrs.frozen
class Bed:
    """The two machines, and the compiled load."""

    pot: Host
    client: Host
    folder: Path

    @contextlib.contextmanager
    def server(self, name: str) -> Iterator[Server]:
        """Run one of the servers (kernel, asyncio, go, library, honeypot) on the first core until the block ends."""
        if name == "honeypot":
            running = self.honeypot(CONFIG)
        elif name == "go":
            running = self.running(name, str(self.go_echo()), str(PORT))
        else:
            running = self.running(name, sys.executable, "-m", "bench.servers", name, INTERFACE)
        with running as server:
            yield server

    def honeypot(self, config: str, *, python: str = sys.executable) -> contextlib.AbstractContextManager[Server]:
        """Run `honeystack run` with this configuration on the first core until the block ends."""
        (self.folder / "config.toml").write_text(config)
        (self.folder / "events.jsonl").unlink(missing_ok=True)
        where = ("-c", str(self.folder / "config.toml"), "--data", str(self.folder))
        return self.running("honeypot", python, "-m", "honeystack", "run", *where)

    def go_echo(self) -> Path:
        """The server in Go, compiled once."""
        program = self.folder / "go_echo"
        if not program.exists():
            cache = {"GOCACHE": str(self.folder / "go-cache"), "GOPATH": str(self.folder / "go")}
            command = ["go", "build", "-o", str(program), str(HERE / "echo.go")]
            subprocess.run(command, check=True, env=os.environ | cache)
        return program

    @contextlib.contextmanager
    def running(self, name: str, *argv: str, listens_on: int | None = None) -> Iterator[Server]:
        """Run a program on the first core, from the word `ready` that it says until the block ends.

        Who does not say it is ready when it listens on a TCP port.
        """
        said = subprocess.PIPE if listens_on is None else subprocess.DEVNULL
        began = time.monotonic()
        process = self.pot.start(
            *("setpriv", "--pdeathsig", "TERM", "taskset", "-c", "0", *argv),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            if listens_on is None:
                _wait_ready(name, process)
            else:
                self._wait_listens(name, process, listens_on)
            yield Server(name, process, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()  # what was to be measured has been
                process.wait()

    def _wait_listens(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        while f":{port} " not in self.pot.run("ss", "--listening", "--tcp", "--numeric").stdout:
            if process.poll() is not None:
                raise RuntimeError(f"the server {name} ended with {process.returncode}")
            time.sleep(0.1)

    def load(self, *argv: str, program: str = "load") -> list[float]:
        """Run the load on the second core to its end; the numbers that it says."""
        done = self.client.run("taskset", "-c", last_core(), str(self.folder / program), *argv)
        return [float(number) for number in done.stdout.split()]

    @contextlib.contextmanager
    def held(self, *argv: str, program: str = "load") -> Iterator[None]:
        """Hold the connections that the load is asked for while the block runs."""
        command = self.client.command(str(self.folder / program), *argv)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
            assert holding.stdout is not None
            if holding.stdout.readline() != b"open\n":
                raise RuntimeError("the connections could not be opened")
            yield
            assert holding.stdin is not None
            holding.stdin.close()

    @contextlib.contextmanager
    def chat(self, count: int) -> Iterator[Callable[[str], tuple[int, float]]]:
        """Hold so many connections; what is yielded has the loads talk on them, and says how often and how long.

        Ten processes share them, as one may not have 100,000 files; each waits for one echo at a time.
        """
        share = -(-count // CHATTERS)
        command = self.client.command(
            *("taskset", "-c", last_core(), str(self.folder / "load")),
            *("chat", POT, str(PORT), str(SOURCES), str(share), "1"),
        )
        with contextlib.ExitStack() as stack:
            loads = [
                stack.enter_context(
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
                )
                for _ in range(CHATTERS)
            ]
            if any(_said(load) != "open" for load in loads):
                raise RuntimeError("the connections could not be opened")

            def ask(line: str) -> tuple[int, float]:
                for load in loads:
                    assert load.stdin is not None
                    load.stdin.write(line + "\n")
                told = [_said(load).split() for load in loads]
                return sum(int(done) for done, _ in told), max(float(took) for _, took in told)

            yield ask
            for load in loads:
                assert load.stdin is not None
                load.stdin.close()

    def packets(self, kind: str, source: str, target: str, port: int, sources: int, rate: float, seconds: float) -> int:
        """Have packets sent from so many sources at a steady rate; how many were."""
        asked = [kind, INTERFACE, self.pot_mac(), source, target, *map(str, (port, sources, rate, seconds))]
        return int(self.load(*asked, program="packets")[0])

    def answered(self) -> int:
        """SYN-ACKs that the client's interface has received."""
        listed = self.client.run("nft", "list", "table", "netdev", "count").stdout
        found = re.search(r"counter packets (\d+)", listed)
        assert found is not None
        return int(found[1])

    def count_answers(self) -> None:
        """Begin to count SYN-ACKs, which from then on do not reach the client."""
        subprocess.run(self.client.command("nft", "-f", "-"), input=COUNTER, text=True, check=True)

    def let_answers_pass(self) -> None:
        self.client.run("nft", "delete", "table", "netdev", "count")

    def receive_apart(self, *, apart: bool = True) -> None:
        """Have frames received on each machine's own core, as over a cable; not `apart`: on the sender's.

        Over a veth without this the sender's core does the receiver's work, and is charged for it.
        """
        for host, mask in ((self.pot, int(apart)), (self.client, apart << int(last_core()))):
            host.run("sh", "-c", f"echo {mask:x} > /sys/class/net/{INTERFACE}/queues/rx-0/rps_cpus")

    def pot_mac(self) -> str:
        return self.pot.run("cat", f"/sys/class/net/{INTERFACE}/address").stdout.strip()


def _wait_ready(name: str, process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    heard = b""
    while b"ready" not in heard:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server {name} ended: {heard.decode()}")
        heard += line


def _said(load: subprocess.Popen[str]) -> str:
    assert load.stdout is not None
    return load.stdout.readline().strip()


@contextlib.contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """Build it all and take it down again."""
    for program, libraries in (("load", ()), ("packets", ()), ("tls_load", ("-lssl", "-lcrypto"))):
        subprocess.run(["gcc", "-O2", "-o", str(folder / program), str(HERE / f"{program}.c"), *libraries], check=True)
    with Lab("hs-bench") as lab:
        pot, client = lab.add("pot"), lab.add("client")
        lab.join(pot, client, INTERFACE, INTERFACE)
        assign(pot, INTERFACE, [f"{POT}/24"])
        assign(client, INTERFACE, [f"{CLIENT}/24", *(f"192.0.2.{100 + n}/24" for n in range(SOURCES))])
        pot.run("ip", "route", "add", "198.18.0.0/15", "via", CLIENT)
        for name, value in (("tcp_tw_reuse", "1"), ("ip_local_port_range", "1024 65535")):
            client.run("sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{name}")
        pot.run("sh", "-c", "echo 65536 > /proc/sys/net/ipv4/tcp_max_syn_backlog")
        world = Bed(pot, client, folder)
        world.receive_apart()
        yield world


def last_core() -> str:
    return str((os.cpu_count() or 1) - 1)
