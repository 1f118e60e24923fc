"""Accepts TLS: the server's side of handshakes, with bounds on how many are under way and on how long each takes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import attrs
import trio

from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine
from honeystack.tls.profiles import Profile
from honeystack.tls.stream import HANDSHAKE_SECONDS, TlsFailed, TlsOutcome, TlsStream
from honeystack.tls.suites import suite_name
from honeystack.tls.term import Term

MAX_HANDSHAKES = 1024  # at a time: each holds about 45 kB
MAX_HANDSHAKES_OF_ONE = 256  # source, so that one peer cannot take them all


@attrs.define(eq=False)
class TlsAcceptor:
    """Accepts TLS, with bounds on the handshakes under way, in all and of one source, and on their time.

    Of too many the one that began first is given up: an honest one is over in some round trips. `reached` is told the
    name of a bound, and the bound, each time.
    """

    max_handshakes: int = MAX_HANDSHAKES
    max_of_one: int = MAX_HANDSHAKES_OF_ONE
    timeout: float = HANDSHAKE_SECONDS
    reached: Callable[[str, int], None] | None = None
    _under_way: dict[Term, None] = attrs.field(factory=dict, init=False)  # in the order in which they began
    _of_source: dict[str, int] = attrs.field(factory=dict, init=False)

    @property
    def handshakes(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    async def accept(
        self,
        stream: trio.abc.HalfCloseableStream,
        certificate: Certificate,
        *,
        first: bytes,
        profile: Profile,
        source: str = "",
        term: Term | None = None,
    ) -> TlsStream:
        """As `accept_tls`; beyond the bounds it raises TlsFailed. `source` is the peer's address or network.

        Whoever cancels the `term`, a fresh one of `term_on`, gives the handshake up.
        """
        term = term or self.term_on(stream)
        if not self._takes(source):
            await trio.lowlevel.checkpoint()
        self.begin(source, term)
        try:
            return await _accept(stream, certificate, first, profile, self.timeout, term)
        except TlsFailed as failed:
            if term in self._under_way or not term.cancelled_caught:
                raise
            error = f"given up: {self.max_handshakes} began after it"
            raise TlsFailed(attrs.evolve(failed.outcome, error=error)) from None
        finally:
            self.end(source, term)

    def begin(self, source: str, term: Term) -> None:
        """Count a handshake, which its term can give up, until its `end`. Raises TlsFailed beyond the bounds."""
        if not self._takes(source):
            self._refuse("tls_handshakes_per_source", self.max_of_one)
            raise TlsFailed(TlsOutcome("none", error=f"{self.max_of_one} handshakes of one source are under way"))
        if self.handshakes >= self.max_handshakes:
            self._refuse("tls_handshakes", self.max_handshakes)
            self._give_up_oldest()
        self._of_source[source] = self._of_source.get(source, 0) + 1
        self._under_way[term] = None

    def end(self, source: str, term: Term) -> None:
        """It is over."""
        self._under_way.pop(term, None)
        left = self._of_source[source] - 1
        if left:
            self._of_source[source] = left
        else:
            del self._of_source[source]

    def _takes(self, source: str) -> bool:
        return not source or self._of_source.get(source, 0) < self.max_of_one

    def term_on(self, stream: trio.abc.Stream) -> Term:
        """What ends a handshake that begins now, on this stream, after its time."""
        return Term(stream, self.timeout)

    def _refuse(self, bound: str, limit: int) -> None:
        if self.reached is not None:
            self.reached(bound, limit)

    def _give_up_oldest(self) -> None:
        oldest = next(iter(self._under_way))
        del self._under_way[oldest]
        oldest.cancel()


async def accept_tls(
    stream: trio.abc.HalfCloseableStream,
    certificate: Certificate,
    *,
    first: bytes,
    profile: Profile,
    timeout: float = HANDSHAKE_SECONDS,
) -> TlsStream:
    """Do the server's side of a handshake, under a configuration that was made for its hello.

    `first` is everything the peer has sent so far.
    Raises TlsFailed after the alert is out; the stream below is then left open, for the caller to close.
    """
    return await _accept(stream, certificate, first, profile, timeout, Term(stream, timeout))


async def _accept(
    stream: trio.abc.HalfCloseableStream,
    certificate: Certificate,
    first: bytes,
    profile: Profile,
    timeout: float,
    term: Term,
) -> TlsStream:
    machine = TlsMachine(functools.partial(certificate.contexts.configure, profile))
    tls = TlsStream(stream, machine)
    error = None
    try:
        with term:
            await tls.finish_handshake(first, may_wait=True)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        error = "the connection broke"
    if term.cancelled_caught:
        error = f"not finished within {timeout:g} s"
    established = tls.established  # it may be so although our last bytes found nobody
    suite = machine.suite
    tls.outcome = TlsOutcome(
        profile.name,
        machine.version,
        None if suite is None else suite_name(suite),
        machine.alpn,
        machine.resumed,
        None if established else machine.error or error,
        machine.alert,
        tuple(machine.threats),
        client_certificate=machine.peer_certificate if certificate.contexts.asks_client else None,
    )
    tls.threats_told = len(machine.threats)
    if not established:
        raise TlsFailed(tls.outcome)
    return tls
