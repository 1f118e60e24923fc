"""The ten hellos of a JARM scan, recognised by their fingerprints, which are constant but for random bytes and names.

JARM: https://github.com/salesforce/jarm. Probes 1 and 7, and 2 and 8, differ in the versions that they list only, which
JA3 does not see and the head of JA4 does.
"""

from __future__ import annotations

from honeystack.tls.fingerprint import Fingerprint

_PROBES = {
    ("db8d4ad49cb378fa370b43a61a9b06b6", "t12"): 1,
    ("013c30c8ce44c8b27e9ceb2a14db7283", "t12"): 2,
    ("03a3ad27040f733ee5c9915e0903d028", "t12"): 3,
    ("a96dc3876784813c57d302241e620acd", "t12"): 4,
    ("1289771a3fce256d5fb4cb5c95b43ee6", "t12"): 5,
    ("006315b3ad276906ff11527f9594e5ba", "t11"): 6,
    ("db8d4ad49cb378fa370b43a61a9b06b6", "t13"): 7,
    ("013c30c8ce44c8b27e9ceb2a14db7283", "t13"): 8,
    ("917fde1bf3bcb67f961b77b18d9ee14a", "t13"): 9,
    ("7f9ae904ef5a8d37a4028ce5c57bc099", "t13"): 10,
}


def jarm_probe(prints: Fingerprint | None) -> int | None:
    """Which of the ten probes a hello is, by their order in a scan; None for any other hello."""
    return None if prints is None else _PROBES.get((prints.ja3_digest, prints.ja4[:3]))
