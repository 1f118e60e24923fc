"""The ClientHello in the Initial packets of a QUIC client, without a QUIC server.

Initial packets are encrypted with keys that anyone can derive from the connection id that the client chose (RFC 9001
§5.2, RFC 9369 §3.3). A hello may be cut into CRYPTO frames in any order, over several packets and datagrams.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from honeystack.errors import Malformed
from honeystack.tls.datagrams import DatagramReader
from honeystack.tls.hello import CLIENT_HELLO, Progress, parse_hello
from honeystack.tls.pieces import MAX_MESSAGE

_SAMPLE = 16
_TAG = 16
_MAX_PACKETS = 8  # coalesced in one datagram; a client's first has one or two
_MAX_CONNECTION_ID = 20  # RFC 9000 §17.2
_MAX_FRAMES = 512  # of one packet, runs of padding counted once
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0x00, 0x01, 0x02, 0x03, 0x06, 0x1C  # RFC 9000 §19


class _Version(NamedTuple):
    name: str
    salt: bytes
    label: bytes = b"quic"
    initial: int = 0  # the packet type, two bits


_VERSIONS = {
    0x00000001: _Version("1", bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")),
    0x6B3343CF: _Version("2", bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2", 1),
    0xFF00001D: _Version("draft-29", bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")),
}


class Keys(NamedTuple):
    """What protects a client's Initial packets."""

    key: bytes
    iv: bytes
    header: bytes


class _Packet(NamedTuple):
    connection_id: bytes
    protected: bytearray  # from its first byte to its end
    number_at: int


def may_be_initial(datagram: bytes) -> bool:
    """Whether a datagram begins as a client's Initial packet of a version that we know; cheap."""
    if len(datagram) < 7 + _SAMPLE or datagram[0] & 0xC0 != 0xC0:
        return False
    version = _VERSIONS.get(int.from_bytes(datagram[1:5], "big"))
    return version is not None and datagram[0] >> 4 & 3 == version.initial


def connection_of(datagram: bytes) -> bytes:
    """The connection id that a client's first packets are for, in a datagram that `may_be_initial`."""
    return datagram[6 : 6 + datagram[5]]


