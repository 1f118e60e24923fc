"""How TLS looks to one client: a configuration drawn for each connection, within what its hello can live with.

A server whose answers differ from scan to scan has no JARM. What moves JARM are the order of the suites, the version,
the extended master secret, tickets, the answer to SNI and ALPN. Drawn blindly one client in eight would fail, so:

- every suite stays enabled and only the order is drawn; suites with forward secrecy and AEAD always lead for h2;
- a version is drawn only from what the hello lists, and 1.2 only where the hello shows that 1.2 can succeed;
- never an ALPN that the service cannot speak, and left unanswered only where HTTP/1.1 is what the client falls back to.

Curves are left alone: they do not move JARM, and narrowing them breaks clients.

To change a context costs as much as half a handshake. So a `Deck` holds some drawn faces; each connection is dealt one
of them at random, and a range of versions of its own. After some connections a face makes way for a new one.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import attrs

from honeystack.tls.hello import GREASE, ClientHello

Algorithm = Literal["RSA", "ECDSA"]

TLS10, TLS12, TLS13 = 0x0301, 0x0303, 0x0304
OLDEST, NEWEST = TLS10, TLS13
FACES = 16  # of a deck; a context for each has some 30 kB
DEALS = 64  # connections that a face is for; a new one costs a handshake's half
REMEMBERED = 256  # lists of versions

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
    tickets13: int = 2  # how many a handshake of TLS 1.3 ends with
    answers_sni: bool = True
    alpn: tuple[str, ...] = ()
    alpn_imposed: str | None = None  # answered whatever is offered, as some servers do
    alpn_refused: bool = False  # an offer ends the handshake with an alert
    dhe: bool = True  # Diffie-Hellman over a prime is offered too
    look: tuple[object, ...] = attrs.field(init=False, repr=False, eq=False)  # all that a context keeps

    @look.default
    def _look(self) -> tuple[object, ...]:
        order = (self.ciphers, self.suites13, self.server_order, self.dhe)
        sessions = (self.extended_master_secret, self.tickets, self.tickets13)
        return (*order, *sessions, self.answers_sni, self.alpn, self.alpn_imposed, self.alpn_refused)


class Face:
    """What is drawn for any hello; `profile` fits it to one."""

    __slots__ = ("_alpn", "_answers_sni", "_drawn", "_order", "_profiles", "_quiet", "_suites13", "_tickets", "dealt")

    def __init__(self, alpn: Sequence[str], rng: Rng) -> None:
        self.dealt = 0
        self._order = _ciphers(alpn, rng)
        self._suites13 = ":".join((*_shuffled(_SUITES13, rng), *REST13))
        # As most real servers; the client's order moves JARM less. And whether there is an extended master secret.
        self._drawn = (rng.random() < 0.75, rng.random() < 0.5)
        self._tickets = rng.random() < 0.5
        self._answers_sni = rng.random() < 0.5
        self._quiet = "http/1.1" in alpn and rng.random() < 0.5
        self._alpn = tuple(_shuffled(alpn, rng))
        self._profiles: dict[tuple[int, int, bool, bool], Profile] = {}

    def profile(self, hello: ClientHello | None, minimum: int, maximum: int) -> Profile:
        """The configuration for a hello, with a range of versions; the same each time for hellos of one kind."""
        answers_sni = self._answers_sni and sni_is_plain(hello)
        quiet = self._quiet and hello is not None and (not hello.alpn or b"http/1.1" in hello.alpn)
        key = (minimum, maximum, answers_sni, quiet)
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._profiles[key] = Profile(
                "random",
                self._order,
                self._suites13,
                minimum,
                maximum,
                *self._drawn,
                tickets=self._tickets,
                tickets13=int(self._tickets),
                answers_sni=answers_sni,
                alpn=() if quiet else self._alpn,
            )
        return profile


class Deck:
    """Faces that are in use, for each list of protocols that a service speaks."""

    def __init__(self, *, faces: int = FACES, deals: int = DEALS) -> None:
        self._faces: dict[tuple[str, ...], list[Face]] = {}
        self._size = faces
        self._deals = deals

    def deal(self, alpn: Sequence[str], rng: Rng) -> Face:
        """One of the faces; each has its turn so many times, and is then drawn anew."""
        spoken = tuple(alpn)
        faces = self._faces.get(spoken)
        if faces is None:
            faces = self._faces[spoken] = []
        place = int(rng.random() * self._size)
        if place >= len(faces):
            faces.append(Face(spoken, rng))
            place = len(faces) - 1
        elif faces[place].dealt >= self._deals:
            faces[place] = Face(spoken, rng)
        face = faces[place]
        face.dealt += 1
        return face


def random_profile(
    hello: ClientHello | None,
    keys: Sequence[SigningKey],
    *,
    alpn: Sequence[str] = (),
    rng: Rng,
    deck: Deck | None = None,
) -> Profile:
    """Draw a configuration that this client can live with; without a hello, one that leaves every version open.

    `alpn` is what the service speaks, `keys` what its certificates sign with. Without a deck all is drawn anew.
    """
    minimum, maximum = (OLDEST, NEWEST) if hello is None else _versions(hello, keys, rng)
    face = Face(alpn, rng) if deck is None else deck.deal(alpn, rng)
    return face.profile(hello, minimum, maximum)


def offered_versions(hello: ClientHello) -> tuple[int, ...]:
    """Which of the versions that we speak the hello offers, ascending; empty where there is none."""
    return _offered(hello.version, hello.supported_versions)


@lru_cache(REMEMBERED)
def _offered(version: int, supported: tuple[int, ...]) -> tuple[int, ...]:
    if not supported:
        return tuple(range(OLDEST, min(version, TLS12) + 1))  # RFC 8446 §4.2.1: without the list, never 1.3
    listed = [number for number in supported if number not in GREASE] or [version]
    return tuple(sorted({number for number in listed if OLDEST <= number <= NEWEST}))


def _versions(hello: ClientHello, keys: Sequence[SigningKey], rng: Rng) -> tuple[int, int]:
    """The range to serve. Where nothing offered is ours all stay open, so that OpenSSL sends the right alert."""
    offered = offered_versions(hello)
    if not offered:
        return OLDEST, NEWEST
    maximum = offered[-1]
    if maximum == TLS13 and _may_speak_12(hello, offered, keys):
        maximum = rng.choice((TLS12, TLS13)) if not SUITE13_NUMBERS.isdisjoint(hello.cipher_suites) else TLS12
    # Below what it was offered a server is only ever left by clients that have a lowest version of their own.
    return rng.choice(offered[: offered.index(maximum) + 1]), maximum


def _may_speak_12(hello: ClientHello, offered: tuple[int, ...], keys: Sequence[SigningKey]) -> bool:
    """Whether a hello that offers 1.3 succeeds under 1.2: with early data behind it, it fails (RFC 8446 §D.3)."""
    return TLS12 in offered and any(_can_speak_12(hello, key) for key in keys) and not hello.offers_early_data


def _can_speak_12(hello: ClientHello, key: SigningKey) -> bool:
    return (
        not _AEAD_NUMBERS[key.algorithm].isdisjoint(hello.cipher_suites)
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


def _shuffled(items: Sequence[_T], rng: Rng) -> list[_T]:
    shuffled = list(items)
    rng.shuffle(shuffled)
    return shuffled
