"""The attacks of the demo: what a real client does, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from honeystack.demo.stage import POT4, POT6

Told = Mapping[str, object]  # one event, as the console channel writes it

PROGRAMS = {
    "ip": "iproute2",
    "setpriv": "util-linux",
    "bash": "bash",
    "curl": "curl",
    "openssl": "openssl",
    "ping": "iputils-ping",
    "nmap": "nmap",
}
SCANNED = 1000  # ports


@attrs.frozen
class Expected:
    """An event that an attack must leave: its kind, and keys with the values that they must have."""

    category: str
    type: str
    having: Mapping[str, object] = attrs.field(factory=dict)

    def fits(self, event: Told) -> bool:
        """Whether an event is the one."""
        kind = (event.get("category"), event.get("type"))
        return kind == (self.category, self.type) and all(event.get(key) == self.having[key] for key in self.having)

    def __str__(self) -> str:
        return " ".join([f"{self.category}/{self.type}", *(f"{key}={value}" for key, value in self.having.items())])


@attrs.frozen
class Attack:
    """One act. `shown` is the command as people would type it; `verdict` reads the client's output."""

    title: str
    command: tuple[str, ...]
    shown: str
    expected: tuple[Expected, ...]
    verdict: Callable[[str], str | None]  # one line, or None where the client did not get what it came for


def _page(output: str) -> str | None:
    code, _, size = output.rpartition("\n")[2].partition(" ")
    return f"the client got a page: status {code}, {size} bytes" if code == "200" else None


def _closed(port: int) -> Expected:
    return Expected("tcp", "close", {"destination-port": port})


def _curl(title: str, url: str, *, tls: bool) -> Attack:
    port = 443 if tls else 80
    established = Expected("tcp", "tls", {"tls.stage": "established", "destination-port": 443})
    return Attack(
        title,
        ("curl", "-sgk", "--max-time", "5", "-w", "\n%{http_code} %{size_download}", url),
        f"curl {'-k ' if tls else ''}{url}",
        (*((established,) if tls else ()), Expected("http", "request", {"destination-port": port}), _closed(port)),
        _page,
    )


def _shell(command: str) -> tuple[str, ...]:
    return ("bash", "-c", command)


def _pinged(output: str) -> str | None:
    if " 0% packet loss" not in output:
        return None
    return "answered by honeystack's own stack; an event only with `sniffer = true`"


def _scanned(output: str) -> str | None:
    found = output.count("/open/tcp")
    return f"nmap found {found} of {SCANNED} ports open, none filtered" if found == SCANNED else None


RAW = r"printf '\x00\xffhello, port 31337\n' > /dev/tcp/" + f"{POT4}/31337"
DATAGRAM = f"printf 'who is there?' > /dev/udp/{POT4}/1194"
HELLO = f"(echo secret; sleep 0.5) | timeout 5 openssl s_client -connect {POT4}:8443 -servername bank.example -quiet"
SCAN = ("nmap", "-n", "-Pn", "-sS", "-T5", "-p", f"1-{SCANNED}", "-oG", "-", POT4)

ATTACKS = (
    _curl("A page over HTTP", f"http://{POT4}/", tls=False),
    _curl("A page over HTTPS", f"https://{POT4}/", tls=True),
    _curl("A page over HTTPS, IPv6", f"https://[{POT6}]/", tls=True),
    Attack(
        "TLS on a port that nobody configured",
        _shell(f"{HELLO} 2>/dev/null; true"),
        f"echo secret | openssl s_client -connect {POT4}:8443 -servername bank.example",
        (
            Expected("tcp", "tls", {"tls.stage": "hello", "destination-port": 8443, "tls.sni": "bank.example"}),
            Expected("tcp", "tls", {"tls.stage": "payload", "destination-port": 8443, "payload-length": 7}),
            _closed(8443),
        ),
        lambda _: "the handshake completed, and what was said in secret is told",
    ),
    Attack(
        "Raw bytes on a port that nobody configured",
        _shell(RAW),
        RAW,
        (
            Expected("tcp", "payload", {"destination-port": 31337, "payload-hex": b"\0\xffhello, port 31337\n".hex()}),
            _closed(31337),
        ),
        lambda _: "told exactly, byte for byte",
    ),
    Attack(
        "A datagram",
        _shell(DATAGRAM),
        DATAGRAM,
        (Expected("udp", "payload", {"destination-port": 1194, "payload-hex": b"who is there?".hex()}),),
        lambda _: "told exactly; nothing is sent back, so nothing can be amplified",
    ),
    Attack("A ping", ("ping", "-c", "1", "-W", "3", POT4), f"ping -c 1 {POT4}", (), _pinged),
    Attack(
        "A port scan",
        SCAN,
        f"nmap -sS -p 1-{SCANNED} {POT4}",
        (Expected("portscan", "portscan"),),
        _scanned,
    ),
)
