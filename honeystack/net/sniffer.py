"""What sniffer mode tells of a frame: one line as tcpdump would print it, and the header's fields.

Field names begin with the notice's category. TCP segments and UDP datagrams have events of their own.
"""

from __future__ import annotations

from honeystack.net.address import Path, address_text, mac_text
from honeystack.net.notices import PacketSeen
from honeystack.net.wire import arp, icmp, icmpv6
from honeystack.net.wire.arp import Arp
from honeystack.net.wire.ethernet import FIRST_ETHERTYPE, EthernetHeader
from honeystack.net.wire.facts import IpPacket
from honeystack.net.wire.icmp import IcmpMessage

ARP_OPERATIONS = {1: "request", 2: "reply", 3: "reverse-request", 4: "reverse-reply", 8: "inverse-request"}
ICMP_TYPES = {
    0: "echo reply",
    3: "unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "time stamp query",
    14: "time stamp reply",
    17: "address mask request",
    18: "address mask reply",
}
ICMP6_TYPES = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report v2",
}
NDP_TYPES = range(133, 138)
MLD_TYPES = (130, 131, 132, 143)
IGMP_TYPES = {0x11: "query", 0x12: "v1 report", 0x16: "v2 report", 0x17: "leave", 0x22: "v3 report"}
IP_PROTOCOLS = {
    0: "hopopt",
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    8: "egp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    46: "rsvp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    59: "ipv6-nonxt",
    88: "eigrp",
    89: "ospf",
    94: "ipip",
    103: "pim",
    108: "ipcomp",
    112: "vrrp",
    115: "l2tp",
    132: "sctp",
    136: "udplite",
    137: "mpls",
}
ETHERTYPES = {
    0x0842: "wol",
    0x22F0: "avtp",
    0x8035: "rarp",
    0x8100: "vlan",
    0x8137: "ipx",
    0x8847: "mpls",
    0x8863: "pppoe-discovery",
    0x8864: "pppoe",
    0x888E: "eapol",
    0x88A8: "qinq",
    0x88CC: "lldp",
    0x88E5: "macsec",
    0x88F7: "ptp",
    0x8902: "cfm",
    0x9000: "loopback",
}


def arp_seen(packet: Arp, ethernet: EthernetHeader) -> PacketSeen:
    sender, target = address_text(packet.sender), address_text(packet.target)
    operation = ARP_OPERATIONS.get(packet.operation, str(packet.operation))
    if packet.operation == arp.REQUEST:
        text = f"Request who-has {target} tell {sender}"
    elif packet.operation == arp.REPLY:
        text = f"Reply {sender} is-at {mac_text(packet.sender_mac)}"
    else:
        text = f"{operation} {sender} ({mac_text(packet.sender_mac)}) > {target}"
    fields: dict[str, object] = {
        "arp.operation": operation,
        "arp.sender-mac": mac_text(packet.sender_mac),
        "arp.sender-ip": sender,
        "arp.target-mac": mac_text(packet.target_mac),
        "arp.target-ip": target,
    }
    path = Path(4, packet.target, packet.sender, ethernet.destination, ethernet.source, ethernet.vlan)
    return PacketSeen("arp", "arp", path, f"ARP, {text}, length {arp.LENGTH}", fields, b"")


