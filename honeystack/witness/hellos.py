"""TLS over UDP: the hellos of QUIC and DTLS clients, on whatever port they come to; nothing is answered.

Decrypting costs some 100 µs a datagram, so no more are looked at than a budget allows; what is beyond it is still told
as a datagram. A hello over several datagrams is collected per flow, in a bounded table.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from honeystack.events.event import Identity
from honeystack.events.recorder import Recorder
from honeystack.net.address import Flow
from honeystack.tls import dtls, quic
from honeystack.tls.dtls import DtlsReader
from honeystack.tls.facts import UDP_TLS, hello_fields, threat_fields
from honeystack.tls.fingerprint import Transport, fingerprint
from honeystack.tls.hello import Progress
from honeystack.tls.quic import InitialReader

FLOWS = 256  # with a hello under way, or told lately
PER_SECOND = 200  # datagrams that are looked into: a fiftieth of a core
BURST = 2  # seconds' worth of datagrams that a rest allows at once
FLOW_SECONDS = 30.0  # after which a flow may begin anew

_Reader = InitialReader | DtlsReader
_USELESS = (Progress.MALFORMED, Progress.NOT_TLS)


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
        self._per_second = per_second
        self._recorder = recorder
        self._clock = clock
        self._readers: OrderedDict[Flow, tuple[_Reader, float]] = OrderedDict()  # with the time that each began
        self._budget = float(BURST * per_second)
        self._refilled = clock()

    def received(self, flow: Flow, data: bytes, identity: Identity) -> None:
        """A datagram has come that was not there before; `identity` is that of its own event."""
        fresh: type[_Reader]
        if quic.may_be_initial(data):
            fresh = InitialReader
        elif dtls.may_be_hello(data):
            fresh = DtlsReader
        else:
            return
        if self._affords():
            reader = self._reader(flow, fresh)
            if reader.progress is Progress.MORE and reader.feed(data) is Progress.COMPLETE:
                self._tell(reader, identity)

    def _reader(self, flow: Flow, fresh: type[_Reader]) -> _Reader:
        reader, began = self._readers.pop(flow, (None, 0.0))
        if not isinstance(reader, fresh) or self._refilled > began + FLOW_SECONDS or reader.progress in _USELESS:
            reader, began = fresh(), self._refilled
        if len(self._readers) >= self._flows:
            _, (oldest, _) = self._readers.popitem(last=False)
            self.forgotten += oldest.progress is Progress.MORE
        self._readers[flow] = reader, began
        return reader

    def _affords(self) -> bool:
        now = self._clock()
        gained = (now - self._refilled) * self._per_second
        self._budget = min(float(BURST * self._per_second), self._budget + gained)
        self._refilled = now
        if self._budget < 1:
            self.passed_over += 1
            return False
        self._budget -= 1
        return True

    def _tell(self, reader: _Reader, identity: Identity) -> None:
        over: Transport = "q" if isinstance(reader, InitialReader) else "d"
        assert reader.hello is not None
        prints = fingerprint(reader.hello, over)
        fields: dict[str, object] = {"tls.stage": "hello", "tls.transport": "quic" if over == "q" else "dtls"}
        if isinstance(reader, InitialReader):
            fields["quic.version"] = reader.version
        fields |= hello_fields(reader.hello, prints, reader.message) | threat_fields(reader.hello, prints, 1)
        self._recorder.record(UDP_TLS, fields, identity=identity)
