"""Studies print their tables: they are shown as each one ends, with several workers as with one."""

import pytest


class _Tables:
    """Writes what a study printed to the terminal of the run."""

    def __init__(self, terminal):
        self._terminal = terminal

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed and report.capstdout:
            self._terminal.write_sep("-", report.nodeid)
            self._terminal.write(report.capstdout)
            self._terminal.flush()


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Register the tables where there is a terminal (not in the workers)."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Tables(terminal), "tables")
