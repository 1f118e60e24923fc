"""Python's ssl: a request in each version, to each port. Arguments: an address and ports; a line for each handshake."""

from __future__ import annotations

import socket
import ssl
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
SHAPES: dict[str, dict[str, object]] = {
    "1.0": {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1},
    "1.1": {"minimum_version": ssl.TLSVersion.TLSv1_1, "maximum_version": ssl.TLSVersion.TLSv1_1},
    "1.2": {"minimum_version": ssl.TLSVersion.TLSv1_2, "maximum_version": ssl.TLSVersion.TLSv1_2},
    "1.3": {"minimum_version": ssl.TLSVersion.TLSv1_3, "maximum_version": ssl.TLSVersion.TLSv1_3},
    "default": {},
    "alpn": {},
}


def ask(host: str, port: int, shape: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if shape.startswith("1."):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if shape == "alpn":
        context.set_alpn_protocols(["h2", "http/1.1"])
    for name, value in SHAPES[shape].items():
        setattr(context, name, value)
    try:
        with (
            socket.create_connection((host, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="a.example") as tls,
        ):
            tls.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            return "ok" if tls.recv(12) == b"HTTP/1.1 200" else "no answer"
    except OSError as error:
        return str(error)


for number in sys.argv[2:]:
    for kind in SHAPES:
        print(number, kind, ask(sys.argv[1], int(number), kind), flush=True)
