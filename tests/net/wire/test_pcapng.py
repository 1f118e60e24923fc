"""pcapng blocks, by their lengths and by scapy's reading."""

from __future__ import annotations

import io
from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.utils import PcapNgReader

from honeystack.net.wire import pcapng
from honeystack.net.wire.ipv4 import encode_ipv4


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Kinds and bodies; both lengths of each block must agree."""
    found = []
    while data:
        kind, length = unpack_from("<II", data)
        assert length % 4 == 0
        assert unpack_from("<I", data, length - 4) == (length,)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


@pytest.mark.parametrize("name", ["", "a", "honeystack 1"])
def test_a_file_begins_with_its_section_and_its_interface(name: str) -> None:
    (section, body), (interface, about) = blocks(pcapng.section_header(name) + pcapng.interface())
    assert (section, interface) == (0x0A0D0D0A, 1)
    assert body[:4] == bytes.fromhex("4d3c2b1a")
    assert name.encode() in body
    assert unpack_from("<H", about) == (pcapng.LINKTYPE_RAW,)


@given(st.binary(max_size=50))
def test_secrets_are_kept_as_they_are(key_log: bytes) -> None:
    ((kind, body),) = blocks(pcapng.secrets(key_log))
    assert (kind, body[:4]) == (10, b"KSLT")
    assert body[8 : 8 + len(key_log)] == key_log


@given(st.binary(max_size=50), st.floats(0, 2**33))
def test_packets_are_read_by_others(data: bytes, at: float) -> None:
    whole = encode_ipv4(bytes(4), bytes([1, 2, 3, 4]), 253, len(data), ttl=9) + data
    file = io.BytesIO(pcapng.section_header("x") + pcapng.interface() + pcapng.packet(whole, at))
    with PcapNgReader(file) as reader:
        read = reader.read_packet()
    assert bytes(read) == whole
    assert isinstance(read, IP)
    assert float(read.time) == pytest.approx(at, abs=1e-5)
