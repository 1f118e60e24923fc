"""The settings that ssl does not offer: read back from the context, or seen in a handshake."""

from __future__ import annotations

import ctypes
import ssl
import sys
from types import SimpleNamespace

import pytest

from honeystack.tls import openssl
from honeystack.tls.openssl import OpenSsl
from tests.tls.peers import KeyPair

_GET_SESSION_CACHE_MODE, _GET_TICKET_KEYS = 45, 58  # openssl/ssl.h


@pytest.fixture
def library() -> OpenSsl:
    found = OpenSsl.find()
    if found is None:
        pytest.skip("this interpreter hides the functions of libssl")
    return found


@pytest.fixture
def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_versions_are_set_without_a_warning(library: OpenSsl, context: ssl.SSLContext) -> None:
    library.set_versions(context, 0x0301, 0x0302)
    assert context.minimum_version == 0x0301
    assert context.maximum_version == 0x0302
    library.set_versions(context, 0x0303, 0x0304)
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def test_suites_of_13_keep_their_order(library: OpenSsl, context: ssl.SSLContext) -> None:
    order = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_GCM_SHA256"]
    library.set_suites13(context, ":".join(order))
    assert [suite["name"] for suite in context.get_ciphers()][:3] == order


def test_the_session_cache_is_off(library: OpenSsl, context: ssl.SSLContext) -> None:
    control = library._library.SSL_CTX_ctrl
    assert control(openssl._pointer(context), _GET_SESSION_CACHE_MODE, 0, None) != 0
    library.keep_no_sessions(context)
    library.allow_dhe(context)
    assert control(openssl._pointer(context), _GET_SESSION_CACHE_MODE, 0, None) == 0


def test_clients_are_asked_for_any_certificate(library: OpenSsl, context: ssl.SSLContext) -> None:
    library.ask_for_certificate(context)
    assert context.verify_mode is ssl.VerifyMode.CERT_OPTIONAL


def test_certificates_are_copied_from_context_to_context(library: OpenSsl, rsa_pair: KeyPair) -> None:
    source, target = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    library.copy_certificates(source, target)  # none
    source.load_cert_chain(*rsa_pair)
    library.copy_certificates(source, target)
    of = library._library.SSL_CTX_get0_certificate
    assert of(openssl._pointer(target)) == of(openssl._pointer(source)) is not None


def test_keys_of_tickets_are_those_given(library: OpenSsl, context: ssl.SSLContext) -> None:
    keys = bytes(range(openssl.TICKET_KEYS))
    library.share_ticket_keys(context, keys)
    found = ctypes.create_string_buffer(len(keys))
    assert library._library.SSL_CTX_ctrl(openssl._pointer(context), _GET_TICKET_KEYS, len(keys), found) == 1
    assert found.raw == keys


def test_another_interpreter_is_not_trusted_to_have_the_same_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    assert OpenSsl.find() is None


def test_a_library_that_hides_its_functions_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "PyDLL", lambda name: SimpleNamespace())
    assert OpenSsl.find() is None


def test_an_ssl_module_inside_the_interpreter_is_looked_for_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(openssl, "find_spec", lambda name: None)
    monkeypatch.setattr(ctypes, "PyDLL", lambda name: asked.append(name) or SimpleNamespace())
    assert OpenSsl.find() is None
    assert asked == [None]
