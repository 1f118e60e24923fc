"""What becomes of the honeypot's interface while it runs: that it goes down, has other addresses, or is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn

import attrs
import structlog
import trio

from honeystack.errors import Unavailable
from honeystack.net.interface import InterfaceFacts, InterfaceNews, InterfaceState, interface_state

SETTLE = 0.5  # seconds; what comes and goes in between is one change

log = structlog.get_logger()


class InterfaceChange(NamedTuple):
    """What is new of the interface; addresses have their prefix lengths."""

    up: bool
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


@attrs.frozen
class InterfaceWatch:
    """Compares the interface with how it was at the start; with `addresses`, also those that it has."""

    facts: InterfaceFacts
    addresses: bool

    async def watch(self, tell: Callable[[InterfaceChange], object]) -> NoReturn:
        """Tell changes until cancelled. Raises Unavailable once the interface is gone: its ring never comes back."""
        known = InterfaceState(True, self.facts.addresses)
        with InterfaceNews() as news:
            while True:
                known = self._compare(known, tell)
                await news.wait()
                await trio.sleep(SETTLE)
                news.forget()

    def _compare(self, known: InterfaceState, tell: Callable[[InterfaceChange], object]) -> InterfaceState:
        try:
            state = interface_state(self.facts.index)
        except Unavailable:
            return known  # nobody knows
        name = self.facts.name
        if state is None:
            raise Unavailable(f"the interface {name} is gone: start again once it is there")
        if not state.up or not self.addresses:
            state = state._replace(addresses=known.addresses)  # the kernel takes those of IPv6 off what is down
        change = InterfaceChange(
            state.up,
            tuple(one for one in state.addresses if one not in known.addresses),
            tuple(one for one in known.addresses if one not in state.addresses),
        )
        if state.up != known.up:
            say = log.warning if state.up else log.error
            say(
                "the interface is up again" if state.up else "the interface is down: nobody is answered", interface=name
            )
        if change.appeared:
            log.warning(
                "the interface has other addresses: they are the host's until a restart",
                interface=name,
                addresses=list(change.appeared),
            )
        if state.up != known.up or change.appeared or change.vanished:
            tell(change)
        return state
