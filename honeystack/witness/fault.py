"""Errors of our own, as events tell them."""

from __future__ import annotations

import traceback
from pathlib import PurePath


def fault_fields(error: BaseException) -> dict[str, object]:
    """What a fault's event says of an exception: its type, its text, and the innermost line."""
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    where = ", ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in innermost)
    return {"error": f"{type(error).__name__}: {error}", "where": where}
