"""A JARM scan over memory, by pyjarm's own packets and its own reading of the answers."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence

from jarm.hashing.hashing import Hasher
from jarm.scanner.scanner import Scanner

from honeystack.tls.certificates import Certificate
from honeystack.tls.forgery import Forgeries
from honeystack.tls.hello import ClientHello
from honeystack.tls.machine import TlsMachine
from honeystack.tls.profiles import Profile
from tests.tls.peers import hello_in

READ = 1484  # bytes of an answer that JARM looks at


def probes(host: str = "a.example") -> list[tuple[str, bytes]]:
    """The ten hellos of one scan, by their names."""
    return [(name, bytes(packet)) for name, packet in Scanner._generate_packets(dest_host=host, dest_port=443)]


def forged_jarm(forgeries: Forgeries, chain: Sequence[bytes] = (b"certificate",)) -> str:
    """The JARM of what is forged for the ten probes."""
    answers = []
    for number, probe in enumerate(probes(), 1):
        hello = hello_in(probe[1])
        assert hello is not None
        flight = forgeries.flight(number, hello, chain, random.Random(number).randbytes)
        answers.append(Scanner._parse_server_hello(flight[:READ] or None, probe))
    return str(Hasher.jarm(",".join(answers)))


def jarm_of(certificate: Certificate, choose: Callable[[ClientHello], Profile]) -> str:
    """The JARM of machines under the profiles that `choose` gives for each hello."""
    answers = []
    for probe in probes():
        hello = hello_in(probe[1])
        assert hello is not None
        machine = TlsMachine(functools.partial(certificate.contexts.configure, choose(hello)))
        machine.receive_data(probe[1])
        answers.append(Scanner._parse_server_hello(machine.poll_transmit()[:READ] or None, probe))
    return str(Hasher.jarm(",".join(answers)))
