"""The pytest plugin: options, the run's environment, fixtures, verdicts.

Loaded by the checkout's ``conftest.py`` or by ``-p harness.plugin``.  The controller starts the environment when the
arguments reach the scenarios; xdist's workers are told where it is.

PYTEST_DONT_REWRITE: there is no assert here, and the command line has imported parts of it before pytest does.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.choices import Choices, add_choices, paths_in
from harness.errors import HarnessError, UsageError
from harness.plugin import ctrl_c, hooks, orphan, outcomes
from harness.plugin.at_once import AtOnce
from harness.plugin.controller import Controller
from harness.plugin.fixtures import *  # noqa: F403  # fixtures are found by name
from harness.plugin.scenario_index import scenarios_folder
from harness.plugin.session import RUN, WORKER_INPUT, Run


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the choices of ``errorpath check``."""
    group = parser.getgroup("errorpath", "what is checked, and where")
    add_choices(group.addoption)
    group.addoption("--at-once", default=0, type=int, help="scenarios at once, in forks instead of xdist's workers")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let viewers follow a run."""
    pluginmanager.add_hookspecs(hooks)


def choices_of(config: pytest.Config) -> Choices:
    """The choices given to pytest."""
    given = {name: config.getoption(f"--{name.replace('_', '-')}") for name in Choices.__dataclass_fields__}
    return Choices(**{**given, "only": paths_in(given["only"])})


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the run in the controller, when its arguments reach the scenarios."""
    config.addinivalue_line("markers", "error_path(id): the error path of the catalogue that a scenario checks")
    config.addinivalue_line("markers", "expiring_health: the target's health result expires at the target's pace")
    config.addinivalue_line("markers", "own_postgres: the API is on a PostgreSQL that no other worker uses")
    config.addinivalue_line("markers", "unhurried: the proxy before the API has its deadline in our seconds")
    config.addinivalue_line("markers", "lasts(target_s): target seconds that a scenario takes at least")
    told = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if told is not None:
        orphan.leave_with(json.loads(told)["controller"])
        ctrl_c.leave_to_controller()
    if hasattr(config, "workerinput") or config.option.collectonly or not _reaches_scenarios(config):
        return
    try:
        choices = choices_of(config)
        choices.check_workers(_workers(config))
        run = config.stash[RUN] = Run.start(choices)
    except UsageError as exc:
        raise pytest.UsageError(str(exc)) from exc
    except HarnessError as exc:
        pytest.exit(f"errorpath: {exc}", returncode=3)
    config.pluginmanager.register(Controller(config, run), "errorpath-controller")
    config.hook.pytest_errorpath_started(config=config)


def _workers(config: pytest.Config) -> int:
    workers, at_once = config.getoption("numprocesses", 0) or 0, config.getoption("--at-once")
    if workers and at_once:
        raise pytest.UsageError("--at-once and -n: choose one; forks take the place of xdist's workers")
    return int(max(workers, at_once))


def _reaches_scenarios(config: pytest.Config) -> bool:
    folder = scenarios_folder()
    given = [Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args]
    return any(path == folder or folder in path.parents or path in folder.parents for path in given)


def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the environment is."""
    run = node.config.stash.get(RUN, None)
    if run is not None:
        node.workerinput[WORKER_INPUT] = run.for_worker()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the paths asked for; put those that need the backend together, so that few workers start one."""
    items.sort(key=lambda item: "system" not in getattr(item, "fixturenames", ()))
    only = choices_of(config).only
    if only:
        dropped = [item for item in items if outcomes.path_of(item) not in only]
        items[:] = [item for item in items if outcomes.path_of(item) in only]
        config.hook.pytest_deselected(items=dropped)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open the record of a scenario."""
    outcomes.begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the verdict."""
    report = yield
    outcomes.attach(item, call, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None, None, None]:
    """Let xdist start the workers; those of our own are started later."""
    run = session.config.stash.get(RUN, None)
    if run is None:
        yield
        return
    at_once = session.config.getoption("--at-once")
    if at_once:
        session.config.pluginmanager.register(AtOnce(run, at_once), "errorpath-at-once")
    with ctrl_c.held_back(), ctrl_c.kept_from_children():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Spare the end of a run the searches for cycles of pytest and Python: a second of each worker's core."""
    if RUN in config.stash or hasattr(config, "workerinput"):
        gc.freeze()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is checked, and where."""
    run = config.stash.get(RUN, None)
    if run is None:
        return None
    versions = ", ".join(f"{name} {version}" for name, version in run.endpoints.versions.items())
    where = f"{run.endpoints.kind}, links by {run.endpoints.toxiproxy_kind} ({versions})"
    return f"errorpath: {run.plan.target.name} at speed {run.plan.clock.speed:g}, {where}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line for every path that is not a pass, and where the results are."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    for path in run.results.paths():
        if path["verdict"] in ("fail", "invalid"):
            terminalreporter.write_line(
                f"{path['verdict']} {path['id']}: expected {path['expected']}, got {path['actual']}"
            )
    terminalreporter.write_line(f"errorpath: {run.lost or f'results in {run.folder}'}")
