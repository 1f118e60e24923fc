"""Sizes by MTU, as Linux has them."""

from __future__ import annotations

import pytest

from honeystack.net.limits import Limits
from honeystack.net.tcp.sizes import Sizes


@pytest.mark.parametrize(
    ("version", "mtu", "mss"), [(4, 1500, 1460), (6, 1500, 1440), (4, 9000, 8960), (6, 1280, 1220), (4, 0, 48)]
)
def test_the_mtu_says_what_the_peer_may_send(version: int, mtu: int, mss: int) -> None:
    assert Sizes(mtu, Limits()).advertised_mss[version] == mss


@pytest.mark.parametrize(
    ("peer", "version", "mss"),
    [(None, 4, 536), (None, 6, 1220), (0, 4, 536), (1, 4, 48), (1300, 6, 1300), (9000, 4, 1460)],
)
def test_the_peer_says_what_we_may_send_within_reason(peer: int | None, version: int, mss: int) -> None:
    sizes = Sizes(1500, Limits())
    assert sizes.send_mss(version, peer, timestamps=False) == mss
    assert sizes.send_mss(version, peer, timestamps=True) == mss - 12


def test_the_first_window_is_within_the_buffer() -> None:
    assert Sizes(1500, Limits()).offered_window(4, timestamps=True) == 65160
    assert Sizes(1500, Limits(receive_buffer=1000)).offered_window(4, timestamps=True) == 1000


@pytest.mark.parametrize(
    ("version", "mtu", "offered"),
    [(4, None, 1460), (4, 1400, 1360), (4, 9000, 1460), (4, 200, 256), (6, 1280, 1220), (6, None, 1440)],
)
def test_a_narrow_path_is_offered_less_but_not_too_little(version: int, mtu: int | None, offered: int) -> None:
    assert Sizes(1500, Limits()).offered_mss(version, mtu) == offered


@pytest.mark.parametrize(("mtu", "window"), [(None, 64240), (1400, 65280), (552, 65535)])
def test_the_first_window_holds_whole_segments_of_the_path(mtu: int | None, window: int) -> None:
    assert Sizes(1500, Limits()).offered_window(4, timestamps=False, path_mtu=mtu) == window
    assert Sizes(1500, Limits(receive_buffer=999)).offered_window(4, timestamps=False, path_mtu=mtu) == 999


@pytest.mark.parametrize(("mtu", "timestamps", "size"), [(None, True, 900), (1000, False, 900), (900, True, 848)])
def test_a_segment_fits_the_path(mtu: int | None, timestamps: bool, size: int) -> None:
    assert Sizes.within_path(4, 900, mtu, timestamps=timestamps) == size


def test_half_a_small_buffer_is_worth_telling() -> None:
    assert Sizes(1500, Limits()).worthwhile == {4: 1448, 6: 1428}
    assert Sizes(1500, Limits(receive_buffer=1000)).worthwhile[4] == 500
    assert Sizes(1500, Limits(receive_buffer=1)).worthwhile[4] == 1


@pytest.mark.parametrize(
    ("window", "timestamps", "mss"),
    [
        (64_240, False, 1460),
        (2920, False, 1460),
        (2919, False, 1459),
        (1460, False, 730),
        (537, False, 268),
        (536, False, 536),
        (100, False, 100),
        (48, False, 48),
        (47, False, 48),
        (1, False, 48),
        (1, True, 36),
        (36, True, 36),
        (37, True, 37),
        (0, False, 1460),
    ],
)
def test_a_segment_takes_half_of_the_first_window_and_all_of_a_tiny_one(
    window: int, timestamps: bool, mss: int
) -> None:
    assert Sizes.within_window(1460, window, timestamps=timestamps) == mss
