"""The stage: a honeypot's machine and an attacker's machine on one cable, and the documented example ready to run."""

from __future__ import annotations

import contextlib
import datetime
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import IO

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from honeystack.net.namespaces import Host, Lab, assign

POT4, POT6 = "203.0.113.4", "2001:db8:8:4::2"
ATTACKER4, ATTACKER6 = "203.0.113.66", "2001:db8:8:4::66"
INTERFACE = "eth0"


@attrs.frozen
class Stage:
    """Where the play is given."""

    pot: Host
    attacker: Host
    folder: Path  # holds config.toml, certs/ and the honeypot's data

    def start_honeypot(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the real command on the honeypot's machine; its standard output is a pipe. It ends when we do."""
        config = str(self.folder / "config.toml")
        return self.pot.start(
            *("setpriv", "--pdeathsig", "TERM"),  # the kernel tells it, also after a kill
            *(sys.executable, "-m", "honeystack", "run", "-c", config, "--data", str(self.folder / "data")),
            stdout=subprocess.PIPE,
            stderr=log.fileno(),
        )


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Build it, and take it down at the end. Raises Unavailable where this process may not make namespaces."""
    with tempfile.TemporaryDirectory(prefix="honeystack-demo-") as temporary, Lab("hs-demo") as lab:
        folder = Path(temporary)
        (folder / "config.toml").write_text(example())
        write_certificate(folder / "certs")
        pot, attacker = lab.add("pot"), lab.add("attacker")
        lab.join(pot, attacker, INTERFACE, INTERFACE)
        assign(pot, INTERFACE, [f"{POT4}/24", f"{POT6}/64"])
        assign(attacker, INTERFACE, [f"{ATTACKER4}/24", f"{ATTACKER6}/64"])
        yield Stage(pot, attacker, folder)


def example() -> str:
    """The documented example, as it stands."""
    return files("honeystack.demo").joinpath("config.toml").read_text()


def write_certificate(folder: Path, name: str = "example.com") -> None:
    """example.crt and example.key in the folder: a P-256 key and a certificate signed with it, for a month."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "example.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "example.key").write_bytes(secret)
    (folder / "example.key").chmod(0o600)
