"""Every error that honeystack raises on purpose; each says whose fault it is."""

from __future__ import annotations


class HoneystackError(Exception):
    """Base of all errors below."""


class Malformed(HoneystackError):
    """Remote bytes that do not parse. A decoder raises this for bad input, and nothing else, ever."""


class StateError(HoneystackError):
    """Local misuse: a call that the object's state does not allow."""


class ConfigError(HoneystackError):
    """Settings that cannot be used; the message says what would be right."""


class Unavailable(HoneystackError):
    """The machine lacks something: a capability, a program, an interface, an optional package.

    The message is one sentence for the operator and names the remedy.
    """


class CaptureError(HoneystackError):
    """A file of captured packets that cannot be read to its end; the message names file, place and damage."""
