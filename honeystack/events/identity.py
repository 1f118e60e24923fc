"""Whose event it is: an Identity made from a flow, once per conversation."""

from __future__ import annotations

from honeystack.events.community import ICMP, ICMPV6, community_id, protocol_number
from honeystack.events.event import Identity
from honeystack.net.address import Flow


def identity_of(flow: Flow, connection_id: str | None = None, *, icmp: tuple[int, int] | None = None) -> Identity:
    """The identity of a flow's events; the remote is the source.

    `icmp` is the type and code of an ICMP message, which its Community ID needs. Protocols without ports
    have port 0 in the flow, and none in the identity.
    """
    ports = flow.protocol in ("tcp", "udp", "sctp")
    return Identity(
        flow.protocol,
        connection_id,
        flow.remote.address or None,
        flow.remote.port if ports else None,
        flow.remote_mac,
        flow.local.address or None,
        flow.local.port if ports else None,
        flow.local_mac,
        _community_id(flow, icmp, ports),
    )


def _community_id(flow: Flow, icmp: tuple[int, int] | None, ports: bool) -> str | None:
    number = protocol_number(flow.protocol)
    source, destination = flow.remote.address, flow.local.address
    if number is None or not (source and destination):
        return None
    if ports:
        return community_id(number, source, destination, flow.remote.port, flow.local.port)
    if number in (ICMP, ICMPV6):
        return community_id(number, source, destination, *icmp) if icmp else None
    return community_id(number, source, destination)
