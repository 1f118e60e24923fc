"""It is the CRC that zlib has."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from honeystack.net.wire.crc_columns import crc32_rows


@given(
    st.integers(1, 16).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=1)),
    st.integers(0, 2**32 - 1),
)
def test_each_row_has_its_own(rows: list[bytes], initial: int) -> None:
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)
    assert crc32_rows(array, initial).tolist() == [crc32(row, initial) for row in rows]
    assert crc32_rows(array).tolist() == [crc32(row) for row in rows]
