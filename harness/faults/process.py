"""Faults of the upstream's process: it is gone, or stands still, from one moment to the next, and comes back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.clock import poll_until
from harness.environment.processes import Owned
from harness.errors import FaultNotWitnessed
from harness.faults import Stage, Witness
from harness.faults.canary import QUIET_S, answer, refused_connect

STOPPED_S = 5.0  # wall seconds until the kernel has stopped every thread


@dataclass(frozen=True)
class Killed:
    """The upstream's process is killed (SIGKILL), and begun again on its port when this is healed.

    The link in front of it refuses meanwhile, as a dead process's port does; left alone it would accept and close.
    Witnessed by the process being gone, and by a connect of our own that is refused.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Kill it, refuse; begin it again on leaving, then accept."""
        link = stage.link(self.hop)
        host, port = link.listen
        with link.disabled():
            gone = stage.kill_upstream()
            try:
                refused_connect(host, port)
                yield Witness(detail=lambda: f"{gone}; a connect of our own was refused", hits=lambda: 1)
            finally:
                stage.begin_upstream()


@dataclass(frozen=True)
class Stopped:
    """The upstream's process stands still (SIGSTOP): its port accepts, for the kernel does that, and nothing answers.

    Witnessed by the state of the process, and by a question of our own that stays without an answer.
    """

    process: Owned
    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Stop it; let it go on on leaving."""
        link = stage.link(self.hop)
        try:
            self.process.signal(signal.SIGSTOP)
            poll_until(self.process.stands_still, within_s=STOPPED_S, what=f"{self.process.name} to stand still")
            met, _ = answer(*link.listen, link.question, QUIET_S)
            if met != "silent":
                raise FaultNotWitnessed(f"{self.process.name} was stopped, and a question of our own met {met}")
            told = f"{self.process.name} was stopped; a question of our own had no answer in {QUIET_S:g} s"
            yield Witness(detail=lambda: told, hits=lambda: 1)
        finally:
            self.process.signal(signal.SIGCONT)
