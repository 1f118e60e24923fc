"""Banner: the greeting comes first, and the answer is kept."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from honeystack.events.event import Payload
from honeystack.services.banner import Banner
from honeystack.testing.conversations import Meeting


async def test_it_greets_before_the_peer_has_spoken() -> None:
    client, peer = Meeting().conversation()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Banner(text="220 ready\r\n").handle, peer)
        assert await client.receive_some() == b"220 ready\r\n"
        await client.send_eof()


async def test_the_answer_is_kept_until_the_peer_pauses(autojump_clock: trio.testing.MockClock) -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Banner(pause=10).handle, peer)
        await client.send_all(b"USER root\r\n")
        await trio.sleep(9)
        await client.send_all(b"PASS toor\r\n")
    assert trio.current_time() == pytest.approx(19)
    (event,) = meeting.of("banner")
    assert event.fields["payload"] == Payload(b"USER root\r\nPASS toor\r\n", 22)


async def test_a_long_answer_is_cut_and_its_length_told() -> None:
    meeting = Meeting()
    await meeting.serve(Banner(max_bytes=10), b"x" * 100)
    payload = meeting.of("banner")[0].fields["payload"]
    assert payload == Payload(b"x" * 10, 100)


async def test_a_peer_that_says_nothing_leaves_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    meeting = Meeting()
    await meeting.serve(Banner(), b"", ends=False)
    assert trio.current_time() == pytest.approx(60)
    assert not meeting.of("banner")


async def test_many_peers_at_once_are_told_apart() -> None:
    meeting = Meeting()

    async def client(number: int) -> None:
        await meeting.serve(Banner(), b"%d" % number)

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(client, number)
    said = {event.identity: event.fields["payload"] for event in meeting.of("banner")}
    raw = {event.identity: event.fields["payload"] for event in meeting.of("tcp", "payload")}
    assert len(said) == 100
    assert said == raw


@pytest.mark.parametrize("settings", [{"max_bytes": -1}, {"pause": 0}, {"idle": -1}])
def test_numbers_that_mean_nothing_are_refused(settings: dict[str, int]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"'{name}'"):
        Banner(**settings)  # type: ignore[arg-type]
