"""Real clients of TLS, of every make that Debian has, each in many shapes: versions, suites, protocols.

A kind asks ports of the honeypot for a page, each of its shapes once, and says of every handshake how it went.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.live.arena import V4, Arena

PROGRAMS = Path(__file__).with_name("programs")
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = "DEFAULT:@SECLEVEL=0"
AT_ONCE = 3  # processes: the machine is small, and what is measured is not speed

CURL = (
    *([f"--tlsv1.{version}", "--tls-max", f"1.{version}", "--ciphers", OLD] for version in range(4)),
    [],
    ["--http1.1"],
    ["--ciphers", "AES128-SHA"],
    ["--no-alpn"],
)
OPENSSL = (
    *(["-cipher", "ALL:@SECLEVEL=0", version] for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3")),
    ["-servername", "a.example", "-alpn", "h2,http/1.1"],
    ["-tls1_2", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "NULL-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
    ["-curves", "P-521"],
    ["-no_ticket", "-no_etm"],
)
GNUTLS = (
    "NORMAL",
    "PFS",
    "SECURE256",
    *(f"LEGACY:-VERS-ALL:+VERS-TLS1.{version}" for version in range(4)),
    "NORMAL:-KX-ALL:+RSA:-VERS-TLS1.3",
    "NORMAL:-KX-ALL:+DHE-RSA:-VERS-TLS1.3",
)
WGET = ("auto", "TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3", "PFS")
BROWSER = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors"),
)


class Handshake(NamedTuple):
    """One of a client's handshakes: to which port, in which shape, and `ok` or what went wrong."""

    port: int
    shape: str
    said: str


Kind = Callable[[Arena, Sequence[int]], list[Handshake]]


def kinds(folder: Path) -> dict[str, Kind]:
    """Every kind of client that serves a page, by name; those that need it are compiled into the folder."""
    return {
        "curl": partial(_commands, _curl, CURL),
        "openssl s_client": partial(_commands, _openssl, OPENSSL),
        "gnutls-cli": partial(_commands, _gnutls, [[priority] for priority in GNUTLS]),
        "wget": partial(_commands, _wget, [[protocol] for protocol in WGET]),
        "python": partial(_program, ["/usr/bin/python3", str(PROGRAMS / "client.py")]),
        "node": partial(_program, ["node", str(PROGRAMS / "client.mjs")]),
        "go": partial(_program, [str(_built_go(folder))]),
        "java": partial(_program, ["java", "-Xmx128m", "-cp", str(_built_java(folder)), "Client"]),
        "chromium": partial(_browser, folder),
    }


def run(place: Arena, *command: str, text: bytes = b"", timeout: float = 60) -> tuple[int, str]:
    """A program on the attacker's machine: its exit code and all that it says."""
    done = subprocess.run(place.attacker.command(*command), input=text, capture_output=True, timeout=timeout)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def _curl(port: int, options: Sequence[str]) -> list[str]:
    return ["curl", "--silent", "--show-error", "--insecure", "--max-time", "10", *options, f"https://{V4}:{port}/"]


def _openssl(port: int, options: Sequence[str]) -> list[str]:
    return ["openssl", "s_client", "-connect", f"{V4}:{port}", "-quiet", "-ign_eof", *options]


def _gnutls(port: int, options: Sequence[str]) -> list[str]:
    return ["gnutls-cli", "--insecure", "--port", str(port), V4, "--priority", *options]


def _wget(port: int, options: Sequence[str]) -> list[str]:
    asked = ["--quiet", "--tries=1", "--timeout=10", "--no-check-certificate", "-O", "-"]
    priority = ["--ciphers=LEGACY:-VERS-ALL:+VERS-TLS1.0"] if options == ["TLSv1"] else []
    return ["wget", *asked, *(f"--secure-protocol={option}" for option in options), *priority, f"https://{V4}:{port}/"]


def _commands(
    command: Callable[[int, Sequence[str]], list[str]],
    shapes: Sequence[Sequence[str]],
    place: Arena,
    ports: Sequence[int],
) -> list[Handshake]:
    """A run of the program for each shape and port."""

    def ask(port: int, options: Sequence[str]) -> Handshake:
        code, said = run(place, *command(port, options), text=REQUEST)
        served = "HTTP/1.1 200" in said or "<html" in said.lower() or "Handshake was completed" in said
        return Handshake(port, " ".join(options), "ok" if served else f"exit {code}: {said[-200:]}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, *zip(*((port, shape) for port in ports for shape in shapes), strict=True)))


def _program(command: Sequence[str], place: Arena, ports: Sequence[int]) -> list[Handshake]:
    """One run for all; it says a line for each handshake."""
    code, said = run(place, *command, V4, *map(str, ports), timeout=180)
    found = [line.split(" ", 2) for line in said.splitlines()]
    assert code == 0, said
    return [Handshake(int(port), shape, outcome) for port, shape, outcome in found]


def _browser(folder: Path, place: Arena, ports: Sequence[int]) -> list[Handshake]:
    page = folder / "ports.html"
    text = (PROGRAMS / "client.html").read_text().replace("HOST", V4)
    page.write_text(text.replace("PORTS", ",".join(map(str, ports))))
    profile = f"--user-data-dir={folder / 'chromium'}"
    _, said = run(
        place, "chromium", *BROWSER, profile, "--virtual-time-budget=60000", "--dump-dom", page.as_uri(), timeout=120
    )
    found = [Handshake(int(port), "page", outcome) for port, outcome in re.findall(r"(\d+) page (.*)", said)]
    missing = set(ports) - {one.port for one in found}
    return found + [Handshake(port, "page", f"not asked: {said[-300:]}") for port in missing]


def _built_go(folder: Path) -> Path:
    made = folder / "go-client"
    home = {"HOME": str(folder), "GO111MODULE": "off", "CGO_ENABLED": "0"}
    source = str(PROGRAMS / "client.go")
    subprocess.run(["go", "build", "-o", str(made), source], env=os.environ | home, check=True)
    return made


def _built_java(folder: Path) -> Path:
    subprocess.run(["javac", "-d", str(folder), str(PROGRAMS / "Client.java")], check=True)
    return folder
