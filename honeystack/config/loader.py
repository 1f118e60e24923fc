"""From a file to a Config, or to every error in it at once."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from honeystack.config import checks
from honeystack.config.errors import ConfigErrors, Problem, Source, Span, nearest, problem_at, surely_meant
from honeystack.config.model import Config, ConfigText, FilterEntry
from honeystack.config.overrides import apply_overrides
from honeystack.config.plugins import read_plugin
from honeystack.config.port_sections import read_ports, strings_in
from honeystack.config.positions import Array, Node, Table
from honeystack.config.recovery import parse_parts
from honeystack.config.sections import LISTS, TABLES, CaptureSection, FilterSection, LoggingSection
from honeystack.config.structure import INVALID, Reading, structure
from honeystack.config.token import data_directory
from honeystack.errors import ConfigError
from honeystack.logs import LogOutput
from honeystack.reception import CaptureLimits
from honeystack.registry import Kind
from honeystack.transcript import TranscriptLimits

_NAMED: dict[str, Kind] = {"service": "services", "director": "directors", "channel": "channels"}
SECTIONS = ("listener", *_NAMED, *LISTS, *TABLES)
SEARCHED = (Path("config.toml"), Path("/etc/honeystack/config.toml"))


def find_config(given: Path | str | None = None, searched: Iterable[Path] = SEARCHED) -> Path:
    """The file given, else the first that exists of those searched. Raises ConfigError if none does."""
    if given is not None:
        return Path(given)
    for path in searched:
        if path.is_file():
            return path
    places = " nor ".join(str(path) for path in searched)
    raise ConfigError(f"no configuration: there is neither {places}; name one with -c FILE")


def load_config(
    path: Path | str, *, overrides: Iterable[str] = (), data: Path | None = None, machine: bool = False
) -> Config:
    """Read and check a file; `machine` also checks what this machine has. Raises ConfigErrors with all errors."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        source = Source(str(path), raw.decode("utf-8", "replace"))
        start = len(raw[: error.start].decode("utf-8"))
        raise ConfigErrors([problem_at(Span(source, start, start + 1), "this is no UTF-8 text")]) from error
    return parse_config(text, path=path, overrides=overrides, data=data, machine=machine)


def parse_config(
    text: str,
    *,
    path: Path | str | None = None,
    overrides: Iterable[str] = (),
    data: Path | None = None,
    machine: bool = False,
) -> Config:
    """Read and check a text as if it stood in `path`. Raises ConfigErrors with all errors."""
    path = None if path is None else Path(path)
    # TOML's line ends are \n and \r\n; positions count characters of the text as it stands.
    root, problems, whole = parse_parts(Source("config.toml" if path is None else str(path), text))
    reading = Reading(Path.cwd() if path is None else path.absolute().parent, problems, whole=whole)
    overrides = tuple(overrides)
    apply_overrides(root, overrides, reading)
    config = _read(root, reading, path=path, data=data_directory(data), machine=machine)
    if config is None:
        raise ConfigErrors(_in_order(reading.problems), _in_order(reading.notes))
    return attrs.evolve(config, source=ConfigText(text, path and path.absolute(), overrides))


def _read(root: Table, reading: Reading, *, path: Path | None, data: Path, machine: bool) -> Config | None:
    _tell_unknown_sections(root, reading)
    listener = _read_listener(root, reading, machine=machine)
    directors = _read_named(root, "director", {}, reading)
    resolve = {"director": functools.partial(_resolve_director, directors=directors, reading=reading)}
    services = _read_named(root, "service", resolve, reading)
    channels = _read_named(root, "channel", {}, reading)
    ports, placed = read_ports(_tables(root, "port", reading), services, reading)
    filters = _read_filters(root, channels, reading)
    logging = [_read_logging(table, reading) for table in _tables(root, "logging", reading)]
    capture, heartbeat, sensor = (_read_table(root, name, reading) for name in TABLES)
    if reading.problems:
        return None
    checks.note_excluded_ports(placed, listener, reading)
    checks.note_foreign_addresses(placed, listener, reading)
    checks.warn_of_any(placed, listener, reading)
    _note_silence(root, channels, reading)
    limits = CaptureLimits(payload_bytes=capture.payload_bytes, pause=capture.pause, idle=capture.idle)
    return Config(
        path=path,
        listener=listener,
        services=services,
        directors=directors,
        channels=channels,
        ports=tuple(ports),
        filters=tuple(filters),
        logging=tuple(logging),
        capture=limits,
        transcripts=_transcript_limits(capture),
        first_wait=capture.first_wait,
        heartbeat=float(heartbeat.interval),
        sensor=sensor.name,
        data=data,
        notes=tuple(_in_order(reading.notes)),
    )


