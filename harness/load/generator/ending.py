"""The end of a run that the harness drives: no arrival any more, time for what is under way, Locust's own end.

SIGUSR1 to the master (or to a Locust without workers) begins the end; the second one ends at once.  What is under way
has `STUCK_S`: the guide's 30 s bound every request, so whatever is still unanswered then is stuck.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust import events
from locust.env import Environment
from locust.event import EventHook
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from harness.load.generator.recorder import RECORDER

GARBAGE_AFTER = 50_000  # objects; requests leave hardly any that reference counts do not free, and a pause is late
STUCK_S = 31.0
TRAVEL_S = 3.0  # what a worker's last words may take to its master
LOOK_S = 0.25
END, ENDED = "errorpath-end", "errorpath-ended"


class Flow:
    """What is under way in this process; ``ending`` once nothing more is to arrive."""

    def __init__(self) -> None:
        self.ending = Event()
        self.in_flight = 0

    def drained(self) -> int:
        """Let what is under way come to its end; how many requests have not, after `STUCK_S`."""
        self.ending.set()
        _wait(lambda: self.in_flight == 0, STUCK_S)
        RECORDER.flush()
        return self.in_flight


FLOW = Flow()


class Ending:
    """Ends one Locust."""

    def __init__(self, environment: Environment) -> None:
        self._runner: Any = environment.runner
        self._begun = False
        self._ended: dict[str, int] = {}
        self._lost: set[str] = set()

    def begin(self) -> None:
        """End in order; the second time at once."""
        if self._begun:
            self._runner.quit()
            return
        self._begun = True
        gevent.spawn(self._end)

    def _end(self) -> None:
        if isinstance(self._runner, MasterRunner):
            self._runner.send_message(END)
            _wait(self._all_ended, STUCK_S + TRAVEL_S)
            stuck = sum(self._ended.values())
        else:
            stuck = FLOW.drained()
        RECORDER.event("ended", stuck=stuck)
        self._runner.quit()

    def _all_ended(self) -> bool:
        living = {client.id for client in self._runner.clients.all if client.state != STATE_MISSING}
        return living <= set(self._ended)

    def worker_ended(self, environment: Environment, msg: Any, **_: Any) -> None:
        """A worker has nothing under way any more, or gave up waiting."""
        self._ended[msg.node_id] = msg.data["stuck"]

    def worker_ends(self, environment: Environment, msg: Any, **_: Any) -> None:
        """The master wants this worker to end."""
        self._runner.send_message(ENDED, {"stuck": FLOW.drained()})

    def watch_workers(self, expected: int) -> None:
        """Tell of each worker that was there and is not any more."""
        seen: set[str] = set()
        while True:
            clients = {client.id for client in self._runner.clients.all if client.state != STATE_MISSING}
            for lost in seen - clients - set(self._ended):
                RECORDER.event("worker lost", worker=lost, left=len(clients), expected=expected)
            seen = clients
            gevent.sleep(LOOK_S)


def prepare(environment: Environment, **_: Any) -> None:
    """Listen for the end, in every kind of process of Locust."""
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    RECORDER.begin(environment)
    runner: Any = environment.runner
    ending = Ending(environment)
    if isinstance(runner, WorkerRunner):
        runner.register_message(END, ending.worker_ends, concurrent=True)
        return
    gevent.signal_handler(signal.SIGUSR1, ending.begin)
    if isinstance(runner, MasterRunner):
        runner.register_message(ENDED, ending.worker_ended)
        options: Any = environment.parsed_options
        gevent.spawn(ending.watch_workers, options.expect_workers)


def start_anew(**_: Any) -> None:
    """The web page may start the test again."""
    FLOW.ending.clear()


def _wait(done: Callable[[], bool], within_s: float) -> None:
    with gevent.Timeout(within_s, False):
        while not done():
            gevent.sleep(0.02)


_add: Callable[[EventHook, Any], object] = EventHook.add_listener  # published without types
_add(events.init, prepare)
_add(events.test_start, start_anew)
