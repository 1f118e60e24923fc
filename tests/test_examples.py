"""Every example runs: configurations load and pass `check`, the plug-in serves, the script answers."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import trio
import trio.testing

from honeystack.config.loader import load_config
from honeystack.conversation import Conversation, Recognition
from honeystack.demo.stage import write_certificate
from honeystack.events.event import Event, Identity, Payload
from honeystack.events.recorder import Recorder
from honeystack.net.address import Endpoint, Flow
from honeystack.registry import plugin_name

EXAMPLES = Path(__file__).parent.parent / "examples"
CONFIGS = sorted(EXAMPLES.glob("*/config.toml"))


def copied(config: Path, tmp_path: Path) -> Path:
    """The example's folder with the certificates that an operator would have put there."""
    folder = shutil.copytree(config.parent, tmp_path / "example")
    write_certificate(folder / "certs")
    for kind in ("crt", "key"):
        shutil.copy(folder / "certs" / f"example.{kind}", folder / "certs" / f"www.{kind}")
    return folder / "config.toml"


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_each_configuration_loads_without_a_complaint(config: Path, tmp_path: Path) -> None:
    loaded = load_config(copied(config, tmp_path), data=tmp_path / "data")
    assert plugin_name(type(loaded.listener)) == "netstack"
    assert loaded.channels


def test_every_example_has_its_line_in_the_table() -> None:
    table = (EXAMPLES / "README.md").read_text()
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for name in folders if f"[{name}](" in table} == folders


def test_the_documented_example_takes_both_spellings(tmp_path: Path) -> None:
    config = copied(EXAMPLES / "documented" / "config.toml", tmp_path)
    other = config.read_text().replace("tls_certificate", "certificate_file").replace("tls_key", "key_file")
    config.write_text(other.replace('exclude_ports=["tcp/8022"]', "allow_no_excludes=true"))
    loaded = load_config(config, data=tmp_path / "data")
    assert loaded.fallback_certificate is not None
    assert loaded.listener.allow_no_exclude is True


async def test_the_plugin_greets_answers_and_records_lines() -> None:
    greeter = imported(EXAMPLES / "plugin" / "greeter.py").Greeter(greeting="good morning")
    assert greeter.recognise(b"hello", eof=False) is Recognition.MINE
    assert greeter.recognise(b"\x16\x03", eof=False) is Recognition.NOT_MINE
    events: list[Event] = []
    ours, theirs = trio.testing.memory_stream_pair()
    flow = Flow("tcp", Endpoint("192.0.2.1", 4000), Endpoint("192.0.2.2", 50000))
    recorder = Recorder(SimpleNamespace(publish=events.append), clock=lambda: 0.0, new_id=lambda: "id")
    peer = Conversation(ours, flow, Identity("tcp"), recorder, service="hello")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(greeter.handle, peer)
        await theirs.send_all(b"one\r\ntw")
        await theirs.send_all(b"o\r\n")
        await theirs.send_eof()
        await trio.testing.wait_all_tasks_blocked()
    await peer.aclose()
    assert b"".join([part async for part in theirs]) == b"good morning\r\nyou said: one\r\nyou said: two\r\n"
    assert [event.fields["payload"] for event in events] == [Payload(b"one\r", 4), Payload(b"two\r", 4)]


def test_the_script_answers_without_an_interface() -> None:
    assert callable(imported(EXAMPLES / "research" / "answering.py").main)
