"""The stack against scapy: frames that it did not make itself, and answers that another program finds right."""

from __future__ import annotations

import random
from typing import Any

import pytest

from honeystack.net.notices import Datagram, PacketSeen
from honeystack.net.stack import Stack
from tests.net.frames import make_stack, notices

OURS, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.fixture(scope="module")
def scapy() -> Any:
    """scapy takes seconds to load; everything it has, in one module."""
    import scapy.all

    return scapy.all


def ethernet(scapy: Any, destination: str = OURS) -> Any:
    return scapy.Ether(src=THEIRS, dst=destination)


def exchange(scapy: Any, stack: Stack, *packets: Any) -> list[Any]:
    """What the stack answers, each frame checked: built anew by scapy, with its own checksums, it is the same."""
    for packet in packets:
        stack.receive_frame(bytes(packet), 1.0)
    answers = [scapy.Ether(sent) for sent in stack.poll_transmit(1.0)]
    for answer in answers:
        anew = answer.copy()
        for kind in answer.layers():
            computed = {"chksum", "cksum", "plen"} | ({"len"} if kind in (scapy.IP, scapy.UDP) else set())
            for field in computed & anew[kind].fields.keys():
                delattr(anew[kind], field)
        assert bytes(anew) == answer.original
    return answers


def test_scapy_takes_our_answer_to_its_arp(scapy: Any) -> None:
    ask = ethernet(scapy, "ff:ff:ff:ff:ff:ff") / scapy.ARP(op=1, hwsrc=THEIRS, psrc="10.0.0.2", pdst="10.0.0.1")
    (answer,) = exchange(scapy, make_stack(), ask)
    assert (answer.dst, answer.src, answer[scapy.ARP].op) == (THEIRS, OURS, 2)
    assert (answer[scapy.ARP].hwsrc, answer[scapy.ARP].psrc) == (OURS, "10.0.0.1")
    assert (answer[scapy.ARP].hwdst, answer[scapy.ARP].pdst) == (THEIRS, "10.0.0.2")


def test_scapys_solicitation_is_answered(scapy: Any) -> None:
    ask = (
        ethernet(scapy, "33:33:ff:00:00:01")
        / scapy.IPv6(src="2001:db8::2", dst="ff02::1:ff00:1", hlim=255)
        / scapy.ICMPv6ND_NS(tgt="2001:db8::1")
        / scapy.ICMPv6NDOptSrcLLAddr(lladdr=THEIRS)
    )
    (answer,) = exchange(scapy, make_stack(), ask)
    advertisement = answer[scapy.ICMPv6ND_NA]
    assert (advertisement.tgt, advertisement.R, advertisement.S, advertisement.O) == ("2001:db8::1", 0, 1, 1)
    assert answer[scapy.ICMPv6NDOptDstLLAddr].lladdr == OURS


def test_scapys_ping_is_answered(scapy: Any) -> None:
    four = ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.ICMP(id=7, seq=3) / b"data"
    six = (
        ethernet(scapy)
        / scapy.IPv6(src="2001:db8::2", dst="2001:db8::1")
        / scapy.ICMPv6EchoRequest(id=7, seq=3, data=b"data")
    )
    first, second = exchange(scapy, make_stack(), four, six)
    assert (first[scapy.ICMP].type, first[scapy.ICMP].id, first[scapy.ICMP].seq) == (0, 7, 3)
    assert bytes(first[scapy.ICMP].payload) == b"data"
    assert second[scapy.ICMPv6EchoReply].data == b"data"


def test_a_tagged_ping(scapy: Any) -> None:
    packet = (
        ethernet(scapy) / scapy.Dot1Q(vlan=42, prio=3) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.ICMP() / b"x"
    )
    (answer,) = exchange(scapy, make_stack(), packet)
    assert (answer[scapy.Dot1Q].vlan, answer[scapy.Dot1Q].prio) == (42, 3)


def test_syn_to_a_closed_port(scapy: Any) -> None:
    four = ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.TCP(sport=1234, dport=81, seq=9)
    six = ethernet(scapy) / scapy.IPv6(src="2001:db8::2", dst="2001:db8::1") / scapy.TCP(sport=1234, dport=81, seq=9)
    for answer in exchange(scapy, make_stack(), four, six):
        assert (answer[scapy.TCP].flags, answer[scapy.TCP].ack, answer[scapy.TCP].dport) == ("RA", 10, 1234)


