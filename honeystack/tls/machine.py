"""The server's side of TLS over memory: bytes in, bytes out, no I/O. OpenSSL does the work.

The first bytes and the first step of the handshake go together, in one call: OpenSSL looks at the shared context while
it handles the hello, and no other connection may have changed it in between.
"""

from __future__ import annotations

import enum
import re
import ssl
from collections.abc import Callable

from honeystack.errors import StateError
from honeystack.tls.threats import RecordWatch

_NO_FINISH = "the peer ended the handshake"
_PIECE = 16_384  # of decrypted bytes at a time: a record holds no more
_ALERT = re.compile(rb"\x15\x03.\x00\x02\x02(.)\Z", re.DOTALL)  # a fatal alert in the clear, RFC 8446 §5.1, §6
_THEIR_ALERT = re.compile(r"(?:sslv3_alert|tlsv1_alert|tlsv13_alert|tlsv1)_(\w+)")  # openssl/sslerr.h, 1000 and up
# RFC 8446 §6, and the older ones that OpenSSL still sends
_ALERTS = {  # RFC 8446 §6, and what RFC 2246, 5246, 6066 and 9849 have besides
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}
_VERSIONS = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
_VERSION_NUMBERS = {0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}


class TlsState(enum.Enum):
    """Where a connection stands."""

    HANDSHAKE = "handshake"
    ESTABLISHED = "established"
    FAILED = "failed"  # in the handshake or later; nothing more can be read or sent


