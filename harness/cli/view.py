"""The run as a person sees it, instead of pytest's own terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.cli.screen import Screen
from harness.cli.watch import Watch
from harness.errors import ErrorpathError, Interrupted
from harness.plugin.session import RUN, Run
from harness.report.durations import durations
from harness.report.results import Record
from harness.report.terminal import closing_line, standards_view, summary_table


def followed(flags: list[str], slowest: int = 0) -> int:
    """Run pytest with these flags in view of a person; returns the exit code of the check.

    The ``slowest`` paths are listed at the end.
    """
    view = View(Screen(highlight=False, soft_wrap=False), slowest)
    try:
        code = pytest.main(flags, plugins=[view])
    finally:
        view.end()
    return view.outcome(int(code))


class View:
    """The plugin that shows a run instead of pytest's own terminal."""

    def __init__(self, console: Console, slowest: int) -> None:
        self._console = console
        self._slowest = slowest
        self._run: Run | None = None
        self._watch = Watch(console, self._progress_folder)
        self._error: BaseException | None = None
        self._interrupted: Interrupted | None = None
        self._data: dict[str, Any] | None = None
        self._watch.__enter__()

    def _progress_folder(self) -> Path | None:
        return self._run.progress if self._run else None

    def pytest_errorpath_started(self, config: pytest.Config) -> None:
        """The environment is up."""
        self._run = config.stash[RUN]

    def pytest_errorpath_record(self, record: Record) -> None:
        """A scenario is finished."""
        self._watch.finished(record)

    def pytest_errorpath_finished(self, data: dict[str, Any]) -> None:
        """The results are written."""
        self._data = data

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A scenario file that cannot be read is ours to mend; say so at once."""
        if report.failed:
            self._console.print(f"cannot read {report.nodeid}:\n{report.longreprtext}", markup=False)

    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Keep what ended the run; `outcome` raises it."""
        self._error = excinfo.value
        if not isinstance(excinfo.value, ErrorpathError):
            self._console.print(str(excrepr), markup=False)
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what ended the run early; `outcome` raises it."""
        if isinstance(excinfo.value, Interrupted):
            self._interrupted = excinfo.value

    def end(self) -> None:
        """Show no more of what is awaited."""
        self._watch.__exit__()

    def outcome(self, code: int) -> int:
        """Show the results; returns the exit code.  Raises what ended the run early."""
        if isinstance(self._error, ErrorpathError):
            raise self._error
        if self._run is not None and self._data is not None:
            if self._interrupted is None:
                summary_table(self._data, self._console)
                standards_view(self._data, self._console)
                for line in durations(self._data, self._slowest):
                    self._console.print(line, soft_wrap=True)
            self._console.print(closing_line(self._data, self._run.folder, self._run.lost))
            code = int(self._data["exit"])
        if self._interrupted is not None:
            raise self._interrupted
        return code if self._data is not None else 2 if code == pytest.ExitCode.USAGE_ERROR else 3
