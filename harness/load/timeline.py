"""Drives a schedule beside the load: applies each fault when its window begins, heals it when the window ends.

Law: leaving `Timeline` heals every fault, however it is left, and each window keeps what witnessed it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from harness.clock import now, poll_until
from harness.errors import HarnessError
from harness.faults import Stage, Witness
from harness.load.schedule import Phase, Schedule, Window

LATE_S = 60.0  # what applying or healing may take on a machine that drowns


@dataclass
class Past:
    """A window that was opened: when it really began and ended (`harness.clock.now`), and what it showed."""

    phase: str
    window: Window
    began: float
    ended: float | None = None
    evidence: str | None = None
    trouble: str = ""  # why there is no evidence, where the witness could not even be asked
    hits: int = 0
    times: list[float] = field(default_factory=list)


@dataclass
class Passed:
    """A phase that was begun; ``ended`` is when the next one began."""

    phase: Phase
    began: float
    ended: float | None = None


class Timeline:
    """One passage through a schedule.

    ``watch`` is called all the time and raises HarnessError when the run cannot go on; ``say`` hears what happens.
    """

    def __init__(
        self, schedule: Schedule, stage: Stage, watch: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        self._schedule, self._stage = schedule, stage
        self._watch, self._say = watch, say
        self._open: dict[int, tuple[AbstractContextManager[Witness], Witness, Past]] = {}
        self.phases: list[Passed] = []
        self.windows: list[Past] = []
        self.began = now()

    def breaks(self, hop: str) -> bool:
        """Whether a fault is in force on the hop now."""
        return any(past.window.hop == hop for _, _, past in self._open.values())

    def run(self) -> None:
        """Pass through all phases; heals whatever was applied, also when it is interrupted."""
        self.began = begin = now()
        try:
            for phase in self._schedule.phases:
                self._begin(phase, begin)
                self._through(phase, begin)
                begin += phase.length_s
                self.phases[-1].ended = begin
        except BaseException:
            if self.phases and self.phases[-1].ended is None:
                self.phases[-1].ended = now()
            raise
        finally:
            self._heal_all()

    def _begin(self, phase: Phase, begin: float) -> None:
        self.phases.append(Passed(phase, begin))
        faults = ", ".join(dict.fromkeys(f"{w.name} on {w.hop}" if w.hop else w.name for w in phase.windows))
        self._say(f"{phase.name} ({phase.length_s:.3g} s){': ' + faults if faults else ''}")

    def _through(self, phase: Phase, begin: float) -> None:
        moments = list(_moments(phase))
        heapq.heapify(moments)
        while moments:
            at_s, closing, number = heapq.heappop(moments)
            self._until(begin + at_s)
            if closing:
                self._heal(number)
            else:
                self._apply(number, phase.windows[number], phase.name)
        self._until(begin + phase.length_s)

    def _until(self, moment: float) -> None:
        def come() -> bool:
            self._watch()
            return now() >= moment

        poll_until(come, within_s=max(moment - now(), 0) + LATE_S, what="the next moment of the schedule")

    def _apply(self, number: int, window: Window, phase: str) -> None:
        applied = window.fault.inject(self._stage)
        witness = applied.__enter__()
        past = Past(phase, window, now())
        self.windows.append(past)
        self._open[number] = (applied, witness, past)

    def _heal(self, number: int) -> None:
        applied, witness, past = self._open.pop(number)
        try:
            past.evidence, past.hits = witness.evidence(), witness.hits()
        except HarnessError as exc:
            past.trouble = str(exc)
        finally:
            applied.__exit__(None, None, None)
            past.ended = now()
        past.times = witness.times()

    def _heal_all(self) -> None:
        """The first failure is raised once everything was tried."""
        failures = []
        for number in list(self._open):
            try:
                self._heal(number)
            except HarnessError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]


def _moments(phase: Phase) -> Iterator[tuple[float, bool, int]]:
    """When, whether it is an end (which sorts last, so that a window of no length is opened first), and of which."""
    for number, window in enumerate(phase.windows):
        yield window.begin_s, False, number
        yield window.end_s, True, number
