"""The shipped servers: each of them gives exactly the JARM that the real one gave."""

from __future__ import annotations

import pytest

from honeystack.tls.certificates import Certificate
from honeystack.tls.fingerprint import fingerprint
from honeystack.tls.jarm import jarm_probe
from honeystack.tls.mimicry import Server, mimic
from honeystack.tls.servers import read_server, shipped_servers
from tests.tls.scans import forged_jarm, jarm_of

SERVERS = shipped_servers().values()
EACH = pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
CONFIGURED = pytest.mark.parametrize(
    "server", [server for server in SERVERS if server.forged is None], ids=lambda server: server.name
)
FORGED = pytest.mark.parametrize(
    "server", [server for server in SERVERS if server.forged is not None], ids=lambda server: server.name
)


@CONFIGURED
@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("ftp",)], ids=str)
def test_a_scan_finds_the_jarm_of_the_real_server(rsa: Certificate, server: Server, alpn: tuple[str, ...]) -> None:
    found = jarm_of(
        rsa, lambda hello: mimic(server, hello, rsa.keys, alpn=alpn, probe=jarm_probe(fingerprint(hello)) is not None)
    )
    assert found == server.jarm


@FORGED
def test_a_scan_finds_it_where_the_answers_are_forged(server: Server) -> None:
    assert server.forged is not None
    assert forged_jarm(server.forged) == server.jarm


@EACH
def test_a_server_is_described_and_enables_suites_for_both_keys(server: Server) -> None:
    assert server.about
    assert len(server.jarm) == 62
    assert server.suites["RSA"]
    assert server.suites["ECDSA"]


def test_no_two_servers_look_alike() -> None:
    servers = shipped_servers()
    assert len({server.jarm for server in servers.values()}) == len(servers) == 17
    assert list(servers) == sorted(servers)
    assert all(name == server.name for name, server in servers.items())


def test_a_table_is_read() -> None:
    server = read_server(
        "x", 'about = "a"\njarm = "0"\nciphers = "HIGH"\nminimum = "1.0"\nmaximum = "1.2"\nalpn = ["h2"]'
    )
    assert (server.name, server.minimum, server.maximum, server.alpn) == ("x", 0x0301, 0x0303, ("h2",))
    assert 0xC02F in server.suites["RSA"]
    assert 0xC02B in server.suites["ECDSA"]
    assert 0x1301 not in server.suites["RSA"]


def test_forged_answers_are_read_from_a_table_of_their_own() -> None:
    answers = ["close"] * 9 + ["1301|0303||002b-0033"]
    text = (
        f'about = "a"\njarm = "0"\nciphers = "HIGH"\n[forged]\nsession_ids = false\nsealed = [32]\nanswers = {answers}'
    )
    forged = read_server("x", text).forged
    assert forged is not None
    assert (len(forged.answers), forged.session_ids, forged.sealed) == (10, False, (32,))
    with pytest.raises(ValueError):
        read_server("x", text.replace("'close', ", "", 1))


@pytest.mark.parametrize("text", ["", "nonsense", 'about = 1\nciphers = "HIGH"\ncolour = "red"'])
def test_a_table_of_something_else_is_refused(text: str) -> None:
    with pytest.raises((TypeError, ValueError, KeyError)):
        read_server("x", text)
