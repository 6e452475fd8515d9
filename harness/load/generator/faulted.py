"""Starts the faults beside a Locust with the test, and ends them with it; on the master alone."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import EventHook
from locust.runners import WorkerRunner

from harness.load.fault_names import HOPS
from harness.load.schedule import DEFAULT

HEAL_S = 30.0
LINKS = ",".join(f"{hop}={hop}" for hop in HOPS)
log = logging.getLogger("errorpath.faults")


class Beside:
    """The process that applies the faults."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def add_options(self, parser: LocustArgumentParser, **_: Any) -> None:
        """What it needs to know."""
        add = parser.add_argument
        add("--schedule", default=str(DEFAULT), env_var="ERRORPATH_SCHEDULE", help="phases and faults, a TOML file")
        add("--toxiproxy", default="127.0.0.1:8474", env_var="ERRORPATH_TOXIPROXY", help="HOST:PORT of its API")
        add("--links", default=LINKS, env_var="ERRORPATH_LINKS", help="the name of each hop's link there")

    def begin(self, environment: Environment, **_: Any) -> None:
        """The test starts."""
        options: Any = environment.parsed_options
        if isinstance(environment.runner, WorkerRunner):
            return
        self.end()
        command = [sys.executable, "-m", "harness.load.beside", "--schedule", options.schedule]
        command += ["--toxiproxy", options.toxiproxy, "--links", options.links]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        gevent.spawn(self._follow, self._process, environment)

    def _follow(self, process: subprocess.Popen[bytes], environment: Environment) -> None:
        """Say what it says; a test whose faults did not come about is over, with its exit code."""
        assert process.stderr is not None
        for line in process.stderr:
            log.info(line.decode(errors="replace").rstrip())
        if process.wait() != 0 and environment.runner is not None:
            environment.process_exit_code = process.returncode
            log.error("the faults ended with %s, so the test ends, too", process.returncode)
            environment.runner.quit()

    def end(self, **_: Any) -> None:
        """The test stops: heal, and wait until it is done."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait(HEAL_S)


BESIDE = Beside()
_add: Callable[[EventHook, Any], object] = EventHook.add_listener  # published without types
_add(events.init_command_line_parser, BESIDE.add_options)
_add(events.test_start, BESIDE.begin)
_add(events.test_stop, BESIDE.end)
_add(events.quitting, BESIDE.end)
