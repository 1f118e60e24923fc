"""TLS over UDP: the hellos of QUIC and DTLS clients, on whatever port they come to; nothing is answered.

Decrypting costs some 100 µs a datagram, so no more are looked at than a budget allows; what is beyond it is still told
as a datagram. A hello over several datagrams is collected, for QUIC by its connection id too, in a bounded table. Each
datagram is also read by itself first: whatever came from a port before it, a hello that is whole is told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from honeystack.events.event import Identity
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow, source_text
from honeystack.tls import dtls, quic
from honeystack.tls.budget import WorkBudget
from honeystack.tls.datagrams import DatagramReader
from honeystack.tls.dtls import DtlsReader
from honeystack.tls.facts import UDP_TLS, hello_fields, threat_fields
from honeystack.tls.fingerprint import Transport, fingerprint
from honeystack.tls.hello import Progress
from honeystack.tls.quic import InitialReader

FLOWS = 256  # with a hello under way, or told lately
PER_SECOND = 200  # datagrams that are looked into: a fiftieth of a core; of one source a fourth of them
FLOW_SECONDS = 30.0  # after which a flow may begin anew

_Key = tuple[Flow, bytes]  # and the connection id of QUIC


class DatagramHellos:
    """Input: `received`. Output: events, through the recorder.

    Getters: `passed_over`, the datagrams beyond the budget; `forgotten`, the hellos that were given up unfinished.
    """

    def __init__(
        self, recorder: Recorder, *, clock: Callable[[], float], per_second: int = PER_SECOND, flows: int = FLOWS
    ) -> None:
        self.passed_over = 0
        self.forgotten = 0
        self._flows = flows
        self._recorder = recorder
        self._clock = clock
        self._readers: OrderedDict[_Key, tuple[DatagramReader, float]] = OrderedDict()  # with the time that each began
        self._told: OrderedDict[Flow, tuple[object, float]] = OrderedDict()  # what the last hello was, and when
        self._budget = WorkBudget(per_second, now=clock())

    def received(self, flow: Flow, data: bytes, identity: Identity) -> None:
        """A datagram has come that was not there before; `identity` is that of its own event."""
        if quic.may_be_initial(data):
            alone: DatagramReader = InitialReader()
            key = flow, quic.connection_of(data)
        elif dtls.may_be_hello(data):
            alone, key = DtlsReader(), (flow, b"")
        else:
            return
        now = self._clock()
        if not self._budget.spend(now, source_text(flow.remote.address)):
            self.passed_over += 1
            return
        reader = alone if alone.feed(data) is Progress.COMPLETE else self._collected(key, alone, data, now)
        if reader is not None and not self._is_told(flow, reader, now):
            self._tell(reader, identity)

    def _collected(self, key: _Key, alone: DatagramReader, data: bytes, now: float) -> DatagramReader | None:
        """The reader that this datagram completes, if it does so; `alone` has read it by itself."""
        reader, began = self._readers.pop(key, (alone, now))
        if type(reader) is not type(alone) or now > began + FLOW_SECONDS:
            reader, began = alone, now
        if reader is not alone and reader.feed(data) is Progress.COMPLETE:
            return reader
        if reader.progress is not Progress.MORE:
            reader, began = alone, now
        if reader.progress is Progress.MORE and reader.begun:
            if len(self._readers) >= self._flows:
                self._readers.popitem(last=False)
                self.forgotten += 1
            self._readers[key] = reader, began
        return None

    def _is_told(self, flow: Flow, reader: DatagramReader, now: float) -> bool:
        """Whether it is the hello that was told last, sent again; else it is from now on."""
        assert reader.hello is not None
        this = type(reader), reader.hello.random
        last, at = self._told.pop(flow, (None, 0.0))
        again = last == this and now <= at + FLOW_SECONDS
        if len(self._told) >= self._flows:
            self._told.popitem(last=False)
        self._told[flow] = this, at if again else now
        return again

    def _tell(self, reader: DatagramReader, identity: Identity) -> None:
        over: Transport = "q" if isinstance(reader, InitialReader) else "d"
        assert reader.hello is not None
        prints = fingerprint(reader.hello, over)
        fields: dict[str, object] = {"tls.stage": "hello", "tls.transport": "quic" if over == "q" else "dtls"}
        if isinstance(reader, InitialReader):
            fields["quic.version"] = reader.version
        fields |= hello_fields(reader.hello, prints, reader.message) | threat_fields(reader.hello, prints, 1)
        self._recorder.record(UDP_TLS, fields, identity=identity)
