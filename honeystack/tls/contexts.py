"""The SSLContexts of one certificate, shared by all its connections and changed for each of them.

A fresh context costs 1.6 ms and 30 kB, changing one a fiftieth of that. OpenSSL reads the suites, ALPN and the SNI
callback from the context when it handles a hello, versions and options when the connection is made; so `configure` and
the handling of a hello must not be parted by other connections (`TlsMachine` configures anew before each step).

There are two contexts, with and without extended master secret, because a session of one may not be resumed under
the other (RFC 7627 §5.3): a client would see an alert. Their ticket keys differ, so such tickets are simply not known.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from honeystack.tls.openssl import OpenSsl
from honeystack.tls.profiles import TLS10, Profile
from honeystack.tls.suites import suite_name

_NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3; ssl has no name for it


class Contexts:
    """Contexts that hold one certificate, or several with keys of different kinds.

    Raises ssl.SSLError or OSError where the files cannot be used.
    """

    def __init__(self, *pairs: tuple[Path, Path], openssl: OpenSsl | None = None, asks_client: bool = False) -> None:
        self._openssl = openssl
        self.asks_client = asks_client and openssl is not None  # for a certificate; ssl alone takes only known chains
        self._plain = self._make(pairs, 0)
        self._without_ems = self._make(pairs, _NO_EXTENDED_MASTER_SECRET)
        self._options = {context: int(context.options) for context in (self._plain, self._without_ems)}
        self._keys_to: Callable[[bytes], None] | None = None
        self._callbacks: list[object] = []
        self._applied: dict[ssl.SSLContext, Profile] = {}
        self._suites = {suite["name"]: suite["id"] & 0xFFFF for suite in self._plain.get_ciphers()}

    def configure(self, profile: Profile) -> ssl.SSLContext:
        """The context for a profile, changed to it; free where it is so already."""
        context = self._plain if profile.extended_master_secret else self._without_ems
        if self._applied.get(context) is not profile:
            self._apply(context, profile)
            self._applied[context] = profile
        return context

    def log_keys(self, take: Callable[[bytes], None]) -> None:
        """Give the secrets of all connections from now on to `take`, as lines of a key log; without ctypes none."""
        if self._openssl is not None and self._keys_to != take:
            self._callbacks = [self._openssl.log_keys(context, take) for context in self._options]
            self._keys_to = take

    def iana_name(self, cipher: str) -> str:
        """The registry's name of a suite that OpenSSL names; for TLS 1.3 they are the same."""
        return suite_name(self._suites[cipher]) if cipher in self._suites else cipher

    def _make(self, pairs: Sequence[tuple[Path, Path]], options: int) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION | options
        context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        for certificate, key in pairs:
            context.load_cert_chain(certificate, key)
        if self._openssl is not None:
            self._openssl.keep_no_sessions(context)
            self._openssl.allow_dhe(context)
            if self.asks_client:
                self._openssl.ask_for_certificate(context)
        return context

    def _apply(self, context: ssl.SSLContext, profile: Profile) -> None:
        context.set_ciphers(profile.ciphers)
        self._apply_alpn(context, profile)
        context.sni_callback = _accept_any_name if profile.answers_sni else None
        options = self._options[context]
        # Without `keep_no_sessions`, tickets are what keeps the session cache from growing.
        if not profile.tickets and self._openssl is not None:
            options |= ssl.OP_NO_TICKET
        if not profile.server_order:
            options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        context.options = ssl.Options(options)
        if self._openssl is None:
            _set_versions(context, profile)
            return
        self._openssl.allow_dhe(context, allowed=profile.dhe)
        self._openssl.set_versions(context, profile.minimum, profile.maximum)
        self._openssl.set_suites13(context, profile.suites13)

    def _apply_alpn(self, context: ssl.SSLContext, profile: Profile) -> None:
        context.set_alpn_protocols(profile.alpn)
        if self._openssl is not None and profile.alpn_imposed is not None:
            self._openssl.impose_alpn(context, profile.alpn_imposed)
        elif self._openssl is not None and profile.alpn_refused:
            self._openssl.refuse_alpn(context)


def _accept_any_name(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    """Being set is all: it makes OpenSSL confirm the name in its hello."""


def _set_versions(context: ssl.SSLContext, profile: Profile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion(TLS10)  # so that no order of the two can cross
        context.maximum_version = ssl.TLSVersion(profile.maximum)
        context.minimum_version = ssl.TLSVersion(profile.minimum)
