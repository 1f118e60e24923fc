"""`[[port]]`: each port once, services that fit, certificates that load; told at the element that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from honeystack.config import Config, ConfigErrors, parse_config
from honeystack.config.errors import Source
from honeystack.config.port_sections import read_ports
from honeystack.config.ports import PortSpec, parse_port
from honeystack.config.positions import parse_toml
from honeystack.config.structure import Reading
from honeystack.tls.certificates import AutoCertificate, Certificate
from honeystack.tls.openssl import OpenSsl
from tests.tls.certificates import self_signed

Parse = Callable[[str], Config]
SERVICES = "[service.tcp]\ntype='./tcp.py'\n[service.both]\ntype='./both.py'\n[service.tls]\ntype='./tls.py'\n"
FREE = 10  # the first line behind the listener and the services


@pytest.fixture
def parse(folder: Path, listening: str) -> Parse:
    return lambda text: parse_config(listening + SERVICES + text, path=folder / "config.toml")


@pytest.fixture
def told(parse: Parse) -> Callable[[str], list[str]]:
    def tell(text: str) -> list[str]:
        with pytest.raises(ConfigErrors) as caught:
            parse(text)
        return [
            f"{problem.line - FREE}:{problem.column}: {problem.message}; {problem.suggestion}".removesuffix("; ")
            for problem in caught.value.problems
        ]

    return tell


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def certificates(folder: Path, authority: trustme.CA) -> Path:
    """a.crt with a.key and b.crt with b.key, in the folder of the configuration."""
    for name in "ab":
        made = authority.issue_cert(f"{name}.example", key_type=trustme.KeyType.ECDSA)
        made.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[port]]", '0:1: [[port]] needs a port; write port = "tcp/80"'),
        ("[[port]]\nport='80'", "1:6: '80' names no transport"),
        ("[[port]]\nports=['tcp/1', 'tcp/x']", "1:17: 'tcp/x' is no port"),
        ("[[port]]\nport=80", "1:6: 'port' must be a string in quotes or a list, each a string in quotes"),
        ("[[port]]\nport='tcp/0'", "1:6: tcp/0 is the certificate of all other ports: it needs 'tls_certificate'"),
        ("[[port]]\nport='udp/0'", '1:6: udp/0 means nothing; write "tcp/0"'),
        ("[[port]]\nport='tcp/10.0.0.1:0'", "1:6: tcp/10.0.0.1:0 means nothing"),
        ("[[port]]\nport='tcp/1'\nservices=['tcp', 'tpc']", "2:18: there is no service 'tpc'; did you mean 'tcp'?"),
        (
            "[[port]]\nport='tcp/1'\nservices='tcp'",
            "2:10: 'services' must be a list, each a string in quotes; write ['tcp']",
        ),
        ("[[port]]\nports=['tcp/1','udp/1']\nservices=['both','tcp']", "2:18: the service 'tcp' does not speak UDP"),
        ("[[port]]\nport='tcp/1'\ntls_key='a'", "2:1: this needs 'tls_certificate' beside it"),
        ("[[port]]\nport='tcp/1'\ncertificate_file='a'", "2:1: this needs 'tls_key' beside it"),
        (
            "[[port]]\nport='tcp/1'\ntls_cert='a'",
            "2:1: [[port]] has no setting 'tls_cert'; did you mean 'tls_certificate'?",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(told: Callable[[str], list[str]], text: str, message: str) -> None:
    [line] = told(text)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("first", "second", "told_as"),
    [
        ("tcp/80", "tcp/80", "tcp/80 is used twice; the first use is tcp/80"),
        ("tcp/70-90", "tcp/80", "tcp/80 is used twice; the first use is tcp/70-90"),
        ("tcp/any", "tcp/any", "tcp/any is used twice"),
    ],
)
def test_a_port_used_twice_names_both_places(
    told: Callable[[str], list[str]], folder: Path, first: str, second: str, told_as: str
) -> None:
    [line] = told(f"[[port]]\nport='{first}'\n[[port]]\nports=['tcp/1', '{second}']\n")
    assert line.startswith(f"3:17: {told_as}")
    assert line.endswith(f"at {folder}/config.toml:{FREE + 1}:6")


def test_a_port_used_twice_in_one_list_is_told(told: Callable[[str], list[str]]) -> None:
    assert told("[[port]]\nports=['tcp/1','tcp/1']\n")[0].startswith("1:16: tcp/1 is used twice")


@pytest.mark.parametrize(
    ("certificate", "key"),
    [("tls_certificate", "tls_key"), ("certificate_file", "key_file"), ("tls_certificate", "key_file")],
)
def test_certificates_load_under_both_spellings(certificates: Path, parse: Parse, certificate: str, key: str) -> None:
    config = parse(f"[[port]]\nport='tcp/0'\n{certificate}='a.crt'\n{key}='a.key'\n[[port]]\nport='tcp/80'\n")
    assert config.ports[0].certificate is not None
    assert config.fallback_certificate is config.ports[0].certificate
    assert config.ports[1].certificate is None


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("tls_certificate='c.crt'\ntls_key='a.key'", "2:17", "there is no file"),
        ("tls_certificate='a.crt'\ntls_key='c.key'", "3:9", "there is no file"),
        ("tls_certificate='.'\ntls_key='a.key'", "2:17", "is no file"),
        ("tls_certificate='a.crt'\ntls_key='b.key'", "3:9", "b.key is not the key of"),
        ("tls_certificate='tcp.py'\ntls_key='a.key'", "2:17", "holds no certificate in PEM form"),
        ("tls_certificate='a.crt'\ntls_key='tcp.py'", "3:9", "holds no private key in PEM form"),
    ],
)
def test_certificates_that_do_not_load_are_told(
    certificates: Path, told: Callable[[str], list[str]], lines: str, place: str, message: str
) -> None:
    [line] = told(f"[[port]]\nport='tcp/443'\n{lines}\n")
    assert message in line
    assert line.startswith(f"{place}: ")


def test_both_files_are_told_when_both_are_missing(told: Callable[[str], list[str]]) -> None:
    lines = told("[[port]]\nport='tcp/443'\ntls_certificate='x'\ntls_key='y'\n")
    assert [line.partition(": ")[0] for line in lines] == ["2:17", "3:9"]
    assert "make both" not in lines[0]
    assert "; make both: openssl req -x509" in lines[1]


def test_a_file_that_may_not_be_read_is_told(
    certificates: Path, told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith(".key"))
    [line] = told("[[port]]\nport='tcp/443'\ntls_certificate='a.crt'\ntls_key='a.key'\n")
    assert line.startswith("3:9: ")
    assert line.endswith("a.key may not be read by this user")


def test_port_zero_has_no_services(certificates: Path, told: Callable[[str], list[str]]) -> None:
    [line] = told("[[port]]\nport='tcp/0'\nservices=['tcp']\ntls_certificate='a.crt'\ntls_key='a.key'\n")
    assert line.startswith("1:6: tcp/0 is only the certificate of all other ports and has no services; did you mean")


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        (
            "[[port]]\nport='tcp/1'\nservices=['tls']\ntls_certificate='a.crt'\ntls_key='a.key'\n",
            "this port's certificate",
        ),
        (
            "[[port]]\nport='tcp/1'\nservices=['tls']\n[[port]]\nport='tcp/0'\ntls_certificate='a.crt'\ntls_key='a.key'\n",
            "the certificate of tcp/0",
        ),
    ],
)
def test_a_service_that_does_tls_itself_clashes_with_a_certificate(
    certificates: Path, told: Callable[[str], list[str]], text: str, whose: str
) -> None:
    assert told(text) == [f"2:11: the service 'tls' does TLS itself, but TLS is decoded here with {whose}"]


def test_without_a_certificate_it_may(parse: Parse) -> None:
    assert parse("[[port]]\nport='tcp/1'\nservices=['tls']\n").ports[0].services == ("tls",)


def test_a_broken_service_is_told_once(told: Callable[[str], list[str]]) -> None:
    lines = told("[[port]]\nport='tcp/1'\nservices=['x']\n[service.x]\ntype='./none.py'\n")
    assert len(lines) == 1


def test_what_is_odd_about_a_certificate_is_noted(folder: Path, parse: Parse, authority: trustme.CA) -> None:
    old = authority.issue_cert("x.example", not_after=datetime(2020, 1, 1, tzinfo=UTC), key_type=trustme.KeyType.ECDSA)
    old.cert_chain_pems[0].write_to_path(str(folder / "x.crt"))
    old.private_key_pem.write_to_path(str(folder / "x.key"))
    notes = parse("[[port]]\nport='tcp/443'\ntls_certificate='x.crt'\ntls_key='x.key'\n").notes
    (note,) = [note for note in notes if "x.crt expired on 2020-01-01" in note.message]
    assert (note.line, note.severity) == (FREE + 2, "warning")


def test_a_certificate_for_no_name_is_noted(folder: Path, parse: Parse) -> None:
    self_signed(folder, ec.generate_private_key(ec.SECP256R1()), name=None)
    notes = parse("[[port]]\nport='tcp/443'\ntls_certificate='cert.pem'\ntls_key='key.pem'\n").notes
    (note,) = [note for note in notes if "is for no name" in note.message]
    assert (note.line, note.severity) == (FREE + 2, "note")


def test_warnings_stand_at_the_certificate_that_they_are_about(
    folder: Path, parse: Parse, authority: trustme.CA
) -> None:
    for name, kind in (("a", trustme.KeyType.ECDSA), ("a.b", trustme.KeyType.RSA)):  # one's path begins as the other's
        old = authority.issue_cert("x.example", not_after=datetime(2020, 1, 1, tzinfo=UTC), key_type=kind)
        old.cert_chain_pems[0].write_to_path(str(folder / name))
        old.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    notes = parse("[[port]]\nport='tcp/443'\ntls_certificate=['a', 'a.b']\ntls_key=['a.key', 'a.b.key']\n").notes
    assert [(note.column, note.message.split()[0]) for note in notes if note.severity == "warning"] == [
        (18, str(folder / "a")),
        (23, str(folder / "a.b")),
    ]


def test_a_python_that_cannot_ask_clients_is_warned_of(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenSsl, "find", lambda: None)
    notes = parse("[[port]]\nport='tcp/1'\ntls_certificate='auto'\ntls_client_certificate='request'\n").notes
    assert any("no client is asked" in note.message and note.severity == "warning" for note in notes)


@given(ranges=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=12))
def test_exactly_what_overlaps_an_earlier_port_is_told(ranges: list[tuple[int, int]]) -> None:
    specs = [f"tcp/{first}-{first + more}" for first, more in ranges]
    kept: list[PortSpec] = []
    twice = []
    for text in specs:
        spec = parse_port(text)
        if any(spec.clashes(other) for other in kept):
            twice.append(str(spec))
        else:
            kept.append(spec)
    reading = Reading()
    root, _ = parse_toml(Source("a.toml", f"[[port]]\nports = {specs}\n"))
    tables = root.entries["port"].node.items  # type: ignore[union-attr]
    read_ports(tables, {}, reading)  # type: ignore[arg-type]
    assert [problem.message.partition(" is used twice")[0] for problem in reading.problems] == twice


@pytest.mark.parametrize(
    "setting", ['tls_certificate = "auto"', 'tls_fingerprint = "rotate"', 'tls_client_certificate = "none"']
)
def test_tls_on_ports_of_udp_alone_is_told(parse: Parse, told: Callable[[str], list[str]], setting: str) -> None:
    assert told(f'[[port]]\nport = "udp/443"\n{setting}\n') == [
        "2:1: TLS is decoded on TCP ports, and here is none; leave this out"
    ]
    mixed = f'[[port]]\nports = ["udp/443", "tcp/443"]\n{setting}\n[[port]]\nport = "tcp/0"\ntls_certificate = "auto"'
    assert warnings(parse(mixed)) == []


def warnings(config: Config) -> list[str]:
    return [f"{note.line - FREE}:{note.column}: {note.message}" for note in config.notes if note.severity == "warning"]


def test_a_look_without_a_certificate_is_warned_of(parse: Parse) -> None:
    text = '[[port]]\nport = "tcp/443"\ntls_fingerprint = "rotate"\n'
    assert warnings(parse(text)) == ["2:1: there is no certificate for this port, so TLS is not answered at all"]
    assert warnings(parse(text + 'tls_certificate = "auto"')) == []


def test_auto_in_other_letters_is_known(told: Callable[[str], list[str]]) -> None:
    assert told('[[port]]\nport = "tcp/443"\ntls_certificate = "Auto"') == [
        "2:1: this needs 'tls_key' beside it; did you mean 'auto'?"
    ]


def test_certificates_may_be_made(parse: Parse) -> None:
    config = parse("[[port]]\nport='tcp/0'\ntls_certificate='auto'\n")
    assert isinstance(config.fallback_certificate, AutoCertificate)


@pytest.mark.parametrize(
    ("text", "asks"),
    [("", False), ("tls_client_certificate='none'\n", False), ("tls_client_certificate='request'\n", True)],
)
def test_clients_are_asked_for_a_certificate_where_that_is_said(
    certificates: Path, parse: Parse, text: str, asks: bool
) -> None:
    for own in ("tls_certificate='a.crt'\ntls_key='a.key'\n", "tls_certificate='auto'\n"):
        certificate = parse(f"[[port]]\nport='tcp/1'\n{own}{text}").ports[0].certificate
        assert certificate is not None
        assert certificate.asks_client is (asks and (own == "tls_certificate='auto'\n" or OpenSsl.find() is not None))


def test_several_certificates_of_one_port(certificates: Path, parse: Parse, authority: trustme.CA) -> None:
    made = authority.issue_cert("r.example", key_type=trustme.KeyType.RSA)
    made.cert_chain_pems[0].write_to_path(str(certificates / "r.crt"))
    made.private_key_pem.write_to_path(str(certificates / "r.key"))
    config = parse("[[port]]\nport='tcp/1'\ntls_certificate=['a.crt', 'r.crt']\ntls_key=['a.key', 'r.key']\n")
    certificate = config.ports[0].certificate
    assert isinstance(certificate, Certificate)
    assert [key.algorithm for key in certificate.keys] == ["ECDSA", "RSA"]
    assert certificate.names == ("a.example", "r.example")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("tls_certificate='auto'\ntls_key='a.key'", "3:1", "keys are made too"),
        ("tls_certificate=['a.crt','b.crt']\ntls_key='a.key'", "3:9", "1 keys for 2 certificates"),
        ("tls_certificate=[]\ntls_key=[]", "3:9", "0 keys for 0 certificates"),
        ("tls_certificate=['a.crt','b.crt']\ntls_key=['a.key','b.key']", "2:26", "b.crt has an ECDSA key as another"),
        ("tls_certificate=['a.crt','c.crt']\ntls_key=['a.key','b.key']", "2:26", "there is no file"),
        ("tls_certificate=['a.crt','b.crt']\ntls_key=['b.key','a.key']", "3:10", "b.key is not the key of"),
        ("tls_certificate=3\ntls_key='a.key'", "2:17", 'must be "auto" or a path'),
        ("tls_client_certificate='request'", "2:1", "this needs 'tls_certificate' beside it"),
        ("tls_client_certificate='always'", "2:24", 'must be "none" or "request"'),
    ],
)
def test_lists_that_do_not_fit_are_told(
    certificates: Path, told: Callable[[str], list[str]], text: str, place: str, message: str
) -> None:
    (said,) = told(f"[[port]]\nport='tcp/1'\n{text}")
    assert said.startswith(f"{place}: "), said
    assert message in said


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("[[port]]\nport='tcp/80'\n[[port]]\nport='tcp/80'\nservices=3\n", ["3:6", "4:10"]),
        ("[[port]]\nport='tcp/80'\nfoo=1\nservices=['none']\n", ["2:1", "3:11"]),
        ("[[port]]\nport='tcp/0'\ntls_key=3\n", ["1:6", "2:9"]),
        ("[[port]]\nport='tcp/0'\ntls_certificat='a.crt'\ntls_key='a.key'\n", ["2:1"]),
        ("[[port]]\nport='tcp/1'\nfoo=1\ntls_certificate='none.crt'\ntls_key='none.key'\n", ["2:1", "3:17", "4:9"]),
        ("[[port]]\nprt='tcp/1'\n", ["1:1"]),
    ],
)
def test_a_section_with_a_fault_is_checked_for_others_too(
    certificates: Path, told: Callable[[str], list[str]], text: str, places: list[str]
) -> None:
    assert [":".join(line.split(":")[:2]) for line in told(text)] == places
