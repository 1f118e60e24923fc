from __future__ import annotations

import ssl
import stat
from pathlib import Path

from honeystack.demo.stage import example, write_certificate

DOCUMENTED = Path(__file__).parents[2] / "examples" / "documented" / "config.toml"


def test_the_demo_runs_the_documented_example_as_it_stands() -> None:
    assert example() == DOCUMENTED.read_text()


def test_the_certificate_and_its_key_are_a_pair_and_the_key_is_private(tmp_path: Path) -> None:
    write_certificate(tmp_path / "certs")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certs" / "example.crt", tmp_path / "certs" / "example.key")
    assert stat.S_IMODE((tmp_path / "certs" / "example.key").stat().st_mode) == 0o600
