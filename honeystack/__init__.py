"""honeystack: a Linux honeypot with a network stack of its own.

What is public is imported on first use, so that `honeystack --help` costs neither Trio nor a network stack.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from honeystack.errors import ConfigError as ConfigError
    from honeystack.errors import HoneystackError as HoneystackError
    from honeystack.errors import Malformed as Malformed
    from honeystack.errors import StateError as StateError
    from honeystack.errors import Unavailable as Unavailable
    from honeystack.events.event import Event as Event
    from honeystack.honeypot import run as run
    from honeystack.net.address import Flow as Flow
    from honeystack.net.datagram import UdpSocket as UdpSocket
    from honeystack.net.stream import TcpStream as TcpStream
    from honeystack.netstack import Netstack as Netstack
    from honeystack.netstack import TcpListener as TcpListener
    from honeystack.netstack import open_netstack as open_netstack

__version__ = "0.1.0"

if os.environ.get("HONEYSTACK_PURE"):
    from honeystack.compiled import prefer_source

    prefer_source()

_HOME = {
    "ConfigError": "honeystack.errors",
    "Event": "honeystack.events.event",
    "Flow": "honeystack.net.address",
    "HoneystackError": "honeystack.errors",
    "Malformed": "honeystack.errors",
    "Netstack": "honeystack.netstack",
    "StateError": "honeystack.errors",
    "TcpListener": "honeystack.netstack",
    "TcpStream": "honeystack.net.stream",
    "UdpSocket": "honeystack.net.datagram",
    "Unavailable": "honeystack.errors",
    "open_netstack": "honeystack.netstack",
    "run": "honeystack.honeypot",
}

__all__ = [*_HOME, "__version__"]


if not TYPE_CHECKING:  # to a type checker every name would be public, and of any type

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
