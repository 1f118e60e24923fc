"""A writer of QUIC Initial packets and of DTLS records, for what no recording has."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from honeystack.tls.quic import initial_keys
from tests.tls.vectors import shorts

V1, V2 = b"\0\0\0\1", b"\x6b\x33\x43\xcf"
CONNECTION = bytes.fromhex("8394c8f03e515708")  # of RFC 9001 appendix A


def integer(number: int) -> bytes:
    for prefix, width in enumerate((1, 2, 4, 8)):
        if number < 1 << (8 * width - 2):
            return (prefix << (8 * width - 2) | number).to_bytes(width, "big")
    raise ValueError(number)


def crypto(offset: int, data: bytes) -> bytes:
    return b"\6" + integer(offset) + integer(len(data)) + data


def initial(
    frames: bytes,
    *,
    version: bytes = V1,
    connection: bytes = CONNECTION,
    number: int = 0,
    token: bytes = b"",
    source: bytes = b"",
    width: int = 4,
    size: int = 1162,
) -> bytes:
    """One protected Initial packet (RFC 9001 §5.3, §5.4)."""
    keys = initial_keys(version, connection)
    plain = frames.ljust(size, b"\0")
    first = 0xC0 | (1 if version == V2 else 0) << 4 | width - 1
    ids = bytes([len(connection)]) + connection + bytes([len(source)]) + source
    header = bytes([first]) + version + ids + integer(len(token)) + token + integer(width + len(plain) + 16)
    at = len(header)
    header += number.to_bytes(width, "big")
    nonce = (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")
    packet = bytearray(header + AESGCM(keys.key).encrypt(nonce, plain, header))
    mask = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor().update(bytes(packet[at + 4 : at + 20]))
    packet[0] ^= mask[0] & 0x0F
    for index in range(width):
        packet[at + index] ^= mask[1 + index]
    return bytes(packet)


def dtls_fragment(message: bytes, offset: int, length: int, *, sequence: int = 0) -> bytes:
    """A piece of a handshake message (its TLS header included) under DTLS's own header."""
    body = message[4:]
    return (
        message[:4] + shorts(sequence) + offset.to_bytes(3, "big") + length.to_bytes(3, "big") + body[offset:][:length]
    )


def dtls_record(data: bytes, *, version: int = 0xFEFF, epoch: int = 0, number: int = 0, kind: int = 22) -> bytes:
    return bytes([kind]) + shorts(version, epoch) + number.to_bytes(6, "big") + shorts(len(data)) + data
