"""What a SYN gives away: its signature, and the scanner that made it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from honeystack.net.address import Flow
from honeystack.net.notices import SynFacts

_OPTIONS = {0: "eol", 1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}  # p0f's names


def syn_fields(syn: SynFacts, flow: Flow) -> dict[str, object]:
    """The `tcp.syn.*` keys of a SYN, and the tool that made it where it shows."""
    fields: dict[str, object] = {"tcp.syn.cookie": True} if syn.from_cookie else {}
    if not syn.from_cookie:
        fields |= {
            "tcp.syn.ttl": syn.ttl,
            "tcp.syn.window": syn.window,
            "tcp.syn.options": _names(syn.options),
            "tcp.syn.df": syn.dont_fragment,
            "tcp.syn.ip-id": syn.ip_id,
        }
    if syn.mss is not None:
        fields["tcp.syn.mss"] = syn.mss
    if syn.window_scale is not None:
        fields["tcp.syn.wscale"] = syn.window_scale
    tool = None if syn.from_cookie else tool_of(syn, flow)
    return fields if tool is None else {**fields, "tcp.tool": tool}


def tool_of(syn: SynFacts, flow: Flow) -> str | None:
    """The scanner whose mark a SYN bears."""
    if ":" in flow.local.address:
        return None  # all three marks are in IPv4 fields
    if syn.ip_id == 54321:  # zmap: src/probe_modules/packet.h
        return "zmap"
    local = _number(flow.local.address)
    if syn.sequence == local:  # mirai: bot/scanner.c
        return "mirai"
    if syn.ip_id == (local ^ flow.local.port ^ syn.sequence) & 0xFFFF:  # masscan: src/templ-pkt.c
        return "masscan"
    return None


# Nearly all SYNs come from few kinds of stack and go to few addresses of ours: remembering halves what one costs.
@lru_cache(1024)
def _names(options: bytes) -> str:
    return ",".join(_OPTIONS.get(kind, f"?{kind}") for kind in options)


@lru_cache(1024)
def _number(address: str) -> int:
    return int(ip_address(address))
