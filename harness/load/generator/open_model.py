"""Users of an open model: people come when they come, however slow the answers are.

Law: an arrival has its moment beforehand, and its response time counts from that moment.  A user who waits for each
answer before the next request (a closed model) sends nothing during a stall and so measures it once; that is the
coordinated omission.  The closed model is here to be compared with.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, task

from harness.clock import now
from harness.load import told
from harness.load.generator.connections import SendingOnce
from harness.load.generator.ending import FLOW
from harness.load.generator.outcomes import outcome
from harness.load.generator.recorder import RECORDER
from harness.load.operations import Operation

MS = 1000.0
FOREVER_S = 3600.0
SILENCE_S = 60.0  # past every promise, so that what hangs is seen as stuck and not as a time-out of ours
KEY_HEADER = "X-Errorpath-Request"
UNFINISHED = "unfinished"


class OpenModelUser(FastHttpUser):
    """Sends what `work` yields at the moments that `gaps_s` yields, in order; subclasses say what those are."""

    abstract = True
    network_timeout = SILENCE_S
    connection_timeout = SILENCE_S
    max_redirects = 0
    user_number = itertools.count()

    def __init__(self, environment: Any) -> None:
        options = environment.parsed_options
        self.most_in_flight: int = options.most_in_flight
        self.closed: bool = options.model == "closed"
        self.client_pool = SendingOnce(
            concurrency=self.most_in_flight, network_timeout=SILENCE_S, connection_timeout=SILENCE_S
        )
        super().__init__(environment)
        self.client.client.cookiejar = None  # the session is a header; a jar costs more than the whole request
        worker = max(getattr(environment.runner, "worker_index", 0), 0)
        self.number = next(self.user_number)
        self.name = f"{worker}.{self.number}"
        self._under_way = Group()

    def work(self) -> Iterator[Operation]:
        """What is asked for, in order."""
        raise NotImplementedError

    def gaps_s(self) -> Iterator[float]:
        """Seconds from one arrival to the next."""
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {}

    def answered(self, operation: Operation, response: Any) -> None:
        """An answer came; for whoever wants to look at it."""

    @task
    def arrive(self) -> None:
        """All arrivals, until the end."""
        tag = self.environment.parsed_options.tag
        due = now()
        RECORDER.event("arriving", user=self.name)
        for number, (gap_s, operation) in enumerate(zip(self.gaps_s(), self.work(), strict=False)):
            due += gap_s
            if FLOW.ending.wait(max(due - now(), 0)):
                break
            key = f"{tag}-{self.name}-{number}"
            if self.closed:
                due = max(due, now())
                self._send(operation, key, due)
            elif len(self._under_way) >= self.most_in_flight:
                RECORDER.request(key, operation.name, told.epoch(due), 0.0, 0.0, told.DROPPED)
            else:
                self._under_way.spawn(self._send, operation, key, due)
        self._under_way.join()
        gevent.sleep(FOREVER_S)

    def on_stop(self) -> None:
        """What is under way now is told as unfinished."""
        self._under_way.kill()

    def _send(self, operation: Operation, key: str, due: float) -> None:
        began = now()
        seen = UNFINISHED
        FLOW.in_flight += 1
        try:
            seen = self._ask(operation, key, due)
        finally:  # also when the run ends while the answer is awaited
            FLOW.in_flight -= 1
            waited_ms, service_ms = (began - due) * MS, (now() - began) * MS
            RECORDER.request(key, operation.name, told.epoch(due), waited_ms, service_ms, seen)

    def _ask(self, operation: Operation, key: str, due: float) -> str:
        """Send, and tell Locust the time since ``due``; the outcome."""
        with self.client.request(
            operation.method,
            self.environment.parsed_options.base + operation.path,
            name=operation.path,
            json=operation.body,
            headers={KEY_HEADER: key, **self.headers()},
            catch_response=True,
        ) as response:
            response.request_meta["response_time"] = (now() - due) * MS
            self.answered(operation, response)
            return outcome(response)
