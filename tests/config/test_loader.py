"""Whole configurations: what they become, and everything that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honeystack.config import ConfigErrors, find_config, load_config, parse_config
from honeystack.config.model import Config, FilterEntry, PortEntry
from honeystack.config.ports import PortSpec
from honeystack.errors import ConfigError
from honeystack.logs import LogOutput
from honeystack.reception import CaptureLimits

Write = Callable[[str], Path]

WHOLE = """\
[listener]
type = "./ear.py"
interfaces = ["eth0"]
exclude_ports = ["tcp/22"]
limits.half_open = 10

[service.web]
type = "./tcp.py"
[service.deep]
type = "./both.py"
director = "back"
[director.back]
type = "./director.py"
host = "10.0.0.5"

[[port]]
ports = ["tcp/80", "tcp/8000-8100"]
services = ["web"]
[[port]]
port = "udp/53"
services = ["deep"]
[[port]]
port = ["tcp/any"]

[channel.console]
type = "./channel.py"
[[filter]]
channels = "console"
services = ["web.*"]
exclude_types = ["close"]

[[logging]]
output = "stdout"
level = "debug"
[[logging]]
output = "$HS_LOGS/log.txt"

[capture]
payload_bytes = 100
first_wait = 0.5
[heartbeat]
interval = 5
[sensor]
name = "bee"
"""


def test_a_whole_configuration(written: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HS_LOGS", "logs")
    path = written(WHOLE)
    config = load_config(path, data=folder / "data")
    assert config.path == path
    assert config.listener.interface == "eth0"
    assert config.listener.limits.half_open == 10
    assert list(config.services) == ["web", "deep"]
    assert config.services["deep"].director is config.directors["back"]
    assert config.ports == (
        PortEntry((PortSpec("tcp", None, 80, 80), PortSpec("tcp", None, 8000, 8100)), ("web",)),
        PortEntry((PortSpec("udp", None, 53, 53),), ("deep",)),
        PortEntry((PortSpec("tcp", None, 1, 65535),)),
    )
    assert config.filters == (FilterEntry(("console",), services=("web.*",), exclude_types=("close",)),)
    assert config.logging == (LogOutput("stdout", "debug"), LogOutput(str(folder / "logs/log.txt"), "info"))
    assert config.capture == CaptureLimits(payload_bytes=100)
    assert (config.first_wait, config.heartbeat, config.sensor) == (0.5, 5.0, "bee")
    assert config.data == folder / "data"
    assert [note.message for note in config.notes] == [
        "'interfaces' is read as 'interface', which is the canonical spelling",
        "'channels' is read as 'channel', which is the canonical spelling",
    ]


def test_the_least_configuration(folder: Path, listening: str) -> None:
    config = parse_config(listening, path=folder / "config.toml")
    assert (config.heartbeat, config.first_wait, config.sensor) == (30.0, 1.0, "honeystack")
    assert [note.message for note in config.notes] == ["no channel is configured: events go nowhere"]


@pytest.mark.parametrize("value", ["false", "0", "0.0"])
def test_the_heart_can_be_stopped(folder: Path, listening: str, value: str) -> None:
    config = parse_config(f"{listening}[heartbeat]\ninterval = {value}", path=folder / "config.toml")
    assert config.heartbeat == 0.0


def test_everything_is_told_at_once_and_in_order(refused: Callable[..., list[str]]) -> None:
    text = WHOLE.replace("./tcp.py", "./tpc.py").replace('"web"]', '"wbe"]').replace("= 5", '= "5"') + "[pot]\n"
    told = refused(text.replace("$HS_LOGS", "$HS_NO_SUCH_VARIABLE"))
    assert [line.partition(": ")[0] for line in told] == ["8:8", "18:13", "36:10", "42:12", "45:2"]
    assert told[1] == "18:13: there is no service 'wbe'; did you mean 'web'?"


FREE = 4  # the first free line behind `listening`


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lstener]", "4:2: there is no section 'lstener'; did you mean 'listener'?"),
        ("[service]\ntype = 'x'", "5:1: each service has a name of its own; write [service.NAME]"),
        ("[[service]]", "4:1: each service has a name of its own; write [service.NAME]"),
        ("[service.x]", "4:1: [service.x] needs a type; known:"),
        ("[director.x]\ntype = 'x'", "5:8: there is no director type 'x'"),
        ("[service.x]\ntype='./tcp.py'\ndirector='y'", "6:10: there is no director 'y'"),
        (
            "[service.x]\ntype='./tcp.py'\ndirector='bakc'\n[director.back]\ntype='./director.py'",
            "6:10: there is no director 'bakc'; did you mean 'back'?",
        ),
        (
            "[service.x]\ntype='./tcp.py'\ndirector=1",
            "6:10: 'director' must be the name of a [director.NAME], in quotes",
        ),
        (
            "[port]\nport='tcp/1'",
            "4:1: there may be several of 'port', so each is written with two brackets; write [[port]]",
        ),
        ("port = [1]", None),
        ("[[capture]]", "4:1: 'capture' is one section; write [capture]"),
        ("[capture]\npause = 0", "5:9: 'pause' must be greater than zero"),
        ("[heartbeat]\ninterval = true", "5:12: 'interval' must be a number or false"),
        ("[heartbeat]\ninterval = -1", "5:12: 'interval' cannot be negative"),
        ("[sensor]\nnam = 'x'", "5:1: [sensor] has no setting 'nam'; did you mean 'name'?"),
        ("[[logging]]\nlevel = 'notce'", "5:9: 'level' must be \"debug\" or"),
        ("[[logging]]\noutput = '${HS_NO_SUCH}/x'", "5:10: '${HS_NO_SUCH}/x' names a variable that is not set"),
        ("[[filter]]", "4:1: [[filter]] needs 'channel': names of channels"),
        (
            "[[filter]]\nchannel = ['consle']\n[channel.console]\ntype='./channel.py'",
            "5:12: there is no channel 'consle'; did you mean 'console'?",
        ),
        ("[x\n", "4:3: the line ends too early"),
        ("[sensor]\nname = 'a'\nname = 'b'", "6:1: 'name' is there twice; the first one is at"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    refused: Callable[..., list[str]], listening: str, text: str, told: str | None
) -> None:
    text = f"port = [1]\n{listening}" if told is None else listening + text
    expected = told or "1:8: there may be several of 'port'"
    [line] = refused(text)
    assert line.startswith(expected.replace("1:8", "1:8"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", '1:1: there is no [listener]; write [listener] with type = "netstack"'),
        ("[[listener]]\n", "1:1: there is exactly one listener; write [listener]"),
        ("listener = 1\n", "1:12: there is exactly one listener; write [listener]"),
        ("[listener]\ntype = 'sniff'\n", "2:8: there is no listener type 'sniff'; known: netstack, socket"),
        ("[listener]\ntype = './ear.py'\n", "1:1: no port and no address is left to the host"),
    ],
)
def test_there_is_one_listener(refused: Callable[..., list[str]], text: str, told: str) -> None:
    [line] = refused(text)
    assert line.startswith(told)


def test_a_problem_of_the_command_line_names_the_option(folder: Path, listening: str) -> None:
    with pytest.raises(ConfigErrors, match=re.escape("--set:1:10: [listener] has no setting 'interfce'")):
        parse_config(listening, path=folder / "c.toml", overrides=["listener.interfce=eth0"])


def test_the_command_line_wins(folder: Path, listening: str) -> None:
    config = parse_config(listening, path=folder / "c.toml", overrides=["listener.interface=eth7", "sensor.name=a"])
    assert (config.listener.interface, config.sensor) == ("eth7", "a")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path)


def test_bytes_that_are_no_text_are_told_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes("a = 1\n# é \xff".encode("latin-1"))
    with pytest.raises(ConfigErrors, match=r"a\.toml:2:3: this is no UTF-8 text"):
        load_config(tmp_path / "a.toml")


def test_a_byte_order_mark_is_no_character(written: Write, folder: Path, listening: str) -> None:
    (folder / "bom.toml").write_bytes(b"\xef\xbb\xbf" + listening.replace("\n", "\r\n").encode())
    assert load_config(folder / "bom.toml").listener.allow_no_exclude


def test_the_file_given_is_taken_unseen() -> None:
    assert find_config("x.toml") == Path("x.toml")


def test_the_first_that_exists_is_found(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("")
    assert find_config(None, [tmp_path / "a", tmp_path / "b"]) == tmp_path / "b"


def test_no_configuration_at_all_is_told_with_the_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither .*/a nor .*/b; name one with -c FILE"):
        find_config(None, [tmp_path / "a", tmp_path / "b"])


LINES = st.sampled_from(
    [*WHOLE.splitlines(), "[listener]", "type = 1", "[[port]]", "port = 'x'", "[", "a.b = {c=1}", "é = 1"]
)


@given(text=st.text(max_size=80) | st.lists(LINES, max_size=12).map("\n".join))
def test_any_text_is_a_configuration_or_config_errors(text: str) -> None:
    try:
        assert isinstance(parse_config(text), Config)
    except ConfigErrors as errors:
        problems = errors.problems
    else:
        return
    assert problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


OPTIONS = [
    "listener.type",
    "port.0.port",
    "port.0",
    "filter.0.channel",
    "sensor",
    "service.web.type",
    "a b",
    "capture.idle",
]
GIVEN = ["1", "x", "[]", "{}", "{a=1}", '"x"', "true", "[[", "./tcp.py", ""]


@settings(max_examples=50)
@given(options=st.lists(st.tuples(st.sampled_from(OPTIONS), st.sampled_from(GIVEN)), max_size=4))
def test_any_overrides_are_taken_or_refused(options: list[tuple[str, str]]) -> None:
    overrides = [f"{key}={value}" for key, value in options]
    try:
        parse_config(WHOLE.replace("./ear.py", "socket"), overrides=overrides)
    except ConfigErrors as errors:
        problems = errors.problems
    else:
        return
    assert problems


def test_a_configuration_knows_its_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[listener]\ntype = "socket"\n')
    config = load_config(path, overrides=["sensor.name=pot"])
    source = config.source
    assert source is not None
    again = parse_config(source.text, path=source.path, overrides=source.overrides, data=config.data)
    assert again == config
    assert again.sensor == "pot"


def test_how_long_a_peer_is_waited_for_is_set_with_the_bounds(
    refused: Callable[..., list[str]], written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HS_LOGS", "logs")
    more = "limits.half_open = 10\nlimits.keep_alive = true\nlimits.keep_alive_seconds = 600\nlimits.retries = 4\n"
    limits = load_config(written(WHOLE.replace("limits.half_open = 10\n", more))).listener.limits
    assert (limits.keep_alive, limits.keep_alive_seconds, limits.keep_alive_probes, limits.retries) == (True, 600, 9, 4)
    wrong = "limits.retries = 0\nlimits.keep_alive = 1\nlimits.keep_alive_probes = 1\n"
    assert refused(WHOLE.replace("limits.half_open = 10\n", wrong)) == [
        "5:18: 'retries' must be greater than zero",
        "6:21: 'keep_alive' must be true or false",
        "7:28: 'keep_alive_probes' must be 2 at least: a single answer may be lost",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[servce.a]\ntype = './tcp.py'\nsise = 1\n", ["4:2: there is no section", "6:1: [service.a] has no setting"]),
        ("[Channel.c]\ntype = './channel.py'\n[[filter]]\nchannel = ['c']\n", ["4:2: there is no section"]),
    ],
)
def test_a_misspelt_section_is_read_as_the_one_that_is_meant(
    refused: Callable[..., list[str]], listening: str, text: str, told: list[str]
) -> None:
    found = refused(listening + text)
    assert [line.startswith(start) for line, start in zip(found, told, strict=True)] == [True] * len(told), found


def test_a_listener_that_is_wrong_elsewhere_is_asked_for_its_exclusions_too(refused: Callable[..., list[str]]) -> None:
    found = refused("[listener]\ntype = './ear.py'\nnam = 1\n")
    assert [line.partition(":")[0] for line in found] == ["1", "3"]
    assert len(refused("[listener]\ntype = './ear.py'\nexclude_port = ['tcp/22']\n")) == 1
    assert len(refused("[listener]\ntype = './ear.py'\nexclude_ports = ['tcp/x']\n")) == 1
    assert len(refused("[listener]\ntype = './ear.py'\nallow_no_exclude = 'yes'\n")) == 1
