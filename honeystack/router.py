"""The router holds every conversation: is it TLS, whose is it, serve it, and if it is nobody's, capture it.

    peer ─ sniff for a ClientHello ─ TLS where a certificate is planned ─ recognition ─ service, or capture ─ close

Every wait is bounded. A fault of a service is recorded, ends that conversation, and nothing else.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import trio

from honeystack.config.model import PortEntry
from honeystack.conversation import Conversation, DatagramConversation, FirstBytes, FirstMemory, Recognition
from honeystack.events.event import Identity, Payload
from honeystack.events.recorder import Recorder
from honeystack.net.address import Endpoint
from honeystack.net.limits import Limits
from honeystack.net.notices import BoundReached
from honeystack.reception import CaptureLimits, PortPlan
from honeystack.rooms import Room, Rooms
from honeystack.tls.authority import Authority
from honeystack.tls.facts import TLS
from honeystack.tls.hello import HANDSHAKE, HelloReader, Progress, begins_as_tls
from honeystack.tls.mimicry import RANDOM, Appearance
from honeystack.tls.unfinished import HeldHello, UnfinishedHellos
from honeystack.transcript import WRITE_SECONDS, Transcript, Transcripts
from honeystack.unwrap import FirstDecrypted, TlsPlan, Unwrapper
from honeystack.witness import DROP, FAULT, fault_fields

HELLO_SECONDS = 10.0  # for a hello that has begun to become whole
RECOGNITION_BYTES = 8192  # a service that still needs more is given what there is
CLOSE_SECONDS = 10.0  # for the last bytes to be taken; then the connection is closed all the same

_TOLD = (Progress.COMPLETE, Progress.MALFORMED)
_PEERS_DOING = (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel)


class Router:
    """Implements Reception. `replace` changes the plan for the conversations to come; those under way go on."""

    def __init__(
        self,
        ports: Sequence[PortEntry],
        services: Mapping[str, Any],
        *,
        recorder: Recorder,
        capture: CaptureLimits,
        first_wait: float = 1.0,
        appearance: Appearance = RANDOM,
        secret: bytes = b"",
        authority: Authority | None = None,
        transcripts: Transcripts | None = None,
        limits: Limits | None = None,
        rng: random.Random,
    ) -> None:
        self.recorder = recorder
        limits = limits or Limits()
        self._unwrapper = Unwrapper(rng=rng, secret=secret, authority=authority, limits=limits, reached=self._reached)
        memory = limits.hello_memory
        self._hellos = UnfinishedHellos(memory, partial(self._reached, "hello_memory", memory))
        self.transcripts = transcripts  # where conversations are written down; may be changed at any time
        self._has_authority = authority is not None
        self._counters: Callable[[], Mapping[str, int]] = dict
        self._noticed: Callable[[BoundReached], None] | None = None
        self._first_memory = FirstMemory()
        self.replace(ports, services, capture=capture, first_wait=first_wait, appearance=appearance)

    def replace(
        self,
        ports: Sequence[PortEntry],
        services: Mapping[str, Any],
        *,
        capture: CaptureLimits,
        first_wait: float,
        appearance: Appearance = RANDOM,
    ) -> None:
        """Plan anew."""
        self.capture = capture
        self._first_wait = first_wait
        self._rooms = Rooms(
            ports, services, first_wait=first_wait, appearance=appearance, has_authority=self._has_authority
        )

    # Reception

    def plan_for(self, transport: str, local: Endpoint) -> PortPlan:
        return self._rooms.room(transport, local).plan

    def first_bytes(self, identity: Identity) -> FirstBytes:
        return FirstBytes(self.recorder, identity, self.capture.payload_bytes, memory=self._first_memory)

    def planned_ports(self, transport: str) -> tuple[tuple[str | None, int], ...]:
        return self._rooms.planned_ports(transport)

    def watch(
        self, counters: Callable[[], Mapping[str, int]], noticed: Callable[[BoundReached], None] | None = None
    ) -> None:
        self._counters = counters
        self._noticed = noticed

    def counters(self) -> Mapping[str, int]:
        """What the listener counts."""
        return self._counters()

    def answer_at_once(self, peer: Conversation) -> bool:
        """What a port's only service answers without waiting needs no task; all else goes the long way."""
        services = self._rooms.room("tcp", peer.flow.local).services
        answer = getattr(services[0][1], "answer_at_once", None) if len(services) == 1 else None
        if answer is None or self.transcripts is not None or begins_as_tls(peer.ahead):
            return False
        peer.service = services[0][0]
        try:
            answered = bool(answer(peer))
        except Exception as error:
            self._ended(peer, error)
            answered = peer.finish()
        if not answered:
            peer.service = None
        return answered

    def converse(self, peer: Conversation) -> Coroutine[Any, Any, None]:
        if self.transcripts is None:  # and no coroutine around another: each takes a conversation 250 bytes
            return self._converse(peer)
        return self._write_down(peer, self.transcripts)

    async def _converse(self, peer: Conversation) -> None:
        try:  # the service in no coroutine more than it needs: each takes a conversation 250 bytes
            service = await self._service_for(peer)
            if service is not None:
                await service.handle(peer)
        except (Exception, BaseExceptionGroup) as error:
            self._contain(peer, error)
        finally:
            if not peer.finish():
                with trio.move_on_after(CLOSE_SECONDS), contextlib.suppress(*_PEERS_DOING):
                    await peer.aclose()

    async def converse_datagrams(self, peer: DatagramConversation) -> None:
        try:
            await self._hold_datagrams(peer)
        except (Exception, BaseExceptionGroup) as error:
            self._contain(peer, error)

    async def _write_down(self, peer: Conversation, transcripts: Transcripts) -> None:
        """Converse, and keep a transcript of it."""
        if bound := transcripts.reached(peer):
            self._reached(*bound)
        given_way = transcripts.make_room(peer)
        transcript = transcripts.begin(peer)
        async with trio.open_nursery() as nursery:
            if given_way is not None:
                nursery.start_soon(self._end_transcript, transcripts, given_way)
            try:
                await self._converse(peer)
            finally:
                if transcript is not None:
                    await self._end_transcript(transcripts, transcript)

    async def _end_transcript(self, transcripts: Transcripts, transcript: Transcript) -> None:
        try:
            if not await transcripts.end(transcript):
                self._reached("pcap_write_seconds", int(WRITE_SECONDS))
        except OSError as error:
            self.recorder.record(FAULT, fault_fields(error), identity=transcript.identity)

    # the conversation, from top to bottom

    async def _service_for(self, peer: Conversation) -> Any:
        """Take TLS off where there is some, and find who serves; None where nobody does, and all has been told."""
        room = self._rooms.room("tcp", peer.flow.local)
        reader, ahead = self._unwrapper.reader(), peer.ahead
        wrapped: bool | None = False
        if not (peer.silent or (ahead and reader.feed(ahead) is Progress.NOT_TLS)):
            wrapped = await self._unwrap(peer, room, reader)
        if wrapped is None:
            return None
        if wrapped:
            await self._first_decrypted(peer, room)
        elif room.tls is not None:
            peer.tls_starter = partial(self._start_tls, plan=room.tls)
        if not (peer.ahead or peer.eof_received or room.plan.speaks_first):
            return None  # silent to the end
        services = room.services
        taker = await self._taker(peer, services) if len(services) > 1 else next(iter(services), None)
        if taker is None:
            await self._capture(peer)
            return None
        peer.service, service = taker
        return service

    async def _unwrap(self, peer: Conversation, room: Room, reader: HelloReader) -> bool | None:
        """Whether the peer is inside TLS now; None where it can be served no more. What is ahead has been read."""
        with self._hellos.hold() as hello:
            await self._sniff(peer, room.plan, reader, hello)
            if reader.progress not in _TOLD:
                self._tell_unfinished(peer, reader, hello)
                if hello.given_up:
                    return None
                return None if await self._leave_unfinished(peer, reader, room.tls) else False
            self._unwrapper.tell_hello(peer, reader)
            if room.tls is None:
                return False
            return await self._unwrapper.accept(peer, reader, room.tls, hello) or None

    async def _leave_unfinished(self, peer: Conversation, reader: HelloReader, plan: TlsPlan | None) -> bool:
        """Whether half a hello is no service's: where TLS is planned. If the peer ends with it, that is answered."""
        begun = reader.progress is Progress.MORE and bool(reader.raw)
        if plan is None or not begun or reader.raw[0] & 0x80:  # what may be a hello of SSLv2 may be anything
            return False
        if peer.eof_received:
            await self._unwrapper.accept(peer, reader, plan)
        return True

    async def _sniff(self, peer: Conversation, plan: PortPlan, reader: HelloReader, hello: HeldHello) -> None:
        """Look for a ClientHello in the first bytes; they stay unconsumed."""
        ahead = peer.ahead
        hello.received(ahead)
        if reader.progress in _TOLD:
            return
        begun = bool(ahead)
        first_wait = plan.first_wait if plan.speaks_first else self.capture.idle
        wait = self._hello_wait(peer) if begun else first_wait
        with trio.CancelScope(deadline=trio.current_time() + wait) as scope:
            hello.wait_in(scope)
            while reader.progress is Progress.MORE and (more := await peer.peek_more()):
                reader.feed(more)
                hello.received(more)
                if not begun:
                    begun = True
                    scope.deadline = trio.current_time() + self._hello_wait(peer)

    async def _start_tls(self, peer: Conversation, plan: TlsPlan) -> bool:
        """TLS that begins after plaintext, because a service has agreed to it."""
        reader = self._unwrapper.reader()
        with self._hellos.hold() as hello:
            with trio.move_on_after(HELLO_SECONDS) as scope:
                hello.wait_in(scope)
                more = peer.ahead or await peer.peek_more()
                hello.received(more)
                while more and reader.feed(more) is Progress.MORE:
                    more = await peer.peek_more()
                    hello.received(more)
            if reader.progress not in _TOLD:
                self._tell_unfinished(peer, reader, hello)
                if hello.given_up or await self._leave_unfinished(peer, reader, plan):
                    peer.take_ahead()  # half a hello is no word for the service
                    await peer.aclose()
                return False
            self._unwrapper.tell_hello(peer, reader)
            if not await self._unwrapper.accept(peer, reader, plan, hello):
                return False
            peer.first = FirstDecrypted(peer, self.capture.payload_bytes, memory=self._first_memory)
            peer.first.received(peer.ahead)
            return True

    def _tell_unfinished(self, peer: Conversation, reader: HelloReader, hello: HeldHello) -> None:
        if hello.given_up:
            why = "given up for the hellos of others"
        else:
            why = "it ended early" if peer.eof_received else f"not whole within {HELLO_SECONDS:g} s"
        self._unwrapper.tell_unfinished(peer, reader, why)

    def _hello_wait(self, peer: Conversation) -> float:
        """A record of TLS will be a hello; what may be one of SSLv2 may also be anything else, and waits less long."""
        return HELLO_SECONDS if peer.ahead[0] == HANDSHAKE else self._first_wait

    async def _first_decrypted(self, peer: Conversation, room: Room) -> None:
        """Wait for the first bytes inside TLS and record them; without a service, all until a pause."""
        if not peer.ahead:
            wait = room.plan.first_wait if room.plan.speaks_first else self.capture.idle
            with trio.move_on_after(wait):
                await peer.peek_more()
        if not room.services:
            await self._collect(peer)
        if peer.ahead:
            payload = Payload.cut(peer.ahead, self.capture.payload_bytes)
            peer.record(TLS, {"tls.stage": "payload", **peer.facts, "payload": payload})

    async def _taker(self, peer: Conversation, services: Sequence[tuple[str, Any]]) -> tuple[str, Any] | None:
        """The service that takes the conversation: the one that says MINE, or one that speaks first."""
        final = not peer.ahead
        while peer.ahead:
            final = final or peer.eof_received or len(peer.ahead) >= RECOGNITION_BYTES
            taker, undecided = self._ask(peer, services, final=final)
            if taker is not None:
                return taker
            if final or not undecided:
                break
            with trio.move_on_after(self._first_wait) as pause:
                await peer.peek_more(RECOGNITION_BYTES)
            final = pause.cancelled_caught
        return next((entry for entry in services if entry[1].speaks_first), None)

    def _ask(
        self, peer: Conversation | DatagramConversation, services: Sequence[tuple[str, Any]], *, final: bool
    ) -> tuple[tuple[str, Any] | None, bool]:
        """Ask in order. Who needs more bytes holds up those after it, unless no more will come."""
        first = peer.ahead if isinstance(peer, Conversation) else peer.first
        for name, service in services:
            try:
                answer = service.recognise(first, eof=final)
            except Exception as error:  # a plugin's fault costs the plugin this conversation, and nobody else anything
                self.recorder.record(FAULT, fault_fields(error), identity=peer.identity, service=name)
                continue
            if answer is Recognition.MINE:
                return (name, service), False
            if answer is Recognition.MORE and not final:
                return None, True
        return None, False

    async def _capture(self, peer: Conversation) -> None:
        """Nobody's: read until a pause, so that the first bytes are told whole."""
        await self._collect(peer)
        peer.tell_first()

    async def _collect(self, peer: Conversation) -> None:
        size = len(peer.ahead)
        end = trio.current_time() + self.capture.idle  # of a peer that never pauses
        with trio.CancelScope() as scope:
            while size < self.capture.payload_bytes:
                scope.deadline = min(trio.current_time() + self.capture.pause, end)
                more = await peer.peek_more()
                if not more:
                    return
                size += len(more)

    async def _hold_datagrams(self, peer: DatagramConversation) -> None:
        room = self._rooms.room("udp", peer.flow.local)
        able = [entry for entry in room.services if hasattr(entry[1], "handle_datagrams")]
        taker = able[0] if len(able) == 1 else self._ask(peer, able, final=True)[0]
        if taker is None:
            return
        peer.service, service = taker
        await service.handle_datagrams(peer)

    def _reached(self, bound: str, limit: int) -> None:
        if self._noticed is None:
            self.recorder.record(DROP, {"reason": bound, "limit": limit})
        else:
            self._noticed(BoundReached(bound, limit, None))

    # containment

    def _contain(self, peer: Conversation | DatagramConversation, error: BaseException) -> None:
        """An error ends its conversation and nothing else; raises what is none."""
        if isinstance(error, BaseExceptionGroup) and not isinstance(error, ExceptionGroup):
            faults, rest = error.split(Exception)  # of a service's own nursery, when we are being cancelled too
            if faults is not None:
                self._ended(peer, faults)
            if rest is not None:
                raise rest from None
        else:
            self._ended(peer, error)

    def _ended(self, peer: Conversation | DatagramConversation, error: BaseException) -> None:
        """A conversation ended by an error: the peer's going away is none of ours, the rest is."""
        for leaf in _leaves(error):
            if not isinstance(leaf, _PEERS_DOING):
                self.recorder.record(FAULT, fault_fields(leaf), identity=peer.identity, service=peer.service)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)
