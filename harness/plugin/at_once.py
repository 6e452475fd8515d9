"""Many scenarios at once, each in a fork of the controller: for real time, where they wait and waiting costs nothing.

xdist's workers each import everything and begin together, once the slowest is ready; a fork has everything already
and begins at once.  Law: few start at a time, for a start costs what waiting does not, and would disturb those that
are being timed; those that last longest begin first.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import warnings
from collections import deque
from multiprocessing.connection import Connection, wait
from typing import Any

import pytest

from harness.plugin import ctrl_c, orphan, outcomes
from harness.plugin.session import RUN, WORKER_INPUT, Run

FORK = multiprocessing.get_context("fork")
STARTING_MOST = max(1, (os.cpu_count() or 1) // 2)  # the other half of the cores is for what is being timed
CONTROLLERS = ("errorpath-controller", "terminalreporter")  # plugins that only the controller needs
BEGAN, REPORT, DONE = "began", "report", "done"


def lasts_s(item: pytest.Item) -> float:
    """Target seconds that a scenario takes at least, where it says so."""
    mark = item.get_closest_marker("lasts")
    return float(mark.args[0]) if mark else 0.0


class AtOnce:
    """Runs the session's scenarios, ``count`` of them at once."""

    def __init__(self, run: Run, count: int) -> None:
        self._run = run
        self._count = count
        self._names = itertools.count()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop, which runs one after the other."""
        waiting = deque(sorted(range(len(session.items)), key=lambda n: -lasts_s(session.items[n])))
        workers: dict[Connection, _Worker] = {}
        try:
            while waiting or workers:
                while waiting and len(workers) < self._count and _starting(workers) < STARTING_MOST:
                    worker = _Worker(session, self._run, next(self._names), waiting.popleft())
                    workers[worker.connection] = worker
                for ready in wait(list(workers)):
                    if isinstance(ready, Connection) and not workers[ready].hear(waiting):
                        workers.pop(ready).close(self._run)
        finally:
            for process in multiprocessing.active_children():  # interrupted, perhaps just after a fork
                process.kill()  # the wardens end what it started
                process.join()
        return True


def _starting(workers: dict[Connection, _Worker]) -> int:
    return sum(1 for worker in workers.values() if worker.starting)


class _Worker:
    """A fork of this process that runs one scenario after the other, as the controller sees it."""

    def __init__(self, session: pytest.Session, run: Run, number: int, first: int) -> None:
        self._session = session
        self._at: int | None = first
        self.starting = True
        self.connection, theirs = FORK.Pipe()
        told = {"workerid": f"fork{number}", WORKER_INPUT: run.for_worker()}
        self._process = FORK.Process(target=_work, args=(session, told, theirs, self.connection, os.getpid()))
        with warnings.catch_warnings():
            # Newer Pythons warn of a fork beside threads; the viewer's holds nothing that a worker takes.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()
        self.connection.send(first)

    def hear(self, waiting: deque[int]) -> bool:
        """Take in one message, and give out the next scenario; False when the worker has no more to say."""
        hook, config = self._session.config.hook, self._session.config
        try:
            kind, data = self.connection.recv()
            if kind == DONE:
                self._at = waiting.popleft() if waiting else None
                self.connection.send(self._at)
        except (EOFError, OSError):  # it has died
            return False
        self.starting = False
        if kind == REPORT:
            hook.pytest_runtest_logreport(report=hook.pytest_report_from_serializable(config=config, data=data))
        return True

    def close(self, run: Run) -> None:
        """Collect a worker that has ended; a scenario that it left unfinished is reported as such."""
        self._process.join()
        self.connection.close()
        if self._at is not None:
            item = self._session.items[self._at]
            item.ihook.pytest_runtest_logreport(
                report=pytest.TestReport(
                    item.nodeid, item.location, {}, "failed", "the worker died", outcomes.CRASHED
                )
            )
        elif self._process.exitcode:
            run.results.troubled = True


def _work(
    session: pytest.Session, told: dict[str, Any], connection: Connection, controllers: Connection, controller: int
) -> None:
    """The worker's side: run the scenarios whose numbers come, until there are no more."""
    controllers.close()
    _become_worker(session, told, controller)
    try:
        _run(session, connection)
    except (EOFError, OSError):
        os._exit(1)  # the controller has died, and nobody is left to hear of anything


def _run(session: pytest.Session, connection: Connection) -> None:
    session.config.pluginmanager.register(_Reporter(session.config, connection), "errorpath-fork")
    rest = _Rest.from_parent(session, name="rest")
    while (number := connection.recv()) is not None:
        item = session.items[number]
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=rest)
        connection.send((DONE, None))
    session._setupstate.teardown_exact(None)


def _become_worker(session: pytest.Session, told: dict[str, Any], controller: int) -> None:
    orphan.leave_with(controller)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctrl_c.leave_to_controller()
    config = session.config
    config.workerinput = told  # type: ignore[attr-defined]  # where xdist puts it
    del config.stash[RUN]
    for name in CONTROLLERS:
        config.pluginmanager.unregister(name=name)
    _capture_anew(config)


def _capture_anew(config: pytest.Config) -> None:
    """Capture output in files of this process's own, not in those it shares with its siblings."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None and capture.is_globally_capturing():
        capture.stop_global_capturing()
        capture.start_global_capturing()


class _Rest(pytest.Item):
    """What stands for the scenarios to come while one is torn down: it keeps the session's fixtures."""

    def runtest(self) -> None:
        """Never called."""
        raise NotImplementedError


class _Reporter:
    """Sends a worker's reports to the controller."""

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self._config = config
        self._connection = connection

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Everything that this scenario needs has been started."""
        self._connection.send((BEGAN, None))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a scenario is over."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._connection.send((REPORT, data))
