"""`tls_certificate = "auto"` on the wire: a client that trusts the sensor's authority is served under any name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.arena import LISTENER, OUTPUTS, V4, Arena, arena

pytestmark = pytest.mark.live

RATE = 2  # certificates a second, and twice as many at once
BODY = f"""
[listener.limits]
certificates_per_second = {RATE}
[service.http01]
type = "http"
[[port]]
port = "tcp/9100"
services = ["http01"]
tls_certificate = "auto"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena(tmp_path_factory.mktemp("made")) as place:
        place.start(LISTENER + BODY + OUTPUTS)
        yield place


@pytest.mark.parametrize("name", ["bank.example", "mail.example", V4])
def test_a_certificate_is_made_for_each_name_that_is_asked_for(place: Arena, name: str) -> None:
    root = place.folder / "data" / "tls" / "root.crt"
    where = ["--resolve", f"{name}:9100:{V4}"] if name != V4 else []
    done = place.attacker.run("curl", "--silent", "--cacert", str(root), *where, f"https://{name}:9100/", check=False)
    assert "<html" in done.stdout.lower(), done.stderr


def test_more_names_than_certificates_are_made_for_are_told(place: Arena) -> None:
    """The last, as after it no more are made for a while."""
    ask = f"openssl s_client -connect {V4}:9100 -servername n$n.example </dev/null"
    place.attacker.run("sh", "-c", f"for n in $(seq 60); do {ask} & done; wait")
    assert len(place.wait_events("tcp", "tls", 60, tls_stage="established", destination_port=9100)) >= 60
    (drop, *_) = place.wait_events("sensor", "drop", reason="certificates_per_second")
    assert drop["limit"] == RATE
