"""`tls_fingerprint` in a configuration: what is meant, where it is wrong, and what it would be right as."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from honeystack.config import ConfigErrors
from honeystack.config.appearance import appearance_of
from honeystack.config.loader import parse_config
from honeystack.config.model import Config

LISTENER = '[listener]\ntype = "socket"\n{}[channel.c]\ntype = "console"\n'


def pair(folder: Path, key_type: trustme.KeyType) -> str:
    issued = trustme.CA().issue_cert("a.example", key_type=key_type)
    issued.cert_chain_pems[0].write_to_path(str(folder / "c.pem"))
    issued.private_key_pem.write_to_path(str(folder / "k.pem"))
    return f'tls_certificate = "{folder}/c.pem"\ntls_key = "{folder}/k.pem"\n'


def config(listener: str = "", port: str = "") -> Config:
    text = LISTENER.format(listener) + (f'[[port]]\nport = "tcp/443"\n{port}' if port else "")
    return parse_config(text)


def test_random_is_the_default() -> None:
    assert str(config().appearance) == "random"
    assert str(appearance_of(object())) == "random"


@pytest.mark.parametrize("text", ["random", "rotate", "mimic:nginx", "mimic:apache-h2"])
def test_a_listener_says_it_for_all_ports_and_a_port_for_itself(text: str) -> None:
    everywhere = config(f'tls_fingerprint = "{text}"\n')
    assert str(everywhere.appearance) == text
    one = config(port=f'tls_fingerprint = "{text}"\n')
    assert (str(one.appearance), str(one.ports[0].appearance)) == ("random", text)
    assert config(port="services = []\n").ports[0].appearance is None


@pytest.mark.parametrize("section", ["listener", "port"])
@pytest.mark.parametrize(
    ("text", "meant"), [("mimic:ngnix", "mimic:nginx"), ("rotat", "rotate"), ("mimic:apache-h3", "mimic:apache-h2")]
)
def test_the_nearest_word_is_offered_at_the_place(section: str, text: str, meant: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        config(**{section: f'tls_fingerprint = "{text}"\n'})
    (problem,) = caught.value.problems
    assert meant in problem.suggestion
    assert (problem.text, problem.column) == (f'tls_fingerprint = "{text}"', 19)


def test_another_type_is_told_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        config("tls_fingerprint = 3\n", "tls_fingerprint = 3\n")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(("key_type", "noted"), [(trustme.KeyType.ECDSA, True), (trustme.KeyType.RSA, False)])
def test_a_key_that_no_measured_server_had_is_noted(tmp_path: Path, key_type: trustme.KeyType, noted: bool) -> None:
    read = config(port=pair(tmp_path, key_type) + 'tls_fingerprint = "mimic:nginx"\n')
    assert any("no RSA key" in note.message for note in read.notes) is noted
    assert not config(port=pair(tmp_path, key_type) + 'tls_fingerprint = "random"\n').notes
    assert not config(port=pair(tmp_path, key_type)).notes


@pytest.mark.parametrize(("server", "said"), [("nginx", "JARM will match no"), ("go", "cannot be signed")])
def test_what_a_key_cannot_do_is_said(tmp_path: Path, server: str, said: str) -> None:
    read = config(port=pair(tmp_path, trustme.KeyType.ECDSA) + f'tls_fingerprint = "mimic:{server}"\n')
    assert [said in note.message for note in read.notes] == [True]
