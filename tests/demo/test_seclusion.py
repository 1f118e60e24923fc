from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from honeystack.demo import seclusion
from honeystack.demo.seclusion import enter_seclusion, require
from honeystack.errors import Unavailable


class Machine:
    """Stands for the kernel: says yes to what `allows`, and keeps what the process became."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *allows: str) -> None:
        self.allows = allows
        self.became: list[str] | None = None
        monkeypatch.setattr(seclusion.subprocess, "run", self.run)
        monkeypatch.setattr(seclusion.os, "execvp", self.execvp)

    def run(self, argv: list[str], **_: object) -> SimpleNamespace:
        kind = "user" if "--user" in argv else "root"
        return SimpleNamespace(returncode=kind not in self.allows, stderr="first\nunshare: not permitted\n")

    def execvp(self, _: str, argv: list[str]) -> None:
        self.became = argv
        raise SystemExit


@pytest.mark.parametrize(("allows", "user"), [("root", False), ("user", True)])
def test_the_process_becomes_the_command_in_namespaces(
    monkeypatch: pytest.MonkeyPatch, allows: str, user: bool
) -> None:
    machine = Machine(monkeypatch, allows)
    with pytest.raises(SystemExit):
        enter_seclusion(["honeystack", "demo"])
    assert machine.became is not None
    assert machine.became[0] == "unshare"
    assert machine.became[-2:] == ["honeystack", "demo"]
    assert ("--user" in machine.became) is user


def test_a_machine_that_allows_neither_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    with pytest.raises(Unavailable, match=r"only root .*\(unshare: not permitted\): run it as root"):
        enter_seclusion(["honeystack"])


def test_another_system_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seclusion.sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="only Linux"):
        enter_seclusion(["honeystack"])


def test_a_missing_unshare_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", absent)
    with pytest.raises(Unavailable, match="util-linux"):
        enter_seclusion(["honeystack"])


def test_missing_programs_are_named_with_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seclusion.shutil, "which", lambda program: None if program != "sh" else "/bin/sh")
    monkeypatch.setenv("PATH", "/bin")
    with pytest.raises(Unavailable, match=r"needs nmap, curl: apt-get install curl nmap$"):
        require({"sh": "dash", "nmap": "nmap", "curl": "curl"})


def test_programs_of_the_administrator_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    require({"sh": "dash"})
    assert "/usr/sbin" in seclusion.os.environ["PATH"]