def _tell_unknown_sections(root: Table, reading: Reading) -> None:
    """A misspelt section is read as the one that is meant, so that what is in it is checked too."""
    for name, entry in list(root.entries.items()):
        if name in SECTIONS:
            continue
        reading.wrong(entry.key, f"there is no section {name!r}", nearest(name, SECTIONS))
        meant = surely_meant(name, SECTIONS)
        if meant is not None and meant not in root.entries:
            root.entries[meant] = entry


def _transcript_limits(capture: CaptureSection) -> TranscriptLimits | None:
    if not capture.pcap:
        return None
    return TranscriptLimits(
        capture.pcap_bytes,
        capture.pcap_quota,
        capture.pcap_conversations,
        capture.pcap_files,
        capture.pcap_conversations_per_source,
    )


def _read_listener(root: Table, reading: Reading, *, machine: bool) -> Any:
    entry = root.entries.get("listener")
    if entry is None:
        return reading.missing(root.span, "there is no [listener]", 'write [listener] with type = "netstack"')
    if not isinstance(entry.node, Table):
        return reading.wrong(entry.node.span, "there is exactly one listener", "write [listener]")
    table = entry.node
    listener = read_plugin("listeners", table, reading, where="[listener]", resolve={}, check=checks.check_listener)
    if listener is not INVALID:
        checks.note_whole_networks(table, listener, reading)
        if machine:
            checks.check_machine(table, listener, reading)
    return listener


def _read_named(root: Table, section: str, resolve: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    entry = root.entries.get(section)
    if entry is None:
        return {}
    if not isinstance(entry.node, Table):
        reading.wrong(entry.node.span, f"each {section} has a name of its own", f"write [{section}.NAME]")
        return {}
    plugins = {}
    for name, named in entry.node.entries.items():
        if not isinstance(named.node, Table):
            reading.wrong(named.key, f"each {section} has a name of its own", f"write [{section}.NAME]")
            continue
        where = f"[{section}.{name}]"
        plugins[name] = read_plugin(_NAMED[section], named.node, reading, where=where, resolve=resolve)
    return plugins


def _resolve_director(node: Node, *, directors: Mapping[str, Any], reading: Reading) -> Any:
    names = strings_in(node)
    if len(names) != 1:
        return reading.wrong(node.span, "'director' must be the name of a [director.NAME], in quotes")
    [(name, span)] = names
    if name not in directors:
        return reading.missing(span, f"there is no director {name!r}", nearest(name, directors))
    return directors[name]


def _read_filters(root: Table, channels: Mapping[str, Any], reading: Reading) -> list[FilterEntry]:
    tables = _tables(root, "filter", reading)
    checks.check_filters(tables, channels, reading)
    sections = [structure(FilterSection, table, reading, where="[[filter]]") for table in tables]
    return [
        FilterEntry(_strings(section.channel), *(getattr(section, name) for name in checks.PATTERNS))
        for section in sections
        if section is not INVALID
    ]


def _read_logging(table: Table, reading: Reading) -> Any:
    section = structure(LoggingSection, table, reading, where="[[logging]]")
    if section is INVALID:
        return INVALID
    output = os.path.expandvars(section.output)
    if section.output in ("stdout", "stderr"):
        return LogOutput(output, section.level)
    entry = table.entries.get("output")
    if "$" in output and entry is not None:
        return reading.wrong(entry.node.span, f"{output!r} names a variable that is not set")
    return LogOutput(str(reading.folder / output), section.level)


def _read_table(root: Table, name: str, reading: Reading) -> Any:
    entry = root.entries.get(name)
    if entry is None:
        return TABLES[name]()
    if not isinstance(entry.node, Table):
        return reading.wrong(entry.node.span, f"{name!r} is one section", f"write [{name}]")
    return structure(TABLES[name], entry.node, reading, where=f"[{name}]")


def _tables(root: Table, name: str, reading: Reading) -> list[Table]:
    entry = root.entries.get(name)
    if entry is None:
        return []
    tables = [item for item in entry.node.items if isinstance(item, Table)] if isinstance(entry.node, Array) else []
    if not isinstance(entry.node, Array) or len(tables) < len(entry.node.items):
        reading.wrong(
            entry.node.span,
            f"there may be several of {name!r}, so each is written with two brackets",
            f"write [[{name}]]",
        )
    return tables


def _note_silence(root: Table, channels: Mapping[str, Any], reading: Reading) -> None:
    if not channels:
        place = root.entries["listener"].key
        reading.note(
            place, "no channel is configured: events go nowhere", 'write [channel.console] with type = "console"'
        )


def _strings(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))
