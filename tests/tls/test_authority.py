"""Certificates made on the fly: plausible, lasting, bounded, and taken by real clients."""

from __future__ import annotations

import random
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from honeystack.errors import Unavailable
from honeystack.tls.authority import LEAF_DAYS, PER_SECOND, REMEMBERED, Authority
from honeystack.tls.budget import BURST, SHARE
from tests.tls.peers import Client, client_context, connected

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # openssl/x509_vfy.h
NOON = 1_800_000_000.0


class Scene:
    """An authority in a time of its own."""

    def __init__(self, folder: Path, secret: bytes = b"s" * 32) -> None:
        self.now = NOON
        self.folder = folder
        self.authority = Authority(folder / "tls", secret=secret, clock=lambda: self.now)

    def leaf(self, name: bytes | None, address: str = "203.0.113.4") -> x509.Certificate:
        """What a client that trusts the root sees."""
        certificate = self.authority.certificate_for(name, address)
        context = client_context(authority=(self.folder / "tls" / "root.crt").read_text(), versions=(0x0304, 0x0304))
        context.verify_flags |= ssl.VERIFY_X509_STRICT | _NO_CHECK_TIME  # the time is ours
        _, client = connected(certificate, context, random.Random(1))
        der = client.tls.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def scene(folder: Path) -> Scene:
    return Scene(folder)


def names(leaf: x509.Certificate) -> list[str]:
    return [str(name.value) for name in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (b"Bank.Example", "bank.example"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"_srv.a", "_srv.a"),
        (b"localhost", "localhost"),
        ((b"a" * 60 + b".") * 4 + b"example89", ("a" * 60 + ".") * 4 + "example89"),
        ((b"a" * 60 + b".") * 4 + b"example890", None),
        (b"a" * 63 + b".example", "a" * 63 + ".example"),
        (None, None),
        (b"", None),
        (b"*.example", None),
        (b"a..b", None),
        (b"-a.example", None),
        (b"a b", None),
        (b"a\0b", None),
        (b"a" * 64, None),
        (b"\xff\xfe", None),
        (b"a.example\n", None),
        (b"a." * 127, None),
    ],
)
def test_a_name_gets_its_certificate_and_anything_else_the_address(
    scene: Scene, asked: bytes | None, expected: str | None
) -> None:
    leaf = scene.leaf(asked)
    assert names(leaf) == [expected or "203.0.113.4"]


def test_an_address_of_either_family(scene: Scene) -> None:
    assert names(scene.leaf(None, "2001:db8::4")) == ["2001:db8::4"]
    assert names(scene.leaf(None, "fe80::1%eth0")) == ["fe80::1"]


def test_dates_are_plausible_and_renewed_in_time(scene: Scene) -> None:
    seen = set()
    for day in range(0, 200, 20):
        scene.now = NOON + day * 86_400
        leaf = scene.leaf(b"dates.example")
        now = datetime.fromtimestamp(scene.now, UTC)
        assert leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == LEAF_DAYS - 1
        assert (leaf.not_valid_after_utc - now).days >= 29
        seen.add(leaf.serial_number)
    assert 3 <= len(seen) <= 5
    assert scene.leaf(b"x.example").not_valid_before_utc != scene.leaf(b"y.example").not_valid_before_utc


