"""What is planned for each port: the most particular entry holds, and the certificate of tcp/0 fills what is left."""

from __future__ import annotations

from typing import ClassVar

import attrs
import pytest

from honeystack.config.model import PortEntry
from honeystack.config.ports import parse_port
from honeystack.net.address import Endpoint
from honeystack.rooms import REMEMBERED, Rooms
from honeystack.services.banner import Banner
from honeystack.services.echo import Echo
from honeystack.services.http import Http
from honeystack.tls.certificates import AutoCertificate
from honeystack.tls.mimicry import RANDOM, Appearance
from honeystack.tls.servers import shipped_servers

AUTO, OTHER = AutoCertificate(), AutoCertificate(asks_client=True)
MIMIC = Appearance("mimic", shipped_servers()["nginx"])
LOCAL = "203.0.113.4"


@attrs.frozen
class Secure(Echo):
    """Does TLS itself."""

    speaks_tls: ClassVar[bool] = True


SERVICES = {"web": Http(), "echo": Echo(), "ftp": Banner(), "own": Secure()}


def entry(
    ports: str, *services: str, certificate: AutoCertificate | None = None, look: Appearance | None = None
) -> PortEntry:
    return PortEntry(tuple(parse_port(text) for text in ports.split()), services, certificate, look)


def rooms(*ports: PortEntry, has_authority: bool = True) -> Rooms:
    return Rooms(ports, SERVICES, first_wait=3.0, appearance=RANDOM, has_authority=has_authority)


@pytest.mark.parametrize(
    ("transport", "address", "port", "services"),
    [
        ("tcp", LOCAL, 80, ("ftp",)),
        ("tcp", "203.0.113.5", 80, ("echo",)),
        ("tcp", LOCAL, 8005, ("echo",)),
        ("tcp", LOCAL, 9, ("web",)),
        ("udp", LOCAL, 53, ("own",)),
        ("udp", LOCAL, 54, ()),
    ],
)
def test_the_most_particular_entry_holds(transport: str, address: str, port: int, services: tuple[str, ...]) -> None:
    planned = rooms(
        entry("tcp/any", "web"),
        entry("tcp/80 tcp/8000-8010", "echo"),
        entry(f"tcp/{LOCAL}:80", "ftp"),
        entry("udp/53", "own"),
    )
    room = planned.room(transport, Endpoint(address, port))
    assert room.plan.services == services
    assert room.services == tuple((name, SERVICES[name]) for name in services)
    assert planned.planned_ports("udp") == ((None, 53),)
    ranged = ((None, port) for port in range(8000, 8011))
    assert planned.planned_ports("tcp") == ((None, 80), *ranged, (LOCAL, 80))


@pytest.mark.parametrize(
    ("transport", "port", "certificate"),
    [("tcp", 1, AUTO), ("tcp", 80, AUTO), ("tcp", 443, OTHER), ("tcp", 9, None), ("udp", 1, None)],
)
def test_the_certificate_of_port_0_is_for_all_that_have_none(
    transport: str, port: int, certificate: AutoCertificate | None
) -> None:
    ports = (
        entry("tcp/0", certificate=AUTO),
        entry("tcp/80", "web"),
        entry("tcp/443", "web", certificate=OTHER),
        entry("tcp/9", "own"),
    )
    room = rooms(*ports).room(transport, Endpoint(LOCAL, port))
    assert (room.tls and room.tls.certificate) == certificate
    assert room.plan.certificate is (certificate is not None)
    without = rooms(*ports, has_authority=False).room(transport, Endpoint(LOCAL, port))
    assert without.tls is None


def test_a_port_has_its_own_look_or_that_of_all_and_the_protocols_of_its_services() -> None:
    planned = rooms(entry("tcp/80", "web", certificate=AUTO, look=MIMIC), entry("tcp/81", "echo", certificate=AUTO))
    own, common = (planned.room("tcp", Endpoint(LOCAL, port)).tls for port in (80, 81))
    assert own is not None
    assert common is not None
    assert (own.appearance, own.alpn) == (MIMIC, ("http/1.1",))
    assert (common.appearance, common.alpn) == (RANDOM, ())


def test_who_speaks_first_waits_for_the_peer() -> None:
    planned = rooms(entry("tcp/21", "ftp"), entry("tcp/80", "web"))
    greeting, silent = (planned.room("tcp", Endpoint(LOCAL, port)).plan for port in (21, 80))
    assert (greeting.speaks_first, greeting.first_wait) == (True, 3.0)
    assert not silent.speaks_first


def test_what_is_remembered_is_bounded() -> None:
    planned = rooms(entry("tcp/80", "echo"))
    for port in range(1, 3 * REMEMBERED):
        planned.room("tcp", Endpoint(LOCAL, port))
    assert len(planned._rooms) <= REMEMBERED
    assert planned.room("tcp", Endpoint(LOCAL, 80)).plan.services == ("echo",)
