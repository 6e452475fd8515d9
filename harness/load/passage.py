"""One passage of the load through a schedule, with faults or (the control) without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.clock import now
from harness.errors import HarnessError
from harness.faults.canary import connect_outcome
from harness.load.attempts import attempts
from harness.load.cpu import Meter
from harness.load.locust_process import Locust, Traffic
from harness.load.measures import Attempts
from harness.load.schedule import Schedule
from harness.load.timeline import Passed, Past, Timeline
from harness.load.told import Told, epoch, read_requests
from harness.system import System

LOOK_S = 0.1  # how often the processes are looked at; a dead one ends the run
CONNECT_S = 1.0  # how often a proxy that we did not start is asked whether it is there


@dataclass
class Passage:
    """What is known of a passage, also of one that was cut short; times are epoch seconds."""

    began: float
    phases: list[Passed]
    windows: list[Past]
    told: list[Told]
    attempts: Attempts
    cpu: Meter
    stuck: int | None = None

    @property
    def ended(self) -> float:
        """When its last phase ended."""
        return max((epoch(phase.ended or phase.began) for phase in self.phases), default=self.began)


class Passing:
    """Sends the traffic through a system while a schedule passes; `go` does it, `passage` is what was measured."""

    def __init__(self, system: System, schedule: Schedule, traffic: Traffic, folder: Path, tag: str) -> None:
        self._system, self._tag = system, tag
        run = system.backend.run
        target = system.target
        self._meter = Meter(run)
        self._looked = self._connected = 0.0
        self._locust = Locust(run, traffic, host=target.url, base=target.file.routes.base, folder=folder, tag=tag)
        self._say: Callable[[str], None] = lambda _: None
        self._timeline = Timeline(schedule, system, self._watch, self._begun)
        self._stuck: int | None = None

    def go(self, say: Callable[[str], None]) -> None:
        """All of it.  HarnessError when a part is lost; faults are healed and Locust has ended, whatever ends it."""
        self._say = say
        try:
            self._locust.await_users()
            self._timeline.run()
            self._meter.read()
            self._say("waiting for what is under way: at most 31 s")
            self._stuck = self._locust.end()
        except BaseException:
            self._meter.read()
            self._locust.leave()
            raise

    def passage(self) -> Passage:
        """What was measured so far."""
        told = read_requests(self._locust.requests)
        windows = self._timeline.windows
        refused = [epoch(at) for past in windows if past.window.hop == "upstream" for at in past.times]
        good = sum(request.good for request in told)
        came = attempts(self._system.backend.log_file, self._tag, refused, answered=good)
        began = epoch(self._timeline.began)
        return Passage(began, self._timeline.phases, windows, told, came, self._meter, self._stuck)

    def _begun(self, what: str) -> None:
        self._meter.read()
        self._say(what)

    def _watch(self) -> None:
        if now() - self._looked < LOOK_S:
            return
        self._looked = now()
        self._locust.check()
        backend = self._system.backend.owned
        if not backend.alive() and not self._timeline.breaks("upstream"):  # else a fault may have killed it
            code, words = backend.exit_code(), backend.last_words()
            raise HarnessError(f"the backend died under load: it exited with {code}; its last words:\n{words}")
        self._watch_target()

    def _watch_target(self) -> None:
        target = self._system.target
        if target.started:
            if not target.process.alive():
                raise HarnessError(
                    f"{target.file.name} died under load: it exited with {target.process.exit_code()}; "
                    f"its last words:\n{target.process.last_words()}"
                )
        elif now() - self._connected > CONNECT_S:
            self._connected = now()
            met = connect_outcome(target.host, target.port)
            if met != "accepted":
                raise HarnessError(f"the proxy at {target.url} is gone: a connect of our own met {met}")
