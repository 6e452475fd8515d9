"""``errorpath check``: every documented error path of a target, with a verdict each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import scenarios
from harness.choices import Choices, paths_in, writable
from harness.errors import UsageError
from harness.plan import plan

SCENARIOS = Path(scenarios.__file__).parent


def run(arguments: argparse.Namespace) -> int:
    """Check, show and write; returns the exit code."""
    choices = chosen(arguments)
    flags = _pytest_arguments(choices, _workers(arguments.workers, choices))
    plan(choices)
    writable(Path(choices.out or "reports"))
    from harness.cli.view import followed  # a bad choice has ended before pytest is even loaded

    return followed(flags)


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
    if choices.url is not None:
        return 0
    workers = min(2 * (os.cpu_count() or 1), 8)
    return min(workers, len(choices.only)) if choices.only else workers


def _pytest_arguments(choices: Choices, workers: int) -> list[str]:
    flags = [str(SCENARIOS), "-p", "no:terminal", "-p", "no:cacheprovider"]
    flags += ["-p", "no:locust"]  # where Locust is installed, its plugin would monkey-patch this process
    flags += ["-p", "no:tmpdir"]  # its folders would outlive a run that is killed; ours do not
    flags += [f"--rootdir={SCENARIOS.parent}", "-n", str(workers), "--dist", "worksteal"]
    for name, value in choices.to_json().items():
        if value not in (None, (), []):
            flags.append(f"--{name.replace('_', '-')}={','.join(value) if name == 'only' else value}")
    return flags
