"""Whether the host's kernel can be kept silent: nft, a fence tried without putting it up, or rules of iptables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from honeystack.doctor.findings import Finding, fault, fine, warning
from honeystack.doctor.machine import Machine
from honeystack.errors import HoneystackError
from honeystack.net.attachment import AttachmentSettings, owned_addresses
from honeystack.net.fence import DOCUMENTED, TWINS, as_command, interface_number, table_commands
from honeystack.net.interface import PRIVILEGES
from honeystack.net.nft import NOT_PERMITTED

SUBJECT = "fence"
OURS = re.compile(r"honeystack_(\d+)_([0-9a-f]+)")


def check_fence(machine: Machine, settings: AttachmentSettings) -> Iterator[Finding]:
    """Of the kind that the configuration asks for."""
    if settings.fence == "none":
        yield warning(
            SUBJECT, 'fence = "none": the host\'s kernel answers beside the honeypot', 'fence = "auto" in [listener]'
        )
    elif settings.fence == "iptables":
        yield from _rules(machine)
    else:
        yield from _nft(machine, settings)


def _nft(machine: Machine, settings: AttachmentSettings) -> Iterator[Finding]:
    listed = machine.run("nft", "list", "tables", "netdev")
    if listed is None:
        found = list(_rules(machine)) if settings.fence == "auto" else []
        if any(finding.status.value != "fault" for finding in found):
            yield from found
            yield warning(SUBJECT, "nft is missing, which would hide more than iptables does", "apt install nftables")
        else:
            yield fault(SUBJECT, "nft is missing, and the kernel would answer beside us", "apt install nftables")
        return
    for process, interface in OURS.findall(listed.output):
        if interface == interface_number(settings.interface):
            yield warning(
                SUBJECT,
                f"process {process} runs a honeypot on {settings.interface} already, behind its own fence",
                f"kill -TERM {process}",
            )
    yield _tried(machine, settings)


def _tried(machine: Machine, settings: AttachmentSettings) -> Finding:
    """The very commands of the fence, which nft and the kernel check and do not carry out."""
    try:
        addresses = owned_addresses(settings, machine.interface(settings.interface))
    except HoneystackError as error:
        return warning(SUBJECT, f"not tried: {error}")
    commands = table_commands(
        "honeystack_doctor", settings.interface, addresses, settings.exclusions, vlan=settings.vlan
    )
    tried = machine.run("nft", "--check", "--file", "-", given="\n".join(commands) + "\n")
    if tried is None or tried.code == 0:
        return fine(SUBJECT, "nft and the kernel would take the rules that keep the kernel silent")
    said = tried.output.strip().partition("\n")[0]
    remedy = PRIVILEGES if NOT_PERMITTED in said else "modprobe nf_tables"
    return fault(SUBJECT, f"nft would refuse the fence: {said}", remedy)


def _rules(machine: Machine) -> Iterator[Finding]:
    """The documented rules of iptables."""
    missing = [rule for rule in DOCUMENTED if not _has(machine, rule)]
    for rule in missing:
        yield fault(SUBJECT, f"{rule[0]} has no rule against the kernel's {_kind(rule)}", as_command(rule))
    if missing:
        return
    twins = [rule for rule in TWINS if not _has(machine, rule)]
    for rule in twins:
        yield warning(SUBJECT, f"{rule[0]} has no rule against the kernel's {_kind(rule)}", as_command(rule))
    if not twins:
        yield fine(SUBJECT, "the documented rules of iptables are there; ARP, echo and the host's own ports stay open")


def _kind(rule: Sequence[str]) -> str:
    return "resets" if "RST" in rule else "unreachables"


def _has(machine: Machine, rule: Sequence[str]) -> bool:
    asked = machine.run(rule[0], "-C", *rule[1:])
    return asked is not None and asked.code == 0
