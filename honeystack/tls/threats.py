"""What a hello, and the records after it, say of somebody who tries TLS for weaknesses.

A hello tells by what it offers. After it the headers of the records are enough: they stay in the clear in every version
but 1.3, where all that matters comes before.
"""

from __future__ import annotations

from typing import Final

from honeystack.tls.hello import ClientHello

HEARTBEAT, EXTENDED_MASTER_SECRET, SESSION_TICKET = 15, 23, 35  # extensions
FALLBACK_SCSV, RENEGOTIATION_SCSV = 0x5600, 0x00FF
_SSLV2, _SSLV3 = 0x0002, 0x0300
_ONE_RECORD = 16_384  # a longer hello has to be cut

_OPENSSL_ORDER = (0xFF01, 0, 12, 11, 10, 35, 13, 5, 15, 13172, 16, 14, 21)  # ssl/t1_lib.c of OpenSSL 1.0.2
_SIGNALS = frozenset({FALLBACK_SCSV, RENEGOTIATION_SCSV})
# Of 40 and 56 bits; RFC 2246 appendix A.5 and draft-ietf-tls-56-bit-ciphersuites
_RSA_EXPORT = frozenset({0x0003, 0x0006, 0x0008, 0x0060, 0x0061, 0x0062, 0x0064})
_DHE_EXPORT = frozenset({0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019, 0x0063, 0x0065})
_SSLV2_WEAK = frozenset({0x020080, 0x040080, 0x060040})  # export RC4 and RC2, DES: what DROWN decrypts with

_CCS: Final = 20  # content types
_ALERT: Final = 21
_HANDSHAKE: Final = 22
_HEARTBEAT_RECORD: Final = 24
_SHORTEST_HEARTBEAT: Final = 1 + 2 + 16 + 16  # type, length and padding (RFC 6520 §4), and the tag of an AEAD suite
_AFTER_FINISHED: Final = 2  # records of the peer, its ChangeCipherSpec and its Finished
_SERVER_HELLO, _CLIENT_KEY_EXCHANGE = b"\2", b"\x10"
_RETRY = bytes.fromhex(  # the random of a ServerHello that asks for another hello, RFC 8446 §4.1.3
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)
_HEADER: Final = 5  # bytes that a record begins with
_KEPT: Final = 5 + 80  # of each record: enough to find the suite in a ServerHello
_TLS13 = 0x0304
_SUITES13 = range(0x1301, 0x1306)
_RSA_KEY_EXCHANGE = frozenset(  # the client encrypts to the certificate's key, which ROBOT attacks
    {0x0001, 0x0002, 0x0004, 0x0005, 0x0007, 0x0009, 0x000A, 0x002F, 0x0035, 0x003B, 0x003C, 0x003D, 0x0041, 0x0084}
    | {0x0096, 0x009C, 0x009D, 0x00BA, 0x00C0, 0xC050, 0xC051, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1}
)
_REJECTIONS = {  # alerts about our certificate, RFC 8446 §6.2
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    48: "unknown_ca",
}
REJECTED = "certificate-rejected"


def hello_threats(hello: ClientHello, *, records: int = 1, scanner: str | None = None) -> list[str]:
    """What a hello alone gives away. `records` is how many it came in, `scanner` whose it is known to be."""
    found = [scanner] if scanner else []
    suites = set(hello.cipher_suites) - _SIGNALS
    if hello.sslv2 and hello.version == _SSLV2:
        found += ["sslv2", "drown"] if suites & _SSLV2_WEAK else ["sslv2"]
    if not hello.sslv2 and hello.versions and max(hello.versions) <= _SSLV3:
        found.append("poodle")
    if FALLBACK_SCSV in hello.cipher_suites and not hello.sslv2:
        found.append("fallback-scsv")
    if any(hello.compressions):
        found.append("crime")
    if suites and not hello.sslv2:
        found += _export_threats(suites)
    found += _heartbeat_threats(hello)
    if records > 1 and sum(len(data) + 4 for _, data in hello.extensions) < _ONE_RECORD:
        found.append("fragmented-hello")
    return found


def _export_threats(suites: set[int]) -> list[str]:
    """Who offers nothing but export suites wants to know whether they are served."""
    if not suites <= _RSA_EXPORT | _DHE_EXPORT:
        return []
    return ["freak"] if suites & _RSA_EXPORT else ["logjam"]


def _heartbeat_threats(hello: ClientHello) -> list[str]:
    """Who offers heartbeats without having them in use asks whether we bleed, and sends none where we do not confirm.

    OpenSSL 1.0 has them, beside tickets and in its own order. What is newer, as GnuTLS, has the extended master secret.
    """
    kinds = [kind for kind, _ in hello.extensions]
    if HEARTBEAT not in kinds:
        return []
    if EXTENDED_MASTER_SECRET in kinds:
        return ["heartbeat-offered"]
    places = [_OPENSSL_ORDER.index(kind) for kind in kinds if kind in _OPENSSL_ORDER]
    return ["heartbleed"] if SESSION_TICKET not in kinds or places != sorted(places) else []