class TlsMachine:
    """One TLS connection. No input raises for what a peer sends.

    Inputs: `receive_data`, `receive_eof`, `send`, `send_close`.
    Outputs: `read`, `poll_transmit`.
    Getters: `state`, `pending`, `error`, `alert`, `version`, `suite`, `cipher`, `alpn`, `resumed`, `peer_certificate`,
    `threats`.

    `configure` gives a context that is configured for this connection. It is asked first with None, and again with the
    context that it gave, before each step until the hello has been answered.
    """

    __slots__ = (
        "_closed",
        "_configure",
        "_context",
        "_drained",
        "_incoming",
        "_object",
        "_outgoing",
        "_plain",
        "_sent_close",
        "_watch",
        "alert",
        "error",
        "state",
    )

    def __init__(
        self,
        configure: Callable[[ssl.SSLContext | None], ssl.SSLContext],
        *,
        server_side: bool = True,
        server_name: str | None = None,
    ) -> None:
        self.state = TlsState.HANDSHAKE
        self.error: str | None = None  # once FAILED
        self.alert: str | None = None  # the alert that ended it, sent by either side
        self._configure: Callable[[ssl.SSLContext | None], ssl.SSLContext] | None = configure
        self._context = configure(None)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = self._context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )
        self._plain = bytearray()  # decrypted before `send_close`, which needs OpenSSL to have nothing left
        self._sent_close = False
        self._drained = False  # OpenSSL has all bytes, and nothing more to give for them
        self._closed = False  # the peer has said close_notify
        self._watch = RecordWatch() if server_side else None

    # inputs

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """The next bytes from the peer. In the handshake they are worked on at once."""
        if self.state is TlsState.FAILED:
            return
        if self._watch is not None:
            self._watch.received(data)
        self._incoming.write(data)
        self._drained = False
        self._handshake()

    def receive_eof(self) -> None:
        """The peer's bytes end here."""
        self._incoming.write_eof()
        self._drained = False
        self._handshake()

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt bytes; `poll_transmit` has them. Raises StateError before the handshake, after `send_close`."""
        if self.state is not TlsState.ESTABLISHED or self._sent_close:
            raise StateError("TLS bytes can be sent between the handshake and the close")
        if data:
            self._object.write(data)

    def send_close(self) -> None:
        """Say close_notify: nothing more will be sent. What the peer still sends can be read."""
        if self.state is not TlsState.ESTABLISHED or self._sent_close:
            return
        while piece := self._decrypt(_PIECE):
            self._plain += piece
        if self.error is not None:
            return
        self._sent_close = True
        self._drained = False
        try:  # noqa: SIM105 - a context manager takes longer than the call itself
            self._object.unwrap()
        except ssl.SSLError:
            pass  # it would wait for the peer's close_notify; ours is out

    # outputs

    def read(self, max_bytes: int) -> bytes | None:
        """Decrypted bytes; b"" at the peer's close_notify, its end, or after a failure; None if more must come."""
        if self._plain:
            taken = bytes(self._plain[:max_bytes])
            del self._plain[:max_bytes]
            return taken
        return self._decrypt(max_bytes)

    def poll_transmit(self) -> bytes:
        """All that is to go to the peer, alerts included."""
        data = self._outgoing.read()
        if self._watch is not None:
            self._watch.sent(data)
            if self._watch.answered:
                self._configure = None
        return data

    # getters

    @property
    def threats(self) -> list[str]:
        """Attacks that the peer has tried, by name, in the order found; more may come while the connection lasts."""
        return [] if self._watch is None else self._watch.threats

    @property
    def pending(self) -> int:
        """How many bytes `poll_transmit` would give."""
        return self._outgoing.pending

    @property
    def version(self) -> str | None:
        """The version agreed on: "1.0" to "1.3"; None while there is none."""
        agreed = None if self._watch is None else self._watch.agreed
        if agreed is not None:
            return _VERSION_NUMBERS.get(agreed[0])
        return _VERSIONS.get(self._object.version() or "") if self._object.cipher() else None

    @property
    def suite(self) -> int | None:
        """As a server: the number of the suite agreed on."""
        agreed = None if self._watch is None else self._watch.agreed
        return None if agreed is None else agreed[1]

    @property
    def cipher(self) -> str | None:
        """The suite agreed on, by OpenSSL's name; it may be forgotten where the handshake fails."""
        cipher = self._object.cipher()
        return None if cipher is None else cipher[0]

    @property
    def alpn(self) -> str | None:
        return self._object.selected_alpn_protocol()

    @property
    def resumed(self) -> bool:
        return bool(self._object.session_reused)

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate that the peer has shown the key of, as DER, once ESTABLISHED; None where it has none."""
        return self._object.getpeercert(binary_form=True) if self.state is TlsState.ESTABLISHED else None

    # work

    def _handshake(self) -> None:
        if self.state is not TlsState.HANDSHAKE:
            return
        if self._configure is not None:
            self._configure(self._context)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self._fail(error)
            return
        self.state = TlsState.ESTABLISHED

    def _decrypt(self, max_bytes: int) -> bytes | None:
        if self.state is TlsState.HANDSHAKE:
            return None
        if self.state is TlsState.FAILED or self._closed:
            return b""
        if self._drained:  # an exception costs as much as decrypting a short record
            return None
        try:
            data = self._object.read(max_bytes)
        except ssl.SSLWantReadError:
            self._drained = True
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):  # the first without close_notify: half the world's clients
            return b""
        except ssl.SSLError as error:
            self._fail(error)
            return b""
        self._closed = not data  # as it has nothing but this to say for close_notify, unless ours is out
        # It gives one record at most, so this one has been read to its end, and it takes no bytes of the next before.
        self._drained = len(data) < max_bytes and not (self._incoming.pending or self._incoming.eof)
        return data

    def _fail(self, error: ssl.SSLError) -> None:
        if self._watch is not None and self.state is TlsState.HANDSHAKE:
            self._watch.failed()
        self.state = TlsState.FAILED
        reason = str(getattr(error, "reason", None) or "unknown error").lower()  # None for some, whatever its type says
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            self.error = _NO_FINISH
        elif theirs := _THEIR_ALERT.fullmatch(reason):
            self.alert = theirs[1]
            if self._watch is not None:
                self._watch.alerted(theirs[1])
            self.error = f"the peer sent the alert {theirs[1]}"
        else:
            self.error = reason.replace("_", " ")
            self.alert = self._our_alert()

    def _our_alert(self) -> str | None:
        """The alert that waits to be sent; None where it is encrypted."""
        out = self._outgoing.read()
        self._outgoing.write(out)
        alert = _ALERT.search(out)
        return None if alert is None else alert_name(alert[1][0])


def alert_name(number: int) -> str:
    """What an alert is called; its number where it has no name here."""
    return _ALERTS.get(number, str(number))
