from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from honeystack.config import token
from honeystack.config.token import data_directory, sensor_secret, sensor_token
from honeystack.errors import Unavailable


def test_the_directory_given_comes_first(tmp_path: Path) -> None:
    assert data_directory(tmp_path, {"STATE_DIRECTORY": "/var/lib/x"}) == tmp_path


def test_a_relative_directory_becomes_absolute() -> None:
    assert data_directory(Path("data"), {}) == Path.cwd() / "data"


def test_systemd_names_the_directory_and_may_name_several() -> None:
    assert data_directory(None, {"STATE_DIRECTORY": "/var/lib/x:/var/lib/y"}) == Path("/var/lib/x")


def test_else_it_is_in_the_home_directory() -> None:
    assert data_directory(None, {}) == Path.home() / ".honeystack"


def test_the_token_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    made = sensor_token(data)
    assert sensor_token(data) == made
    assert stat.S_IMODE((data / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert os.listdir(data) == ["token"]


def test_two_sensors_have_two_tokens(tmp_path: Path) -> None:
    assert sensor_token(tmp_path / "a") != sensor_token(tmp_path / "b")


def test_a_token_that_somebody_else_makes_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link_late(draft: Path, path: Path) -> None:
        path.write_text("theirs-0123\n")
        raise FileExistsError

    monkeypatch.setattr(token.os, "link", link_late)
    assert sensor_token(tmp_path) == "theirs-0123"
    assert os.listdir(tmp_path) == ["token"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"short", b"two words or more", b"x" * 200])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(Unavailable, match="delete it"):
        sensor_token(tmp_path)


def test_a_directory_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"cannot be used .*--data"):
        sensor_token(tmp_path / "file")


def test_the_secret_is_made_once_beside_the_token_and_is_told_by_neither(tmp_path: Path) -> None:
    secret = sensor_secret(tmp_path / "a")
    assert sensor_secret(tmp_path / "a") == secret != sensor_secret(tmp_path / "b")
    assert len(secret) >= 16
    assert secret.decode() != sensor_token(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a" / "secret").stat().st_mode) == 0o600


def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    sensor_token(tmp_path)
    (tmp_path / "secret").write_text("short")
    with pytest.raises(Unavailable, match="delete it"):
        sensor_secret(tmp_path)
    (tmp_path / "secret").unlink()
    (tmp_path / "secret").mkdir()
    with pytest.raises(Unavailable, match="--data"):
        sensor_secret(tmp_path)
