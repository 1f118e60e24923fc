"""The data directory, and what is made once in it: the sensor's lasting id, and its secret."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from honeystack.errors import Unavailable

_SECRET_BYTES = 16
_TOKEN = re.compile(r"[0-9A-Za-z._-]{8,128}")


def data_directory(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the sensor keeps what must outlive it: as given, else $STATE_DIRECTORY, else ~/.honeystack."""
    if given is not None:
        return given.expanduser().absolute()
    # systemd lists several directories with colons between them; ours is the first
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(state) if state else Path("~/.honeystack").expanduser()


def sensor_token(data: Path) -> str:
    """The id of this sensor, made on the first call; `data` is made too, readable by its owner alone.

    Raises Unavailable where the directory cannot be written or the file holds something else.
    """
    path = data / "token"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        token = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise Unavailable(
            f"the data directory {data} cannot be used ({error.strerror}): name another one with --data"
        ) from error
    if not _TOKEN.fullmatch(token):
        raise Unavailable(f"{path} holds no token: delete it, and a new one is made")
    return token


def sensor_secret(data: Path) -> bytes:
    """What only this sensor knows, made on the first call: no event tells it. Raises as `sensor_token`."""
    path = data / "secret"
    sensor_token(data)  # makes the directory, and says what is wrong with it
    try:
        if not path.exists():
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise Unavailable(f"{path} cannot be used ({error.strerror}): name another directory with --data") from error
    if len(secret) < _SECRET_BYTES:
        raise Unavailable(f"{path} holds no secret: delete it, and a new one is made")
    return secret


def _make(path: Path) -> None:
    """Write whole and then link: two sensors that start at once end up with one token, and no half of one is seen."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(uuid.uuid4().hex + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
