"""``errorpath check``: every documented error path of a target, with a verdict each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import scenarios
from harness.choices import Choices, paths_in, writable
from harness.cli.watch import Watch
from harness.errors import ErrorpathError, Interrupted, UsageError
from harness.plan import plan
from harness.plugin.session import RUN, Run
from harness.report.results import Record
from harness.report.terminal import closing_line, summary_table

SCENARIOS = Path(scenarios.__file__).parent


def run(arguments: argparse.Namespace) -> int:
    """Check, show and write; returns the exit code."""
    choices = chosen(arguments)
    flags = _pytest_arguments(choices, _workers(arguments.workers, choices))
    plan(choices)  # a bad choice ends here, before pytest is asked anything
    writable(Path(choices.out or "reports"))
    view = _View(Console(highlight=False, soft_wrap=False))
    try:
        code = pytest.main(flags, plugins=[view])
    finally:
        view.end()
    return view.outcome(int(code))


def chosen(arguments: argparse.Namespace) -> Choices:
    """The choices on the command line."""
    names = Choices.__dataclass_fields__
    given = {name: getattr(arguments, name) for name in names}
    given["only"] = paths_in(arguments.only)
    return Choices(**given)


def _workers(asked: str, choices: Choices) -> int:
    """Scenarios mostly wait, so twice the cores are kept busy; never more workers than there is work."""
    if asked != "auto":
        if not asked.isdigit():
            raise UsageError(f"-n {asked}: write a number of workers, 0 for none, or auto")
        return int(asked)
    workers = min(2 * (os.cpu_count() or 1), 8)
    return min(workers, len(choices.only)) if choices.only else workers


def _pytest_arguments(choices: Choices, workers: int) -> list[str]:
    flags = [str(SCENARIOS), "-p", "no:terminal", "-p", "no:cacheprovider"]
    flags += ["-p", "no:tmpdir"]  # its folders would outlive a run that is killed; ours do not
    flags += [f"--rootdir={SCENARIOS.parent}", "-n", str(workers), "--dist", "worksteal"]
    for name, value in choices.to_json().items():
        if value not in (None, (), []):
            flags.append(f"--{name.replace('_', '-')}={','.join(value) if name == 'only' else value}")
    return flags


class _View:
    """The plugin that shows a run instead of pytest's own terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
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
        """Keep what ended the run; `close` raises it."""
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
            self._console.print(closing_line(self._data, self._run.folder))
            code = int(self._data["exit"])
        if self._interrupted is not None:
            raise self._interrupted
        return code if self._data is not None else 2 if code == pytest.ExitCode.USAGE_ERROR else 3