class RecordWatch:
    """Looks at the records of one connection, ours and the peer's. Inputs: `received`, `sent`, `failed`, `alerted`.

    Outputs: `threats`, in the order found, each once, `answered`, and `agreed`. The work is linear in the records.
    """

    __slots__ = ("_ciphered", "_inward", "_key_exchanged", "_outward", "_suite", "_version", "_we_ciphered", "threats")

    def __init__(self) -> None:
        self.threats: list[str] = []
        self._inward = _Records()
        self._outward = _Records()
        self._suite: int | None = None  # agreed on
        self._version = 0  # and the legacy version beside it
        self._key_exchanged = False  # the peer has sent its ClientKeyExchange
        self._we_ciphered = False
        self._ciphered = 0  # handshake records of the peer since its ChangeCipherSpec; 0: not there yet

    def received(self, data: bytes | bytearray | memoryview) -> None:
        """The peer's next bytes."""
        for kind, start in self._inward.feed(data):
            if kind == _HEARTBEAT_RECORD:
                self._heartbeat(start)
            elif kind == _CCS:
                self._change_cipher_spec()
            elif kind == _HANDSHAKE:
                self._handshake(start)
            elif kind == _ALERT and not self._ciphered and len(start) > 1 and start[1] in _REJECTIONS:
                self._found(REJECTED)

    def sent(self, data: bytes) -> None:
        """Our next bytes."""
        if self._suite is not None and (self._we_ciphered or self._suite in _SUITES13):
            return  # nothing that matters comes any more
        for kind, start in self._outward.feed(data):
            if kind == _CCS:
                self._we_ciphered = True
            elif kind == _HANDSHAKE and self._suite is None and start[:1] == _SERVER_HELLO and start[6:38] != _RETRY:
                at = 39 + start[38] if len(start) > 38 else len(start)
                self._suite = int.from_bytes(start[at : at + 2], "big")
                self._version = int.from_bytes(start[4:6], "big")

    @property
    def agreed(self) -> tuple[int, int] | None:
        """Version and suite of our ServerHello, which OpenSSL forgets where the handshake fails later."""
        if self._suite is None:
            return None
        return _TLS13 if self._suite in _SUITES13 else self._version, self._suite

    @property
    def answered(self) -> bool:
        """Whether the peer's hello has got the ServerHello that is final."""
        return self._suite is not None

    def failed(self) -> None:
        """The handshake came to no good end."""
        if self._key_exchanged and self._suite in _RSA_KEY_EXCHANGE:
            self._found("robot")

    def alerted(self, alert: str) -> None:
        """The peer sent an alert, which was perhaps encrypted."""
        if alert in _REJECTIONS.values():
            self._found(REJECTED)

    def _heartbeat(self, start: bytes) -> None:
        """RFC 6520 §3: none comes before the handshake has ended. In TLS 1.3 none shows what it is."""
        if self._ciphered < _AFTER_FINISHED or self._suite in _SUITES13 or len(start) < _SHORTEST_HEARTBEAT:
            self._found("heartbleed")

    def _change_cipher_spec(self) -> None:
        if self._suite is None:  # of a client of TLS 1.3, before its second hello: RFC 8446 appendix D.4
            return
        if self._suite not in _SUITES13 and not (self._key_exchanged or self._we_ciphered):
            self._found("ccs-injection")
        self._ciphered = max(1, self._ciphered)

    def _handshake(self, start: bytes) -> None:
        if not self._ciphered:
            self._key_exchanged = self._key_exchanged or start[:1] == _CLIENT_KEY_EXCHANGE
            return
        self._ciphered += 1
        if self._ciphered > _AFTER_FINISHED and self._suite not in _SUITES13:  # the first is the peer's Finished
            self._found("renegotiation")

    def _found(self, threat: str) -> None:
        if threat not in self.threats:
            self.threats.append(threat)


class _Records:
    """Walks over records cut anyhow, and gives of each the type and how its content starts."""

    __slots__ = ("_left", "_start")

    def __init__(self) -> None:
        self._start = bytearray()  # of the record under way, header included
        self._left = 0  # bytes of it still to come

    def feed(self, data: bytes | bytearray | memoryview) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while at < end:
            stop = 0 if self._start or end - at < _HEADER else at + _HEADER + _length(data, at)
            if 0 < stop <= end:  # as nearly all come: whole, and in one piece
                found.append((data[at], bytes(data[at + _HEADER : min(stop, at + _KEPT)])))
                at = stop
            else:
                at = self._feed_piece(memoryview(data), at, found)
        return found

    def _feed_piece(self, view: memoryview, at: int, found: list[tuple[int, bytes]]) -> int:
        """Take more of a record that is under way, or begin one that is cut; gives where the next begins."""
        if len(self._start) < _HEADER:
            at = self._take(view, at, _HEADER - len(self._start))
            if len(self._start) < _HEADER:
                return at
            self._left = _length(self._start, 0)
        taken = min(self._left, len(view) - at)
        self._take(view, at, min(taken, _KEPT - len(self._start)))
        self._left -= taken
        if not self._left:
            found.append((self._start[0], bytes(self._start[_HEADER:])))
            self._start.clear()
        return at + taken

    def _take(self, view: memoryview, at: int, count: int) -> int:
        piece = view[at : at + max(0, count)]
        self._start += piece
        return at + len(piece)


def _length(data: bytes | bytearray | memoryview, at: int) -> int:
    """How much follows the five bytes that a record begins with."""
    if data[at] & 0x80:  # an SSLv2 hello: its header has two bytes
        return max(0, ((data[at] & 0x7F) << 8 | data[at + 1]) + 2 - _HEADER)
    return data[at + 3] << 8 | data[at + 4]
