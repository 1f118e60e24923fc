"""What the witness tells: the kinds of its events."""

from __future__ import annotations

from honeystack.events.catalogue import EventKind
from honeystack.net.anomalies import NAMES

_SOURCES = (
    "int: about how many sources these were; only where told_sources was reached, and those beyond it are told together"
)
_SYN = {
    "tcp.syn.ttl": "int: time to live, or hop limit, as it arrived",
    "tcp.syn.window": "int: the window, unscaled",
    "tcp.syn.mss": "int: the maximum segment size option",
    "tcp.syn.wscale": "int: the window scale option",
    "tcp.syn.options": "kinds of the options in their order, named as p0f does",
    "tcp.syn.df": "bool: don't fragment was set",
    "tcp.syn.ip-id": "int: the IPv4 identification",
    "tcp.syn.cookie": "bool: rebuilt from a SYN cookie, so only part is known",
    "tcp.tool": "the scanner whose mark the SYN bears: zmap, masscan or mirai",
}
CONNECT = EventKind(
    "tcp",
    "connect",
    "A handshake has been completed, whatever the port.",
    {**_SYN, "tcp.rtt-ms": "float: round trip of the handshake in milliseconds"},
)
CLOSE = EventKind(
    "tcp",
    "close",
    "A connection has ended; the last event of its conversation.",
    {
        "tcp.reason": "fin, rst, timeout, shed (given up for a bound) or shutdown",
        "tcp.bytes-in": "int: bytes received from the peer",
        "tcp.bytes-out": "int: bytes sent to the peer",
        "tcp.packets-in": "int: segments received; absent for kernel sockets",
        "tcp.packets-out": "int: segments sent; absent for kernel sockets",
        "tcp.duration-ms": "int: from the handshake to the end",
    },
)
HALF_OPEN = EventKind(
    "tcp",
    "half-open",
    "SYNs of one source that were answered and whose handshakes were never completed; told together.",
    {
        **_SYN,
        "tcp.reset": "bool: the last one was ended by the peer's RST",
        "count": "int: how many",
        "sources": _SOURCES,
    },
)
DATAGRAM = EventKind(
    "udp",
    "payload",
    "A datagram. The first is told at once; equal ones of the same flow are counted and told later.",
    {
        "payload": "the datagram's data",
        "count": "int: how many equal ones have come since it was last told",
        "sources": "int: about how many sources those were that are told together, with their count and without "
        "payload; only where told_datagrams was reached",
    },
)


def _anomaly(category: str, text: str) -> EventKind:
    fields = {
        "anomaly": f"its name: {', '.join(sorted(NAMES))}",
        "message": "what the name means",
        "count": "int: how many from this source since it was last told",
        "sources": _SOURCES,
    }
    return EventKind(category, "anomaly", f"{text}, told together for each source and name.", fields, "notice")


ANOMALIES = {
    "tcp": (TCP_ANOMALY := _anomaly("tcp", "A segment as no honest peer sends it")),
    "udp": (UDP_ANOMALY := _anomaly("udp", "A datagram as no honest peer sends it")),
    "icmp": (ICMP_ANOMALY := _anomaly("icmp", "An ICMP message as no honest peer sends it")),
    "icmpv6": (ICMP6_ANOMALY := _anomaly("icmp6", "An ICMPv6 message as no honest peer sends it")),
    "ip": (IP_ANOMALY := _anomaly("ip", "A packet or fragment as no honest peer sends it")),
}
SCAN = EventKind(
    "portscan",
    "portscan",
    "A port scan by one source, told while it runs and at its end.",
    {
        "portscan.ports": "list: what was tried, as tcp/22 or tcp/8000-8010",
        "portscan.addresses": "list: our addresses that were tried",
        "portscan.duration-ms": "int: since the scan began",
        "portscan.count": "int: probes since the scan began",
        "portscan.final": "bool: the scan is over",
        "sources": _SOURCES + ", without the keys above",
        "count": "int: how many reports are told together",
    },
    "notice",
)
DROP = EventKind(
    "sensor",
    "drop",
    "Something was given up: a bound was reached, or frames did not parse. Repeats are told together.",
    {
        "reason": "the bound's name, or malformed: and what was wrong",
        "limit": "int: the bound",
        "count": "int: how often since it was last told",
        "frame": "hex: one of the frames that did not parse",
    },
    "warning",
)
FAULT = EventKind(
    "sensor",
    "fault",
    "An error in honeystack itself, contained: it cost one frame or one conversation. Please report it.",
    {
        "error": "the exception's type and text",
        "where": "file and line",
        "frame": "hex: the frame that it happened on",
        "count": "int: how often since it was last told",
    },
    "error",
)


def _packet(category: str, text: str, numbers: str = "", texts: str = "", **more: str) -> EventKind:
    fields = {"message": "as tcpdump would print it", "payload": "what the header carried"}
    fields |= {"count": "int: how many are told together", "sources": _SOURCES.replace("told_sources", "told_packets")}
    fields |= {f"{category}.{name}": "int: a field of the header" for name in numbers.split()}
    fields |= {f"{category}.{name}": "a field of the header" for name in texts.split()}
    return EventKind(category, "packet", f"{text} (sniffer).", {**fields, **more})


_ICMP = "type code ttl id sequence"
ARP = _packet("arp", "An ARP packet", "", "operation sender-mac sender-ip target-mac target-ip")
ICMP = _packet("icmp", "An ICMP message", _ICMP)
ICMP6 = _packet("icmp6", "An ICMPv6 message that is neither of neighbour nor of multicast listener discovery", _ICMP)
NDP = _packet("ndp", "A neighbour discovery message", _ICMP, "target")
MLD = _packet("mld", "A multicast listener discovery message", _ICMP, "group")
IGMP = _packet("igmp", "An IGMP message", "type ttl", "group")
IP = _packet("ip", "A packet of another IP protocol", "protocol ttl tos id", **{"ip.df": "bool: don't fragment"})
ETHERNET = _packet(
    "ethernet",
    "A frame of another EtherType",
    "vlan dsap ssap control",
    "source destination",
    ethertype="in hex; absent for 802.3 frames, which have a length instead",
)
PACKETS = {kind.category: kind for kind in (ARP, ICMP, ICMP6, NDP, MLD, IGMP, IP, ETHERNET)}
