"""What sniffer mode tells, kind by kind, as tcpdump would print it; and that it takes any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net import sniffer
from honeystack.net.address import Path
from honeystack.net.wire.arp import REPLY, REQUEST, Arp
from honeystack.net.wire.ethernet import ARP, EthernetHeader, decode_ethernet, encode_ethernet
from honeystack.net.wire.icmp import IcmpMessage
from tests.net.frames import BROADCAST, OUR_MAC, PATH4, PATH6, PATHS, PEER4, PEER_MAC, US4, US6, icmp_payload, received

ENDS4, ENDS6 = "IP 10.0.0.2 > 10.0.0.1", "IP6 2001:db8::2 > 2001:db8::1"
BYTE = st.integers(0, 255)
ETHERNET = EthernetHeader(BROADCAST, PEER_MAC, ARP, None, 14)


@pytest.mark.parametrize(
    ("operation", "text", "name"),
    [
        (REQUEST, "Request who-has 10.0.0.1 tell 10.0.0.2", "request"),
        (REPLY, "Reply 10.0.0.2 is-at 02:00:00:00:00:02", "reply"),
        (3, "reverse-request 10.0.0.2 (02:00:00:00:00:02) > 10.0.0.1", "reverse-request"),
        (99, "99 10.0.0.2 (02:00:00:00:00:02) > 10.0.0.1", "99"),
    ],
)
def test_each_operation_of_arp_is_told(operation: int, text: str, name: str) -> None:
    seen = sniffer.arp_seen(Arp(operation, PEER_MAC, PEER4, bytes(6), US4), ETHERNET)
    assert (seen.category, seen.protocol, seen.message) == ("arp", "arp", f"ARP, {text}, length 28")
    assert seen.path == PATH4._replace(local_mac=BROADCAST)
    assert seen.fields == {
        "arp.operation": name,
        "arp.sender-mac": "02:00:00:00:00:02",
        "arp.sender-ip": "10.0.0.2",
        "arp.target-mac": "00:00:00:00:00:00",
        "arp.target-ip": "10.0.0.1",
    }


@pytest.mark.parametrize(
    ("path", "message", "category", "line", "fields"),
    [
        (
            PATH4,
            IcmpMessage(8, 0, 0x00010002, b"ab"),
            "icmp",
            f"{ENDS4}: ICMP echo request, id 1, seq 2, length 10",
            {"icmp.id": 1, "icmp.sequence": 2},
        ),
        (
            PATH4,
            IcmpMessage(3, 3, 0, b""),
            "icmp",
            f"{ENDS4}: ICMP unreachable, code 3, length 8",
            {"icmp.type": 3, "icmp.code": 3},
        ),
        (PATH4, IcmpMessage(99, 1, 0, b""), "icmp", f"{ENDS4}: ICMP type-#99, code 1, length 8", {"icmp.ttl": 64}),
        (
            PATH6,
            IcmpMessage(129, 0, 0x00010002, b""),
            "icmp6",
            f"{ENDS6}: ICMP6, echo reply, id 1, seq 2, length 8",
            {"icmp6.id": 1},
        ),
        (
            PATH6,
            IcmpMessage(135, 0, 0, US6),
            "ndp",
            f"{ENDS6}: ICMP6, neighbor solicitation, who has 2001:db8::1, length 24",
            {"ndp.target": "2001:db8::1"},
        ),
        (
            PATH6,
            IcmpMessage(136, 0, 0, US6),
            "ndp",
            f"{ENDS6}: ICMP6, neighbor advertisement, tgt is 2001:db8::1, length 24",
            {"ndp.target": "2001:db8::1"},
        ),
        (
            PATH6,
            IcmpMessage(135, 0, 0, b""),
            "ndp",
            f"{ENDS6}: ICMP6, neighbor solicitation, who has ?, length 8",
            {"ndp.target": "?"},
        ),
        (
            PATH6,
            IcmpMessage(133, 0, 0, b""),
            "ndp",
            f"{ENDS6}: ICMP6, router solicitation, code 0, length 8",
            {"ndp.type": 133},
        ),
        (
            PATH6,
            IcmpMessage(130, 0, 0, bytes(16)),
            "mld",
            f"{ENDS6}: ICMP6, multicast listener query, group ::, length 24",
            {"mld.group": "::"},
        ),
        (
            PATH6,
            IcmpMessage(130, 0, 0, b""),
            "mld",
            f"{ENDS6}: ICMP6, multicast listener query, code 0, length 8",
            {"mld.type": 130},
        ),
        (
            PATH6,
            IcmpMessage(143, 0, 1, bytes(20)),
            "mld",
            f"{ENDS6}: ICMP6, multicast listener report v2, code 0, length 28",
            {"mld.type": 143},
        ),
    ],
)
def test_each_message_of_icmp_is_told(
    path: Path, message: IcmpMessage, category: str, line: str, fields: dict[str, object]
) -> None:
    protocol = 1 if path.version == 4 else 58
    seen = sniffer.icmp_seen(received(path, protocol, icmp_payload(path, message)), message)
    assert (seen.category, seen.message, seen.payload, seen.path) == (category, line, message.data, path)
    assert seen.protocol == ("icmp" if path.version == 4 else "icmpv6")
    assert fields.items() <= seen.fields.items()
    assert all(name.startswith(f"{category}.") for name in seen.fields)


@pytest.mark.parametrize(
    ("payload", "text", "group"),
    [
        (b"\x11\x64\0\0\0\0\0\0", "query 0.0.0.0", "0.0.0.0"),
        (b"\x16\0\0\0\xe0\0\0\xfb", "v2 report 224.0.0.251", "224.0.0.251"),
        (b"\x22\0\0\0\0\0\0\x01", "v3 report", None),
        (b"\x99", "type-#153", None),
        (b"", "type-#-1", None),
    ],
)
def test_each_message_of_igmp_is_told(payload: bytes, text: str, group: str | None) -> None:
    seen = sniffer.igmp_seen(received(PATH4, 2, payload))
    assert (seen.category, seen.protocol) == ("igmp", "igmp")
    assert seen.message == f"{ENDS4}: igmp {text}, length {len(payload)}"
    assert seen.fields.get("igmp.group") == group


@pytest.mark.parametrize(
    ("path", "number", "name", "line"),
    [
        (PATH4, 132, "sctp", f"{ENDS4}: sctp, length 3"),
        (PATH4, 47, "gre", f"{ENDS4}: gre, length 3"),
        (PATH4, 253, "253", f"{ENDS4}: ip-proto-253, length 3"),
        (PATH6, 132, "sctp", f"{ENDS6}: sctp, length 3"),
    ],
)
def test_other_protocols_are_told_by_number_and_name(path: Path, number: int, name: str, line: str) -> None:
    seen = sniffer.ip_seen(received(path, number, b"abc"))
    assert (seen.category, seen.protocol, seen.message, seen.payload) == ("ip", name, line, b"abc")
    assert seen.fields["ip.protocol"] == number
    assert ("ip.id" in seen.fields) is (path.version == 4)


def ethernet(ethertype: int, payload: bytes, vlan: int | None = None) -> sniffer.PacketSeen:
    frame = encode_ethernet(OUR_MAC, PEER_MAC, ethertype, vlan) + payload
    return sniffer.ethernet_seen(frame, decode_ethernet(frame))


def test_other_ethertypes_are_told_by_number() -> None:
    seen = ethernet(0x88B5, bytes(46))
    assert (seen.category, seen.protocol, seen.path) == ("ethernet", "0x88b5", None)
    assert seen.message == "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x88b5, length 60"
    assert seen.fields == {
        "ethernet.source": "02:00:00:00:00:02",
        "ethernet.destination": "02:00:00:00:00:01",
        "ethertype": "0x88b5",
    }
    assert seen.payload == bytes(46)


def test_ethertypes_with_a_name_and_tags() -> None:
    seen = ethernet(0x88CC, b"lldp", 0x6005)
    assert (seen.protocol, seen.fields["ethernet.vlan"], seen.fields["ethertype"]) == ("lldp", 5, "0x88cc")
    assert "ethertype lldp (0x88cc)" in seen.message


def test_frames_with_a_length_are_told_as_llc() -> None:
    seen = ethernet(38, b"\x42\x42\x03" + bytes(43))
    assert (seen.protocol, len(seen.payload), seen.fields["ethernet.dsap"]) == ("llc", 38, 0x42)
    assert seen.message.endswith("802.3, length 38: LLC, dsap 0x42, ssap 0x42, ctrl 0x03")
    assert "ethernet.dsap" not in ethernet(2, b"\x42\x42").fields


@given(
    st.sampled_from(list(PATHS.values())),
    st.builds(
        IcmpMessage, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.binary(max_size=50)
    ),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
)
def test_anything_can_be_told(path: Path, message: IcmpMessage, protocol: int, ethertype: int) -> None:
    packet = received(path, protocol, message.data)
    for seen in (
        sniffer.icmp_seen(packet, message),
        sniffer.ip_seen(packet),
        sniffer.igmp_seen(packet),
        ethernet(ethertype, message.data, 3),
    ):
        assert seen.message.isprintable()
