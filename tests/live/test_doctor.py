"""A machine that is broken in several ways, what the doctor says of it, and that its remedies mend it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.live.arena import CLIENT4, OUTPUTS, V4, Arena, arena

pytestmark = pytest.mark.live

LISTENER = """
[listener]
type = "netstack"
interface = "eth0"
exclude_ports = ["tcp/8022"]
"""
Found = dict[str, str]


@attrs.frozen
class Ward:
    """The machine, its configuration, and the ssh server that it leaves alone."""

    place: Arena

    def doctor(self, *, code: int, session: str = "", config: str = LISTENER) -> list[Found]:
        (self.place.folder / "config.toml").write_text(config + OUTPUTS)
        done = self.place.pot.run(
            *("env", f"SSH_CONNECTION={session}", sys.executable, "-m", "honeystack", "doctor", "--format", "json"),
            *("-c", str(self.place.folder / "config.toml"), "--data", str(self.place.folder / "data")),
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        found: list[Found] = json.loads(done.stdout)
        return [one for one in found if one["status"] != "fine" and one["subject"] not in ("clock", "software")]

    def mend(self, found: Found) -> None:
        """Do what the remedy says."""
        self.place.pot.run(*shlex.split(found["remedy"]))

    def state(self) -> str:
        """All that must be as before."""
        commands = (("nft", "list", "ruleset"), ("ip", "address"), ("ip", "link"), ("ss", "-lntuH"))
        said = "".join(self.place.pot.run(*command).stdout for command in commands)
        return said + str(sorted(path.name for path in self.place.folder.iterdir()))


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with arena(tmp_path) as place, listening(place, 8022):
        (tmp_path / "config.toml").touch()
        yield Ward(place)


class listening:  # noqa: N801  it reads as a sentence
    """A server of the host on a port, while the block runs."""

    def __init__(self, place: Arena, port: int) -> None:
        code = f"import socket, time; s = socket.create_server(('', {port})); print(flush=True); time.sleep(999)"
        self._start = lambda: place.pot.start(sys.executable, "-c", code, stdout=subprocess.PIPE)

    def __enter__(self) -> None:
        self._process = self._start()
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_a_machine_that_is_well_has_no_fault_and_nothing_is_changed(ward: Ward) -> None:
    before = ward.state()
    assert ward.doctor(code=0) == []
    assert ward.state() == before


def test_an_interface_that_is_down_is_mended_by_the_remedy(ward: Ward) -> None:
    ward.place.pot.run("ip", "link", "set", "eth0", "down")
    [found] = ward.doctor(code=1)
    assert (found["subject"], found["message"]) == ("interface", "eth0 is down")
    ward.mend(found)
    ward.place.wait(lambda: " UP " in ward.place.pot.run("ip", "-br", "link", "show", "eth0").stdout, "a carrier")
    assert ward.doctor(code=0) == []


def test_an_interface_without_addresses_is_a_fault(ward: Ward) -> None:
    ward.place.pot.run("ip", "address", "flush", "dev", "eth0")
    faults = [one for one in ward.doctor(code=1) if one["status"] == "fault"]
    assert [one["message"] for one in faults] == ["eth0 has no addresses, and the configuration names none"]


def test_an_interface_that_is_not_there_is_named(ward: Ward) -> None:
    found = ward.doctor(code=1, config=LISTENER.replace("eth0", "eth7"))
    assert found[0]["message"] == "there is no interface eth7; there are eth0"
    assert found[0]["remedy"] == 'interface = "eth0"'


def test_a_listener_that_would_be_taken_is_told_with_its_program(ward: Ward) -> None:
    with listening(ward.place, 5432):
        [found] = ward.doctor(code=0)
    assert (found["status"], found["remedy"]) == ("warning", 'exclude_ports = ["tcp/5432"]')
    assert "tcp/5432 (python" in found["message"]


def test_an_exclusion_for_nobody_is_told(ward: Ward) -> None:
    [found] = ward.doctor(code=0, config=LISTENER.replace('"tcp/8022"', '"tcp/8022", "tcp/22"'))
    assert (found["status"], found["message"]) == (
        "warning",
        "tcp/22 is left to the host, where nobody listens on it",
    )


def test_a_session_that_would_be_cut_is_a_fault_and_one_that_is_excluded_is_not(ward: Ward) -> None:
    [found] = ward.doctor(code=1, session=f"{CLIENT4} 50000 {V4} 22")
    assert found["subject"] == "your session"
    mended = LISTENER + f'exclude_addresses = ["{CLIENT4}"]\n'
    assert ward.doctor(code=0, session=f"{CLIENT4} 50000 {V4} 22", config=mended) == []
    assert ward.doctor(code=0, session=f"{CLIENT4} 50000 {V4} 8022") == []


def test_without_capabilities_it_is_said_how_to_give_them(ward: Ward) -> None:
    (ward.place.folder / "config.toml").write_text(LISTENER + OUTPUTS)
    done = ward.place.pot.run(
        *("setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin"),
        *(sys.executable, "-m", "honeystack", "doctor", "-c", str(ward.place.folder / "config.toml")),
        *("--data", str(ward.place.folder / "data")),
        check=False,
    )
    assert done.returncode == 1
    assert "✗ capabilities    CAP_NET_RAW is missing, for the packet socket" in done.stdout
    assert "✗ capabilities    CAP_NET_ADMIN is missing, for the fence" in done.stdout
    assert "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN" in done.stdout


def test_a_honeypot_that_runs_there_already_is_told_and_its_fence_stays(ward: Ward) -> None:
    ward.place.start(LISTENER + OUTPUTS)
    fence = ward.place.fence()
    [found] = ward.doctor(code=0)
    assert "runs a honeypot on eth0 already" in found["message"]
    assert ward.place.fence() == fence
    assert ward.place.process is not None
    assert found["remedy"] == f"kill -TERM {ward.place.process.pid}"
    ward.mend(found)
    assert ward.place.process.wait(10) == 0
    assert ward.doctor(code=0) == []
