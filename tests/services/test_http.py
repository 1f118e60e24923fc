"""HTTP as nginx serves it: answers, limits, patience, and what is told of each request."""

from __future__ import annotations

import re

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.conversation import Recognition
from honeystack.events.event import Payload
from honeystack.services._http_request import Request
from honeystack.services.http import PAGE, Http
from honeystack.testing.conversations import Meeting

GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"


def statuses(heard: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", heard)]


def asked(meeting: Meeting, key: str) -> list[object]:
    return [event.fields.get(f"http.{key}") for event in meeting.of("http", "request")]


async def test_a_page_is_served_and_the_request_told() -> None:
    meeting = Meeting()
    heard = await meeting.serve(Http(), GET, name="http01")
    assert heard.startswith(b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: ")
    assert heard.endswith(b"\r\n\r\n" + PAGE.encode())
    (event,) = meeting.of("http")
    assert event.service == "http01"
    assert event.fields == {
        "http.method": "GET",
        "http.url": "/",
        "http.version": "1.1",
        "http.host": "example.org",
        "http.header.host": "example.org",
        "http.status": 200,
        "payload": Payload(GET, len(GET)),
    }


async def test_pipelined_requests_are_answered_in_order_and_told_one_by_one() -> None:
    meeting = Meeting()
    second = b"POST /login HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nuser=root"
    third = b"PUT /x HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    heard = await meeting.serve(Http(), GET + second + third + LAST)
    assert statuses(heard) == [200, 405, 405, 200]
    assert asked(meeting, "method") == ["GET", "POST", "PUT", "GET"]
    assert asked(meeting, "body") == [None, "user=root", "abcde", None]
    raw = [event.fields["payload"] for event in meeting.of("http")]
    assert raw == [Payload(each, len(each)) for each in (GET, second, third, LAST)]


async def test_head_has_the_length_and_no_body() -> None:
    heard = await Meeting().serve(Http(), GET.replace(b"GET", b"HEAD"))
    assert heard.endswith(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(PAGE.encode()) in heard


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO", "FOO-BAR"])
async def test_any_method_is_taken_and_told(method: str) -> None:
    meeting = Meeting()
    assert statuses(await meeting.serve(Http(), GET.replace(b"GET", method.encode()))) == [405]
    assert asked(meeting, "method") == [method]


async def test_connect_is_not_allowed_and_told() -> None:
    meeting = Meeting()
    assert statuses(await meeting.serve(Http(), b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n")) == [405]
    assert asked(meeting, "url") == ["a.example:443"]


HOSTILE = [
    ("TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00", 400),
    ("lower-case method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("no such version", b"GET / HTTP/2.0\r\n\r\n", 505),
    ("version that is none", b"GET / HTTP/x.1\r\nHost: a\r\n\r\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("bad host", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("relative target", b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("NUL in the target", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("NUL in a header", b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
    ("endless target", b"GET /" + b"a" * 9000, 414),
    ("long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("endless nothing", b"A" * 9000, 414),
    ("long header", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400),
    ("endless header", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000, 400),
    ("too many headers", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 9000, 400),
    ("too large", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
    ("absurd length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("negative length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (
        "smuggling",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("unknown coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("chunks in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("bad chunk", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ("line feeds only", b"GET / HTTP/1.1\nHost: a\n\n", 200),
    ("empty lines before it", b"\r\n\r\n" + GET, 200),
    ("absolute target", b"GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("bytes beyond ASCII", b"GET /\xc3\xa4\xff HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ("query", b"GET /?id=1%27%20OR%201=1 HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("header that is none", b"GET / HTTP/1.1\r\nHost: a\r\n:x\r\nno colon\r\nA B: c\r\n\r\n", 200),
    ("shellshock", b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: () { :; }; /bin/id\r\n\r\n", 200),
]


@pytest.mark.parametrize(("said", "status"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
async def test_hostile_requests_get_the_answers_of_nginx_and_are_told_raw(said: bytes, status: int) -> None:
    meeting = Meeting()
    heard = await meeting.serve(Http(), said)
    assert statuses(heard) == [status]
    event = meeting.of("http")[0]
    payload = event.fields["payload"]
    assert isinstance(payload, Payload)
    assert payload.length
    assert payload.data in said
    assert event.fields["http.status"] == status
    assert (b"Connection: close" in heard) == (status not in (200, 404, 405))


async def test_a_body_without_end_is_stopped() -> None:
    meeting = Meeting()
    chunk = b"1000\r\n" + b"a" * 0x1000 + b"\r\n"
    said = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 300
    assert statuses(await meeting.serve(Http(), said)) == [413]
    (body,) = asked(meeting, "body")
    assert body == "a" * 16_384  # what the event keeps


async def test_a_client_that_asks_first_is_told_to_continue() -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Http(methods=("POST",)).handle, peer)
        await client.send_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert await client.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send_all(b"ok")
        assert (await client.receive_some()).startswith(b"HTTP/1.1 200 OK")
    assert asked(meeting, "body") == ["ok"]


async def test_a_client_that_asks_for_too_much_is_not_told_to_continue() -> None:
    said = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    assert statuses(await Meeting().serve(Http(), said)) == [413]


async def test_http_0_9_gets_the_bare_page() -> None:
    meeting = Meeting()
    assert await meeting.serve(Http(), b"GET /\r\n") == PAGE.encode()
    assert asked(meeting, "version") == ["0.9"]


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
async def test_the_connection_is_kept_as_the_peer_wants(head: bytes, kept: bool) -> None:
    heard = await Meeting().serve(Http(), head + GET)
    assert len(statuses(heard)) == 1 + kept
    assert (b"Connection: keep-alive" in heard) == kept


async def test_requests_on_one_connection_are_limited() -> None:
    heard = await Meeting().serve(Http(keep_alive_requests=2), GET * 3)
    assert statuses(heard) == [200, 200]
    assert heard.count(b"Connection: close") == 1


async def test_what_was_not_answered_is_told_too() -> None:
    meeting = Meeting()
    await meeting.serve(Http(keep_alive_requests=1), GET + b"GET /second HTTP/1.1\r\n")
    assert asked(meeting, "url") == ["/", "/second"]
    assert asked(meeting, "status") == [200, None]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"GET /",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
)
@pytest.mark.parametrize("ends", [True, False])
async def test_a_request_that_breaks_off_is_told_and_not_answered(
    autojump_clock: trio.testing.MockClock, said: bytes, ends: bool
) -> None:
    meeting = Meeting()
    assert await meeting.serve(Http(), said, ends=ends) == b""
    (event,) = meeting.of("http")
    assert event.fields["payload"] == Payload(said, len(said))
    assert "http.status" not in event.fields
    assert trio.current_time() == (0 if ends else pytest.approx(60))


async def test_a_head_that_trickles_has_no_more_time_than_any_other(autojump_clock: trio.testing.MockClock) -> None:
    meeting = Meeting()
    client, peer = meeting.conversation()
    async with trio.open_nursery() as nursery:

        async def trickle() -> None:
            await client.send_all(b"GET / HTTP/1.1\r\n")
            while True:
                await trio.sleep(5)
                await client.send_all(b"X: y\r\n")

        nursery.start_soon(trickle)
        await Http().handle(peer)
        nursery.cancel_scope.cancel()
    assert trio.current_time() == pytest.approx(60)
    assert len(meeting.of("http")) == 1


async def test_an_idle_connection_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    meeting = Meeting()
    assert statuses(await meeting.serve(Http(keep_alive_seconds=20), GET, ends=False)) == [200]
    assert trio.current_time() == pytest.approx(20)


async def test_a_peer_that_sends_on_after_its_refusal_still_gets_it(autojump_clock: trio.testing.MockClock) -> None:
    heard = await Meeting().serve(Http(), b"\x00" * 100_000, ends=False)
    assert statuses(heard) == [400]
    assert trio.current_time() == pytest.approx(5)


async def test_server_pages_status_and_headers_are_settings() -> None:
    service = Http(
        server="Apache",
        pages={"/admin": "<h1>Admin</h1>"},
        status=401,
        headers={"WWW-Authenticate": 'Basic realm="x"'},
    )
    heard = await Meeting().serve(service, b"GET /admin?a=b HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    assert statuses(heard) == [401, 404]
    assert b"Server: Apache\r\n" in heard
    assert heard.count(b'WWW-Authenticate: Basic realm="x"\r\n') == 2
    assert b"<center>Apache</center>" in heard


@pytest.mark.parametrize(
    "settings", [{"server": "a\r\nX: y"}, {"headers": {"a": "b\r\nc: d"}}, {"headers": {"a b": "c"}}]
)
def test_settings_that_would_break_answers_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="one line"):
        Http(**settings)  # type: ignore[arg-type]


async def test_headers_are_told_in_lower_case_joined_and_bounded() -> None:
    meeting = Meeting()
    many = b"".join(b"X-%d: y\r\n" % number for number in range(200))
    await meeting.serve(
        Http(), b"GET / HTTP/1.1\r\nHOST: a\r\nX-Forwarded-For: 1\r\nx-forwarded-for: 2\r\n" + many + b"\r\n"
    )
    (event,) = meeting.of("http")
    assert event.fields["http.header.x-forwarded-for"] == "1, 2"
    assert sum(key.startswith("http.header.") for key in event.fields) == 100


async def test_a_head_of_thousands_of_headers_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(Request, "header", lambda self, name: asked.append(name))  # each is a walk over all headers
    meeting = Meeting()
    many = b"".join(b"a%d:\n" % number for number in range(100)) + b"z:\n" * 8000
    await meeting.serve(Http(), b"GET / HTTP/1.0\r\n" + many + b"\r\n")
    assert len(meeting.of("http")) == 1
    assert len(asked) < 10


async def test_each_of_many_clients_is_told_with_its_own_port() -> None:
    meeting = Meeting()
    service = Http()

    async def client(number: int) -> None:
        client, peer = meeting.conversation()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.handle, peer)
            for part in (b"GET /%d" % peer.flow.remote.port, b" HTTP/1.1\r\nHost: ", b"a\r\nConnection: close\r\n\r\n"):
                await client.send_all(part)
                await trio.lowlevel.checkpoint()
            assert b"404" in await client.receive_some()

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(client, number)
    events = meeting.of("http")
    assert len(events) == 200
    for event in events:
        assert event.identity is not None
        assert event.fields["http.url"] == f"/{event.identity.source_port}"


def test_a_request_is_recognised_from_its_beginning() -> None:
    recognise = Http().recognise
    assert recognise(b"GET ", eof=False) is Recognition.MINE
    assert recognise(b"GE", eof=False) is Recognition.MORE
    assert recognise(b"", eof=False) is Recognition.MORE
    assert recognise(b"", eof=True) is Recognition.NOT_MINE
    assert recognise(b"GE", eof=True) is Recognition.NOT_MINE
    assert recognise(b"BREW /pot HTCPCP", eof=False) is Recognition.MORE
    assert recognise(b"BREW /pot HTTP/1.1", eof=False) is Recognition.MINE
    assert recognise(b"BREW /pot\r\n", eof=False) is Recognition.NOT_MINE
    assert recognise(b"SSH-2.0-x\r\n", eof=False) is Recognition.NOT_MINE
    assert recognise(b"\x00\x01", eof=False) is Recognition.NOT_MINE
    assert recognise(b"a" * 40, eof=False) is Recognition.NOT_MINE


@settings(max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    GET,
                    LAST,
                    b"GET ",
                    b" HTTP/1.1",
                    b"\r\n",
                    b"\r\n\r\n",
                    b"Host: a\r\n",
                    b"Content-Length: 3\r\n\r\n",
                    b"0\r\n\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"POST / HTTP/1.1\r\nHost: a\r\n",
                    b"5\r\nabcde\r\n",
                    b"GET /\r\n",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_whatever_comes_is_told_whole_and_raises_nothing(parts: list[bytes]) -> None:
    meeting, said = Meeting(), b"".join(parts)

    async def main() -> None:
        await meeting.serve(Http(), said)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    payloads = [event.fields["payload"] for event in meeting.of("http")]
    told = b"".join(payload.data for payload in payloads if isinstance(payload, Payload))
    # Nothing is lost but empty lines between requests, and what follows a refusal.
    if all(event.fields.get("http.status") in (200, 404, 405) for event in meeting.of("http")):
        assert told.translate(None, b"\r\n") == said.translate(None, b"\r\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"status": -5},
        {"status": 101},
        {"status": 600},
        {"max_body": -1},
        {"event_bytes": -1},
        {"header_seconds": 0},
        {"body_seconds": -1},
        {"keep_alive_seconds": -3},
        {"keep_alive_requests": 0},
    ],
)
def test_numbers_that_mean_nothing_are_refused(settings: dict[str, int]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"'{name}'"):
        Http(**settings)  # type: ignore[arg-type]
