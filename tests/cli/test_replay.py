"""`replay` as it is typed: events on stdout, all else on stderr, and what each exit code means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from struct import pack

import pytest

from honeystack.cli import replay as cli
from honeystack.net.wire.tcp import SYN
from honeystack.replay.captures import Recorded
from honeystack.replay.counterparts import Counterparts
from honeystack.replay.play import replay
from tests.replay.files import BEGAN, PEER, SERVER, SERVER_MAC, Recording, pcap, tcp, udp, write
from tests.tls.vectors import body, message, record

CONFIG = """
[listener]
type = "netstack"
interface = "nowhere0"
allow_no_exclude = true
[service.far]
type = "proxy"
director = "there"
[director.there]
type = "forward"
host = "192.0.2.99:7"
[[port]]
port = "tcp/7"
services = ["far"]
[[port]]
port = "tcp/443"
tls_certificate = "auto"
[channel.out]
type = "console"
format = "ecs"
"""


def run(*arguments: str | Path, seed: str = "0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "honeystack", "replay", *map(str, arguments)]
    environment = {"PYTHONHASHSEED": seed}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def conversation(port: int = 7, said: bytes = b"hello") -> list[Recorded]:
    recording = Recording(port=port)
    recording.shake_hands()
    recording.says(said, answer=b"HI!")
    recording.part()
    return recording.frames


def test_events_are_json_lines_and_what_was_taken_is_said_on_stderr(tmp_path: Path) -> None:
    done = run(write(tmp_path, conversation()))
    assert done.returncode == 0
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["connect", "payload", "close"]
    assert done.stderr.splitlines() == [
        f"honeystack replay: answered for {SERVER} at {SERVER_MAC.hex(':')} (the first SYN goes there)",
        "honeystack replay: 9 frames, 6 of them inbound, in 0.008 s of the capture; 3 events",
    ]


def test_two_processes_write_the_same_bytes(tmp_path: Path, config: Path) -> None:
    path = write(tmp_path, conversation())
    assert run(path, seed="1").stdout == run(path, seed="2").stdout
    assert run("-c", config, path, seed="1").stdout == run("-c", config, path, seed="2").stdout


def test_a_config_says_where_events_go_and_what_forwards_is_left_out(tmp_path: Path, config: Path) -> None:
    done = run("-c", config, "--set", "sensor.name=east", write(tmp_path, conversation()))
    assert done.returncode == 0
    first = json.loads(done.stdout.splitlines()[0])
    assert "event" in first
    assert "east" in json.dumps(first)
    assert "the service far forwards, and is left out: its ports capture" in done.stderr


def test_a_config_that_cannot_be_used_is_bad_usage(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[listner]\n")
    done = run("-c", path, write(tmp_path, conversation()))
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.toml:1:2" in done.stderr


def test_addresses_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, [udp(b"there"), udp(b"back", source=SERVER, destination=PEER)])
    done = run("--address", PEER, path)
    [event] = map(json.loads, done.stdout.splitlines())
    assert event["payload"] == "back"
    assert f"answered for {PEER} at" in done.stderr
    prefix = run("--address", "2001:db8::/64", "--address", "192.0.2.0/24", path)
    assert prefix.returncode == 0
    assert "answered for 2001:db8::/64, 192.0.2.0/24 at" in prefix.stderr


@pytest.mark.parametrize("arguments", [["--address", "somewhere"], ["none.pcap"], []])
def test_what_is_typed_wrongly_is_bad_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = run(*arguments, *([write(tmp_path, conversation())] if arguments[:1] == ["--address"] else []))
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_pipe_cannot_be_read_twice(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(tmp_path / "pipe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no regular file, and it is read twice" in done.stderr


def test_a_file_channel_has_all_events_at_the_end(tmp_path: Path) -> None:
    config = tmp_path / "file.toml"
    config.write_text(CONFIG.partition("[channel")[0] + '[channel.out]\ntype = "file"\nfilename = "events.jsonl"\n')
    done = run("-c", config, write(tmp_path, conversation()))
    assert (done.returncode, done.stdout) == (0, "")
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["connect", "payload", "close"]


def test_damage_is_told_by_file_and_place_after_the_events_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, conversation())
    path.write_bytes(path.read_bytes() + b"\0" * 9)
    done = run(path)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 3
    place = path.stat().st_size - 9
    assert f"{path}: at byte {place}: the file ends within the header of a packet: 9 of 16 bytes" in done.stderr


def test_what_is_no_capture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("some words")
    done = run(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"honeystack: {path}: at byte 0: neither pcap nor pcapng but something that begins with 736f6d65\n"
    )


def test_another_link_type_is_told(tmp_path: Path) -> None:
    done = run(write(tmp_path, conversation(), link_type=113))
    assert done.returncode == 1
    assert "at byte 24: a packet of link type 113 (cooked frames of `tcpdump -i any`" in done.stderr


def test_nothing_is_left_out_in_silence(tmp_path: Path, config: Path) -> None:
    frames = conversation(443, record(message(body())))
    frames[-1] = frames[-1]._replace(at=BEGAN)
    path = write(tmp_path, frames)
    path.write_bytes(path.read_bytes() + pack("<IIII", 1_700_000_001, 0, 4, 99) + b"part" + pcap([])[24:])
    done = run("-c", config, path)
    assert done.returncode == 1
    assert "1 conversations went on in TLS" in done.stderr
    assert "1 packets are dated before those ahead of them" in done.stderr
    assert "1 packets are left out, as they were not captured whole" in done.stderr
    assert "4 of 99 bytes are there" in done.stderr


def test_segments_after_our_reset_are_counted(tmp_path: Path) -> None:
    recording = Recording()
    recording.shake_hands()
    recording.says(b"word")
    middle = recording.frames[3:]  # its beginning was not captured, so our stack resets it
    recording.says(b"word")
    done = run(write(tmp_path, [udp(b"x"), *(one.frame for one in middle), recording.frames[-2].frame]))
    assert "1 segments are left out: they came after our stack had reset the connection" in done.stderr


def test_packets_to_another_machine_are_told(tmp_path: Path) -> None:
    done = run(write(tmp_path, [udp(b"1"), b"\2" * 6 + udp(b"2")[6:]]))
    assert done.stdout.count("\n") == 1
    assert "1 packets to these addresses went to other MAC addresses and are ignored" in done.stderr


def test_a_crowd_beyond_the_bound_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Counterparts.__init__, "__defaults__", (1,))
    outcome = replay([write(tmp_path, [tcp(SYN, 1, peer_port=port) for port in (1, 2, 3)])])
    assert outcome.forgotten == 2
    assert "2 conversations were too many at once" in "\n".join(cli._report(outcome))


def test_a_channel_that_loses_events_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "honeystack", "replay", str(write(tmp_path, conversation()))]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "the channel stdout has lost 3 events: unwritable" in done.stderr
