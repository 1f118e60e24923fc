"""Hellos that are like ones seen before: clients of one kind say the same again and again, but for what is random.

Of a hello of known length and suites everything is compared with the last such hello, but its random, its session id
and the extensions that differ each time. What is the same need not be parsed, nor told, anew. Nothing is taken for like
that has one other byte.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from honeystack.tls.hello import ClientHello, parse_hello

REMEMBERED = 256  # kinds of hello; all are forgotten when there are more
LONGEST = 4096  # bytes of one that is remembered
_RANDOM, _SESSION = 6, 38  # where they begin in the message, RFC 8446 §4.1.2
_HEAD = 48  # bytes behind the session id by which a kind is looked for: most of its suites
_SESSION_TICKET, _PRE_SHARED_KEY, _KEY_SHARE, _ENCRYPTED_HELLO = 35, 41, 51, 0xFE0D
VARYING: Final = frozenset(
    {_SESSION_TICKET, _PRE_SHARED_KEY, _KEY_SHARE, _ENCRYPTED_HELLO}
)  # nothing parses their data


class Likeness:
    """What the hellos of one kind share. `told` is for who tells them: what is the same of all."""

    __slots__ = ("_fixed", "_hello", "_varying", "told")

    def __init__(self, message: bytes, hello: ClientHello) -> None:
        self.told: Any = None
        self._hello = hello
        self._varying: list[tuple[int, int, slice]] = []  # place among the extensions, kind, place in the message
        begin = _SESSION + 1 + len(hello.session_id)
        spans = [(0, _RANDOM), (_SESSION, _SESSION + 1)]
        at = begin + 2 + int.from_bytes(message[begin : begin + 2], "big")  # behind the suites
        at += 1 + len(hello.compressions) + 2  # where the extensions begin
        for place, (kind, data) in enumerate(hello.extensions):
            at += 4
            if kind in VARYING:
                self._varying.append((place, kind, slice(at, at + len(data))))
                spans.append((begin, at))
                begin = at + len(data)
            at += len(data)
        spans.append((begin, len(message)))
        self._fixed = [(slice(*span), message[slice(*span)]) for span in spans]

    def of(self, message: bytes) -> ClientHello | None:
        """The hello, if it is one of this kind; the message is as long as that of the first."""
        for place, text in self._fixed:
            if message[place] != text:
                return None
        like, extensions = self._hello, self._hello.extensions
        if self._varying:
            changed = list(extensions)
            for at, kind, where in self._varying:
                changed[at] = (kind, message[where])
            extensions = tuple(changed)
        session = _SESSION + 1
        return ClientHello(
            like.version,
            message[_RANDOM:_SESSION],
            message[session : session + message[_SESSION]],
            like.cipher_suites,
            like.compressions,
            extensions,
            like.groups,
            like.point_formats,
            like.signature_algorithms,
            like.alpn,
            like.server_name,
            like.supported_versions,
            cut=like.cut,
            likeness=self,
        )


@attrs.define(eq=False)
class FamiliarHellos:
    """Input: `parse`, as `parse_hello`, of the message of a hello in TLS records."""

    _known: dict[tuple[int, bytes], Likeness] = attrs.field(factory=dict, init=False)

    def parse(self, message: bytes) -> ClientHello:
        """Raises Malformed where a length runs over."""
        if not _SESSION < len(message) <= LONGEST:
            return parse_hello(message)
        suites = _SESSION + 1 + message[_SESSION]
        key = (len(message), message[suites : suites + _HEAD])
        likeness = self._known.get(key)
        hello = None if likeness is None else likeness.of(message)
        if hello is None:
            hello = parse_hello(message)
            if len(self._known) >= REMEMBERED and likeness is None:
                self._known.clear()
            self._known[key] = Likeness(message, hello)
        return hello
