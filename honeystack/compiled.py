"""Whether the pure floors run compiled, and how to have them run as the Python that they are written in.

A wheel may bring extension modules beside the sources of `net.wire`, `net.tcp` and what else is pure (`make wheel`).
Python prefers an extension; with HONEYSTACK_PURE=1 in the environment the sources are taken.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

MARK = Path(__file__).parent / "net" / "stack"  # compiled whenever anything is


class SourceFinder:
    """A finder of `sys.meta_path` which sees the sources of this package only."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not name.startswith("honeystack."):
            return None
        finders = (FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)) for folder in path)
        found = (finder.find_spec(name, target) for finder in finders)
        return next((spec for spec in found if spec is not None and spec.loader is not None), None)


def prefer_source() -> None:
    """From now on import the sources of this package, compiled or not."""
    if not any(isinstance(finder, SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourceFinder())


def is_compiled() -> bool:
    """Whether the stack is, or would be, an extension module; nothing is imported to know it."""
    if any(isinstance(finder, SourceFinder) for finder in sys.meta_path):
        return False
    return any(MARK.with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES)
