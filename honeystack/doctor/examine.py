"""All checks, in the order in which one would mend."""

from __future__ import annotations

from collections.abc import Iterator

from honeystack.config.model import Config
from honeystack.doctor.findings import Finding, fine, warning
from honeystack.doctor.machine import Machine
from honeystack.doctor.neighbours import check_free, check_session, check_taken, planned_ports
from honeystack.doctor.places import check_channels, check_data
from honeystack.doctor.privileges import check_netstack, check_socket
from honeystack.doctor.silence import check_fence
from honeystack.doctor.wire import check_interface
from honeystack.net.attachment import AttachmentSettings

CLOCK, SOFTWARE = "clock", "software"
FANOUT = (5, 10)  # the Linux from which several workers can share packets


def examine(machine: Machine, config: Config) -> Iterator[Finding]:
    """What is found; nothing is changed."""
    attachment: AttachmentSettings | None = getattr(config.listener, "attachment", None)
    if attachment is not None:
        yield from check_netstack(machine, fenced=attachment.fence in ("auto", "nft"))
        yield from check_interface(machine, attachment)
        yield from check_fence(machine, attachment)
        yield from check_session(machine, attachment)
        yield from check_taken(machine, attachment)
    else:
        yield from check_socket(machine, planned_ports(config))
        yield from check_free(machine, config)
    yield from check_data(machine, config.data)
    yield from check_channels(machine, config.channels)
    yield check_clock(machine)
    yield from check_software(machine, several=len(getattr(config.listener, "cores", ())) > 1)


def check_clock(machine: Machine) -> Finding:
    """Whether dates of events can be compared with those of others."""
    synchronised = machine.clock_is_synchronised()
    if synchronised is None:
        return warning(CLOCK, "the kernel does not say whether it is synchronised", "timedatectl")
    if not synchronised:
        return warning(CLOCK, "it is not synchronised: events may bear wrong dates", "timedatectl set-ntp true")
    return fine(CLOCK, "it is synchronised")


def check_software(machine: Machine, *, several: bool) -> Iterator[Finding]:
    """Python, the compiled stack, OpenSSL, and Linux where it matters."""
    version, reached = machine.openssl()
    built = "compiled" if machine.compiled() else "from sources; compiled it takes a third of the time: `make wheel`"
    yield fine(SOFTWARE, f"Python {machine.python()}; the stack runs {built}")
    if reached:
        yield fine(SOFTWARE, f"{version}, with all that Python does not offer of it")
    else:
        yield warning(
            SOFTWARE,
            f"{version} hides functions behind this Python, so that TLS differs less between connections",
            "run it with the distribution's Python: apt install python3-venv",
        )
    if several and machine.kernel() < FANOUT:
        yield warning(SOFTWARE, "workers share packets from Linux 5.10 on", "workers = 1 in [listener]")
