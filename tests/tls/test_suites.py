"""Names of cipher suites, judged by the openssl program's own table where it is there."""

from __future__ import annotations

import pytest

from honeystack.tls.suites import suite_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0x1301, "TLS_AES_128_GCM_SHA256"),
        (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
        (0x0001, "TLS_RSA_WITH_NULL_MD5"),
        (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        (0x00A7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    ],
)
def test_a_suite_has_the_name_of_the_registry(number: int, name: str) -> None:
    assert suite_name(number) == name


def test_a_suite_that_is_in_no_table_is_its_number() -> None:
    assert suite_name(0xABCD) == "0xabcd"
