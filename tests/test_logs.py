from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from honeystack import logs
from honeystack.logs import NOTICE, LogOutput, alarm, set_up_logging

# Setting up for no output ends the thread of the outputs before it, so all is written then.
written: Callable[[], None] = lambda: set_up_logging([])  # noqa: E731 - reads as a sentence


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    set_up_logging([])
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, logs._Outputs)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def log() -> Any:
    return structlog.get_logger()


def test_lines_bear_time_level_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging([LogOutput("stdout", "debug")])
    log().info("ready", interface="eth0", ports=3, sniffer=None)
    written()
    out = capsys.readouterr().out
    assert "ready" in out
    assert "interface=eth0" in out
    assert "ports=3 sniffer=None" in out
    assert "[info" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["debug", "info", "notice", "warning", "error", "critical"]),
        ("notice", ["notice", "warning", "error", "critical"]),
        ("critical", ["critical"]),
    ],
)
def test_each_output_has_its_level(tmp_path: Path, level: str, seen: list[str]) -> None:
    everything, some = tmp_path / "all", tmp_path / "some"
    set_up_logging([LogOutput(str(everything), "debug"), LogOutput(str(some), level)])
    for name in logs.LEVELS:
        getattr(log(), name)(f"line-{name}")
    written()
    assert len(everything.read_text().splitlines()) == 6
    assert [line.split("line-")[1].strip() for line in some.read_text().splitlines()] == seen


def test_a_notice_below_the_level_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging([LogOutput("stderr", "warning")])
    log().notice("quiet")
    log().bind(a=1).info("quiet")
    written()
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        LogOutput("stdout", "loud")


def test_variables_in_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", str(tmp_path))
    set_up_logging([LogOutput("$WHERE/x.log")])
    log().info("here")
    written()
    assert "here" in (tmp_path / "x.log").read_text()


def test_loggers_of_other_packages_are_heard(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging([LogOutput("stderr", "info")])
    logging.getLogger("other").warning("from %s", "afar")
    written()
    err = capsys.readouterr().err
    assert "from afar" in err
    assert "warning" in err


def test_an_exception_is_shown_with_its_traceback_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging([LogOutput("stderr", "info")])
    try:
        raise ValueError("peer said \x1b[2J")
    except ValueError:
        log().exception("failed")
    written()
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert "peer said \\x1b[2J" in err
    assert "[error" in err
    assert err.count("Traceback") == 1


def test_an_exception_of_another_package_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging([LogOutput("stderr", "info")])
    try:
        raise ValueError("peer said \x1b[2J")
    except ValueError:
        logging.getLogger("other").exception("failed")
    written()
    assert "peer said \\x1b[2J" in capsys.readouterr().err


@given(text=st.text(st.characters(exclude_categories=())), key=st.sampled_from(["event", "value"]))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_peer_says_is_one_printable_line(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    set_up_logging([LogOutput(str(path))])
    log().info(text if key == "event" else "x", value=text if key == "value" else b"\x00\n")
    written()
    shown = path.read_text()
    assert shown.endswith("\n")
    assert shown[:-1].isprintable()


def test_a_terminal_gets_colour_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for wish, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", wish)
        leader, terminal = pty.openpty()
        with os.fdopen(terminal, "w") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            set_up_logging([LogOutput("stderr")])
            log().info("hello")
            written()
            assert (b"\x1b[" in os.read(leader, 65536)) is coloured
            monkeypatch.undo()
        os.close(leader)


def test_a_log_that_cannot_be_written_is_told_once_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "RETRY_EVERY", 0.0)
    path = tmp_path / "missing" / "x.log"
    set_up_logging([LogOutput(str(path)), LogOutput("stdout")])
    log().info("first")
    log().info("second")
    wait_for_the_thread()
    path.parent.mkdir()
    log().info("third")
    written()
    out, err = capsys.readouterr()
    assert err.count("cannot write the log") == 1
    assert "third" in path.read_text()
    assert "first" not in path.read_text()
    assert out.count("\n") == 3


def wait_for_the_thread() -> None:
    """Until the thread has written all that waits, and waits itself."""
    done = threading.Event()

    class Last(logging.LogRecord):
        @property
        def levelno(self) -> int:  # type: ignore[override]
            done.set()
            return 0

        @levelno.setter
        def levelno(self, value: int) -> None: ...

    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, logs._Outputs)]
    handler.emit(Last("x", 0, "", 0, "", (), None))
    assert done.wait(10)


