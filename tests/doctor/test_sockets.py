"""The kernel's tables of sockets, as they are printed, and the real ones of this process."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from honeystack.doctor.sockets import HostSocket, host_sockets

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
little = pytest.mark.skipif(sys.byteorder == "big", reason="what the kernel prints is in the machine's order")


def row(address: str, state: str, inode: int = 1) -> str:
    return (
        f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100\n"
    )


def proc(folder: Path, **tables: str) -> Path:
    (folder / "net").mkdir()
    for name, rows in tables.items():
        (folder / "net" / name).write_text(HEAD + rows)
    return folder


@little
def test_what_takes_packets_of_any_peer_is_listed_in_order(tmp_path: Path) -> None:
    place = proc(
        tmp_path,
        tcp=row("0100007F:0016", "0A") + row("00000000:0050", "0A") + row("0100007F:99C5", "06"),
        tcp6=row("B80D0120000000000000000001000000:01BB", "0A"),
        udp=row("00000000:0044", "07") + row("010200C0:9999", "01"),
    )
    assert host_sockets(place) == [
        HostSocket("tcp", b"\x7f\0\0\1", 22),
        HostSocket("tcp", bytes(4), 80),
        HostSocket("tcp", bytes.fromhex("20010db8000000000000000000000001"), 443),
        HostSocket("udp", bytes(4), 68),
    ]


@little
def test_programs_are_named_where_they_may_be_seen(tmp_path: Path) -> None:
    place = proc(tmp_path, tcp=row("00000000:0016", "0A", 4711) + row("00000000:0017", "0A", 4712))
    (place / "12" / "fd").mkdir(parents=True)
    (place / "12" / "comm").write_text("sshd\n")
    (place / "12" / "fd" / "3").symlink_to("socket:[4711]")
    (place / "12" / "fd" / "4").symlink_to("/dev/null")
    (place / "12" / "fd" / "5").write_text("no link")
    (place / "13").mkdir()  # gone, or another user's
    assert [str(one) for one in host_sockets(place)] == ["tcp/22 (sshd)", "tcp/23"]


def test_broken_rows_are_passed_over(tmp_path: Path) -> None:
    assert host_sockets(proc(tmp_path, tcp="   0: 00000000:0016\n\n")) == []


@pytest.mark.parametrize(
    ("address", "everywhere", "on_loopback"),
    [
        (bytes(4), True, False),
        (bytes(16), True, False),
        (b"\x7f\0\0\5", False, True),
        (bytes(15) + b"\1", False, True),
        (bytes(10) + b"\xff\xff\x7f\0\0\1", False, True),
        (b"\xc0\0\2\1", False, False),
    ],
)
def test_where_a_socket_is_bound_is_known(address: bytes, everywhere: bool, on_loopback: bool) -> None:
    one = HostSocket("tcp", address, 1)
    assert (one.everywhere, one.on_loopback) == (everywhere, on_loopback)


def test_sockets_of_our_own_are_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        found = host_sockets()
        name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
        assert HostSocket("tcp", b"\x7f\0\0\1", server.getsockname()[1], name) in found
        assert HostSocket("udp", b"\x7f\0\0\1", udp.getsockname()[1], name) in found
