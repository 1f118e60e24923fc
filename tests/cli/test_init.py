"""Questions with the machine's own answers, and a file that `check` has nothing against."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import click
import pytest
from click.testing import CliRunner, Result

from honeystack.cli import init
from honeystack.cli.draft import Draft
from honeystack.cli.init import Interview
from honeystack.config import load_config
from honeystack.config.model import Config
from honeystack.errors import Unavailable
from tests.doctor.fakes import FakeMachine, socket

Invoke = Callable[..., Result]
SSH = {"SSH_CONNECTION": "198.51.100.7 50123 192.0.2.1 2222"}


@attrs.define
class OneCard(FakeMachine):
    """The machine, with eth0 the way to everywhere."""

    def default_interface(self) -> str | None:
        return "eth0" if self.known else None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> OneCard:
    """What `init` sees; the interface that it writes is not checked against the real machine."""
    made = OneCard(listening=[socket("tcp/22", program="sshd"), socket("tcp/631", "127.0.0.1"), socket("udp/68")])
    monkeypatch.setattr(init, "Machine", lambda: made)
    parse = init.parse_config
    monkeypatch.setattr(init, "parse_config", lambda text, path, machine: parse(text, path=path))
    return made


def defaults(machine: OneCard) -> Draft:
    return Interview(machine, yes=True).draft()


def asked(machine: OneCard, *answers: str) -> tuple[Draft, str]:
    """What the answers, one for each question, make; and what was shown."""
    drafts: list[Draft] = []

    @click.command()
    def ask() -> None:
        drafts.append(Interview(machine, yes=False).draft())

    result = CliRunner().invoke(ask, input="".join(f"{answer}\n" for answer in answers))
    assert result.exit_code == 0, result.output
    return drafts[0], result.stderr


def test_every_default_is_what_the_machine_has(machine: OneCard) -> None:
    draft = defaults(machine)
    assert (draft.interface, draft.addresses, draft.exclude_addresses) == ("eth0", [], [])
    assert draft.exclude_ports == ["tcp/22", "udp/68"]
    assert draft.reasons == {"tcp/22": "sshd", "udp/68": ""}
    assert (draft.certificate, draft.console, draft.file) == (True, True, "events.jsonl")


def test_clients_of_udp_are_no_listeners(machine: OneCard) -> None:
    machine.listening += [socket("udp/40000"), socket("tcp/40001")]
    assert defaults(machine).exclude_ports == ["tcp/22", "udp/68", "tcp/40001"]


def test_where_nobody_listens_ssh_stays_the_hosts(machine: OneCard) -> None:
    machine.listening = []
    assert defaults(machine).exclude_ports == ["tcp/22"]


def test_the_operators_own_session_is_left_to_the_host(machine: OneCard) -> None:
    machine.variables = SSH
    draft = defaults(machine)
    assert draft.exclude_ports == ["tcp/22", "udp/68", "tcp/2222"]
    assert draft.reasons["tcp/2222"] == "your own session"
    assert (draft.exclude_addresses, draft.offered_address) == ([], "198.51.100.7")


def test_the_program_behind_the_session_is_named_too(machine: OneCard) -> None:
    machine.variables = {"SSH_CONNECTION": "198.51.100.7 50123 192.0.2.1 22"}
    assert defaults(machine).reasons["tcp/22"] == "sshd, your own session"


def test_a_machine_without_cards_is_told(machine: OneCard) -> None:
    machine.known = {}
    with pytest.raises(Unavailable, match="no network interface that carries Ethernet frames"):
        defaults(machine)


def test_pressing_enter_takes_the_defaults(machine: OneCard) -> None:
    draft, shown = asked(machine, *[""] * 6)
    assert draft == defaults(machine)
    assert "Interface to listen on [eth0]: " in shown
    assert "Ports that stay the host's [tcp/22, udp/68]: " in shown


def test_answers_are_taken(machine: OneCard) -> None:
    draft, _ = asked(
        machine, "eth0", "203.0.113.4/32 2001:db8::/64", "tcp/22,udp/123 tcp/22", "n", "file", "/var/log/events.json"
    )
    assert draft.addresses == ["203.0.113.4/32", "2001:db8::/64"]
    assert draft.exclude_ports == ["tcp/22", "udp/123"]
    assert (draft.certificate, draft.console, draft.file) == (False, False, "/var/log/events.json")


def test_one_channel_asks_no_more(machine: OneCard) -> None:
    draft, shown = asked(machine, "", "", "none", "", "console")
    assert (draft.console, draft.file, draft.exclude_ports) == (True, None, [])
    assert "File for the events" not in shown


def test_answers_that_cannot_be_used_are_asked_for_again(machine: OneCard) -> None:
    draft, shown = asked(
        machine, "eth7", "eth0", "somewhere", "all", "ssh", "tcp/99999", "tcp/22", "y", "fax", ",", "console"
    )
    assert draft.exclude_ports == ["tcp/22"]
    assert draft.console
    for said in (
        "there is no interface 'eth7'; there are lo, eth0",
        "'somewhere' does not appear to be an IPv4 or IPv6 network",
        "'ssh' is no port",
        "ports go from 0 to 65535",
        "'fax' is no channel: console or file, or both",
        "'nothing' is no channel",
    ):
        assert said in shown


def test_a_session_that_the_answer_forgot_is_put_back(machine: OneCard) -> None:
    machine.variables = SSH
    draft, shown = asked(machine, "", "", "udp/68", "y", "", "console")
    assert draft.exclude_ports == ["udp/68", "tcp/2222"]
    assert (draft.exclude_addresses, draft.offered_address) == (["198.51.100.7"], None)
    assert "Leave your own address, 198.51.100.7, to the host too [y/N]: " in shown
    assert "tcp/2222 stays the host's: your own session comes by it" in shown


def test_a_range_that_covers_the_session_will_do(machine: OneCard) -> None:
    machine.variables = SSH
    draft, _ = asked(machine, "", "", "tcp/2000-3000", "n", "", "console")
    assert draft.exclude_ports == ["tcp/2000-3000"]


def written(folder: Path, name: str = "config.toml") -> Config:
    return load_config(folder / name)


def test_what_is_written_is_a_configuration(invoke: Invoke, machine: OneCard, tmp_path: Path) -> None:
    machine.variables = SSH
    result = invoke("init", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == ("config.toml is written. Next: honeystack check, doctor, plan, and run --confirm 60\n")
    config = written(tmp_path)
    assert config.listener.exclude_ports == ("tcp/22", "udp/68", "tcp/2222")
    assert config.notes == ()


def test_nothing_is_overwritten_unless_that_is_asked_for(invoke: Invoke, machine: OneCard, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")
    result = invoke("init", "--yes")
    assert result.exit_code == 2
    assert "config.toml is there already" in result.stderr
    assert path.read_text() == "mine"
    assert invoke("init", "--yes", "--force").exit_code == 0
    assert written(tmp_path).listener.interface == "eth0"


def test_another_file_can_be_written_in_a_folder_that_is_made(invoke: Invoke, machine: OneCard, tmp_path: Path) -> None:
    assert invoke("init", "-y", "-c", "deep/down/pot.toml").exit_code == 0
    assert written(tmp_path, "deep/down/pot.toml").listener.interface == "eth0"


def test_a_place_that_cannot_be_written_is_told(invoke: Invoke, machine: OneCard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("init", "-y", "-c", "file/pot.toml")
    assert result.exit_code == 1
    assert "file/pot.toml cannot be written: File exists" in result.stderr


def test_without_a_terminal_nothing_is_asked(invoke: Invoke, machine: OneCard, tmp_path: Path) -> None:
    result = invoke("init")
    assert result.exit_code == 2
    assert "there is no terminal to ask on: `honeystack init --yes` takes every default" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "honeystack", "init"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            read_until(ours, b"Interface to listen on")
            os.write(ours, b"nowhere0\n")
            read_until(ours, b"there is no interface 'nowhere0'")
            read_until(ours, b"Interface to listen on")
            os.write(ours, b"\x04")  # an end of input
            assert process.wait(30) == 1
        finally:
            process.kill()
            os.close(ours)
    assert list(tmp_path.iterdir()) == []


def read_until(descriptor: int, wanted: bytes) -> None:
    shown = b""
    while wanted not in shown:
        assert select.select([descriptor], [], [], 30)[0], shown
        shown += os.read(descriptor, 1)