def test_what_was_made_is_remembered_and_what_is_kept_outlives_us(scene: Scene) -> None:
    one = scene.authority.certificate_for(b"a.example", "203.0.113.4")
    assert scene.authority.certificate_for(b"A.example", "203.0.113.5") is one
    leaf, later = scene.leaf(b"kept.example"), Scene(scene.folder).leaf(b"kept.example")
    assert leaf.issuer == later.issuer
    assert leaf.public_key() == later.public_key()
    assert leaf.not_valid_before_utc == later.not_valid_before_utc
    assert leaf.serial_number == later.serial_number
    assert leaf.serial_number != scene.leaf(b"another.example").serial_number
    files = sorted(path.name for path in (scene.folder / "tls").iterdir())
    assert files == ["issuing.crt", "issuing.key", "leaf-ecdsa.key", "leaf-rsa.key", "root.crt", "root.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (scene.folder / "tls").iterdir()} == {0o600}


def test_sensors_are_not_alike(folder: Path, tmp_path: Path) -> None:
    issuers = {str(Scene(folder).leaf(b"a").issuer), str(Scene(tmp_path, b"o" * 32).leaf(b"a").issuer)}
    assert len(issuers) == 2


def test_only_a_key_of_rsa_is_for_encrypting_keys(scene: Scene) -> None:
    certificate = scene.authority.certificate_for(b"usage.example", "203.0.113.4")
    assert certificate.rsa_alone is not None
    leaves = [x509.load_der_x509_certificate(one.chain[0]) for one in (certificate, certificate.rsa_alone)]
    usages = [leaf.extensions.get_extension_for_class(x509.KeyUsage).value for leaf in leaves]
    assert [usage.key_encipherment for usage in usages] == [False, True]
    assert all(usage.digital_signature and not usage.key_cert_sign for usage in usages)


def test_an_rsa_client_is_served_too(scene: Scene) -> None:
    certificate = scene.authority.certificate_for(b"old.example", "203.0.113.4")
    context = client_context(versions=(0x0301, 0x0301), ciphers="AES128-SHA:@SECLEVEL=0")
    assert connected(certificate, context, random.Random(2))[0].cipher == "AES128-SHA"
    assert certificate.rsa_alone is not None
    assert isinstance(Client(context).step(), bytes)


def test_making_is_rate_limited_and_remembering_is_bounded(scene: Scene) -> None:
    made = {scene.authority.certificate_for(b"n%d.example" % number, "203.0.113.4").names for number in range(40)}
    assert made == {(f"n{number}.example",) for number in range(BURST * PER_SECOND)} | {("203.0.113.4",)}
    scene.now += 1
    assert scene.authority.certificate_for(b"later.example", "203.0.113.4").names == ("later.example",)
    assert scene.authority.certificate_for(b"n0.example", "203.0.113.4").names == ("n0.example",)
    for number in range(REMEMBERED + 5):
        scene.now += 1
        scene.authority.certificate_for(b"m%d.example" % number, "203.0.113.4")
    assert len(scene.authority._made) == REMEMBERED


def test_whoever_waits_for_it_is_told_that_making_was_throttled(folder: Path) -> None:
    told: list[str] = []
    now = [NOON]
    authority = Authority(folder / "tls", secret=b"s" * 32, clock=lambda: now[0], per_second=2)
    names = [authority.certificate_for(b"t%d.example" % number, "203.0.113.4").names for number in range(2 * BURST)]
    assert len(set(names)) == 2 * BURST
    authority.on_throttled = lambda: told.append("throttled")
    assert authority.certificate_for(b"more.example", "203.0.113.4").names == ("203.0.113.4",)
    assert authority.certificate_for(b"t0.example", "203.0.113.4").names == ("t0.example",)  # remembered: no work
    assert told == ["throttled"]
    now[0] += 0.5
    assert authority.certificate_for(b"more.example", "203.0.113.4").names == ("more.example",)


@pytest.mark.parametrize("asks_client", [False, True])
def test_nobody_sees_a_name_that_another_asked_for(scene: Scene, asks_client: bool) -> None:
    addresses = {f"203.0.113.{host}" for host in range(60)}
    seen = set()
    for number, address in enumerate(sorted(addresses)):
        asked = b"secret-%d.example" % number
        found = scene.authority.certificate_for(asked, address, asks_client=asks_client)
        assert found.asks_client is asks_client
        seen.add(found.names[0])
        assert found.names[0] in {asked.decode(), address} or found.names[0].endswith(".internal")
    assert len(seen) == 2 * BURST * PER_SECOND + 1  # names, addresses, and the one that is left
    assert len(seen & addresses) == BURST * PER_SECOND


def test_the_certificate_of_last_resort_is_renewed(scene: Scene) -> None:
    scene.authority.prepare()
    one = scene.authority._last_resort(asks_client=False)
    assert scene.authority._last_resort(asks_client=False) is one
    scene.now += LEAF_DAYS * 86_400
    assert scene.authority._last_resort(asks_client=False).expires > one.expires


def test_one_source_does_not_use_up_what_all_may_have(scene: Scene) -> None:
    def names_for(source: str) -> set[str]:
        asked = [b"%s-%d.example" % (source.encode(), number) for number in range(PER_SECOND * BURST)]
        return {scene.authority.certificate_for(name, "203.0.113.4", source=source).names[0] for name in asked}

    assert len(names_for("a")) == len(names_for("b")) == PER_SECOND * BURST // SHARE + 1


def test_a_directory_that_does_not_serve_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("")
    with pytest.raises(Unavailable, match="no certificates can be made in"):
        Scene(tmp_path).authority.prepare()
    (tmp_path / "b" / "tls").mkdir(parents=True)
    (tmp_path / "b" / "tls" / "root.key").write_text("nonsense")
    with pytest.raises(Unavailable):
        Scene(tmp_path / "b").authority.prepare()
