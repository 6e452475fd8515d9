"""The commands and their flags; nothing here imports what a command does until it is run."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from harness import __version__
from harness.choices import add_choices

if TYPE_CHECKING:
    _Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


DOCUMENTED_PORTS = {"proxy": 3000, "upstream": 3101, "postgres": 5432, "redis": 6379}  # the guide's table of ports


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The chosen command in ``run`` and its flags beside it; exits with 2 and a message on bad usage."""
    parser = argparse.ArgumentParser(
        prog="errorpath",
        description="Checks every documented error path of an HTTP proxy, under real faults and real load.",
        epilog="exit codes: 0 every promise kept, 1 a promise broken, 2 bad usage, 3 the harness could not tell",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"errorpath {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _check(commands)
    _load(commands)
    _paths(commands)
    _command(commands, "doctor", "what this machine offers, and what is missing for what")
    _up(commands)
    _report(commands)
    return parser.parse_args(argv)


def _command(commands: _Commands, name: str, summary: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.set_defaults(run=_late(f"harness.cli.{name}"))
    return parser


def _late(module: str) -> Callable[[argparse.Namespace], int]:
    """Import a command's module when it is run: ``errorpath paths`` must not pay for what ``check`` needs."""

    def run(arguments: argparse.Namespace) -> int:
        return int(importlib.import_module(module).run(arguments))

    return run


def _check(commands: _Commands) -> None:
    parser = _command(commands, "check", "check every documented error path of a target")
    add_choices(parser.add_argument)
    parser.add_argument("-n", dest="workers", metavar="WORKERS", default="auto", help="xdist workers (default: auto)")
    parser.add_argument("--durations", metavar="N", type=int, default=0, help="list the N slowest paths at the end")


def _load(commands: _Commands) -> None:
    parser = _command(commands, "load", "Locust while faults come and go, against a control, with gates")
    add_choices(parser.add_argument, without=("--only", "--speed"))
    add = parser.add_argument
    add("--users", type=int, default=20, help="users (default: 20)")
    add("--rate", type=float, default=100.0, help="requests per second of all users together (default: 100)")
    add(
        "--model",
        choices=("open", "closed"),
        default="open",
        help="do arrivals wait for answers? (default: open)",
    )
    add("--duration", type=float, default=None, metavar="S", help="stretch or shrink the schedule to S seconds")
    add("--schedule", default=None, metavar="FILE", help="phases and faults (default: locustfiles/schedule.toml)")
    add("--gates", default=None, metavar="FILE", help="what must hold (default: locustfiles/gates.toml)")
    add("--workers", type=int, default=0, metavar="N", help="Locust workers beside a master (default: one process)")
    add("--processes", type=int, default=0, metavar="N", help="the same, forked by Locust itself")


def _paths(commands: _Commands) -> None:
    parser = _command(commands, "paths", "list the catalogue of error paths")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _up(commands: _Commands) -> None:
    parser = _command(commands, "up", "the whole stack on the documented ports, until Ctrl-C")
    parser.add_argument("--env", default="embedded", help="embedded or containers")
    parser.add_argument("--target", default="reference", help="the proxy: a name in targets/ or a file")
    for hop, port in DOCUMENTED_PORTS.items():
        parser.add_argument(f"--{hop}-port", type=int, default=port, metavar="PORT", help=f"default: {port}")


def _report(commands: _Commands) -> None:
    parser = _command(commands, "report", "draw the page of a load run anew from its load.json")
    parser.add_argument("folders", nargs="+", metavar="DIR", help="a folder that errorpath load wrote to")