def test_a_broken_log_is_left_alone_for_a_while(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "x.log"
    set_up_logging([LogOutput(str(path))])
    log().info("first")
    wait_for_the_thread()
    path.parent.mkdir()
    log().info("too early")
    written()
    assert not path.exists()


def test_a_full_disk_costs_lines_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "RETRY_EVERY", 0.0)
    set_up_logging([LogOutput("/dev/full")])
    log().info("one")
    log().info("two")
    written()
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_moved_log_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    set_up_logging([LogOutput(str(path))])
    log().info("one")
    wait_for_the_thread()
    path.rename(tmp_path / "moved")
    log().info("two")
    wait_for_the_thread()
    path.unlink()
    log().info("three")
    written()
    assert "three" in path.read_text()
    assert "one" in (tmp_path / "moved").read_text()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_terminal_costs_lines_only(
    monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, name, stream)
    set_up_logging([LogOutput(name)])
    log().info("nobody hears")
    alarm("nobody hears this either")
    written()
    monkeypatch.undo()
    assert capsys.readouterr().err.count("cannot write the log") == (name == "stdout")


ENDS = """
from honeystack.logs import LogOutput, set_up_logging
import structlog
set_up_logging([LogOutput("stdout"), LogOutput("stderr")])
structlog.get_logger().info("gr\u00fcn")
"""


def test_a_reader_that_went_away_does_not_change_the_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", ENDS], stdout=pipe, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert done.returncode == 0
    assert done.stderr.decode().count("cannot write the log stdout") == 1
    assert "grün" in done.stderr.decode()


def test_an_alarm_with_nobody_left_to_tell_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    set_up_logging([])
    monkeypatch.setattr(sys, "stderr", stream)
    alarm("disk full")


class Stuck(io.StringIO):
    """A terminal that somebody has stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go_on.wait()
        return super().write(text)


def test_a_stopped_terminal_holds_nobody_and_its_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUED", 2)
    stuck = Stuck()
    monkeypatch.setattr(sys, "stdout", stuck)
    set_up_logging([LogOutput("stdout")])
    log().info("line-0")
    assert stuck.reached.wait(10)
    for number in range(1, 6):
        log().info(f"line-{number}")
    stuck.go_on.set()
    written()
    lines = stuck.getvalue().splitlines()
    assert [line.split("line-")[1].strip() for line in lines if "line-" in line] == ["0", "1", "2"]
    assert "3 lines lost" in lines[1]


def test_an_output_that_hangs_does_not_hold_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUED", 1)
    monkeypatch.setattr(logs, "PATIENCE", 0.01)
    stuck = Stuck()
    monkeypatch.setattr(sys, "stdout", stuck)
    set_up_logging([LogOutput("stdout")])
    log().info("one")
    assert stuck.reached.wait(10)
    log().info("two")
    written()  # comes back
    stuck.go_on.set()


@pytest.mark.parametrize(
    ("outputs", "count"),
    [([LogOutput("stderr")], 1), ([LogOutput("stderr", "critical")], 1), ([], 1), ([LogOutput("stdout")], 1)],
)
def test_an_alarm_always_stands_on_stderr_once(
    capsys: pytest.CaptureFixture[str], outputs: list[LogOutput], count: int
) -> None:
    set_up_logging(outputs)
    alarm("disk full\x1b", file="/x\n")
    written()
    err = capsys.readouterr().err
    assert err.count("disk full\\x1b") == count
    assert "file=/x\\n" in err


def test_the_level_between_info_and_warning() -> None:
    assert logging.INFO < NOTICE < logging.WARNING
