"""TLS over any stream: the handshake with its bounds, and a HalfCloseableStream of the decrypted bytes."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator

import attrs
import trio

from honeystack.errors import HoneystackError
from honeystack.tls.certificates import Certificate
from honeystack.tls.machine import TlsMachine, TlsState
from honeystack.tls.profiles import Profile

HANDSHAKE_SECONDS = 10.0  # a handshake that takes longer is given up
MAX_HANDSHAKES = 1024  # at a time: each holds about 45 kB
MAX_HANDSHAKES_OF_ONE = 256  # source, so that one peer cannot take them all
CLOSE_SECONDS = 5.0  # for close_notify to be taken
_RECEIVE = 32_768  # from the stream below, two records
_SEND = 65_536  # encrypted at a time, so that a large send does not stand in memory twice


@attrs.frozen
class TlsOutcome:
    """What a handshake came to; parts that were not reached are None."""

    profile: str
    version: str | None = None  # "1.0" to "1.3"
    cipher_suite: str | None = None  # by its IANA name
    alpn: str | None = None
    resumed: bool = False
    error: str | None = None  # why it failed
    alert: str | None = None  # the alert that ended it, sent by either side
    threats: tuple[str, ...] = ()  # attacks that the peer tried
    forged: bool = False  # a scanner was sent another server's hello, which no handshake follows
    client_certificate: bytes | None = None  # as DER


class TlsFailed(HoneystackError):
    """A handshake did not come to its end: the peer's doing, told by `outcome`. The stream below is still open."""

    def __init__(self, outcome: TlsOutcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


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
    refused: int = attrs.field(default=0, init=False)  # because too many were under way
    _under_way: dict[trio.CancelScope, None] = attrs.field(factory=dict, init=False)  # in the order in which they began
    _of_source: Counter[str] = attrs.field(factory=Counter, init=False)

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
    ) -> TlsStream:
        """As `accept_tls`; beyond the bounds it raises TlsFailed. `source` is the peer's address or network."""
        if source and self._of_source[source] >= self.max_of_one:
            self._refuse("tls_handshakes_per_source", self.max_of_one)
            await trio.lowlevel.checkpoint()
            raise TlsFailed(TlsOutcome("none", error=f"{self.max_of_one} handshakes of one source are under way"))
        if self.handshakes >= self.max_handshakes:
            self._refuse("tls_handshakes", self.max_handshakes)
            self._give_up_oldest()
        self._of_source[source] += 1
        with trio.CancelScope() as scope:
            self._under_way[scope] = None
            try:
                return await accept_tls(stream, certificate, first=first, profile=profile, timeout=self.timeout)
            finally:
                self._under_way.pop(scope, None)
                self._of_source[source] -= 1
                if not self._of_source[source]:
                    del self._of_source[source]
        raise TlsFailed(TlsOutcome(profile.name, error=f"given up: {self.max_handshakes} began after it"))

    def _refuse(self, bound: str, limit: int) -> None:
        self.refused += 1
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
    machine = TlsMachine(functools.partial(certificate.contexts.configure, profile))
    tls = TlsStream(stream, machine)
    error = None
    try:
        with trio.fail_after(timeout):
            await tls.finish_handshake(first)
    except trio.TooSlowError:
        error = f"not finished within {timeout:g} s"
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        error = "the connection broke"
    established = machine.state is TlsState.ESTABLISHED  # it may be so although our last bytes found nobody
    cipher = machine.cipher
    tls.outcome = TlsOutcome(
        profile.name,
        machine.version,
        None if cipher is None else certificate.contexts.iana_name(cipher),
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


class TlsStream(trio.abc.HalfCloseableStream):
    """Decrypted bytes over another stream, which it owns. A peer that ends without close_notify is at its end too."""

    def __init__(self, transport: trio.abc.HalfCloseableStream, machine: TlsMachine) -> None:
        self.transport = transport
        self.outcome = TlsOutcome("none")
        self.on_threat: Callable[[str], None] | None = None  # told of attacks that come after the handshake
        self.threats_told = 0
        self._machine = machine
        self._flushing = trio.Lock()  # what is encrypted must leave in order, also what reading makes us answer
        self._busy: set[str] = set()
        self._sent_eof = False
        self._closed = False
        self._broken = False  # encrypted bytes were lost on the way out

    async def finish_handshake(self, first: bytes = b"") -> None:
        """Drive the handshake to its end, good or bad; `first` has come already. Used by `accept_tls` and clients."""
        machine = self._machine
        machine.receive_data(first)
        while machine.state is TlsState.HANDSHAKE:
            await self._flush()
            data = await self.transport.receive_some(_RECEIVE)
            if data:
                machine.receive_data(data)
            else:
                machine.receive_eof()
        await self._flush()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._only_one("receive"):
            await trio.lowlevel.checkpoint()
            while True:
                self._check_open()
                data = self._machine.read(max_bytes or _RECEIVE)
                if self._machine.pending:
                    with contextlib.suppress(trio.BrokenResourceError):  # the peer may have sent all it had, and left
                        await self._flush()
                if not data and self._machine.error is not None:
                    self._tell_threats()
                    raise trio.BrokenResourceError(self._machine.error)
                if data is not None:
                    return data
                more = await self.transport.receive_some(_RECEIVE)
                if more:
                    self._machine.receive_data(more)
                    self._tell_threats()
                else:
                    self._machine.receive_eof()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with self._only_one("send"):
            self._check_may_send()
            await trio.lowlevel.checkpoint()
            view = memoryview(data)
            for start in range(0, len(view), _SEND):
                self._check_may_send()
                self._machine.send(view[start : start + _SEND])
                await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        with self._only_one("send"):
            self._check_may_send()
            await self.transport.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Send close_notify; the stream below stays open both ways."""
        with self._only_one("send"):
            self._check_open()
            await trio.lowlevel.checkpoint()
            if self._sent_eof:
                return
            self._sent_eof = True
            self._machine.send_close()
            await self._flush()

    async def aclose(self) -> None:
        """Send close_notify if nothing is in its way, and close the stream below."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        try:
            if not (self._broken or self._busy & {"send"} or self._flushing.locked()):
                self._machine.send_close()
                with trio.move_on_after(CLOSE_SECONDS), contextlib.suppress(*_PEERS_DOING):
                    await self._transmit()
        finally:
            await self.transport.aclose()

    def _tell_threats(self) -> None:
        threats = self._machine.threats
        if self.on_threat is not None and self.threats_told < len(threats):
            for threat in threats[self.threats_told :]:
                self.on_threat(threat)
            self.threats_told = len(threats)

    async def _flush(self) -> None:
        """Send what is encrypted. Raises as the stream below, ClosedResourceError where we closed meanwhile."""
        try:
            async with self._flushing:
                await self._transmit()
        except trio.BrokenResourceError:
            self._check_open()
            raise

    async def _transmit(self) -> None:
        data = self._machine.poll_transmit()
        if not data:
            await trio.lowlevel.checkpoint()
            return
        sent = False
        try:
            await self.transport.send_all(data)
            sent = True
        finally:
            self._broken = self._broken or not sent

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")

    def _check_may_send(self) -> None:
        self._check_open()
        if self._sent_eof:
            raise trio.ClosedResourceError("send_eof was called")
        if self._broken or self._machine.state is not TlsState.ESTABLISHED:
            raise trio.BrokenResourceError(self._machine.error or "bytes were lost when an earlier send was ended")

    @contextlib.contextmanager
    def _only_one(self, what: str) -> Iterator[None]:
        if what in self._busy:
            raise trio.BusyResourceError(f"another task is in the middle of a {what}")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.discard(what)


_PEERS_DOING = (trio.BrokenResourceError, trio.ClosedResourceError)
