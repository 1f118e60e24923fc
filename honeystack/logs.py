"""The log: structlog on the handlers of the standard library, as `[[logging]]` says.

A log that cannot be written (a full disk, a closed terminal, a missing directory) costs lines, never the service.
A thread of its own writes, since a stopped terminal or a hung file system would else stop the packets too.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import attrs
import structlog

NOTICE = 25
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
QUEUED = 10_000  # lines that wait for the thread; more are lost and counted
PATIENCE = 1.0  # seconds that an orderly end waits for the outputs
# A process has one standard output, and a full pipe mixes what two threads write: held while whole lines go out.
STANDARD_OUTPUT = threading.Lock()
RETRY_EVERY = 5.0  # seconds between two attempts to open a log file again


@attrs.frozen
class LogOutput:
    """One `[[logging]]` table: `stdout`, `stderr` or a file, in which $VARS are expanded, and the lowest level."""

    output: str = "stderr"
    level: str = attrs.field(default="info", validator=attrs.validators.in_(LEVELS))


class Log(structlog.stdlib.BoundLogger):
    """The standard levels, and `notice` between info and warning."""

    def notice(self, event: str | None = None, **fields: Any) -> None:
        """Log what an operator wants to know and need not act on."""
        try:
            args, words = self._process_event("notice", event, fields)
        except structlog.DropEvent:
            return
        self._logger.log(NOTICE, *args, **words)


def set_up_logging(outputs: Sequence[LogOutput] = (LogOutput(),)) -> None:
    """Send the log to these outputs and no others; may be called again, for a new configuration."""
    logging.addLevelName(NOTICE, "NOTICE")
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Outputs)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(_Outputs([_Output(output) for output in outputs]))
    root.setLevel(min((LEVELS[output.level] for output in outputs), default=logging.CRITICAL))
    structlog.configure(
        processors=[
            _drop_below_the_level,
            structlog.contextvars.merge_contextvars,
            _add_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # here: the thread that writes knows no current exception
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=Log,
        cache_logger_on_first_use=False,  # a new configuration takes effect in every module
    )


def alarm(message: str, **fields: object) -> None:
    """Log an error, and make sure that it stands on stderr even if the log goes elsewhere or nowhere."""
    structlog.get_logger("honeystack").error(message, **fields)
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, _Outputs)]
    if not any(handler.shown_on_stderr for handler in handlers):
        details = "".join(f" {key}={_printable(value)}" for key, value in fields.items())
        _say_on_stderr(f"honeystack: {_printable(message)}{details}")


class _Outputs(logging.Handler):
    """Hands lines to the thread that writes them; never waits."""

    def __init__(self, outputs: Sequence[_Output]) -> None:
        super().__init__()
        self._outputs = outputs
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUED)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="honeystack log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def shown_on_stderr(self) -> bool:
        return any(output.shown_on_stderr for output in self._outputs)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, for a bounded time, and end the thread."""
        atexit.unregister(self.close)
        try:
            self._lines.put(None, timeout=PATIENCE)
            self._thread.join(PATIENCE)
        except queue.Full:  # an output hangs; the thread ends with the process
            self._lost += 1
        super().close()

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            lost, self._lost = self._lost, 0
            if lost:
                told = "%d lines lost: the log's outputs are too slow"
                self._hand_out(logging.LogRecord("honeystack", logging.WARNING, "", 0, told, (lost,), None))
            self._hand_out(record)
        for output in self._outputs:
            output.close()

    def _hand_out(self, record: logging.LogRecord) -> None:
        for output in self._outputs:
            if record.levelno >= output.level:
                output.handle(record)


class _Output(logging.Handler):
    """Writes to one output; opens it when first needed, and again after a failure or when its file is moved."""

    def __init__(self, settings: LogOutput) -> None:
        super().__init__(LEVELS[settings.level])
        self._output = settings.output
        self._file: TextIO | None = None
        self._failed_at: float | None = None
        self.setFormatter(_formatter(_wants_colour(self._standard())))

    @property
    def shown_on_stderr(self) -> bool:
        return self._output == "stderr" and self.level <= logging.ERROR

    def emit(self, record: logging.LogRecord) -> None:
        if self._failed_at is not None and record.created < self._failed_at + RETRY_EVERY:
            return
        try:
            line = self.format(record) + "\n"
            with STANDARD_OUTPUT if self._output == "stdout" else contextlib.nullcontext():
                _write(self._standard() or self._opened(), line)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._failed(record, error)
        else:
            self._failed_at = None

    def close(self) -> None:
        self._drop_file()
        super().close()

    def _standard(self) -> TextIO | None:
        return {"stdout": sys.stdout, "stderr": sys.stderr}.get(self._output)

    def _opened(self) -> TextIO:
        path = Path(os.path.expandvars(self._output))
        if self._file is not None and not _is_open_at(self._file, path):
            self._drop_file()
        if self._file is None:
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        return self._file

    def _failed(self, record: logging.LogRecord, error: Exception) -> None:
        if self._failed_at is None and self._output != "stderr":
            _say_on_stderr(f"honeystack: cannot write the log {self._output}: {error}; lines are lost until it works")
        self._failed_at = record.created
        self._drop_file()

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # the kernel has closed it in any case
                file.close()


def _drop_below_the_level(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if not logger.isEnabledFor(LEVELS.get(method, logging.ERROR)):
        raise structlog.DropEvent
    return event


def _add_level(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["level"] = method if method in LEVELS else "error"  # such as `exception`
    return event


def _formatter(colour: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _escape,
            structlog.dev.ConsoleRenderer(colors=colour, pad_event_to=0),
        ],
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )


def _escape(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What peers sent may be in any value: nothing that is not printable goes out raw, but a traceback's lines."""
    traceback = event.pop("exception", None)
    shown = {key: _printable(value) for key, value in event.items()}
    if traceback is not None:
        shown["exception"] = "\n".join(str(_printable(line)) for line in str(traceback).split("\n"))
    return shown


def _printable(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = str(value)
    return text if text.isprintable() else repr(text)[1:-1]


def _wants_colour(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty() and not os.environ.get("NO_COLOR")


def _is_open_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _say_on_stderr(line: str) -> None:
    try:
        _write(sys.stderr, line + "\n")
    except (OSError, ValueError):
        return  # nobody is left to tell


def _write(stream: TextIO, text: str) -> None:
    """Write past the stream's buffer: what stays in it after a failure would make the interpreter end with 120."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # a stream in memory, or a closed one
        stream.write(text)
        stream.flush()
        return
    rest = text.encode(errors="backslashreplace")
    while rest:
        rest = rest[os.write(descriptor, rest) :]
