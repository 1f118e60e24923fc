"""What a honeypot's process sets for itself: its log, its descriptors, and how often Python collects garbage."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Iterator

from honeystack.config.model import Config
from honeystack.logs import LogOutput, set_up_logging


def log_as(config: Config) -> None:
    """Log as a configuration says; without `[[logging]]` to stderr."""
    set_up_logging(config.logging or (LogOutput(),))


def raise_descriptor_limit() -> None:
    """Forwarded conversations take a descriptor each; the usual soft limit of 1024 is soon used up."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """What exists at the start stays: Python need not look at it again, nor so often at very many connections.

    A full collection over 100 000 of them takes a fifth of a second in which nobody is answered.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
