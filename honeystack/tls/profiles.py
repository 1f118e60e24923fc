"""How TLS looks to one client: a configuration drawn anew for each connection, within what its hello can live with.

A server whose answers differ from scan to scan has no JARM. What moves JARM are the order of the suites, the version,
the extended master secret, tickets, the answer to SNI and ALPN. Drawn blindly one client in eight would fail, so:

- every suite stays enabled and only the order is drawn; suites with forward secrecy and AEAD always lead for h2;
- a version is drawn only from what the hello lists, and 1.2 only where the hello shows that 1.2 can succeed;
- never an ALPN that the service cannot speak, and left unanswered only where HTTP/1.1 is what the client falls back to.

Curves are left alone: they do not move JARM, and narrowing them breaks clients.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import attrs

from honeystack.tls.hello import ClientHello

Algorithm = Literal["RSA", "ECDSA"]

TLS10, TLS12, TLS13 = 0x0301, 0x0303, 0x0304
OLDEST, NEWEST = TLS10, TLS13

# For either key in the same order; OpenSSL takes those that fit the certificate.
_AEAD = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
_CBC = ("AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA384")
_STATIC = ("AES128-SHA", "AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256")
# Anonymous and NULL suites come last: whoever offers nothing better is served too. No keys are shared, no DSS is held.
REST = "ALL:COMPLEMENTOFALL:!PSK:!SRP:!aDSS:@SECLEVEL=0"

_SUITES13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
REST13 = ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256")

_AEAD_NUMBERS: dict[Algorithm, frozenset[int]] = {
    "RSA": frozenset({0xC02F, 0xC030, 0xCCA8}),
    "ECDSA": frozenset({0xC02B, 0xC02C, 0xCCA9}),
}
SUITE13_NUMBERS = frozenset(range(0x1301, 0x1306))
GROUPS = frozenset({0x001D, 0x0017, 0x0018, 0x0019, 0x001E})  # X25519, P-256, P-384, P-521, X448: in every OpenSSL

_T = TypeVar("_T")


class Rng(Protocol):
    """What is asked of `random.Random`."""

    def random(self) -> float: ...
    def choice(self, seq: Sequence[_T], /) -> _T: ...
    def shuffle(self, x: MutableSequence[Any], /) -> None: ...


class SigningKey(NamedTuple):
    """What a certificate signs with."""

    algorithm: Algorithm  # EdDSA counts as ECDSA, as its suites do
    group: int | None = None  # the curve of an ECDSA key, by its number in RFC 8422 §5.1.1


@attrs.frozen
class Profile:
    """One configuration. Versions are numbers of the protocol; suites have OpenSSL's names, in the order preferred."""

    name: str
    ciphers: str  # OpenSSL's cipher list for TLS 1.2 and older
    suites13: str  # OpenSSL's list for TLS 1.3
    minimum: int = OLDEST
    maximum: int = NEWEST
    server_order: bool = True  # else the client's order decides
    extended_master_secret: bool = True
    tickets: bool = True
    answers_sni: bool = True
    alpn: tuple[str, ...] = ()
    alpn_imposed: str | None = None  # answered whatever is offered, as some servers do
    alpn_refused: bool = False  # an offer ends the handshake with an alert
    dhe: bool = True  # Diffie-Hellman over a prime is offered too


def random_profile(
    hello: ClientHello | None, keys: Sequence[SigningKey], *, alpn: Sequence[str] = (), rng: Rng
) -> Profile:
    """Draw a configuration that this client can live with; without a hello, one that leaves every version open.

    `alpn` is what the service speaks, `keys` what its certificates sign with.
    """
    minimum, maximum = (OLDEST, NEWEST) if hello is None else _versions(hello, keys, rng)
    return Profile(
        name="random",
        ciphers=_ciphers(alpn, rng),
        suites13=":".join((*_shuffled(_SUITES13, rng), *REST13)),
        minimum=minimum,
        maximum=maximum,
        server_order=rng.random() < 0.75,  # as most real servers; the client's order moves JARM less
        extended_master_secret=rng.random() < 0.5,
        tickets=rng.random() < 0.5,
        answers_sni=sni_is_plain(hello) and rng.random() < 0.5,
        alpn=_alpn(hello, alpn, rng),
    )


def offered_versions(hello: ClientHello) -> tuple[int, ...]:
    """Which of the versions that we speak the hello offers, ascending; empty where there is none."""
    if hello.supported_versions:
        return tuple(sorted({version for version in hello.versions if OLDEST <= version <= NEWEST}))
    return tuple(range(OLDEST, min(hello.version, TLS12) + 1))  # RFC 8446 §4.2.1: without the list, never 1.3


def _versions(hello: ClientHello, keys: Sequence[SigningKey], rng: Rng) -> tuple[int, int]:
    """The range to serve. Where nothing offered is ours all stay open, so that OpenSSL sends the right alert."""
    offered = offered_versions(hello)
    if not offered:
        return OLDEST, NEWEST
    maximum = offered[-1]
    # Early data ends any handshake but one of 1.3 (RFC 8446 appendix D.3).
    if maximum == TLS13 and not hello.offers_early_data and any(_can_speak_12(hello, offered, key) for key in keys):
        can_speak_13 = not SUITE13_NUMBERS.isdisjoint(hello.cipher_suites)
        maximum = rng.choice((TLS12, TLS13)) if can_speak_13 else TLS12
    # Below what it was offered a server is only ever left by clients that have a lowest version of their own.
    return rng.choice([version for version in offered if version <= maximum]), maximum


def _can_speak_12(hello: ClientHello, offered: Iterable[int], key: SigningKey) -> bool:
    return (
        TLS12 in offered
        and not _AEAD_NUMBERS[key.algorithm].isdisjoint(hello.cipher_suites)
        and not GROUPS.isdisjoint(hello.groups)
        and (key.group is None or key.group in hello.groups)  # 1.3 no longer asks this, RFC 8422 §5.3 does
    )


def _ciphers(alpn: Sequence[str], rng: Rng) -> str:
    lead, middle = list(_AEAD), list(_CBC)
    if "h2" in alpn:  # RFC 9113 §9.2.2: clients of h2 refuse suites without AEAD
        rng.shuffle(lead)
    else:
        lead, middle = [*lead, *middle], []
        rng.shuffle(lead)
    rng.shuffle(middle)
    keys = _shuffled(("RSA", "ECDSA"), rng)
    ephemeral = [f"ECDHE-{key}-{suite}" for suite in (*lead, *middle) for key in keys]
    return ":".join((*ephemeral, *_shuffled(_STATIC, rng), REST))


def sni_is_plain(hello: ClientHello | None) -> bool:
    """Whether Python's callback can take the name: other than ASCII it would end the handshake with an alert."""
    return hello is not None and (hello.server_name is None or hello.server_name.isascii())


def _alpn(hello: ClientHello | None, spoken: Sequence[str], rng: Rng) -> tuple[str, ...]:
    offered = () if hello is None else hello.alpn
    if "http/1.1" in spoken and b"http/1.1" in offered and rng.random() < 0.5:
        return ()
    return tuple(_shuffled(spoken, rng))


def _shuffled(items: Sequence[_T], rng: Rng) -> list[_T]:
    shuffled = list(items)
    rng.shuffle(shuffled)
    return shuffled