def test_datagrams_and_answers(scapy: Any) -> None:
    stack = make_stack()
    four = ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.UDP(sport=1234, dport=53) / b"question"
    six = ethernet(scapy) / scapy.IPv6(src="2001:db8::2", dst="2001:db8::1") / scapy.UDP(sport=1234, dport=53) / b"odd"
    assert exchange(scapy, stack, four, six) == []
    for told in notices(stack):
        if isinstance(told, Datagram):
            assert stack.send_datagram(told.path, told.local_port, told.remote_port, told.data, 1.0)
    first, second = exchange(scapy, stack)
    assert (first[scapy.UDP].sport, first[scapy.UDP].dport, bytes(first[scapy.UDP].payload)) == (53, 1234, b"question")
    assert (second[scapy.UDP].sport, second[scapy.UDP].dport, bytes(second[scapy.UDP].payload)) == (53, 1234, b"odd")


def test_closed_udp_ports(scapy: Any) -> None:
    stack = make_stack()
    stack.udp.unlisten(None)
    four = ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.UDP(sport=1234, dport=53) / b"question"
    six = ethernet(scapy) / scapy.IPv6(src="2001:db8::2", dst="2001:db8::1") / scapy.UDP(sport=1234, dport=53) / b"odd"
    for packet in (four, six):
        stack.receive_frame(bytes(packet), 1.0)
        (sent,) = stack.poll_transmit(1.0)
        answer = scapy.Ether(sent)
        kind = scapy.ICMP if scapy.ICMP in answer else scapy.ICMPv6DestUnreach
        assert (answer[kind].type, answer[kind].code) in ((3, 3), (1, 4))
        assert bytes(answer[kind].payload) == bytes(packet.payload)


@pytest.mark.parametrize("order", ["straight", "reversed", "shuffled"])
def test_scapys_fragments_are_put_together_in_any_order(scapy: Any, order: str) -> None:
    data = random.Random(1).randbytes(20_000)
    four = scapy.IP(src="10.0.0.2", dst="10.0.0.1", id=77) / scapy.UDP(sport=1234, dport=53) / data
    six = (
        scapy.IPv6(src="2001:db8::2", dst="2001:db8::1")
        / scapy.IPv6ExtHdrFragment(id=77)
        / scapy.UDP(sport=1234, dport=53)
        / data
    )
    for parts in (scapy.fragment(four, fragsize=1400), scapy.fragment6(six, 1400)):
        if order != "straight":
            parts = list(reversed(parts))
        if order == "shuffled":
            random.Random(2).shuffle(parts)
        stack = make_stack()
        assert exchange(scapy, stack, *[ethernet(scapy) / part for part in parts]) == []
        assert [told.data for told in notices(stack) if isinstance(told, Datagram)] == [data]


def test_a_teardrop_and_what_follows(scapy: Any) -> None:
    stack = make_stack()
    ip = scapy.IP(src="10.0.0.2", dst="10.0.0.1", id=5, proto=17)
    first = ethernet(scapy) / ip.copy() / (b"a" * 40)
    first[scapy.IP].flags = "MF"
    second = ethernet(scapy) / ip.copy() / (b"b" * 4)
    second[scapy.IP].frag = 3
    ping = ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.ICMP() / b"x"
    assert len(exchange(scapy, stack, first, second, ping)) == 1
    assert stack.statistics()["faults"] == 0


def test_sctp_and_gre_are_told_by_the_sniffer(scapy: Any) -> None:
    stack = make_stack(sniffer=True)
    stack.receive_frame(bytes(ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.SCTP()), 1.0)
    stack.receive_frame(bytes(ethernet(scapy) / scapy.IP(src="10.0.0.2", dst="10.0.0.1") / scapy.GRE()), 1.0)
    assert [told.protocol for told in notices(stack) if isinstance(told, PacketSeen)] == ["sctp", "gre"]


def test_a_routing_header_of_type_0_is_a_problem(scapy: Any) -> None:
    packet = (
        ethernet(scapy)
        / scapy.IPv6(src="2001:db8::2", dst="2001:db8::1")
        / scapy.IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=1)
        / scapy.ICMPv6EchoRequest()
    )
    stack = make_stack()
    stack.receive_frame(bytes(packet), 1.0)
    (sent,) = stack.poll_transmit(1.0)
    problem = scapy.Ether(sent)[scapy.ICMPv6ParamProblem]
    assert (problem.code, problem.ptr) == (0, 42)
