"""A process of its own networks: namespaces that end with it, whatever ends it, and touch nothing of the machine.

Root moves into new network and mount namespaces; who is not privileged moves, where the kernel allows, into a user
namespace as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from honeystack.errors import Unavailable

# `ip netns` keeps its names under /run, where a user may not write: it gets a /run of its own, that nobody else sees.
_PRIVATE_RUN = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'


def seclusion(*, user: bool) -> list[str]:
    """The front of a command line that runs the rest of it in namespaces of its own; `user`: in a user namespace."""
    mapped = ["--user", "--map-root-user"] if user else []
    return ["unshare", *mapped, "--mount", "--net", "sh", "-c", _PRIVATE_RUN, "sh"]


def enter_seclusion(argv: Sequence[str]) -> None:
    """Become `argv` in namespaces of its own; does not return. Raises Unavailable where the machine forbids it."""
    if sys.platform != "linux":
        raise Unavailable("the demo builds network namespaces, which only Linux has")
    said = ""
    for front in (seclusion(user=False), seclusion(user=True)):
        try:
            tried = subprocess.run([*front, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError as missing:
            raise Unavailable("the demo needs the program `unshare`: install Debian's package util-linux") from missing
        if tried.returncode == 0:
            os.execvp(front[0], [*front, *argv])
        said = tried.stderr.strip().rpartition("\n")[2]
    raise Unavailable(f"this machine lets only root make network namespaces ({said}): run it as root or with sudo")


def require(programs: dict[str, str]) -> None:
    """Raise Unavailable, with the one command that mends it, where programs (to their Debian packages) are missing."""
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"  # users have no sbin in their PATH
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({programs[program] for program in missing}))
        raise Unavailable(f"the demo needs {', '.join(missing)}: apt-get install {packages}")
