"""A JARM scan over memory, by pyjarm's own packets and its own reading of the answers."""

from __future__ import annotations

import functools
from collections.abc import Callable

from jarm.hashing.hashing import Hasher
from jarm.scanner.scanner import Scanner

from honeystack.tls.certificates import Certificate
from honeystack.tls.hello import ClientHello
from honeystack.tls.machine import TlsMachine
from honeystack.tls.profiles import Profile
from tests.tls.peers import hello_in

READ = 1484  # bytes of an answer that JARM looks at


def probes(host: str = "a.example") -> list[tuple[str, bytes]]:
    """The ten hellos of one scan, by their names."""
    return [(name, bytes(packet)) for name, packet in Scanner._generate_packets(dest_host=host, dest_port=443)]


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
