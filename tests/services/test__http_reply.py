"""Responses, word for word."""

from __future__ import annotations

from honeystack.services._http_reply import error_page, reason, response, wire_status


def test_an_error_page_is_that_of_nginx() -> None:
    assert error_page(404, "nginx/1.22.1") == (
        b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n"
        b"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    )


def test_a_head_that_is_too_large_is_a_bad_request_with_a_text_of_its_own() -> None:
    page = error_page(494, "nginx")
    assert b"<title>400 Request Header Or Cookie Too Large</title>" in page
    assert b"<center><h1>400 Bad Request</h1></center>\r\n<center>Request Header Or Cookie Too Large</center>" in page
    assert wire_status(494) == 400


def test_the_words_are_nginx_s_where_they_differ() -> None:
    assert reason(405) == "Not Allowed"
    assert reason(200) == "OK"
    assert reason(799) == "Unknown"


def test_a_response_has_its_headers_in_nginx_s_order() -> None:
    made = response(200, b"x", server="nginx", headers={"X-A": "b"}, keep_alive=True)
    names = [line.partition(b":")[0] for line in made.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    assert names == [b"Server", b"Date", b"Content-Type", b"Content-Length", b"Connection", b"X-A"]


def test_without_a_name_no_server_is_told() -> None:
    assert b"Server:" not in response(200, b"", server="", headers={}, keep_alive=False, head_only=True)
