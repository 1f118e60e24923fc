"""Every kind of client in every way that TLS can look: no handshake fails, by the client's word and by our events.

The table of figures is printed; `make clients` shows it.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from honeystack.tls.servers import shipped_servers
from tests.live.arena import LISTENER, V4, Arena, Event, arena, issue
from tests.live.clients import Handshake, Kind, kinds, run

pytestmark = [pytest.mark.live, pytest.mark.slow]

RANDOM = range(8400, 8408)
ROTATED = range(8500, 8508)
MIMICS = {8600 + number: name for number, name in enumerate(shipped_servers())}
PORTS = (*RANDOM, *ROTATED, *MIMICS)
SCANNED = (RANDOM[0], ROTATED[0], *MIMICS)
LEAST = 400  # handshakes in each mode
BODY = f"""
[service.http01]
type = "http"
[[port]]
ports = ["tcp/{RANDOM[0]}-{RANDOM[3]}"]
services = ["http01"]
[[port]]
ports = ["tcp/{RANDOM[4]}-{RANDOM[5]}"]
services = ["http01"]
tls_certificate = ["p256.crt", "rsa.crt"]
tls_key = ["p256.key", "rsa.key"]
[[port]]
ports = ["tcp/{RANDOM[6]}-{RANDOM[7]}"]
services = ["http01"]
tls_certificate = "auto"
[[port]]
ports = ["tcp/{ROTATED[0]}-{ROTATED[3]}"]
services = ["http01"]
tls_fingerprint = "rotate"
[[port]]
ports = ["tcp/{ROTATED[4]}-{ROTATED[7]}"]
services = ["http01"]
tls_fingerprint = "rotate"
tls_certificate = ["p256.crt", "rsa.crt"]
tls_key = ["p256.key", "rsa.key"]
[[port]]
port = "tcp/0"
tls_certificate = "rsa.crt"
tls_key = "rsa.key"
"""
OUTPUTS = """
[channel.events]
type = "file"
filename = "events.jsonl"
rotate_size = 0
[[filter]]
channel = ["events"]
types = ["tls", "fault"]
"""
MIMIC = """
[[port]]
port = "tcp/{}"
services = ["http01"]
tls_fingerprint = "mimic:{}"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    for name, kind in (("rsa", trustme.KeyType.RSA), ("p256", trustme.KeyType.ECDSA)):
        issue(folder, name, kind)
    with arena(folder) as place:
        place.start(LISTENER + BODY + "".join(itertools.starmap(MIMIC.format, MIMICS.items())) + OUTPUTS)
        yield place


@pytest.fixture(scope="module")
def clients(place: Arena) -> dict[str, Kind]:
    return kinds(place.folder)


def mode(port: int) -> str:
    return "random" if port in RANDOM else "rotate" if port in ROTATED else "mimic"


def outcomes(place: Arena, after: int, least: int = 0) -> list[Event]:
    """How the handshakes ended of all hellos that came after so many events, once these and `least` have ended."""

    def ended() -> list[Event] | None:
        events = place.events("tcp", "tls")[after:]
        found = [event for event in events if event["tls.stage"] in ("established", "failed")]
        hellos = sum(event["tls.stage"] == "hello" for event in events)
        return found if len(found) >= max(hellos, least) else None

    found: list[Event] = place.wait(ended, "the end of each handshake", within=20)
    return found


def test_no_handshake_of_any_client_fails_in_any_mode(place: Arena, clients: dict[str, Kind]) -> None:
    made: dict[str, list[Handshake]] = {}
    told: dict[str, list[Event]] = {}
    for name, ask in clients.items():
        before = len(place.events("tcp", "tls"))
        made[name] = ask(place, PORTS)
        told[name] = outcomes(place, before, len(made[name]))
    report(made, told)
    failed = [(name, one) for name in made for one in made[name] if one.said != "ok"]
    assert failed == []
    lost = [(name, event["tls.profile"], event) for name in told for event in told[name] if _failed(event)]
    assert lost == []
    assert {event["tls.profile"] for name in told for event in told[name]} >= {"random", *MIMICS.values()}
    for way in ("random", "rotate", "mimic"):
        assert sum(mode(one.port) == way for name in made for one in made[name]) >= LEAST
    for name in made:
        assert len(told[name]) >= len(made[name]) >= len(PORTS)


def _failed(event: Event) -> bool:
    return bool(event["tls.stage"] == "failed")


def sslscan(place: Arena) -> set[int]:
    (place.folder / "targets").write_text("".join(f"{V4}:{port}\n" for port in SCANNED))
    code, said = run(place, "sslscan", "--no-colour", f"--targets={place.folder / 'targets'}", timeout=300)
    assert code == 0
    parts = re.split(rf"Testing SSL server {V4} on port (\d+)", said)[1:]
    return {int(port) for port, part in zip(parts[::2], parts[1::2], strict=True) if "Preferred" in part}


def nmap(place: Arena) -> set[int]:
    scripts = "ssl-cert,ssl-enum-ciphers,http-title"
    _, said = run(place, "nmap", "-Pn", "-n", f"-p{','.join(map(str, SCANNED))}", "--script", scripts, V4, timeout=300)
    assert "Nmap done" in said
    parts = re.split(r"^(\d+)/tcp open", said, flags=re.MULTILINE)[1:]
    return {
        int(port)
        for port, part in zip(parts[::2], parts[1::2], strict=True)
        if "least strength" in part and "Subject: " in part
    }


def sslyze(place: Arena) -> set[int]:
    made = place.folder / "sslyze.json"
    program = str(Path(sys.prefix) / "sslyze" / "bin" / "sslyze")
    run(place, program, "--quiet", f"--json_out={made}", *(f"{V4}:{port}" for port in SCANNED), timeout=500)
    results = json.loads(made.read_text())["server_scan_results"]
    return {
        result["server_location"]["port"]
        for result in results
        if result["scan_status"] == "COMPLETED"
        and {command["status"] for command in result["scan_result"].values()} <= {"COMPLETED", "NOT_SCHEDULED"}
    }


@pytest.mark.parametrize("scanner", [sslscan, nmap, sslyze])
def test_scanners_finish_in_every_mode(place: Arena, scanner: Callable[[Arena], set[int]]) -> None:
    """They offer what is meant to fail too, so there is nothing to count; but each gets to the end of its questions."""
    before = len(place.events("tcp", "tls"))
    assert scanner(place) == set(SCANNED)
    told = outcomes(place, before)
    counts = Counter((mode(event["destination-port"]), event["tls.stage"]) for event in told)
    print(f"\n{scanner.__name__:18}" + ", ".join(f"{' '.join(what)} {count}" for what, count in sorted(counts.items())))
    assert {way for way, stage in counts if stage == "established"} == {"random", "rotate", "mimic"}
    assert place.events("sensor", "fault") == []


def report(made: dict[str, list[Handshake]], told: dict[str, list[Event]]) -> None:
    """Handshakes made and failed, as each side has them."""
    ways = ("random", "rotate", "mimic")
    print(f"\n{'client':18}" + "".join(f"{way + ': made/failed, told/failed':>38}" for way in ways))
    for name in made:
        cells = []
        for way in ways:
            theirs = [one.said != "ok" for one in made[name] if mode(one.port) == way]
            ours = [_failed(event) for event in told[name] if mode(event["destination-port"]) == way]
            cells.append(f"{len(theirs)}/{sum(theirs)}, {len(ours)}/{sum(ours)}")
        print(f"{name:18}" + "".join(f"{cell:>38}" for cell in cells))
