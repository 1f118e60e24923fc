"""What a check has found."""

from __future__ import annotations

import enum

import attrs


class Status(enum.Enum):
    """How good or bad it is."""

    FINE = "fine"
    WARNING = "warning"  # it runs, and does not do all that may be expected
    FAULT = "fault"  # it does not run, or takes away what the operator needs


@attrs.frozen
class Finding:
    """One sentence about one subject; `remedy` is a command, or a line for the configuration."""

    subject: str
    status: Status
    message: str
    remedy: str = ""


def fine(subject: str, message: str) -> Finding:
    return Finding(subject, Status.FINE, message)


def warning(subject: str, message: str, remedy: str = "") -> Finding:
    return Finding(subject, Status.WARNING, message, remedy)


def fault(subject: str, message: str, remedy: str = "") -> Finding:
    return Finding(subject, Status.FAULT, message, remedy)
