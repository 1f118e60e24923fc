"""TLS over any stream: the handshake with its bounds, and a HalfCloseableStream of the decrypted bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
import trio

from honeystack.errors import HoneystackError
from honeystack.tls.machine import TlsMachine, TlsState

HANDSHAKE_SECONDS = 10.0  # a handshake that takes longer is given up
CLOSE_SECONDS = 5.0  # for close_notify to be taken
_RECEIVE = 32_768  # from the stream below, two records
_CLOSE = 256  # more than close_notify and its record have in any suite
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


_NONE = TlsOutcome("none")


class TlsFailed(HoneystackError):
    """A handshake did not come to its end: the peer's doing, told by `outcome`. The stream below is still open."""

    def __init__(self, outcome: TlsOutcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class TlsStream(trio.abc.HalfCloseableStream):
    """Decrypted bytes over another stream, which it owns. A peer that ends without close_notify is at its end too."""

    __slots__ = (
        "_ahead",
        "_broken",
        "_closed",
        "_flushing",
        "_lot",
        "_machine",
        "_receiving",
        "_sending",
        "_sent_eof",
        "established",
        "on_threat",
        "outcome",
        "threats_told",
        "transport",
    )

    def __init__(self, transport: trio.abc.HalfCloseableStream, machine: TlsMachine) -> None:
        self.transport = transport
        self.outcome = _NONE
        self.established = False  # the handshake has come to its good end, whatever came after it
        self.on_threat: Callable[[str], None] | None = None  # told of attacks that come after the handshake
        self.threats_told = 0
        self._machine = machine
        self._ahead = b""  # decrypted, and not yet received by anybody
        self._flushing = False  # what is encrypted must leave in order, also what reading makes us answer
        self._lot: trio.lowlevel.ParkingLot | None = None  # of those who wait until they may flush
        self._receiving = self._sending = False
        self._sent_eof = False
        self._closed = False
        self._broken = False  # encrypted bytes were lost on the way out

    async def finish_handshake(self, first: bytes = b"", *, may_wait: bool = False) -> None:
        """Drive the handshake to its end, good or bad; `first` has come already. Used by `accept_tls` and clients.

        Where the peer goes on with data at once, our last flight `may_wait` for the answer, and leave together with it.
        """
        machine = self._machine
        machine.receive_data(first)
        while machine.state is TlsState.HANDSHAKE:
            if machine.pending and not self._flush_at_once():
                await self._flush()
            data = await self.transport.receive_some(_RECEIVE)
            if data:
                machine.receive_data(data)
            else:
                machine.receive_eof()
        self.established = machine.state is TlsState.ESTABLISHED
        if self.established and may_wait:
            self._ahead = machine.read(_RECEIVE) or b""
        if machine.pending and not self._ahead and not self._flush_at_once():
            await self._flush()

    def take_ahead(self) -> bytes:
        """The bytes that came together with the end of the handshake, instead of receiving them."""
        taken, self._ahead = self._ahead, b""
        return taken

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is in the middle of a receive")
        self._receiving = True
        patience, until = getattr(self.transport, "patience", None), None  # our own TCP has some
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            data = self._take(max_bytes or _RECEIVE)
            if data is not None:
                await trio.lowlevel.cancel_shielded_checkpoint()
            while data is None:  # without another coroutine around the wait, which takes each stream 200 bytes
                if self._machine.pending:
                    await self._answer()
                self._received(await self.transport.receive_some(_RECEIVE))
                data = self._take(max_bytes or _RECEIVE)
                if data is None and patience is not None:  # what brings no data is no reason to wait longer
                    until = until or trio.current_time() + patience
                    self.transport.patience = max(0.0, until - trio.current_time())  # type: ignore[attr-defined]
            if not data:
                await self._answer()
                if self._machine.error is not None:
                    self._tell_threats()
                    raise trio.BrokenResourceError(self._machine.error)
            return data
        finally:
            self._receiving = False
            if until is not None:
                self.transport.patience = patience  # type: ignore[attr-defined]

    def _take(self, max_bytes: int) -> bytes | None:
        self._check_open()
        if not self._ahead:
            return self._machine.read(max_bytes)
        taken, self._ahead = self._ahead[:max_bytes], self._ahead[max_bytes:]
        return taken

    def _received(self, more: bytes | bytearray) -> None:
        if more:
            self._machine.receive_data(more)
            self._tell_threats()
        else:
            self._machine.receive_eof()

    async def _answer(self) -> None:
        """Send what reading has made us answer; it finds nobody where the peer has sent all it had, and left."""
        if self._machine.pending and not self._flush_at_once():
            with contextlib.suppress(trio.BrokenResourceError):
                await self._flush()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._begin_sending()
        try:
            self._check_may_send()
            await trio.lowlevel.checkpoint_if_cancelled()
            view = memoryview(data)
            if not view:
                await trio.lowlevel.cancel_shielded_checkpoint()
            for start in range(0, len(view), _SEND):
                self._check_may_send()
                self._machine.send(view[start : start + _SEND])
                if self._flush_at_once():
                    await trio.lowlevel.cancel_shielded_checkpoint()
                else:
                    await self._flush()
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        self._begin_sending()
        try:
            self._check_may_send()
            await self.transport.wait_send_all_might_not_block()
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Send close_notify; the stream below stays open both ways."""
        self._begin_sending()
        try:
            self._check_open()
            await trio.lowlevel.checkpoint()
            if self._sent_eof:
                return
            self._sent_eof = True
            self._machine.send_close()
            await self._flush()
        finally:
            self._sending = False

    def finish(self) -> bool:
        """Do what `aclose` does without waiting; False where that cannot be, and nothing has been done."""
        room = getattr(self.transport, "room", 0)  # our own TCP has it
        if self._closed or self._broken or self._sending or self._flushing or self._machine.pending + _CLOSE > room:
            return False
        self._close()
        self._machine.send_close()
        return bool(self.transport.finish(self._machine.poll_transmit()))  # type: ignore[attr-defined]

    async def aclose(self) -> None:
        """Send close_notify if nothing is in its way, and close the stream below."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._close()
        try:
            if not (self._broken or self._sending or self._flushing):
                self._machine.send_close()
                with trio.move_on_after(CLOSE_SECONDS), contextlib.suppress(*_PEERS_DOING):
                    await self._transmit()
        finally:
            await self.transport.aclose()

    def _close(self) -> None:
        self._closed = True
        self.on_threat = None  # which may know whose stream this is: OpenSSL's memory would wait for the collector

    def _tell_threats(self) -> None:
        threats = self._machine.threats
        if self.on_threat is not None and self.threats_told < len(threats):
            for threat in threats[self.threats_told :]:
                self.on_threat(threat)
            self.threats_told = len(threats)

    def _flush_at_once(self) -> bool:
        """Send what is encrypted, where there is room for it; False where that cannot be, and nothing has been done."""
        room = getattr(self.transport, "room", 0)  # our own TCP has it
        if self._flushing or not 0 < self._machine.pending <= room:
            return False
        self.transport.send_at_once(self._machine.poll_transmit())  # type: ignore[attr-defined]
        return True

    async def _flush(self) -> None:
        """Send what is encrypted. Raises as the stream below, ClosedResourceError where we closed meanwhile."""
        while self._flushing:
            self._lot = self._lot or trio.lowlevel.ParkingLot()
            await self._lot.park()
        self._flushing = True
        try:
            await self._transmit()
        except trio.BrokenResourceError:
            self._check_open()
            raise
        finally:
            self._flushing = False
            if self._lot is not None:
                self._lot.unpark_all()

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

    def _begin_sending(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is in the middle of a send")
        self._sending = True


_PEERS_DOING = (trio.BrokenResourceError, trio.ClosedResourceError)
