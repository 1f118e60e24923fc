"""Honeytrap's name for `proxy`."""

from __future__ import annotations

import attrs

from honeystack.registry import service
from honeystack.services.proxy import Proxy


@service("copy")
@attrs.frozen
class Copy(Proxy):
    """The same as `proxy`, under the name that Honeytrap's documents have for it."""
