"""What the documents say can be written, can be written: with the plugins that we ship."""

from __future__ import annotations

import itertools
from pathlib import Path

import attrs
import pytest
import trustme

from honeystack.config import Config, ConfigErrors, load_config, parse_config
from honeystack.config.ports import PortSpec
from honeystack.directors.forward import Forward
from honeystack.listeners.netstack import Netstack
from honeystack.services.http import Http

EXAMPLE = """\
# config.toml

[listener]
type="netstack"
interface="eth0"
exclude_ports=["tcp/8022"]

[service.http01]
type="http"

[[port]]
port="tcp/0"
tls_certificate="certs/example.crt"
tls_key="certs/example.key"

[[port]]
port="tcp/80"
services=["http01"]

[[port]]
port="tcp/443"
services=["http01"]

[channel.console]
type="console"

[[filter]]
channel=["console"]

[[logging]]
output="stdout"
level="debug"
"""

SYNTAX = """\
[listener]
# Set this to use this listener. Required.
type="netstack"
interface="iface"
addresses=["203.0.113.4/32","2001:db8:8:4:2/32"]
exclude_ports=["tcp/22"]
exclude_addresses=["203.0.113.100/32"]
allow_no_exclude=false
sniffer=false
"""

CONTRACT = """\
[listener]                      # exactly one
type = "netstack"
interface = "eth0"              # one name; alias: interfaces = ["eth0"]
addresses = ["203.0.113.4/32", "2001:db8:8:4::2/128"]
exclude_ports = ["tcp/22", "udp/123", "456", "6/8022", "tcp/8000-8010"]
exclude_addresses = ["198.51.100.0/24"]
allow_no_exclude = false
sniffer = false

[service.http01]
type = "http"

[service.deep]
type = "proxy"
director = "real"

[director.real]
type = "forward"
host = "10.0.0.5:22"

[[port]]
port = "tcp/0"
tls_certificate = "certs/example.crt"
tls_key = "certs/example.key"

[[port]]
port = "tcp/80"
services = ["http01"]

[[port]]
ports = ["tcp/8011-8100", "tcp/203.0.113.4:81", "tcp/[2001:db8::1]:81", "tcp/any"]
services = ["http01", "deep"]

[[port]]
ports = ["udp/53"]
services = ["deep"]

[channel.console]
type = "console"

[channel.file]
type = "file"
filename = "events.json"

[[filter]]
channel = ["console"]
services = ["http.*"]
categories = ["http", "tcp"]

[[filter]]
channel = ["file"]
types = ["request"]
exclude_services = ["x"]
exclude_categories = ["heartbeat"]
exclude_types = ["close"]

[[logging]]
output = "stdout"
level = "debug"

[[logging]]
output = "$HOME/honeystack.log"
level = "notice"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a config.toml may stand: certs/example.crt and certs/example.key are there."""
    made = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("a.example", key_type=trustme.KeyType.ECDSA)
    (tmp_path / "certs").mkdir()
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "certs/example.crt"))
    made.private_key_pem.write_to_path(str(tmp_path / "certs/example.key"))
    return tmp_path / "config.toml"


def settings(config: Config) -> dict[str, object]:
    """All but the notes, the text and the certificates, which are never equal."""
    ports = [(entry.specs, entry.services, entry.certificate is not None) for entry in config.ports]
    return {**attrs.asdict(config, recurse=False), "notes": (), "source": None, "ports": ports}


def test_the_documented_example_loads_as_it_stands(place: Path) -> None:
    place.write_text(EXAMPLE)
    config = load_config(place)
    assert config.notes == ()
    assert isinstance(config.listener, Netstack)
    assert config.listener.exclude_ports == ("tcp/8022",)
    assert isinstance(config.services["http01"], Http)
    assert [entry.specs for entry in config.ports] == [
        (PortSpec("tcp", None, 0, 0),),
        (PortSpec("tcp", None, 80, 80),),
        (PortSpec("tcp", None, 443, 443),),
    ]
    assert config.fallback_certificate is not None


SPELLINGS = [
    ("tls_certificate=", "certificate_file="),
    ("tls_key=", "key_file="),
    ('interface="eth0"', 'interfaces=["eth0"]'),
    ('exclude_ports=["tcp/8022"]', 'exclude_ports=["tcp/8022"]\nallow_no_excludes=false'),
    ('exclude_ports=["tcp/8022"]', 'exclude_ports=["tcp/8022"]\nallow_no_exclude=false'),
    ('channel=["console"]', 'channels=["console"]'),
    ('channel=["console"]', 'channel="console"'),
    ('port="tcp/80"', 'ports=["tcp/80"]'),
    ('port="tcp/443"', 'port=["tcp/443"]'),
]


@pytest.mark.parametrize(("canonical", "alias"), SPELLINGS)
def test_every_spelling_means_the_same(place: Path, canonical: str, alias: str) -> None:
    other = parse_config(EXAMPLE.replace(canonical, alias), path=place)
    assert settings(other) == settings(parse_config(EXAMPLE, path=place))


def test_all_spellings_can_be_mixed(place: Path) -> None:
    for first, second in itertools.combinations(SPELLINGS, 2):
        if first[0] != second[0]:
            assert parse_config(EXAMPLE.replace(*first).replace(*second), path=place)


def test_notes_name_the_canonical_spelling(place: Path) -> None:
    text = EXAMPLE.replace("tls_certificate=", "certificate_file=").replace("tls_key=", "key_file=")
    assert [(note.line, note.message) for note in parse_config(text, path=place).notes] == [
        (13, "'certificate_file' is read as 'tls_certificate', which is the canonical spelling"),
        (14, "'key_file' is read as 'tls_key', which is the canonical spelling"),
    ]


def test_copy_is_another_word_for_proxy(place: Path) -> None:
    config = parse_config(CONTRACT.replace('"proxy"', '"copy"'), path=place)
    assert type(config.services["deep"]).__name__ == "Proxy"
    assert any("'proxy'" in note.message for note in config.notes)


def test_the_address_in_the_old_syntax_page_is_wrong_and_is_shown(place: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(SYNTAX, path=place)
    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (5, 29)
    assert problem.message.startswith("'2001:db8:8:4:2/32' is no address or prefix")


def test_with_its_address_mended_it_loads(place: Path) -> None:
    listener = parse_config(SYNTAX.replace("8:4:2/32", "8:4::2/128"), path=place).listener
    assert listener.addresses == ("203.0.113.4/32", "2001:db8:8:4::2/128")
    assert listener.exclude_addresses == ("203.0.113.100/32",)


def test_all_of_the_contract_loads(place: Path) -> None:
    config = parse_config(CONTRACT, path=place)
    assert isinstance(config.services["deep"].director, Forward)
    assert len(config.filters) == 2
    assert config.logging[1].output.endswith("/honeystack.log")
    assert not config.logging[1].output.startswith("$")


def test_without_exclusions_it_is_said_which_setting_allows_it(place: Path) -> None:
    with pytest.raises(ConfigErrors, match="allow_no_exclude"):
        parse_config(EXAMPLE.replace('exclude_ports=["tcp/8022"]\n', ""), path=place)


def test_http_that_would_be_served_over_udp_is_refused(place: Path) -> None:
    with pytest.raises(ConfigErrors, match="the service 'http01' does not speak UDP"):
        parse_config(EXAMPLE.replace('"tcp/80"', '"udp/80"'), path=place)
