"""What all tests share: live tests need root, and a skip can be made to count as a failure."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from tests import together

settings.register_profile("suite", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("suite")
pytest.register_assert_rewrite("tests.live.arena")


def pytest_configure(config: pytest.Config) -> None:
    """A run in the background of a shell ignores interrupts, and so would every program that it starts."""
    together.configure(config)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also the tests that take minutes each")
    parser.addoption("--no-skips", action="store_true", help="a test that would be skipped fails")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak out of ordinary runs."""
    if config.getoption("--soak"):
        return
    left = [item for item in items if not item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
    items[:] = left


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("live") and os.geteuid() != 0:
        pytest.skip("builds network namespaces: needs root")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    report: pytest.TestReport = yield  # type: ignore[misc]
    if report.skipped and item.config.getoption("--no-skips") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and this run allows no skips: {report.longrepr}"
    return report
