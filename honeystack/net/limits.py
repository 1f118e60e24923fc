"""Named bounds: everything that a peer can make grow, with the reason for its number.

Reaching one is told by a BoundReached notice that carries the field's name; how long a peer is waited for, by the end
of what it was waited for.
"""

from __future__ import annotations

from typing import Any

import attrs

from honeystack.settings import positive, setting


def _several(_: Any, field: attrs.Attribute[Any], value: int) -> None:
    if value < 2:
        raise ValueError(f"{field.name!r} must be 2 at least: a single answer may be lost")  # MUST-29


@attrs.frozen
class Limits:
    """What one stack holds at most; `[listener.limits]` in the config."""

    half_open: int = setting(
        "handshakes under way that are remembered; beyond it SYN cookies answer without memory", default=4096
    )
    connections: int = setting("TCP connections held at once; beyond it the longest idle one is shed", default=65_536)
    connections_per_source: int = setting(
        "TCP connections held for one IPv4 address or IPv6 /64; beyond it its new ones are not accepted", default=10_000
    )
    time_wait: int = setting(
        "closed connections remembered in TIME-WAIT; beyond it the oldest is forgotten", default=8192
    )
    receive_buffer: int = setting("received and unread data of one connection", default=256 * 1024, unit="bytes")
    send_buffer: int = setting(
        "sent and unacknowledged or unsent data of one connection", default=256 * 1024, unit="bytes"
    )
    buffer_memory: int = setting(
        "all buffers of all connections; beyond it windows close, new data is not taken, and connections whose data "
        "moves least are shed",
        default=256 * 1024 * 1024,
        unit="bytes",
    )
    fragment_memory: int = setting(
        "fragments awaiting the rest of their datagrams", default=4 * 1024 * 1024, unit="bytes"
    )
    fragment_datagrams: int = setting("datagrams under reassembly at once", default=1024)
    neighbours: int = setting("neighbours remembered", default=1024)
    path_mtus: int = setting(
        "peers whose path is remembered to take less than our link; beyond it the one told of longest ago is forgotten",
        default=1024,
        validator=positive,
    )
    icmp_remotes: int = setting(
        "addresses, or /64 of IPv6, whose share of our ICMP errors is remembered; beyond it that of the one answered "
        "longest ago is forgotten, and the rate for all together holds on",
        default=4096,
        validator=positive,
    )
    scan_sources: int = setting("sources watched for port scans", default=4096)
    scan_addresses: int = setting(
        "addresses of ours that are remembered for all sources of scans together; beyond it 5 for each source",
        default=131_072,  # some 12 MB
    )
    scan_addresses_per_source: int = setting("addresses of ours that one port scan's events name", default=1024)
    aggregates: int = setting("rows of each table that counts repeated events", default=4096)
    aggregate_memory: int = setting(
        "data of peers in the rows of each such table; beyond it the oldest rows are told and forgotten",
        default=16 * 1024 * 1024,
        unit="bytes",
    )
    told_sources: int = setting(
        "sources that are told each by itself within 30 seconds: for every anomaly, for unfinished handshakes and for "
        "port scans; those beyond it are told together",
        default=512,
    )
    told_datagrams: int = setting(
        "datagrams that are told each by itself within 30 seconds; those beyond it are told together, without payload",
        default=131_072,
    )
    told_packets: int = setting(
        "with `sniffer`: packets of one kind that are told each by itself within 30 seconds; those beyond it are told "
        "together, without payload",
        default=131_072,
    )
    datagram_flows: int = setting(
        "UDP conversations held at once; beyond it the one that has waited for longest ends", default=4096
    )
    datagram_queue: int = setting("datagrams of one UDP conversation that wait for its service", default=64)
    datagram_answers_per_second: int = setting(
        "UDP answers to one address, which may be forged; beyond it, and beyond twice as many at once, none are sent",
        default=100,
        validator=positive,
    )
    datagram_remotes: int = setting(
        "addresses whose share of UDP answers is remembered; beyond it the one that began longest ago is forgotten",
        default=4096,
        validator=positive,
    )
    datagram_memory: int = setting(
        "first and waiting datagrams of all UDP conversations", default=32 * 1024 * 1024, unit="bytes"
    )
    socket_datagrams: int = setting(
        "datagrams that wait for a program's own UDP socket; beyond it the new ones are lost", default=1024
    )
    socket_flows: int = setting(
        "flows that a program's own UDP socket can answer; beyond it the one heard from longest ago is forgotten",
        default=4096,
        validator=positive,
    )
    backlog: int = setting(
        "connections that wait for a program to accept them; beyond it the new ones are reset, or with kernel sockets "
        "not answered",
        default=1024,
    )
    hello_memory: int = setting(
        "ClientHellos that are not whole yet, or whose handshake is under way; beyond it the one that began first is "
        "given up",
        default=16 * 1024 * 1024,
        unit="bytes",
    )
    tls_handshakes: int = setting(
        "TLS handshakes under way; beyond it the one that began first is given up", default=1024
    )
    tls_handshakes_per_source: int = setting(
        "TLS handshakes under way with one IPv4 address or IPv6 /64; beyond it its new ones fail", default=256
    )
    tls_handshake_seconds: float = setting(
        "how long a TLS handshake may take, once its hello is there", default=10.0, unit="seconds"
    )
    certificates_per_second: int = setting(
        'certificates that are made where `tls_certificate` is "auto"; beyond it one serves that was made for another '
        "name",
        default=10,
    )
    datagram_hellos: int = setting(
        "QUIC and DTLS clients whose hello is put together at once, or was lately; beyond it the oldest is forgotten",
        default=256,
    )
    datagram_hellos_per_second: int = setting(
        "datagrams of QUIC and DTLS clients that are searched for a hello, of one IPv4 address or IPv6 /64 a fourth of "
        "them; those beyond it are told as datagrams only",
        default=200,
    )
    half_open_seconds: float = setting("how long a handshake may stay unfinished", default=63.0, unit="seconds")
    retries: int = setting(
        "how often TCP sends a segment again before it gives the connection up (R2); 15 take about as many minutes",
        default=15,  # Linux's tcp_retries2
        validator=positive,
    )
    keep_alive: bool = setting("ask TCP peers that have been silent whether they are still there", default=False)
    keep_alive_seconds: float = setting(
        "with `keep_alive`: after how much silence a peer is asked",
        default=7200.0,  # Linux's tcp_keepalive_time; MUST-28
        unit="seconds",
        validator=positive,
    )
    keep_alive_interval_seconds: float = setting(
        "with `keep_alive`: how long an answer is waited for before the next question",
        default=75.0,  # Linux's tcp_keepalive_intvl
        unit="seconds",
        validator=positive,
    )
    keep_alive_probes: int = setting(
        "with `keep_alive`: how many questions without an answer end a connection",
        default=9,  # Linux's tcp_keepalive_probes
        validator=_several,
    )
