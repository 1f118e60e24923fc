"""Packets with scapy's fuzzed fields, the same in every run: sent over an interface, or written to a capture.

    fuzz.py INTERFACE IPV4 IPV6 [CAPTURE]

Without a capture half of the fields are random; with one the packets are conversations that nobody has begun.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator

from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, Packet, Raw, fuzz, wrpcap
from scapy.layers.dns import DNS, DNSQR

ROUNDS = 150


def fuzzed(v4: str, v6: str) -> Iterator[Packet]:
    for _ in range(ROUNDS):
        for upper in (TCP, UDP, ICMP):
            yield IP(dst=v4) / fuzz(upper()) / Raw(random.randbytes(random.randrange(40)))
            yield fuzz(IP(dst=v4, src="192.0.2.2")) / upper()
        for upper in (TCP, UDP, ICMPv6EchoRequest):
            yield IPv6(dst=v6) / fuzz(upper()) / Raw(random.randbytes(random.randrange(40)))
            yield IPv6(dst=v6) / fuzz(IPv6ExtHdrDestOpt()) / upper()
        yield fuzz(IPv6(dst=v6)) / TCP()


def conversations(v4: str, v6: str) -> Iterator[Packet]:
    for port in range(20_000, 20_000 + ROUNDS):
        for network in (IP(dst=v4), IPv6(dst=v6)):
            yield network / TCP(sport=port, dport=80, flags="S", seq=1)
            yield network / TCP(sport=port, dport=80, flags="A", seq=2, ack=port)
            yield network / TCP(sport=port, dport=80, flags="PA", seq=2, ack=port) / b"GET / HTTP/1.1\r\n\r\n"
            yield network / TCP(sport=port, dport=80, flags="FA", seq=20, ack=port)
            yield network / UDP(sport=port, dport=53) / DNS(rd=1, qd=DNSQR(qname="www.example"))
        yield IP(dst=v4) / ICMP(id=port)


def main(interface: str, v4: str, v6: str, capture: str | None = None) -> None:
    random.seed(7)
    (neighbour,) = json.loads(subprocess.check_output(["ip", "-json", "neigh", "show", v4, "dev", interface]))
    frame = Ether(dst=neighbour["lladdr"])
    if capture is not None:
        wrpcap(capture, [frame / packet for packet in conversations(v4, v6)])
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((interface, 0))
        for packet in fuzzed(v4, v6):
            link.send(bytes(frame / packet)[:1514])


if __name__ == "__main__":
    main(*sys.argv[1:])
