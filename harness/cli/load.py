"""``errorpath load``: Locust while faults come and go, against a control, with gates."""

from __future__ import annotations

import argparse
import shlex
from itertools import chain
from pathlib import Path

from harness import program
from harness.choices import Choices, link_latest, output_folder
from harness.cli.screen import Screen
from harness.errors import Interrupted, Terminated, UsageError
from harness.load import gates, results, schedule
from harness.load.locust_process import Traffic, needed
from harness.load.run import LoadPlan
from harness.load.run import run as run_load
from harness.load.terminal import summary
from harness.plan import Plan, plan
from harness.report.page import load_page

MOST_USERS, MOST_PER_S, MOST_WORKERS = 10_000, 100_000.0, 64
FLAGS = (
    *("target", "url", "origin_port", "env", "toxiproxy", "users", "rate", "model"),
    *("duration", "schedule", "gates", "workers", "processes", "seed"),
)


def run(arguments: argparse.Namespace) -> int:
    """Load, show and write; returns the exit code.  Raises what ended it early, once that is done."""
    asked = _asked(arguments)
    console = Screen(highlight=False, soft_wrap=True)
    data = run_load(asked, lambda what: console.print(f"· {what}", markup=False))
    if not asked.plan.choices.out:
        link_latest(asked.folder)
    load_page.write(data, asked.folder)
    summary(data, asked.folder, console)
    ended = next((kind for kind in (Interrupted, Terminated) if kind.exit_code == data["exit"]), None)
    if ended is not None:
        raise ended
    return int(data["exit"])


def _asked(arguments: argparse.Namespace) -> LoadPlan:
    needed()
    names = ("target", "url", "origin_port", "env", "toxiproxy", "seed", "out")
    chosen = plan(Choices(speed="real", **{name: getattr(arguments, name) for name in names}))
    chosen.check_api()
    phases = schedule.load_schedule(Path(arguments.schedule or schedule.DEFAULT))
    wanted = gates.load_gates(Path(arguments.gates), phases) if arguments.gates else gates.usual_gates(phases)
    if arguments.duration is not None:
        phases = phases.lasting(_within("--duration", arguments.duration, 5.0, schedule.LONGEST_S))
    traffic = _traffic(arguments)
    chosen.check_there()
    folder = output_folder(chosen.choices, chosen.target.name, (results.NAME, load_page.NAME))
    return LoadPlan(chosen, traffic, phases, wanted, folder, _command(arguments, chosen))


def _command(arguments: argparse.Namespace, chosen: Plan) -> str:
    """The same again in any folder, but for where the results go."""
    given = {name: getattr(arguments, name) for name in FLAGS} | {"target": chosen.target.asked_as}
    given |= {name: given[name] and Path(given[name]).resolve() for name in ("schedule", "gates")}
    given |= {name: given[name] or None for name in ("workers", "processes")}
    flags = [[f"--{name.replace('_', '-')}", str(value)] for name, value in given.items() if value is not None]
    return shlex.join([program.NAME, "load", *chain.from_iterable(flags)])


def _traffic(arguments: argparse.Namespace) -> Traffic:
    if arguments.workers and arguments.processes:
        raise UsageError("--workers and --processes are two ways to the same; give one of them")
    return Traffic(
        users=int(_within("--users", arguments.users, 1, MOST_USERS)),
        rate_per_s=_within("--rate", arguments.rate, 0.1, MOST_PER_S),
        seed=arguments.seed,
        model=arguments.model,
        workers=int(_within("--workers", arguments.workers, 0, MOST_WORKERS)),
        processes=int(_within("--processes", arguments.processes, 0, MOST_WORKERS)),
    )


def _within(flag: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise UsageError(f"{flag} {value:g}: write a number from {least:g} to {most:g}")
    return value
