"""A client of TLS 1.2 that can say whatever it likes under the right keys: RFC 5246 with one suite and one group.

It is used as `client13.Talker` is; `keyed` brings it to the keys, by ClientKeyExchange and ChangeCipherSpec.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.tls.client13 import FINISHED
from tests.tls.hearing import CCS, HANDSHAKE, Hearing
from tests.tls.vectors import body, extension, message, record, shorts, vector

_CLIENT_KEY_EXCHANGE, _SERVER_KEY_EXCHANGE, _SERVER_HELLO_DONE = 16, 12, 14
_TLS12 = 0x0303


class Talker12(Hearing):
    """Keys for both directions, and in `heard` what the server has said, record by record."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = False  # the server waits for our key exchange
        self._private = X25519PrivateKey.generate()
        self._random = bytes(range(32))  # of the builder
        extensions = extension(10, vector(shorts(0x001D))) + extension(11, vector(b"\0", 1))
        extensions += extension(13, vector(shorts(0x0804, 0x0401))) + extension(0xFF01, b"\0")
        hello = message(body(suites=(0xC02F,), extensions=extensions))
        self.hello = record(hello)
        self._transcript = hello
        self._server_random = b""
        self._ciphered = False  # the server's records are
        self._secret = b""

    def receive(self, data: bytes) -> None:
        """The server's next bytes."""
        for whole in self.records(data):
            if self._ciphered:
                self.take(whole[0], self._server.open(whole), "sealed ")
            else:
                self.take(whole[0], whole[5:], "")
            self._ciphered = self._ciphered or whole[0] == CCS

    def keyed(self) -> bytes:
        """ClientKeyExchange and ChangeCipherSpec, in their records."""
        exchange = message(vector(self._private.public_key().public_bytes_raw(), 1), _CLIENT_KEY_EXCHANGE)
        self._transcript += exchange
        return record(exchange, HANDSHAKE, _TLS12) + record(b"\1", CCS, _TLS12)

    def finished(self) -> bytes:
        """The message that ends the handshake."""
        digest = sha256(self._transcript).digest()
        return message(_prf(self._secret, b"client finished" + digest, 12), FINISHED)

    def seal(self, content: bytes, kind: int = HANDSHAKE) -> bytes:
        """A record under the keys."""
        return self.keys.seal(content, kind)

    def establish(self) -> bytes:
        """All that ends the handshake."""
        return self.keyed() + self.seal(self.finished())

    def learn(self, data: bytes) -> None:
        self._transcript += b"" if self.ready else data
        if data[0] == 2:
            self._server_random = data[6:38]
        elif data[0] == _SERVER_KEY_EXCHANGE:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(data[8:40]))
            self._secret = _prf(shared, b"master secret" + self._random + self._server_random, 48)
            block = _prf(self._secret, b"key expansion" + self._server_random + self._random, 40)
            self.keys = Keys12(block[:16], block[32:36])
            self._server = Keys12(block[16:32], block[36:40])
        elif data[0] == _SERVER_HELLO_DONE:
            self.ready = True


class Keys12:
    """One direction's keys, RFC 5288 §3."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._aead = AESGCM(key)
        self._salt = salt
        self._sequence = 0

    def seal(self, content: bytes, kind: int) -> bytes:
        explicit = self._sequence.to_bytes(8, "big")
        sealed = self._aead.encrypt(self._salt + explicit, content, self._associated(kind, len(content)))
        return record(explicit + sealed, kind, _TLS12)

    def open(self, whole: bytes) -> bytes:
        explicit, sealed = whole[5:13], whole[13:]
        return self._aead.decrypt(self._salt + explicit, sealed, self._associated(whole[0], len(sealed) - 16))

    def _associated(self, kind: int, length: int) -> bytes:
        data = self._sequence.to_bytes(8, "big") + bytes([kind]) + shorts(_TLS12, length)
        self._sequence += 1
        return data


def _prf(secret: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246 §5, P_SHA256."""
    out, at = b"", seed
    while len(out) < length:
        at = hmac.digest(secret, at, sha256)
        out += hmac.digest(secret, at + seed, sha256)
    return out[:length]
