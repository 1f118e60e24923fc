"""A client of TLS 1.3 that can say whatever it likes under the right keys: RFC 8446 with one suite and one group.

`Talker.hello` begins; `receive` takes the server's bytes; once `ready`, `seal` makes records of any content, in order.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.tls.hearing import DATA, HANDSHAKE, Hearing
from tests.tls.vectors import body, extension, message, record, shorts, vector

FINISHED, KEY_UPDATE = 20, 24
_ZEROS = bytes(32)
_SIGNATURES = (0x0403, 0x0804, 0x0805, 0x0401)


class Talker(Hearing):
    """Keys for both directions, and in `heard` what the server has said, record by record."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = False
        self._private = X25519PrivateKey.generate()
        share = self._private.public_key().public_bytes_raw()
        extensions = extension(43, vector(shorts(0x0304), 1)) + extension(10, vector(shorts(0x001D)))
        extensions += extension(13, vector(shorts(*_SIGNATURES)))
        extensions += extension(51, vector(shorts(0x001D) + vector(share)))
        hello = message(body(session_id=bytes(32), suites=(0x1301,), extensions=extensions))
        self.hello = record(hello)
        self._transcript = hello
        self._server: Keys | None = None
        self.keys = Keys(_ZEROS)  # until the server's hello has come
        self._application = Keys(_ZEROS)

    def receive(self, data: bytes) -> None:
        """The server's next bytes."""
        for whole in self.records(data):
            kind, content = whole[0], whole[5:]
            if kind == DATA and self._server is not None:
                inner = self._server.open(whole).rstrip(b"\0")
                self.take(inner[-1], inner[:-1], "sealed ")
            else:
                self.take(kind, content, "")

    def keyed(self) -> bytes:
        """What it takes to come to the keys: nothing more."""
        return b""

    def finished(self) -> bytes:
        """The message that ends the handshake."""
        return message(self.keys.verify_data(self._transcript), FINISHED)

    def seal(self, content: bytes, kind: int = HANDSHAKE, *, padding: int = 0, outer: int = DATA) -> bytes:
        """A record under the present keys."""
        return self.keys.seal(content + bytes([kind]) + bytes(padding), outer)

    def establish(self) -> bytes:
        """The Finished in its record; what is sealed from now on is under the keys of the application."""
        data = self.seal(self.finished())
        self.keys = self._application
        return data

    def learn(self, data: bytes) -> None:
        if self.ready:
            if data[0] == KEY_UPDATE and self._server is not None:
                self._server = self._server.following()
            return
        self._transcript += data
        if data[0] == 2:
            public = data[data.index(b"\0\x33\0\x24\0\x1d\0\x20") + 8 :][:32]
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(public))
            self._secret = _extract(_derive(_extract(_ZEROS, _ZEROS), b"derived", b""), shared)
            self.keys = Keys(_derive(self._secret, b"c hs traffic", self._transcript))
            self._server = Keys(_derive(self._secret, b"s hs traffic", self._transcript))
        elif data[0] == FINISHED:
            main = _extract(_derive(self._secret, b"derived", b""), _ZEROS)
            self._application = Keys(_derive(main, b"c ap traffic", self._transcript))
            self._server = Keys(_derive(main, b"s ap traffic", self._transcript))
            self.ready = True


class Keys:
    """One direction's traffic keys, RFC 8446 §7.3."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._aead = AESGCM(_expand(secret, b"key", b"", 16))
        self._iv = int.from_bytes(_expand(secret, b"iv", b"", 12), "big")
        self._sequence = 0

    def seal(self, inner: bytes, outer: int) -> bytes:
        header = bytes([outer, 3, 3]) + (len(inner) + 16).to_bytes(2, "big")
        return header + self._aead.encrypt(self._nonce(), inner, header)

    def open(self, whole: bytes) -> bytes:
        return self._aead.decrypt(self._nonce(), whole[5:], whole[:5])

    def following(self) -> Keys:
        """After a KeyUpdate, §7.2."""
        return Keys(_expand(self._secret, b"traffic upd", b"", 32))

    def verify_data(self, transcript: bytes) -> bytes:
        return hmac.digest(_expand(self._secret, b"finished", b"", 32), sha256(transcript).digest(), sha256)

    def _nonce(self) -> bytes:
        nonce = self._iv ^ self._sequence
        self._sequence += 1
        return nonce.to_bytes(12, "big")


def _extract(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt, key, sha256)


def _derive(secret: bytes, label: bytes, transcript: bytes) -> bytes:
    return _expand(secret, label, sha256(transcript).digest(), 32)


def _expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label, §7.1; one block is enough here."""
    named = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(named)]) + named + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\1", sha256)[:length]
