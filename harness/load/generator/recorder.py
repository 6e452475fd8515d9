"""Gathers what users tell, carries it from the workers to the master, and writes it to the two files.

Whole requests travel, not sums of them: at 1,000 a second that is 100 kB/s, and every percentile stays exact.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.event import EventHook
from locust.runners import MasterRunner, WorkerRunner

from harness.load import told

FLUSH_S = 0.5
MESSAGE, EVENT = "errorpath-requests", "errorpath-event"


class Recorder:
    """What is told in this process since `begin`."""

    def __init__(self) -> None:
        self._pending: list[tuple[Any, ...]] = []
        self._environment: Environment | None = None
        self._requests = self._events = ""

    def begin(self, environment: Environment) -> None:
        """Write to the files that the flags name; a worker sends to its master instead."""
        options: Any = environment.parsed_options
        self._environment = environment
        self._requests, self._events = options.requests_file, options.told_file
        if isinstance(environment.runner, WorkerRunner):
            gevent.spawn(self._forever)
            return
        if self._requests:
            Path(self._requests).write_text(told.heading(), "utf-8")
            gevent.spawn(self._forever)
        if isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(MESSAGE, self._from_worker)
            environment.runner.register_message(EVENT, self._event_of_worker)

    def request(self, *fields: Any) -> None:
        """One request: the fields of `told.Told`."""
        self._pending.append(fields)

    def event(self, name: str, **more: Any) -> None:
        """Something happened to the run; a worker tells its master."""
        runner = self._environment.runner if self._environment else None
        if isinstance(runner, WorkerRunner):
            runner.send_message(EVENT, {"name": name, **more})
        elif self._events:
            with Path(self._events).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": name, "at": time.time(), **more}) + "\n")

    def flush(self) -> None:
        """Hand on what is pending."""
        pending, self._pending = self._pending, []
        runner = self._environment.runner if self._environment else None
        if isinstance(runner, WorkerRunner):
            if pending:
                runner.send_message(MESSAGE, {"requests": pending})
        elif self._requests:
            self._write(pending)

    def _from_worker(self, environment: Environment, msg: Any, **_: Any) -> None:
        if self._requests:
            self._write(msg.data["requests"])

    def _event_of_worker(self, environment: Environment, msg: Any, **_: Any) -> None:
        self.event(**msg.data)

    def _write(self, requests: list[Any]) -> None:
        with Path(self._requests).open("a", encoding="utf-8") as file:
            file.write(told.lines(requests))

    def _forever(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self.flush()


RECORDER = Recorder()
_add: Callable[[EventHook, Any], object] = EventHook.add_listener  # published without types
_add(events.test_stop, lambda **_: RECORDER.flush())
_add(events.quitting, lambda **_: RECORDER.flush())
