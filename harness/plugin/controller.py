"""What only the controller does: gather records, write the results, decide the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from harness.errors import Interrupted
from harness.plugin import outcomes
from harness.plugin.scenario_index import path_at, scenario_paths
from harness.plugin.session import Run


class Controller:
    """Follows one run.  Law: every scenario that was chosen has a record at the end, whatever happened to it."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run
        self._chosen: set[str] = set()
        self._recorded: set[str] = set()
        self._others_failed = False
        self._data: dict[str, Any] | None = None
        self._told = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """What a worker will run."""
        self._chosen.update(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What will be run here, without workers."""
        self._chosen.update(item.nodeid for item in session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A scenario file that cannot be read leaves promises unchecked."""
        self._run.results.troubled |= report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a scenario's record; a scenario whose worker died gets one saying so."""
        record = outcomes.record_in(report)
        path = path_at(report.nodeid)
        if record is None and path and str(report.when) == outcomes.CRASHED:
            record = outcomes.lost(path, report.nodeid, "the worker died during the scenario")
        if record is not None:
            self._recorded.add(report.nodeid)
            self._run.results.records.append(record)
            self._config.hook.pytest_errorpath_record(record=record)
        elif report.failed and path is None:
            self._others_failed = True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Write what was measured at once, and wait for no worker: their wardens end what they started."""
        if type(excinfo.value) is KeyboardInterrupt or isinstance(excinfo.value, Interrupted):
            ended = excinfo.value if isinstance(excinfo.value, Interrupted) else Interrupted()
            self._run.results.ended_by = ended.exit_code
            self._write("the run was ended before this was finished")
            if self._nodes is not None:
                self._nodes.EXIT_TIMEOUT = 0

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the results, stop the environment."""
        self._run.results.troubled |= session.exitstatus == pytest.ExitCode.INTERNAL_ERROR
        try:
            data = self._write("the run ended without it")
        finally:
            self._run.close()
        self._finished(data)
        if self._run.results.ended_by is None and session.exitstatus != pytest.ExitCode.USAGE_ERROR:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if self._others_failed else data["exit"]

    def pytest_unconfigure(self) -> None:
        """End what was interrupted while it began: of such a session pytest announces no finish."""
        if self._told:
            return
        if self._nodes is not None:
            self._nodes.teardown_nodes()
        self._run.close()
        if self._data is not None:
            self._finished(self._data)

    @property
    def _nodes(self) -> Any:
        """xdist's node manager, once there is one."""
        return getattr(self._config.pluginmanager.getplugin("dsession"), "nodemanager", None)

    def _finished(self, data: dict[str, Any]) -> None:
        self._told = True
        self._config.hook.pytest_errorpath_finished(data=data)

    def _write(self, why: str) -> dict[str, Any]:
        if self._data is None:
            self._run.results.records += [outcomes.lost(path, name, why) for path, name in self._missing()]
            self._data = self._run.write()
        return self._data

    def _missing(self) -> Iterator[tuple[str, str]]:
        """Path and name of each scenario without a record; of all that were asked for, when nothing was collected."""
        only = self._run.plan.choices.only
        for name in sorted(self._chosen - self._recorded) or (() if self._chosen else scenario_paths()):
            path = path_at(name)
            if path and (not only or path in only):
                yield path, name
