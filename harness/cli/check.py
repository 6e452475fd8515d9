"""``errorpath check``: every documented error path of a target, with a verdict each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import scenarios
from harness.choices import Choices, paths_in, writable
from harness.errors import UsageError
from harness.plan import Plan, plan

SCENARIOS = Path(scenarios.__file__).parent
AT_ONCE = 40  # scenarios in real time, each with a proxy of its own: 100 MB, and half a second of a core to start


def run(arguments: argparse.Namespace) -> int:
    """Check, show and write; returns the exit code."""
    choices = chosen(arguments)
    planned = plan(choices)
    flags = _pytest_arguments(choices) + _workers(arguments.workers, planned)
    planned.check_there()
    writable(Path(choices.out or "reports"))
    from harness.cli.view import followed  # a bad choice has ended before pytest is even loaded

    return followed(flags, arguments.durations)


def chosen(arguments: argparse.Namespace) -> Choices:
    """The choices on the command line."""
    names = Choices.__dataclass_fields__
    given = {name: getattr(arguments, name) for name in names}
    given["only"] = paths_in(arguments.only)
    return Choices(**given)


def _workers(asked: str, chosen: Plan) -> list[str]:
    """How pytest is to run the scenarios.

    They mostly wait, so twice the cores are kept busy by xdist's workers, never more than there is work.  In real
    time they do hardly anything else, and forks run as many at once as find room.
    """
    choices = chosen.choices
    if asked != "auto":
        if not asked.isdecimal():
            raise UsageError(f"-n {asked}: write a number of workers, 0 for none, or auto")
        workers = int(asked)
        choices.check_workers(workers)
    elif choices.url is not None:
        workers = 0
    elif chosen.clock.speed == 1:
        return ["-n", "0", "--at-once", str(AT_ONCE)]
    else:
        workers = min(2 * (os.cpu_count() or 1), 8, len(choices.only) or 8)
    return ["-n", str(workers), "--dist", "worksteal"]


def _pytest_arguments(choices: Choices) -> list[str]:
    flags = [str(SCENARIOS), "-p", "harness.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"]
    # No other plugin that happens to be installed: one reorders, one repeats, Locust's patches this process.
    flags += ["--disable-plugin-autoload", "-p", "xdist"]
    flags += ["--assert=plain"]  # scenarios claim with `expect`, so there is nothing to rewrite
    flags += ["-p", "no:tmpdir"]  # its folders would outlive a run that is killed; ours do not
    flags += [f"--rootdir={SCENARIOS.parent}"]
    for name, value in choices.to_json().items():
        if value not in (None, (), []):
            flags.append(f"--{name.replace('_', '-')}={','.join(value) if name == 'only' else value}")
    return flags
