"""The SSLContexts of one certificate, shared by all its connections and changed for them.

To change a context costs half of what OpenSSL needs for a handshake, a fresh one more, and 15 kB. So there are some;
each keeps its look until another look is needed more, and their number grows with use.

OpenSSL reads the suites, ALPN and the SNI callback from the context when it handles a hello, versions and options when
the connection is made. A context may get another look in between, so `TlsMachine` has it configured anew before each
step until the hello is answered.

Contexts with and without extended master secret do not know each other's tickets, because a session of one may not be
resumed under the other (RFC 7627 §5.3): a client would see an alert. All of one kind have the same keys for tickets.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from secrets import token_bytes

import attrs

from honeystack.tls.openssl import TICKET_KEYS, OpenSsl
from honeystack.tls.profiles import TLS10, Profile

MOST = 12  # contexts of one kind; a deck of 16 faces needs 8 of each
CHANGES = 8  # of each context that there is, before there is one more: making it costs as much as so many changes
_NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3; ssl has no name for it


@attrs.define(eq=False)
class _Slot:
    """One context, and what it was last changed to."""

    context: ssl.SSLContext
    options: int  # that it has whatever its look
    look: tuple[object, ...] = ()
    versions: tuple[int, int] = (0, 0)
    used: int = 0  # the larger, the later


@attrs.define(eq=False)
class _Kind:
    """The contexts with, or without, extended master secret."""

    options: int
    ticket_keys: bytes = attrs.field(factory=partial(token_bytes, TICKET_KEYS))
    slots: list[_Slot] = attrs.field(factory=list)
    by_look: dict[tuple[object, ...], _Slot] = attrs.field(factory=dict)
    changes: int = 0


class Contexts:
    """Contexts that hold one certificate, or several with keys of different kinds.

    Raises ssl.SSLError or OSError where the files cannot be used.
    """

    def __init__(self, *pairs: tuple[Path, Path], openssl: OpenSsl | None = None, asks_client: bool = False) -> None:
        self._openssl = openssl
        self.asks_client = asks_client and openssl is not None  # for a certificate; ssl alone takes only known chains
        self._keys_to: Callable[[bytes], None] | None = None
        self._key_log: object = None
        self._uses = 0
        self._kinds = {True: _Kind(0), False: _Kind(_NO_EXTENDED_MASTER_SECRET)}
        self._slots: dict[ssl.SSLContext, _Slot] = {}
        self._first = self._add(self._kinds[True], pairs).context
        if openssl is None:
            self._add(self._kinds[False], pairs)

    def configure(self, profile: Profile, context: ssl.SSLContext | None = None) -> ssl.SSLContext:
        """A context for a connection to be made, changed to its profile; or the one that it was made with, again."""
        kind = self._kinds[profile.extended_master_secret]
        look = profile.look
        slot = kind.by_look.get(look) if context is None else self._slots[context]
        if slot is None:
            slot = self._slot_for_another(kind)
        if slot.look != look:
            self._change(kind, slot, profile)
        self._uses += 1
        slot.used = self._uses
        versions = (profile.minimum, profile.maximum)
        if slot.versions != versions:
            self._set_versions(slot.context, profile)
            slot.versions = versions
        return slot.context

    def log_keys(self, take: Callable[[bytes], None]) -> None:
        """Give the secrets of all connections from now on to `take`, as lines of a key log; without ctypes none."""
        if self._openssl is not None and self._keys_to != take:
            self._keys_to = take
            self._key_log = self._openssl.key_log(take)
            for context in self._slots:
                self._openssl.log_keys(context, self._key_log)

    def _slot_for_another(self, kind: _Kind) -> _Slot:
        """A new context where there are few for the changes that they see, else the one that was not used longest."""
        few = not kind.slots or (len(kind.slots) < MOST and kind.changes >= CHANGES * len(kind.slots))
        if few and self._openssl is not None:
            return self._add(kind)
        return min(kind.slots, key=attrgetter("used"))

    def _add(self, kind: _Kind, pairs: Sequence[tuple[Path, Path]] = ()) -> _Slot:
        context = self._make(kind, pairs)
        slot = _Slot(context, int(context.options))
        kind.slots.append(slot)
        self._slots[context] = slot
        return slot

    def _change(self, kind: _Kind, slot: _Slot, profile: Profile) -> None:
        if kind.by_look.get(slot.look) is slot:
            del kind.by_look[slot.look]
        self._apply(slot, profile)
        slot.look = profile.look
        kind.by_look[slot.look] = slot
        kind.changes += 1

    def _make(self, kind: _Kind, pairs: Sequence[tuple[Path, Path]]) -> ssl.SSLContext:
        """From files, or without any with the certificates of the first; the files may be others by now, or gone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION | kind.options
        context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        for certificate, key in pairs:
            context.load_cert_chain(certificate, key)
        if self._openssl is not None:
            if not pairs:
                self._openssl.copy_certificates(self._first, context)
            self._openssl.keep_no_sessions(context)
            self._openssl.share_ticket_keys(context, kind.ticket_keys)
            self._openssl.allow_dhe(context)
            if self._key_log is not None:
                self._openssl.log_keys(context, self._key_log)
            if self.asks_client:
                self._openssl.ask_for_certificate(context)
        return context

    def _apply(self, slot: _Slot, profile: Profile) -> None:
        context, options = slot.context, slot.options
        context.set_ciphers(profile.ciphers)
        self._apply_alpn(context, profile)
        context.sni_callback = _accept_any_name if profile.answers_sni else None
        context.num_tickets = profile.tickets13
        # Without `keep_no_sessions`, tickets are what keeps the session cache from growing.
        if not profile.tickets and self._openssl is not None:
            options |= ssl.OP_NO_TICKET
        if not profile.server_order:
            options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        context.options = ssl.Options(options)
        if self._openssl is not None:
            self._openssl.allow_dhe(context, allowed=profile.dhe)
            self._openssl.set_suites13(context, profile.suites13)

    def _set_versions(self, context: ssl.SSLContext, profile: Profile) -> None:
        if self._openssl is None:
            _set_versions(context, profile)
        else:
            self._openssl.set_versions(context, profile.minimum, profile.maximum)

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
