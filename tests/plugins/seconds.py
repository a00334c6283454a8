"""How long each test took when it last ran here, in pytest's cache; with --quick those that took long are left out."""

import pytest

QUICK = 0.3
"""Seconds up to which a test is one of `make check`."""
SECONDS = "vqatune/seconds"
"""Where pytest's cache keeps how long each test took the last time it ran here."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --quick."""
    help_ = f"leave out tests that took more than {QUICK} s when they last ran here"
    parser.addoption("--quick", action="store_true", help=help_)


class _Stopwatch:
    """Keeps the seconds of every test in pytest's cache."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = round(self._seconds.get(report.nodeid, 0) + report.duration, 2)

    def pytest_sessionfinish(self) -> None:
        self._config.cache.set(SECONDS, self._config.cache.get(SECONDS, {}) | self._seconds)


def pytest_configure(config: pytest.Config) -> None:
    """Time the tests, where pytest collects what its processes report."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Stopwatch(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --quick, leave out the tests that take long."""
    if config.getoption("quick"):
        seconds = config.cache.get(SECONDS, {})
        slow = [item for item in items if seconds.get(item.nodeid, 0) > QUICK]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if seconds.get(item.nodeid, 0) <= QUICK]