def icmp_seen(packet: IpPacket, message: IcmpMessage) -> PacketSeen:
    """An ICMP or ICMPv6 message: icmp, icmp6, ndp or mld."""
    six = packet.path.version == 6
    names = ICMP6_TYPES if six else ICMP_TYPES
    text = names.get(message.type, f"type-#{message.type}")
    category = "icmp"
    if six:
        category = "ndp" if message.type in NDP_TYPES else "mld" if message.type in MLD_TYPES else "icmp6"
    fields: dict[str, object] = {
        f"{category}.type": message.type,
        f"{category}.code": message.code,
        f"{category}.ttl": packet.facts.ttl,
    }
    if "echo" in text:
        ident, sequence = message.rest >> 16, message.rest & 0xFFFF
        fields |= {f"{category}.id": ident, f"{category}.sequence": sequence}
        text += f", id {ident}, seq {sequence}"
    elif category == "ndp" and message.type in (icmpv6.NEIGHBOUR_SOLICITATION, icmpv6.NEIGHBOUR_ADVERTISEMENT):
        target = address_text(message.data[:16]) if len(message.data) >= 16 else "?"
        fields["ndp.target"] = target
        text += f", who has {target}" if message.type == icmpv6.NEIGHBOUR_SOLICITATION else f", tgt is {target}"
    elif category == "mld" and message.type != icmpv6.MLD_REPORT_V2 and len(message.data) >= 16:
        fields["mld.group"] = address_text(message.data[:16])
        text += f", group {fields['mld.group']}"
    else:
        text += f", code {message.code}"
    length = icmp.HEADER_LENGTH + len(message.data)
    line = f"{_ends(packet)}: {'ICMP6,' if six else 'ICMP'} {text}, length {length}"
    return PacketSeen(category, "icmpv6" if six else "icmp", packet.path, line, fields, message.data)


def igmp_seen(packet: IpPacket) -> PacketSeen:
    payload = bytes(packet.payload)
    kind = payload[0] if payload else -1
    fields: dict[str, object] = {"igmp.type": kind, "igmp.ttl": packet.facts.ttl}
    text = IGMP_TYPES.get(kind, f"type-#{kind}")
    if len(payload) >= 8 and kind != 0x22:
        fields["igmp.group"] = address_text(payload[4:8])
        text += f" {fields['igmp.group']}"
    line = f"{_ends(packet)}: igmp {text}, length {len(payload)}"
    return PacketSeen("igmp", "igmp", packet.path, line, fields, payload)


def ip_seen(packet: IpPacket) -> PacketSeen:
    """A packet of a protocol that the stack does not speak."""
    payload, number = bytes(packet.payload), packet.protocol
    name = IP_PROTOCOLS.get(number, str(number))
    fields: dict[str, object] = {"ip.protocol": number, "ip.ttl": packet.facts.ttl, "ip.tos": packet.facts.tos}
    if packet.path.version == 4:
        fields |= {"ip.id": packet.facts.ident, "ip.df": packet.facts.dont_fragment}
    line = f"{_ends(packet)}: {name if name != str(number) else f'ip-proto-{number}'}, length {len(payload)}"
    return PacketSeen("ip", name, packet.path, line, fields, payload)


def ethernet_seen(frame: bytes, ethernet: EthernetHeader) -> PacketSeen:
    """A frame that carries neither IP nor ARP."""
    source, destination = mac_text(ethernet.source), mac_text(ethernet.destination)
    fields: dict[str, object] = {"ethernet.source": source, "ethernet.destination": destination}
    if ethernet.vlan is not None:
        fields["ethernet.vlan"] = ethernet.vlan & 0x0FFF
    payload = frame[ethernet.offset :]
    if ethernet.ethertype < FIRST_ETHERTYPE:
        payload = payload[: ethernet.ethertype]
        name, text = "llc", f"802.3, length {ethernet.ethertype}: LLC"
        if len(payload) >= 3:
            fields |= {"ethernet.dsap": payload[0], "ethernet.ssap": payload[1], "ethernet.control": payload[2]}
            text += f", dsap 0x{payload[0]:02x}, ssap 0x{payload[1]:02x}, ctrl 0x{payload[2]:02x}"
    else:
        number = f"0x{ethernet.ethertype:04x}"
        name = ETHERTYPES.get(ethernet.ethertype, number)
        fields["ethertype"] = number
        text = f"ethertype {number if name == number else f'{name} ({number})'}, length {len(frame)}"
    return PacketSeen("ethernet", name, None, f"{source} > {destination}, {text}", fields, payload)


def _ends(packet: IpPacket) -> str:
    name = "IP" if packet.path.version == 4 else "IP6"
    return f"{name} {address_text(packet.path.remote)} > {address_text(packet.path.local)}"