class InitialReader(DatagramReader):
    """Collects the hello of one QUIC client. A further output: `version`.

    What does not decrypt is passed over (RFC 9001 §5.5).
    """

    __slots__ = ("_connection_id", "_keys", "version")

    def __init__(self) -> None:
        super().__init__()
        self.version = ""  # of QUIC, as "1", once known
        self._connection_id = b""
        self._keys: Keys | None = None

    def _take(self, datagram: bytes) -> None:
        at = 0
        for _ in range(_MAX_PACKETS):
            if not may_be_initial(datagram[at:]):
                break
            packet, at = self._packet(datagram, at)
            plain = self._decrypted(packet)
            if plain is not None:
                self._frames(plain)
        self._parse()
        if self._keys is None:
            self.progress = Progress.NOT_TLS

    def _packet(self, data: bytes, start: int) -> tuple[_Packet, int]:
        """The Initial packet at `start`, and where it ends (RFC 9000 §17.2.2). Raises Malformed."""
        version = _VERSIONS[int.from_bytes(data[start + 1 : start + 5], "big")]
        length, at = data[start + 5], start + 6
        if length > _MAX_CONNECTION_ID or at + length >= len(data):
            raise Malformed("no connection id")
        connection_id = data[at : at + length]
        at += length + 1 + data[at + length]  # past the source connection id
        token, at = _integer(data, at)
        length, at = _integer(data, at + token)
        end = at + length
        if end > len(data) or length < 4 + _SAMPLE:
            raise Malformed("a packet beyond the datagram")
        if self._keys is None:
            self._keys, self._connection_id = initial_keys(data[start + 1 : start + 5], connection_id), connection_id
            self.version = version.name
        return _Packet(connection_id, bytearray(data[start:end]), at - start), end

    def _decrypted(self, packet: _Packet) -> bytes | None:
        if packet.connection_id != self._connection_id or self._keys is None:
            return None
        data, at = packet.protected, packet.number_at
        mask = _mask(self._keys.header, bytes(data[at + 4 : at + 4 + _SAMPLE]))
        data[0] ^= mask[0] & 0x0F  # RFC 9001 §5.4.1
        width = (data[0] & 3) + 1
        for index in range(width):
            data[at + index] ^= mask[1 + index]
        # The first packets of a connection have small numbers, so what was cut off is zero.
        number = int.from_bytes(data[at : at + width], "big")
        nonce = (int.from_bytes(self._keys.iv, "big") ^ number).to_bytes(12, "big")
        body = at + width
        try:
            return AESGCM(self._keys.key).decrypt(nonce, bytes(data[body:]), bytes(data[:body]))
        except InvalidTag:
            return None

    def _frames(self, plain: bytes) -> None:
        at = 0
        for _ in range(_MAX_FRAMES):
            if at >= len(plain):
                return
            kind = plain[at]
            if kind == _PADDING:
                at = len(plain) - len(plain[at:].lstrip(b"\0"))
            elif kind == _PING:
                at += 1
            elif kind in (_ACK, _ACK_ECN):
                at = _past_ack(plain, at + 1, counts=3 if kind == _ACK_ECN else 0)
            elif kind == _CRYPTO:
                offset, at = _integer(plain, at + 1)
                length, at = _integer(plain, at)
                if at + length > len(plain):
                    raise Malformed("a frame beyond its packet")
                self._pieces.add(offset, plain[at : at + length])
                at += length
            elif kind == _CLOSE:
                return
            else:
                raise Malformed(f"a frame of type {kind} in an Initial packet")  # RFC 9000 §12.4

    def _parse(self) -> None:
        message = self._pieces.message
        if message and message[0] != CLIENT_HELLO:
            raise Malformed(f"handshake message {message[0]} instead of a hello")
        length = 4 + int.from_bytes(message[1:4], "big")
        if length > MAX_MESSAGE:
            raise Malformed(f"a hello of {length} bytes")
        if len(message) < max(4, length):
            return
        self.message = message[:length]
        self.hello = parse_hello(self.message)
        self.progress = Progress.COMPLETE


def initial_keys(version: bytes, connection_id: bytes) -> Keys:
    """The keys of a client's Initial packets (RFC 9001 §5.2)."""
    about = _VERSIONS[int.from_bytes(version, "big")]
    secret = _expand(hmac.digest(about.salt, connection_id, sha256), b"client in", 32)
    return Keys(
        _expand(secret, about.label + b" key", 16),
        _expand(secret, about.label + b" iv", 12),
        _expand(secret, about.label + b" hp", 16),
    )


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 §7.1); one block of SHA-256 is enough for all we need."""
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return hmac.digest(secret, info + b"\1", sha256)[:length]


def _mask(key: bytes, sample: bytes) -> bytes:
    # One block of AES is what RFC 9001 §5.4.3 asks for; ECB is only its name here.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(sample)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 §16), and where it ends. Raises Malformed."""
    width = 1 << (data[at] >> 6) if at < len(data) else 1
    if at + width > len(data):
        raise Malformed("a number beyond the end")
    return int.from_bytes(data[at : at + width], "big") & ((1 << (8 * width - 2)) - 1), at + width


def _past_ack(plain: bytes, at: int, *, counts: int) -> int:
    """Where an ACK frame ends (RFC 9000 §19.3)."""
    _, at = _integer(plain, at)
    _, at = _integer(plain, at)
    ranges, at = _integer(plain, at)
    _, at = _integer(plain, at)
    if ranges > _MAX_FRAMES:
        raise Malformed("an acknowledgement of too many ranges")
    for _ in range(2 * ranges + counts):
        _, at = _integer(plain, at)
    return at
