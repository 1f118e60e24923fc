"""The few settings of OpenSSL that Python's ssl does not offer, through ctypes on the library that ssl itself uses.

`OpenSsl.find` gives None where the library hides its functions (linked into the interpreter) or where a context is not
laid out as CPython has it; the callers then do without.
"""

from __future__ import annotations

import ctypes
import functools
import ssl
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import attrs

MAX_CLIENT_CHAIN = 32_768  # bytes; it stays in memory with its connection, and OpenSSL alone takes 100 kB

# openssl/ssl.h
_SET_SESSION_CACHE_MODE = 44
_SET_MAX_CERT_LIST = 51
_SET_TICKET_KEYS = 59
_GET_CHAIN = 115
_SET_CURRENT_CERTIFICATE, _FIRST, _NEXT = 117, 1, 2
_SET_DH_AUTO = 118
_SET_MINIMUM_VERSION = 123
_SET_MAXIMUM_VERSION = 124
TICKET_KEYS = 80  # bytes: a name of 16, and keys of 32 for HMAC and for AES


@attrs.frozen
class OpenSsl:
    """Functions of libssl, each for the SSL_CTX of an `ssl.SSLContext`."""

    _library: ctypes.PyDLL

    @classmethod
    def find(cls) -> OpenSsl | None:
        """The libssl behind Python's ssl module."""
        if sys.implementation.name != "cpython":
            return None
        spec = find_spec("_ssl")
        try:
            library = ctypes.PyDLL(spec.origin if spec is not None and spec.has_location else None)
            control, suites = library.SSL_CTX_ctrl, library.SSL_CTX_set_ciphersuites
            alpn, key_log = library.SSL_CTX_set_alpn_select_cb, library.SSL_CTX_set_keylog_callback
            verify = library.SSL_CTX_set_verify
            certificate, key = library.SSL_CTX_get0_certificate, library.SSL_CTX_get0_privatekey
            use = library.SSL_CTX_use_cert_and_key
        except (OSError, AttributeError):
            return None
        control.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p
        control.restype = ctypes.c_long
        suites.argtypes = ctypes.c_void_p, ctypes.c_char_p
        suites.restype = ctypes.c_int
        alpn.argtypes = ctypes.c_void_p, _AlpnAnswer, ctypes.c_void_p
        alpn.restype = None
        key_log.argtypes = ctypes.c_void_p, _KeyLogCallback
        key_log.restype = None
        verify.argtypes = ctypes.c_void_p, ctypes.c_int, _VerifyCallback
        verify.restype = None
        certificate.argtypes = key.argtypes = (ctypes.c_void_p,)
        certificate.restype = key.restype = ctypes.c_void_p
        use.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int
        use.restype = ctypes.c_int
        return cls(library)

    def copy_certificates(self, source: ssl.SSLContext, target: ssl.SSLContext) -> None:
        """Have one context serve the certificates of another, with their chains and keys; no file is read again."""
        library, from_context = self._library, _pointer(source)
        more = library.SSL_CTX_ctrl(from_context, _SET_CURRENT_CERTIFICATE, _FIRST, None)
        while more:
            chain = ctypes.c_void_p()
            library.SSL_CTX_ctrl(from_context, _GET_CHAIN, 0, ctypes.byref(chain))
            leaf = library.SSL_CTX_get0_certificate(from_context)
            key = library.SSL_CTX_get0_privatekey(from_context)
            library.SSL_CTX_use_cert_and_key(_pointer(target), leaf, key, chain, 1)
            more = library.SSL_CTX_ctrl(from_context, _SET_CURRENT_CERTIFICATE, _NEXT, None)

    def set_versions(self, context: ssl.SSLContext, minimum: int, maximum: int) -> None:
        """What `minimum_version` and `maximum_version` do, without their deprecation warnings for old versions."""
        self._control(context, _SET_MINIMUM_VERSION, minimum)
        self._control(context, _SET_MAXIMUM_VERSION, maximum)

    def set_suites13(self, context: ssl.SSLContext, suites: str) -> None:
        """The order of the TLS 1.3 suites."""
        self._library.SSL_CTX_set_ciphersuites(_pointer(context), suites.encode())

    def keep_no_sessions(self, context: ssl.SSLContext) -> None:
        """Switch the session cache off: without tickets it grows by 1-2 kB with each handshake."""
        self._control(context, _SET_SESSION_CACHE_MODE, 0)

    def allow_dhe(self, context: ssl.SSLContext, *, allowed: bool = True) -> None:
        """Let OpenSSL choose Diffie-Hellman parameters, for old clients that know no elliptic curves."""
        self._control(context, _SET_DH_AUTO, int(allowed))

    def impose_alpn(self, context: ssl.SSLContext, protocol: str) -> None:
        """Answer every offer of protocols with this one, until `set_alpn_protocols` is called."""
        self._select_alpn(context, _imposing(protocol.encode()))

    def refuse_alpn(self, context: ssl.SSLContext) -> None:
        """Answer every offer of protocols with the alert no_application_protocol, until `set_alpn_protocols`."""
        self._select_alpn(context, _refusing)

    def ask_for_certificate(self, context: ssl.SSLContext) -> None:
        """Ask clients for a certificate and take whatever they have, or none; ssl itself takes only what it can verify.

        That the client has the key to it is proved all the same.
        """
        self._library.SSL_CTX_set_verify(_pointer(context), _VERIFY_PEER, _accepting)
        self._control(context, _SET_MAX_CERT_LIST, MAX_CLIENT_CHAIN)

    def share_ticket_keys(self, context: ssl.SSLContext, keys: bytes) -> None:
        """What tickets are named, signed and sealed with: as many bytes as `TICKET_KEYS`, random ones."""
        self._library.SSL_CTX_ctrl(_pointer(context), _SET_TICKET_KEYS, len(keys), keys)

    def key_log(self, take: Callable[[bytes], None]) -> object:
        """What `log_keys` needs to give lines to `take`; it must be kept for as long as the contexts."""
        return _KeyLogCallback(lambda _connection, line: take(line))

    def log_keys(self, context: ssl.SSLContext, key_log: object) -> None:
        """Give each line of the key log to whom `key_log` was made for."""
        self._library.SSL_CTX_set_keylog_callback(_pointer(context), key_log)

    def _select_alpn(self, context: ssl.SSLContext, answer: object) -> None:
        self._library.SSL_CTX_set_alpn_select_cb(_pointer(context), answer, None)

    def _control(self, context: ssl.SSLContext, command: int, number: int) -> None:
        self._library.SSL_CTX_ctrl(_pointer(context), command, number, None)


_AlpnAnswer = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(ctypes.c_ubyte),
    ctypes.c_void_p,
    ctypes.c_uint,
    ctypes.c_void_p,
)
_KeyLogCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_VerifyCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_VERIFY_PEER = 1  # SSL_VERIFY_PEER
_ALERT_FATAL = 2  # SSL_TLSEXT_ERR_ALERT_FATAL


@functools.cache  # a callback, and the bytes that it points OpenSSL to, must live as long as the contexts
def _imposing(protocol: bytes) -> object:
    def answer(_connection: object, out: Any, length: Any, *_offer: object) -> int:
        out[0] = protocol
        length[0] = len(protocol)
        return 0

    return _AlpnAnswer(answer)


_accepting = _VerifyCallback(lambda *_: 1)
_refusing = _AlpnAnswer(lambda *_: _ALERT_FATAL)


def _pointer(context: ssl.SSLContext) -> int | None:
    """The SSL_CTX: the first member behind the object's header, in every CPython so far (Modules/_ssl.c)."""
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
